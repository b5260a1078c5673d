/** All parts together: several partitions on several threads, against the naive model; what subscribers hold; restarts. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Json } from "@swapstats/protocol/json.ts";
import { applyMergePatch } from "@swapstats/protocol/merge-patch.ts";
import { toEngineConfig } from "../../src/config/config.ts";
import { defaultConfig } from "../../src/config/load.ts";
import { GENERATOR_DEFAULTS } from "../../src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../src/generator/swap-generator.ts";
import type { ChannelUpdate } from "../../src/ports/stats-bus.ts";
import { embeddedLog, Shadow } from "../crash/shadow.ts";
import { type RunningApp, TestApps } from "../support/app-harness.ts";
import { seedOf } from "../support/seed.ts";

const PARTITIONS = 4;
const SETTINGS = {
  "windows.clock": "event",
  "ingest.embedded.partitions": String(PARTITIONS),
  "app.workers": "2",
  "app.snapshot_interval": "200ms",
  "api.ws.coalesce_ms": "20",
};
const BATCHES = 30;
const BATCH = 150;

class Held {
  rev = 0;
  data: Json = null;
  patches = 0;
  readonly take = (update: ChannelUpdate): void => {
    // The same data comes once more, because its owner has released it.
    if (update.stale) return;
    assert.ok(update.rev > this.rev, "revisions grow");
    if (update.prevRev !== undefined) {
      assert.equal(update.prevRev, this.rev);
      this.data = applyMergePatch(this.data, JSON.parse(update.patch ?? "") as Json);
      assert.deepEqual(this.data, JSON.parse(update.data));
      this.patches++;
    }
    this.data = JSON.parse(update.data) as Json;
    this.rev = update.rev;
  };
}

function batchesOf(seed: number): string[] {
  const options = { ...GENERATOR_DEFAULTS, ratePerSecond: 8, tokens: 40, traders: 90, seed };
  const shares = { duplicates: 0.03, late: 0.01, future: 0.002, removed: 0.03 };
  const generator = new SwapGenerator({ ...options, ...shares, startMs: Date.now() - 3_600_000 });
  return Array.from({ length: BATCHES }, () => {
    const bytes = Buffer.alloc(BATCH * RECORD_BYTES_MAX);
    let end = 0;
    for (let i = 0; i < BATCH; i++) end = generator.write(bytes, end);
    return bytes.toString("utf8", 0, end);
  });
}

async function post(running: RunningApp, body: string): Promise<void> {
  const headers = { "content-type": "application/x-ndjson" };
  const response = await fetch(`${running.base}/api/swaps`, { method: "POST", headers, body });
  assert.equal(response.status, 202, await response.text());
}

/** Waits until what a subscriber holds is what is served; an assertion error says what differs at the end. */
async function converged(held: Held, served: () => Promise<Json>): Promise<void> {
  for (let looks = 1; ; looks++) {
    const expected = await served();
    try {
      assert.deepEqual(held.data, expected);
      return;
    } catch (error) {
      if (looks === 300) throw error;
    }
  }
}

function withoutEdges(figures: Record<string, Json>): Json {
  const { open_time: _open, close_time: _close, ...rest } = figures;
  return rest;
}

