import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Json } from "@swapstats/protocol/json.ts";
import { applyMergePatch } from "@swapstats/protocol/merge-patch.ts";
import type { ScreenerQuery } from "@swapstats/protocol/screener/query.ts";
import { dataText, updateChars } from "../../../src/bus/responses.ts";
import { finished } from "../../../src/pipeline/thread-share.ts";
import { naiveScreen, type ServedToken } from "../../model/naive-screener.ts";
import { RandomQueries } from "../../support/random-queries.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { FedWorker, START_MS } from "./fed-worker.ts";
import { runAtRandom, servedTokens } from "./worker-reads.ts";

type Windows = Record<string, Record<string, unknown>>;
type Item = { id: string; rev: number; windows: Windows; spark?: (string | number | null)[] };

function page(host: FedWorker, query: ScreenerQuery, order: string, position?: number) {
  const part = finished(host.screener.page({ kind: "screener", query, order, position, isPart: false, at: undefined }));
  return { ...part, items: part.rows.map(({ json }) => JSON.parse(json) as Item) };
}

const idsOf = (rows: readonly { readonly id: string }[]): string[] => rows.map(({ id }) => id);

describe("queries of the screener", () => {
  test("responses are a fold over all tokens, whatever the query, through swaps, removals and time", (t) => {
    const seed = seedOf(t);
    const queries = new RandomQueries(randomFrom(seed), new FedWorker().engine.config.windows);
    let matched = 0;
    runAtRandom(seed, 150, (host, step) => {
      const tokens = servedTokens(host);
      for (let i = 0; i < 6; i++) {
        const written = queries.written(tokens);
        const query = queries.checked(written);
        const all = naiveScreen(query, tokens);
        const { items, more } = page(host, query, `${step}:${i}`);
        assert.deepEqual(idsOf(items), idsOf(all.slice(0, query.limit)), JSON.stringify(written));
        assert.equal(more, all.length > query.limit, JSON.stringify(written));
        matched += items.length;
        for (const { id, windows } of items) {
          const token = all.find((one) => one.id === id) as ServedToken;
          assert.deepEqual(Object.keys(windows), query.windows);
          for (const [name, figures] of Object.entries(windows)) assert.deepEqual(figures, token.windows[name]);
        }
      }
    });
    assert.ok(matched > 1000, `${matched} rows are too few to show anything`);
  });

  test("a client of a channel holds what a request returns, through swaps, removals and time", (t) => {
    const seed = seedOf(t);
    const random = randomFrom(seed + 1);
    const queries = new RandomQueries(random, new FedWorker().engine.config.windows);
    const open = new Map<number, ScreenerQuery>();
    const held = new Map<number, Json>();
    let patches = 0;
    runAtRandom(seed, 200, (host, step) => {
      if (step % 4 === 0) {
        const query = queries.checked(queries.written(servedTokens(host)));
        host.feeds.open(step, { kind: "screener", query, limit: query.limit });
        open.set(step, query);
      }
      if (open.size > 12) {
        const [first] = open.keys();
        host.feeds.close(first as number);
        open.delete(first as number);
      }
      if (random.chance(0.3)) return;
      host.tick();
      for (const update of host.updates.splice(0)) {
        host.feeds.taken(updateChars(update));
        const whole = JSON.parse(dataText(update)) as Json;
        if (update.patch !== undefined) {
          patches += 1;
          const patched = applyMergePatch(held.get(update.feedId) as Json, JSON.parse(update.patch));
          assert.deepEqual(patched, whole);
        }
        held.set(update.feedId, whole);
      }
      const tokens = servedTokens(host);
      for (const [id, query] of open) {
        const { order, rows } = held.get(id) as { order: string[]; rows: Record<string, Json> };
        assert.deepEqual(order, idsOf(naiveScreen(query, tokens).slice(0, query.limit)), JSON.stringify(query));
        assert.deepEqual(Object.keys(rows).sort(), [...order].sort());
        const { items } = page(host, query, "live");
        assert.deepEqual(
          items.map(({ windows, spark }) => ({
            windows: withoutEdges(windows),
            ...(spark === undefined ? {} : { spark }),
          })),
          order.map((one) => {
            const { symbol: _symbol, ...rest } = rows[one] as { symbol?: string };
            return rest;
          }),
        );
      }
    });
    assert.ok(patches > 100, `${patches} patches are too few to show anything`);
  });
});

describe("sparklines", () => {
  test("the values are those of the swaps in each slice, and together they are the window", (t) => {
    let compared = 0;
    runAtRandom(seedOf(t), 60, (host, step) => {
      const { engine } = host;
      const asOf = host.clock.now();
      for (const [windowIndex, window] of engine.config.windows.entries()) {
        const points = 2 + ((step * 7 + windowIndex) % 59);
        for (const token of engine.tokens()) {
          const { items } = engine.newestSwaps(token, 1_000, asOf);
          const stats = engine.windowStats(token, windowIndex, asOf);
          const edges = Array.from({ length: points + 1 }, (_, i) =>
            i === points
              ? stats.close_time
              : stats.open_time + Math.floor((i * window.lengthMs) / points / window.stepMs) * window.stepMs,
          );
          const slices = edges
            .slice(1)
            .map((end, i) => items.filter(({ event_time: time }) => time >= (edges[i] as number) && time < end));
          const trades = slices.map((swaps) => (swaps.length === 0 ? null : swaps.length));
          assert.deepEqual(engine.spark(token, windowIndex, "trades", points, asOf), trades);
          const dollars = slices.map((swaps) => (swaps.length === 0 ? null : dollarsOf(swaps)));
          const volumes = engine.spark(token, windowIndex, "volume_usd", points, asOf);
          assert.deepEqual(
            volumes.map((value) => (value === null ? null : Number(value))),
            dollars,
          );
          const closes = engine.spark(token, windowIndex, "close", points, asOf);
          assert.equal(
            closes.findLast((value) => value !== null),
            stats.close,
          );
          compared += items.length;
        }
      }
    });
    assert.ok(compared > 1_000, `${compared} swaps are too few to show anything`);
  });
});

/** Amounts of the random swaps have one decimal place. */
function dollarsOf(swaps: readonly { readonly amount_usd: string }[]): number {
  return Math.round(swaps.reduce((sum, swap) => sum + Number(swap.amount_usd) * 10, 0)) / 10;
}

describe("first_seen", () => {
  test("it is the time of the swap that made the token known, in whole seconds, and stays", () => {
    const host = new FedWorker();
    const seen = (): number | undefined => {
      const token = host.engine.findById(1, "0xaa");
      return token === undefined ? undefined : host.engine.firstSeenMs(token);
    };
    host.feed({ event_time: START_MS - 5_300, tx_hash: "0x1", removed: true });
    assert.equal(seen(), undefined);
    host.feed({ event_time: START_MS - 2_700, tx_hash: "0x2" });
    assert.equal(seen(), START_MS - 3_000);
    host.feed(
      { event_time: START_MS - 9_000, tx_hash: "0x3" },
      { event_time: START_MS - 2_700, tx_hash: "0x2", removed: true },
    );
    assert.equal(seen(), START_MS - 3_000);
  });
});

function withoutEdges(windows: Windows): Json {
  return Object.fromEntries(
    Object.entries(windows).map(([name, { open_time: _open, close_time: _close, ...rest }]) => [name, rest]),
  ) as Json;
}
