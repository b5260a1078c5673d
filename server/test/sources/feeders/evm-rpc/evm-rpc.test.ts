import { strict as assert } from "node:assert";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { SwapstatsError } from "../../../../src/shared/errors.ts";
import { EvmRpcOrigin, type EvmRpcSettings } from "../../../../src/sources/feeders/evm-rpc/evm-rpc.ts";
import { propertyOptions, type Random, randomFrom } from "../../../support/seed.ts";
import { type TestBlock, TestChain, type TestTransaction } from "../../../support/test-chain.ts";
import { type NodeFault, TestNode } from "../../../support/test-node.ts";
import { differences, expectedSwaps } from "./chain-oracle.ts";
import { FeederDouble } from "./feeder-double.ts";
import { CHAIN_ID, CONTRACTS, POOL_SETTINGS, POOLS, randomTransaction } from "./pools-of-tests.ts";

const START_TIME = 1_750_000_000;
const FINALITY = 20;
const DEPTH_MAX = 10;
const FAULTS: readonly NodeFault[] = [
  ...(["too_many_requests", "rate_error", "server_error", "disconnect", "half_answer", "not_json"] as const),
  ...(["null_logs", "lag", "stale"] as const),
];
/** Requests of one read while the origin has a problem. */
const WAITS_MAX = 50;
/** No test waits for a pause. */
const PAUSES = { firstMs: 1, longestMs: 1 };

function settingsOf(node: TestNode, more: Partial<EvmRpcSettings> = {}): EvmRpcSettings {
  return {
    ...{ type: "evm_rpc", name: "chain" },
    ...{ url: node.url, chainId: CHAIN_ID, pools: POOL_SETTINGS, startBlock: "0", finality: FINALITY },
    ...{ rangeMax: 2000, batchMax: 20, pollMs: 1, timeoutMs: 60_000, who: "from", ...more },
  };
}

describe("the feeder of a chain gives the swaps of the canonical chain", () => {
  let node: TestNode;
  before(async () => {
    node = new TestNode({ chain: new TestChain(START_TIME), chainId: CHAIN_ID, contracts: CONTRACTS });
    await node.start();
  });
  after(() => node.close());

  test("through reorganisations, faults of the node and kills", async (t) => {
    const property = fc.asyncProperty(fc.nat(), fc.boolean(), async (seed, overSocket) => {
      await new RandomRun(node, randomFrom(seed), overSocket).run();
    });
    await fc.assert(property, propertyOptions(t, 40));
  });
});

class RandomRun {
  readonly #node: TestNode;
  readonly #random: Random;
  readonly #chain = new TestChain(START_TIME);
  readonly #double = new FeederDouble();
  readonly #settings: EvmRpcSettings;
  #abort = new AbortController();
  #requests = 0;
  readonly #start: number;
  #origin: EvmRpcOrigin | undefined;
  #faulty = 0;
  #longest = 0;

  constructor(node: TestNode, random: Random, overSocket: boolean) {
    this.#node = node;
    this.#random = random;
    node.chain = this.#chain;
    node.staleChains = [];
    node.rangeMax = random.pick([1, 7, 50, 1e9]);
    node.resultsMax = random.pick([60, 1e9]);
    node.batchMax = random.pick([1, 3, 1e9]);
    node.tellsTime = random.chance(0.5);
    node.lagBlocks = 1 + random.below(4);
    node.fault = () => {
      // While the chain is shorter than what was read, a read waits for more.
      if (this.#origin?.problem !== undefined && ++this.#requests > WAITS_MAX)
        this.#abort.abort(new Error("no more requests"));
      return this.#faulty > 0 && random.chance(0.3) && this.#faulty-- > 0 ? random.pick(FAULTS) : undefined;
    };
    this.#extend(1 + random.below(60));
    this.#start = random.below(this.#chain.head.number + 1);
    this.#settings = settingsOf(node, {
      url: overSocket ? node.socketUrl : node.url,
      startBlock: String(this.#start),
      rangeMax: random.pick([3, 40, 2000]),
      batchMax: random.pick([1, 20]),
      who: random.pick(["from", "sender", "recipient"]),
    });
    // Without batches nothing shows that a node knows the block of which it has no logs.
    const hasBatches = !overSocket && node.batchMax > 1 && this.#settings.batchMax > 1;
    node.answersUnknownBlocks = hasBatches && random.chance(0.5);
  }