describe("all parts together", () => {
  test("four partitions on two threads have the figures of the naive model, also after a restart", async (t) => {
    const apps = new TestApps(t);
    let running = await apps.start(SETTINGS);
    const ranking = new Held();
    const request = { kind: "overview", window: "1h", sort: "volume_usd", limit: 15 } as const;
    const ranked = await running.app.bus.subscribe(request, ranking.take);
    assert.ok(ranked.kind === "opened");
    const batches = batchesOf(seedOf(t));
    await post(running, batches[0] as string);
    await running.caughtUp();
    const [hot] = (await running.call("/api/overview?window=24h&sort=trades&limit=1")).json.items;
    const token = new Held();
    const opened = await running.app.bus.subscribe({ kind: "token", token: hot.id, windows: ["5m", "1h"] }, token.take);
    assert.ok(opened.kind === "opened" && "token" in opened.spec && opened.spec.token === hot.id);
    await Promise.all([0, 1, 2].map((lane) => postLane(running, batches, lane)));
    const status = await running.caughtUp();
    assert.equal(status.counters.accepted, BATCHES * BATCH);
    assert.ok(status.counters.late > 0 && status.counters.removed > 0 && status.counters.duplicates > 0);

    await converged(token, async () => {
      const { json } = await running.call(`/api/tokens/${hot.id}/stats?windows=5m,1h`);
      const windows = Object.fromEntries(
        Object.entries(json.windows).map(([name, w]) => [name, withoutEdges(w as never)]),
      );
      const { id, symbol, late, removed, unresolved, replaced, removals_unmatched } = json;
      return { id, symbol, late, removed, unresolved, replaced, removals_unmatched, windows };
    });
    await converged(ranking, async () => {
      const { items } = (await running.call("/api/overview?window=1h&sort=volume_usd&limit=15")).json;
      const rows = items.map((item: never) => rowOf(item));
      return { order: items.map((item: { id: string }) => item.id), rows: Object.fromEntries(rows) };
    });
    assert.ok(token.patches > 0 && ranking.patches > 0);
    await compareToModels(running, apps.dataDir);
    const before = await answersOf(running);
    // As the doors do before the partitions end, one after the other: a ranking of the others has an epoch of its own.
    ranked.close();
    opened.close();
    await running.app.stop();

    running = await apps.start(SETTINGS);
    await running.caughtUp();
    assert.deepEqual(await answersOf(running), before);
    await compareToModels(running, apps.dataDir);
  });

  test("with lag 0 every response includes all acknowledged swaps, also one from a cache", async (t) => {
    const running = await new TestApps(t).start();
    const swap = { chain_id: 1, log_index: 0, token: "0xhot", side: "buy", amount_token: "1", amount_usd: "1" };
    let rev = 0;
    for (let i = 1; i <= 60; i++) {
      await running.post([{ ...swap, tx_hash: `0x${i.toString(16)}`, event_time: Date.now() }]);
      await running.caughtUp();
      for (let again = 0; again < 3; again++) {
        const { json } = await running.call("/api/tokens/1:0xhot/stats?windows=1h");
        assert.equal(json.windows["1h"].trades, i);
        assert.ok(json.rev >= rev);
        rev = json.rev;
      }
    }
  });
});

async function postLane(running: RunningApp, batches: readonly string[], lane: number): Promise<void> {
  for (let i = 1 + lane; i < batches.length; i += 3) await post(running, batches[i] as string);
}

function rowOf({ id, symbol, stats }: { id: string; symbol?: string; stats: Record<string, Json> }) {
  return [id, { ...(symbol === undefined ? {} : { symbol }), stats: withoutEdges(stats) }];
}

async function compareToModels(running: RunningApp, dataDir: string): Promise<void> {
  let tokens = 0;
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const shadow = new Shadow(embeddedLog(dataDir, partition), toEngineConfig(defaultConfig()));
    await shadow.follow();
    await shadow.compareFigures({ url: running.base });
    tokens += await shadow.compareToModel({ url: running.base });
  }
  const { json } = await running.call("/api/status");
  assert.equal(json.tokens, tokens);
}

/** Answers that gather all partitions, without what a restart changes. */
async function answersOf(running: RunningApp): Promise<unknown> {
  const ranked: unknown[] = [];
  for (const order of ["asc", "desc"]) {
    let cursor = "";
    do {
      const path = `/api/overview?window=24h&sort=net_volume_usd&order=${order}&limit=11${cursor}`;
      const { json } = await running.call(path);
      for (const { rev: _, ...item } of json.items) ranked.push(item);
      cursor = json.next_cursor === undefined ? "" : `&cursor=${json.next_cursor}`;
    } while (cursor !== "");
  }
  const { json: bySymbol } = await running.call("/stats?token=WETH");
  const { token: id, as_of, windows } = bySymbol;
  const { json: candles } = await running.call(`/api/tokens/${id}/candles?interval=5m`);
  const { json: swaps } = await running.call(`/api/tokens/${id}/swaps`);
  assert.ok(candles.items.length > 0 && swaps.items.length > 0);
  const { json: letters } = await running.call("/api/dead-letters?limit=1000");
  return { ranked, id, as_of, windows, candles, swaps, letters };
}
