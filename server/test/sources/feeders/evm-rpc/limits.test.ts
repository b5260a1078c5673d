import { strict as assert } from "node:assert";
import { after, before, beforeEach, describe, test } from "node:test";
import { SwapstatsError } from "../../../../src/shared/errors.ts";
import { EvmRpcOrigin, type EvmRpcSettings } from "../../../../src/sources/feeders/evm-rpc/evm-rpc.ts";
import { addressOf, hashOf, TestChain, type TestSwap } from "../../../support/test-chain.ts";
import { TestNode } from "../../../support/test-node.ts";
import { FeederDouble } from "./feeder-double.ts";
import { CHAIN_ID, CONTRACTS, POOL_SETTINGS, POOLS } from "./pools-of-tests.ts";

const PAUSES = { firstMs: 1, longestMs: 1 };
const [DOLLAR_POOL, , THROUGH_POOL] = POOLS;
const DOLLAR_SWAP: TestSwap = {
  pool: DOLLAR_POOL!,
  amount0: 5_000_000n,
  amount1: -(10n ** 15n),
  sqrtPrice: 2n ** 112n,
};
const THROUGH_SWAP: TestSwap = { pool: THROUGH_POOL!, amount0: 5n, amount1: -(10n ** 15n), sqrtPrice: 2n ** 96n };