  async run(): Promise<void> {
    const random = this.#random;
    for (let round = 0; round < 25; round++) {
      if (random.chance(0.3)) this.#reorganise();
      else this.#extend(random.below(5));
      if (random.chance(0.3)) this.#faulty = 1 + random.below(6);
      await this.#read(random.below(6));
      if (random.chance(0.2)) await this.#kill();
    }
    this.#faulty = 0;
    // A chain that is shorter than before is not followed until it has grown.
    this.#extend(1 + Math.max(0, this.#longest - this.#chain.canonical.length));
    // A node that limited the rate or lagged may have left an error of the last call.
    for (let ended = false; !ended; ) ended = await this.#read(Number.POSITIVE_INFINITY);
    await this.#kill();
    this.#compare();
  }

  #extend(count: number, known: readonly TestTransaction[] = []): void {
    const random = this.#random;
    const open = [...known];
    for (let i = 0; i < count; i++) {
      const fresh = Array.from({ length: random.below(3) }, () => randomTransaction(random, { isHostile: true }));
      // Dropped transactions come into later blocks, in another order, or never.
      const again = open.splice(0, random.below(open.length + 1));
      this.#chain.extend(random.shuffled([...fresh, ...again]));
    }
    this.#longest = Math.max(this.#longest, this.#chain.canonical.length);
  }

  #reorganise(): void {
    const random = this.#random;
    const before = this.#chain.canonical;
    const depth = Math.min(1 + random.below(DEPTH_MAX), before.length - 1);
    const stale = this.#node.staleChains[0];
    if (stale !== undefined && random.chance(0.3) && isNear(stale, before)) {
      this.#chain.restore(stale);
    } else {
      const dropped = this.#chain.drop(depth);
      const length = Math.max(1, depth - 2 + random.below(5));
      this.#extend(
        length,
        dropped.flatMap(({ transactions }) => transactions),
      );
    }
    this.#node.staleChains = [before];
  }

  /** Reads up to a number of batches. True: the end of the chain was reached. */
  async #read(batches: number): Promise<boolean> {
    this.#origin ??= new EvmRpcOrigin(this.#settings, true, PAUSES);
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#requests = 0;
    try {
      for (let i = 0; i < batches; i++) {
        const batch = await this.#origin.read(this.#double.position, signal);
        this.#requests = 0;
        if (batch === undefined) return true;
        const kill = this.#random.chance(0.1) ? this.#random.pick(["before", "between"] as const) : undefined;
        this.#double.take(batch, kill);
        if (kill !== undefined) {
          await this.#kill();
          return false;
        }
      }
    } catch (error) {
      if (error === signal.reason) return false;
      assert.ok(error instanceof SwapstatsError && error.retryable, String((error as Error).stack));
    }
    return false;
  }

  async #kill(): Promise<void> {
    await this.#origin?.close();
    this.#origin = undefined;
  }

  #compare(): void {
    const { who } = this.#settings;
    const expected = expectedSwaps(this.#chain.canonical, this.#start, CHAIN_ID, POOLS, (tx) => tx[who]);
    const counting = this.#double.counting();
    assert.deepEqual([...counting.keys()].toSorted(), [...expected.keys()].toSorted());
    const decimals = new Map(
      POOLS.flatMap((pool) => pool.tokens.map((token, index) => [token, pool.decimals[index]!])),
    );
    for (const [key, event] of counting) {
      assert.deepEqual(differences(event, expected.get(key)!, decimals.get(String(event.token))!), [], key);
    }
    assert.deepEqual(this.#double.otherRecords, []);
  }
}

/** Whether going back to a chain drops few blocks. */
function isNear(stale: readonly TestBlock[], present: readonly TestBlock[]): boolean {
  const common = present.findIndex((block, index) => stale[index]?.hash !== block.hash);
  return stale.length >= present.length - 3 && (common === -1 || present.length - common <= DEPTH_MAX);
}
