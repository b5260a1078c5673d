/**
 * The real program reads the pages of an API and a feed with a cursor at the same time, both of which fail now and then, and it is killed
 * with SIGKILL at random moments. In the end every record counts once.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../../../scripts/servers/ports.ts";
import { waitFor } from "../../../scripts/servers/process.ts";
import { PageServer } from "../sources/feeders/http/page-server.ts";
import { FeedServer } from "../sources/feeders/websocket/feed-server.ts";
import { type Random, randomFrom, seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { killRepeatedly } from "./kill-rounds.ts";
import { ServiceProcess } from "./service-process.ts";

const KILLS = 8;
const RUN_MS_MAX = 1_500;
const RECORD_MS_MAX = 20;

const MAPPING = `when: type == trade
swaps:
  - chain_id: 1
    tx_hash: { concat: [{ value: tx }, id] }
    log_index: 0
    token: token
    side: side
    amount_token: amount
    amount_usd: usd
    event_time: ts
`;

function configFor(pages: PageServer, feed: FeedServer): string {
  const http = { type: "http", name: "api", url: `${pages.origin}/trades`, items: "$.data.rows", poll: "100ms" };
  const websocket = { type: "websocket", name: "feed", url: feed.url, queue: 5, mapping: "mapping.yaml" };
  const feeders = [
    { ...http, mapping: "mapping.yaml", cursor: { from: "page", path: "$.next" } },
    {
      ...websocket,
      subscribe: [{ op: "subscribe", after: null }],
      cursor: { path: "$.id", subscribe_with: [{ op: "subscribe", after: "{cursor}" }] },
    },
  ];
  return JSON.stringify({ ingest: { feeders } });
}

function recordOf(token: string, id: number): string {
  const type = id % 5 === 4 ? "heartbeat" : "trade";
  const side = id % 2 === 0 ? "buy" : "sell";
  return `{"id":"${token}${id}","type":"${type}","token":"${token}","side":"${side}","amount":1.5,"usd":0.25,"ts":${Date.now()}}`;
}

/** Adds records to both until it is stopped. */
async function produce(pages: PageServer, feed: FeedServer, random: Random, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    pages.records.push(recordOf("page", pages.records.length));
    feed.push(recordOf("feed", feed.records.length));
    await pause(random.below(RECORD_MS_MAX));
  }
}

test("killed at random moments, the service has each record of an API and of a feed once", async (t) => {
  const random = randomFrom(seedOf(t));
  const pages = new PageServer();
  const feed = new FeedServer();
  await pages.start();
  await feed.start();
  t.after(() => Promise.all([pages.close(), feed.close()]));
  pages.pageSize = 7;
  pages.fault = () =>
    random.chance(0.1) ? random.pick(["rate", "disconnect", "half", "not_json"] as const) : undefined;
  feed.breaks = () => random.chance(0.01);
  const dataDir = tempDir(t, "crash");
  const folder = tempDir(t, "config");
  writeFileSync(join(folder, "mapping.yaml"), MAPPING);
  writeFileSync(
    join(folder, "config.yaml"),
    configFor(pages, feed).replaceAll("mapping.yaml", join(folder, "mapping.yaml")),
  );
  const port = await freePort();
  const settings = { SWAPSTATS_CONFIG: join(folder, "config.yaml"), SWAPSTATS_APP_SNAPSHOT_INTERVAL: "200ms" };
  const stop = new AbortController();
  const producing = produce(pages, feed, randomFrom(random.below(2 ** 31)), stop.signal);
  await killRepeatedly({ random, kills: KILLS, runMsMax: RUN_MS_MAX, port, dataDir, settings });
  stop.abort();
  await producing;
  pages.fault = () => undefined;
  feed.breaks = () => false;

  const service = new ServiceProcess(port, dataDir, settings);
  t.after(async () => {
    await service.kill("SIGKILL");
  });
  const tradesOf = (records: readonly string[]): number => records.filter((_, id) => id % 5 !== 4).length;
  const wanted = tradesOf(pages.records) + tradesOf(feed.records);
  const counts = [pages.records.length, feed.records.length];
  const readCounts = async (): Promise<number[]> =>
    ((await service.status()) as unknown as { feeders: { records: number }[] }).feeders.map(({ records }) => records);
  await service.caughtUp();
  // A batch is counted behind its swaps, and its last records may be no trades.
  await waitFor("all records", async () => (await readCounts()).every((count, i) => count >= counts[i]!));
  const { counters } = await service.caughtUp();
  const { late, conflicts, replaced, dead_letters } = counters;
  assert.deepEqual(
    { late, conflicts, replaced, dead_letters },
    { late: 0, conflicts: 0, replaced: 0, dead_letters: {} },
  );
  assert.equal(Number(counters.applied), wanted);
  assert.deepEqual(await readCounts(), counts);
});