describe("the feeder of a chain at its limits", () => {
  let node: TestNode;
  let chain: TestChain;
  let made = 0;
  before(async () => {
    node = new TestNode({ chain: new TestChain(1_750_000_000), chainId: CHAIN_ID, contracts: CONTRACTS });
    await node.start();
  });
  after(() => node.close());
  beforeEach(() => {
    chain = new TestChain(1_750_000_000);
    node.chain = chain;
    node.rangeMax = Number.POSITIVE_INFINITY;
    node.resultsMax = Number.POSITIVE_INFINITY;
    node.missingMethods.clear();
    node.calls.length = 0;
  });

  const open = (more: Partial<EvmRpcSettings> = {}, endsAtEnd = true): EvmRpcOrigin => {
    const settings: EvmRpcSettings = {
      ...{ type: "evm_rpc", name: "chain", url: node.url, chainId: CHAIN_ID, pools: POOL_SETTINGS, startBlock: "0" },
      ...{ finality: 8, rangeMax: 100, batchMax: 20, pollMs: 1, timeoutMs: 60_000, who: "sender", ...more },
    };
    return new EvmRpcOrigin(settings, endsAtEnd, PAUSES);
  };
  const signal = (): AbortSignal => AbortSignal.timeout(60_000);
  const extend = (...swaps: readonly TestSwap[]): void => {
    const parties = { from: addressOf("a"), sender: addressOf("b"), recipient: addressOf("c") };
    chain.extend(swaps.length === 0 ? [] : [{ hash: hashOf("limits", made++), ...parties, swaps }]);
  };
  const failsFor = async (origin: EvmRpcOrigin, message: RegExp): Promise<void> => {
    await assert.rejects(origin.read(undefined, signal()), (error) => {
      assert.ok(error instanceof SwapstatsError && error.code === "bad_config" && !error.retryable, String(error));
      assert.match(error.message, message);
      return true;
    });
  };

  test("a node of another chain, without a method, or without the pools is an error for good", async () => {
    await failsFor(open({ chainId: 1 }), /the node is one of chain 8453, and chain_id is 1/);
    node.missingMethods.add("eth_call");
    await failsFor(open(), /does not offer eth_call/);
    node.missingMethods.clear();
    const nowhere = {
      address: addressOf("nowhere"),
      version: "v3",
      tokens: [{}, {}],
      dollar: 0,
      report: undefined,
    } as const;
    await failsFor(open({ pools: [nowhere] }), /is no pool of this chain/);
    const [pool] = POOL_SETTINGS;
    const wrong = { ...pool!, tokens: [{ address: POOLS[0]!.tokens[1] }, {}] as const };
    await failsFor(open({ pools: [wrong] }), /has the token0 0x.*, and the configuration names 0x/);
    const unrelated = { ...POOL_SETTINGS[1]!, dollar: { through: POOLS[0]!.address } };
    const alone = { ...POOL_SETTINGS[0]!, dollar: 1 } as const;
    await failsFor(open({ pools: [alone, unrelated] }), /has no token of that pool but the dollar/);
  });

  test("start_block names the first block: a number, the newest, or some before it", async () => {
    for (let i = 0; i < 20; i++) extend(DOLLAR_SWAP);
    for (const [startBlock, first] of [
      ["0", 1],
      ["15", 15],
      ["-1", 20],
      ["-6", 15],
      ["-1000", 1],
      ["latest", 21],
      ["25", 25],
    ] as const) {
      const double = new FeederDouble();
      const origin = open({ startBlock });
      await double.drain(origin, signal());
      const blocks = [...double.counting().values()].map(({ block_number }) => Number(block_number));
      assert.deepEqual(
        blocks,
        Array.from({ length: Math.max(0, 21 - first) }, (_, i) => first + i),
        startBlock,
      );
    }
  });

  test("a range that the node refuses is halved, and grows again", async () => {
    for (let i = 0; i < 400; i++) extend(...(i < 50 ? [DOLLAR_SWAP, DOLLAR_SWAP] : []));
    node.resultsMax = 10;
    const double = new FeederDouble();
    await double.drain(open({ finality: 0, rangeMax: 64 }), signal());
    assert.equal(double.counting().size, 100);
    const widths = node.calls.flatMap(({ method, params }) => {
      const { fromBlock, toBlock } = (params[0] ?? {}) as { fromBlock?: string; toBlock?: string };
      return method === "eth_getLogs" && fromBlock !== undefined ? [Number(toBlock) - Number(fromBlock) + 1] : [];
    });
    assert.equal(
      widths.find((width) => width > 1),
      64,
    );
    assert.ok(Math.min(...widths) <= 5);
    assert.ok(
      widths.slice(-10).some((width) => width > 8),
      `it does not grow: ${widths.join(" ")}`,
    );
  });

  test("an empty list of logs from a node that does not know the blocks is not believed", async () => {
    node.answersUnknownBlocks = true;
    node.lagBlocks = 1_000;
    for (let i = 0; i < 30; i++) extend(DOLLAR_SWAP);
    const double = new FeederDouble();
    const origin = open();
    let lags = 0;
    node.fault = (methods) => {
      if (!methods.includes("eth_getLogs") || lags % 2 === 1) {
        if (methods.includes("eth_getLogs")) lags++;
        return undefined;
      }
      lags++;
      return "lag";
    };
    // Each request for logs meets a node that lags first.
    for (let errors = 0; ; ) {
      try {
        await double.drain(origin, signal());
        break;
      } catch (error) {
        assert.match(String(error), /lags behind/);
        assert.ok(++errors < 20);
      }
    }
    node.fault = () => undefined;
    assert.ok(lags >= 4, "blocks that are final, and blocks that are not");
    assert.equal(double.counting().size, 30);
  });

  test("a swap without a price before it is left out and counted; one with a price before the start counts", async () => {
    extend(THROUGH_SWAP);
    const early = open();
    const double = new FeederDouble();
    await double.drain(early, signal());
    assert.equal(double.counting().size, 0);
    assert.match(early.problem ?? "", /^1 swaps were left out/);
    for (let i = 0; i < 3; i++) extend();
    extend(DOLLAR_SWAP);
    for (let i = 0; i < 300; i++) extend();
    extend(THROUGH_SWAP);
    const late = new FeederDouble();
    await late.drain(open({ startBlock: "-1" }), signal());
    assert.equal(late.counting().size, 1);
  });

  test("a log that is no Swap event is a record of its own text", async () => {
    extend(DOLLAR_SWAP);
    const block = chain.head;
    const [log] = block.logs;
    (block.logs as unknown[])[0] = { ...log, data: "0x1234" };
    const double = new FeederDouble();
    await double.drain(open(), signal());
    assert.equal(double.otherRecords.length, 1);
    assert.equal(JSON.parse(double.otherRecords[0]!).txHash, log!.txHash);
  });

  test("a reorganisation as deep as finality is followed, and a deeper one is reported", async () => {
    for (let i = 0; i < 20; i++) extend(DOLLAR_SWAP);
    const double = new FeederDouble();
    const origin = open();
    await double.drain(origin, signal());
    assert.equal(double.counting().size, 20);
    chain.drop(8);
    for (let i = 0; i < 8; i++) extend();
    await double.drain(origin, signal());
    assert.equal(double.counting().size, 12);
    assert.equal(origin.problem, undefined);
    chain.drop(9);
    for (let i = 0; i < 10; i++) extend();
    await double.drain(origin, signal());
    assert.match(origin.problem ?? "", /dropped more blocks than `finality` allows for/);
    await origin.close();
  });

  test("more swaps than a position lists wait until older blocks are final, and none is lost", async () => {
    const many = Array.from({ length: 300 }, () => DOLLAR_SWAP);
    for (let i = 0; i < 8; i++) extend(...many);
    const double = new FeederDouble();
    const origin = open({}, false);
    // Reads until the origin waits.
    const stop = new AbortController();
    const requests = node.requests;
    node.fault = () => {
      if (node.requests > requests + 200) stop.abort(new Error("it waits"));
      return undefined;
    };
    await assert.rejects(double.drain(origin, stop.signal), /it waits/);
    node.fault = () => undefined;
    const seen = double.counting().size;
    assert.ok(seen > 0 && seen < 8 * 300 && seen % 300 === 0, `${seen} swaps`);
    assert.match(origin.problem ?? "", /hold more swaps than a position can list/);
    await origin.close();
    for (let i = 0; i < 8; i++) extend();
    await double.drain(open(), signal());
    assert.equal(double.counting().size, 8 * 300);
    assert.equal(double.removals, 0);
  });
});
