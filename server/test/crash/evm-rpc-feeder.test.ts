/**
 * The real program follows a chain with reorganisations through a node that fails now and then, and it is killed with SIGKILL at random
 * moments. In the end its figures are those of the chain.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../../../scripts/servers/ports.ts";
import { waitFor } from "../../../scripts/servers/process.ts";
import { divideHalfEven } from "../model/decimal.ts";
import { expectedSwaps } from "../sources/feeders/evm-rpc/chain-oracle.ts";
import {
  CHAIN_ID,
  CONTRACTS,
  POOL_SETTINGS,
  POOLS,
  randomTransaction,
} from "../sources/feeders/evm-rpc/pools-of-tests.ts";
import { type Random, randomFrom, seedOf } from "../support/seed.ts";
import { TestChain, type TestTransaction } from "../support/test-chain.ts";
import { type NodeFault, TestNode } from "../support/test-node.ts";
import { tempDir } from "../support/tmp.ts";
import { killRepeatedly } from "./kill-rounds.ts";
import { ServiceProcess } from "./service-process.ts";

const KILLS = 8;
const RUN_MS_MAX = 3_000;
const BLOCK_MS_MAX = 400;
const DEPTH_MAX = 10;
const START_BLOCK = 20;
const FAULTS: readonly NodeFault[] = ["server_error", "disconnect", "half_answer", "null_logs", "lag", "stale"];

type FeederStatus = { position?: string; problem?: string };
type Totals = Map<string, readonly [number, number, number]>;
type Item = { id: string; windows: Record<string, { buys: number; sells: number; volume_usd: string }> };

function configFor(node: TestNode): string {
  const pools = POOL_SETTINGS.map(({ address, version, dollar, report }) => ({
    ...{ address, version, dollar: typeof dollar === "number" ? `token${dollar}` : dollar },
    ...(report === undefined ? {} : { report }),
  }));
  const feeder = { type: "evm_rpc", name: "chain", url: node.url, chain_id: CHAIN_ID, start_block: START_BLOCK, pools };
  return JSON.stringify({ ingest: { feeders: [{ ...feeder, finality: 24, poll: "100ms", who: "recipient" }] } });
}

/** Goes on with the chain until it is stopped. */
async function mine(node: TestNode, random: Random, signal: AbortSignal): Promise<void> {
  const { chain } = node;
  let open: TestTransaction[] = [];
  while (!signal.aborted) {
    const before = chain.canonical;
    let blocks = 1;
    if (random.chance(0.2)) {
      const depth = 1 + random.below(DEPTH_MAX);
      open = chain.drop(depth).flatMap(({ transactions }) => [...transactions]);
      node.staleChains = [before];
      blocks = depth + random.below(3);
    }
    for (let i = 0; i < blocks; i++) addBlock(chain, random, open);
    await pause(random.below(BLOCK_MS_MAX));
  }
}

function addBlock(chain: TestChain, random: Random, open: TestTransaction[]): void {
  const fresh = Array.from({ length: random.below(4) }, () => randomTransaction(random, { isHostile: false }));
  chain.extend(random.shuffled([...fresh, ...open.splice(0, random.below(open.length + 1))]));
}

async function servedTotals(service: ServiceProcess, ids: readonly string[]): Promise<Totals> {
  const response = await fetch(`${service.url}/api/tokens/stats`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ids }),
  });
  const { items } = (await response.json()) as { items: Item[] };
  return new Map(
    items.map(({ id, windows }) => {
      const { buys, sells, volume_usd } = windows["24h"]!;
      return [id, [buys, sells, Math.round(Number(volume_usd) * 1e6)]];
    }),
  );
}

function chainTotals(chain: TestChain): Totals {
  const totals = new Map<string, [number, number, number]>();
  for (const swap of expectedSwaps(chain.canonical, START_BLOCK, CHAIN_ID, POOLS, (tx) => tx.recipient).values()) {
    const [token] = swap.key.split(" ") as [string];
    const total = totals.get(token) ?? [0, 0, 0];
    totals.set(token, total);
    total[swap.side === "buy" ? 0 : 1]++;
    total[2] += Number(divideHalfEven(swap.usd18, 10n ** 12n));
  }
  return totals;
}

test("killed at random moments while the chain replaces blocks, the service has the swaps of the chain once", async (t) => {
  const random = randomFrom(seedOf(t));
  // Times of blocks run ahead of the clock, so the chain begins in the past.
  const chain = new TestChain(Math.floor(Date.now() / 1000) - 7_200, 1);
  for (let i = 0; i < 60; i++) addBlock(chain, random, []);
  const node = new TestNode({ chain, chainId: CHAIN_ID, contracts: CONTRACTS });
  let isFaulty = true;
  node.fault = () => (isFaulty && random.chance(0.05) ? random.pick(FAULTS) : undefined);
  await node.start();
  t.after(() => node.close());
  const dataDir = tempDir(t, "crash");
  const configFile = join(tempDir(t, "config"), "config.yaml");
  writeFileSync(configFile, configFor(node));
  const port = await freePort();
  const settings = { SWAPSTATS_CONFIG: configFile, SWAPSTATS_APP_SNAPSHOT_INTERVAL: "200ms" };
  const stop = new AbortController();
  const mining = mine(node, randomFrom(random.below(2 ** 31)), stop.signal);
  await killRepeatedly({ random, kills: KILLS, runMsMax: RUN_MS_MAX, port, dataDir, settings });
  stop.abort();
  await mining;
  isFaulty = false;

  const service = new ServiceProcess(port, dataDir, settings);
  t.after(async () => {
    await service.kill("SIGKILL");
  });
  await service.caughtUp();
  const feeder = async (): Promise<FeederStatus> =>
    ((await service.status()) as unknown as { feeders: FeederStatus[] }).feeders[0]!;
  const reachesHead = async (): Promise<void> => {
    // A chain that is shorter than before is followed when it has grown.
    for (let i = 0; i < DEPTH_MAX; i++) addBlock(chain, random, []);
    const wanted = new RegExp(`^block ${chain.head.number} `);
    await waitFor("the head", async () => wanted.test((await feeder()).position ?? ""));
  };
  await reachesHead();
  const open = chain.drop(DEPTH_MAX).flatMap(({ transactions }) => [...transactions]);
  assert.ok(open.length > 0);
  addBlock(chain, random, open);
  await reachesHead();
  const { counters } = await service.caughtUp();
  assert.ok(Number(counters.removed) > 0);
  const expected = chainTotals(chain);
  assert.ok(expected.size > 0);
  const served = await servedTotals(service, [...expected.keys()]);
  assert.deepEqual(served, new Map([...served.keys()].map((id) => [id, expected.get(id)])));
  assert.equal(served.size, expected.size);
  const { late, quarantined, unresolved, conflicts, dead_letters } = counters;
  const wrong = { late, quarantined, unresolved, conflicts, dead_letters };
  assert.deepEqual(wrong, { late: 0, quarantined: 0, unresolved: 0, conflicts: 0, dead_letters: {} });
  assert.equal((await feeder()).problem, undefined);
});
