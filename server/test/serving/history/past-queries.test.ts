import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SortField } from "@swapstats/protocol/figures.ts";
import fc from "fast-check";
import { servedSwap } from "../../../src/engine/reads/past-sums.ts";
import { rowOf } from "../../engine/settled-run.ts";
import { type HostileLog, hostileLogs } from "../../model/arbitraries.ts";
import { candleDifferences, differences, type Served } from "../../model/compare-figures.ts";
import type { ModelEvent } from "../../model/model-event.ts";
import type { NaiveModel } from "../../model/naive-model.ts";
import { naiveScreen, type ServedToken } from "../../model/naive-screener.ts";
import { statsOf, sumsOf } from "../../model/naive-stats.ts";
import { closeTime, edgesOf, hasPrevious, type ModelWindow, windowsOf } from "../../model/window-rules.ts";
import { propertyOptions, type Random, randomFrom } from "../../support/seed.ts";
import { PastService } from "./past-service.ts";

const PAST = ["90s", "3m", "2h", "7d"];
const HOUR_MS = 3_600_000;

const within = (events: readonly ModelEvent[], fromMs: number, toMs: number): ModelEvent[] =>
  events.filter(({ eventTimeMs }) => eventTimeMs >= fromMs && eventTimeMs < toMs);

/** Asserts that the figures are those that follow from all swaps that count now. `complete` is another matter. */
function checkWindow(model: NaiveModel, id: string, window: ModelWindow, asOfMs: number, served: Served): void {
  const { windows } = model.config;
  const { openMs, closeMs } = edgesOf(windows, window, asOfMs);
  const events = model.counted(id);
  const previous = hasPrevious(windows, window) ? sumsOf(within(events, openMs - window.lengthMs, openMs)) : undefined;
  const priceMin = model.priceMinUsdMicro(Number(id.split(":")[0]));
  const figures = statsOf(within(events, openMs, closeMs), priceMin);
  const complete = served.complete as boolean;
  assert.deepEqual(
    differences(served, { openMs, closeMs, complete, previous, ...figures }),
    [],
    `${id} ${window.name} at ${asOfMs}`,
  );
}

/** Runs a log in steps, and calls `check` after each, with instants of its past. */
async function run(
  log: HostileLog,
  seed: number,
  check: (service: PastService, random: Random) => Promise<void>,
): Promise<void> {
  const random = randomFrom(seed);
  const service = new PastService(log, random);
  for (let isMore = true; isMore; ) {
    isMore = service.step(1 + random.below(40));
    if (random.chance(0.6)) await service.flush();
    await check(service, random);
  }
}

function instant(service: PastService, random: Random): number {
  const ages = [0, random.below(1_000), random.below(120_000), random.below(HOUR_MS), random.below(30 * HOUR_MS)];
  return service.nowMs - random.pick(ages);
}

/** An instant before which all swaps have settled. */
async function settledInstant(service: PastService, random: Random): Promise<number> {
  const beforeMs = await service.flushAll();
  const finestMs = Math.min(...service.pair.model.config.windows.map(({ stepMs }) => stepMs));
  const age = random.pick([0, random.below(60_000), random.below(20 * HOUR_MS)]);
  return Math.floor(beforeMs / finestMs) * finestMs - 1 - age;
}

const scripts = fc.tuple(hostileLogs(120), fc.nat());

describe("as of a past instant", () => {
  test("statistics of any window are those of all swaps that count now", async (t) => {
    await fc.assert(
      fc.asyncProperty(scripts, ([log, seed]) =>
        run(log, seed, async (service, random) => {
          const { model } = service.pair;
          const asOfMs = instant(service, random);
          const ids = [...model.known.keys()].slice(0, 3);
          const windows = [
            ...model.config.windows,
            ...windowsOf(PAST).filter(({ lengthMs }) => model.config.windows.every((one) => one.lengthMs !== lengthMs)),
          ];
          const names = windows.map(({ name }) => name).slice(0, 16);
          const selection = service.past.selection({ windows: names, fields: [] }, "query");
          if (ids.length === 0) return;
          const text = await service.past.manyStats(ids, selection, { at: asOfMs, place: "body" }, undefined);
          const { items } = JSON.parse(text) as {
            items: { id: string; symbol?: string; windows: Record<string, Served> }[];
          };
          for (const [i, item] of items.entries()) {
            assert.equal(item.id, ids[i]);
            const closeMs = closeTime(model.config.windows, asOfMs);
            const symbol = within(model.counted(item.id), 0, closeMs).findLast(
              (event) => event.symbol !== undefined,
            )?.symbol;
            assert.equal(item.symbol, symbol, `symbol of ${item.id}`);
            for (const window of windows.slice(0, 16))
              checkWindow(model, item.id, window, asOfMs, item.windows[window.name] as Served);
          }
        }),
      ),
      { ...propertyOptions(t, 60), endOnFailure: true },
    );
  });

  test("a token's figures now have the texts of the live ones", async (t) => {
    await fc.assert(
      fc.asyncProperty(scripts, ([log, seed]) =>
        run(log, seed, async (service) => {
          const [id] = service.pair.model.known.keys();
          if (id === undefined) return;
          const live = await service.executor.tokenStats(id, service.executor.selections.of([], []));
          const selection = service.past.selection({ windows: [], fields: [] }, "query");
          const past = JSON.parse(
            await service.past.stats(id, selection, { at: service.nowMs, place: "query" }, undefined),
          );
          const { windows } = JSON.parse(`{${live.body}}`) as { windows: Record<string, Served> };
          for (const [
            name,
            { complete: _, traders_estimated, traders_error: __, traders, buyers, sellers, ...figures },
          ] of Object.entries(windows)) {
            const { complete: ___, traders: t1, buyers: b1, sellers: s1, ...again } = past.windows[name];
            assert.deepEqual(again, figures, name);
            if (traders_estimated === undefined) assert.deepEqual([t1, b1, s1], [traders, buyers, sellers], name);
          }
        }),
      ),
      { ...propertyOptions(t, 30), endOnFailure: true },
    );
  });
});

describe("of all times", () => {
  test("an owner answers for no swap before its stream is valid", async (t) => {
    await fc.assert(
      fc.asyncProperty(scripts, async ([log, seed]) => {
        const service = new PastService(log, randomFrom(seed));
        while (service.step(50)) {}
        const { model } = service.pair;
        const ids = [...model.known.keys()];
        const all = ids.flatMap((id) => model.counted(id)).map(({ eventTimeMs }) => eventTimeMs);
        const middleMs = all.sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0;
        const fromMs = middleMs - (middleMs % 60_000);
        service.beginStreamAt(fromMs);
        for (const id of ids) {
          const times = model.counted(id).map(({ eventTimeMs }) => eventTimeMs);
          const query = { fromMs: undefined, toMs: undefined, order: "asc", limit: 1_000, cursor: undefined } as const;
          const { items } = JSON.parse(await service.past.swaps(id, query)) as { items: { event_time: number }[] };
          const closeMs = closeTime(model.config.windows, service.nowMs);
          const valid = times.filter((ms) => ms >= fromMs && ms < closeMs).sort((a, b) => a - b);
          assert.deepEqual(
            items.map((item) => item.event_time),
            valid,
          );
          const selection = service.past.selection({ windows: ["7d"], fields: [] }, "query");
          const text = await service.past.stats(id, selection, { at: service.nowMs, place: "query" }, undefined);
          const { open_time, trades } = JSON.parse(text).windows["7d"];
          assert.equal(trades, valid.filter((ms) => ms >= open_time).length);
        }
      }),
      propertyOptions(t, 30),
    );
  });

  test("pages of swaps in both orders are all swaps that count, each once", async (t) => {
    await fc.assert(
      fc.asyncProperty(scripts, ([log, seed]) =>
        run(log, seed, async (service, random) => {
          const { model } = service.pair;
          const id = random.pick([...model.known.keys(), ""]);
          if (id === "") return;
          const order = random.pick(["asc", "desc"] as const);
          const toMs = random.chance(0.5) ? undefined : instant(service, random);
          const fromMs = random.chance(0.5) || toMs === undefined ? undefined : toMs - random.below(5 * HOUR_MS);
          const closeMs = closeTime(model.config.windows, service.nowMs);
          const wanted = within(model.counted(id), fromMs ?? 0, Math.min(toMs ?? closeMs, closeMs)).map((event) =>
            servedSwap(rowOf(event, 0)),
          );
          const found: object[] = [];
          for (let cursor: string | undefined, page = 0; page === 0 || cursor !== undefined; page++) {
            const limit = 1 + random.below(20);
            const text = await service.past.swaps(id, { fromMs, toMs, order, limit, cursor, prefer: undefined });
            const { items, next_cursor } = JSON.parse(text) as { items: object[]; next_cursor?: string };
            assert.ok(items.length <= limit);
            found.push(...items);
            cursor = next_cursor;
          }
          assert.deepEqual(found, order === "asc" ? wanted : wanted.reverse());
        }),
      ),
      { ...propertyOptions(t, 60), endOnFailure: true },
    );
  });

  test("pages of candles are those of all swaps that count, without a seam between memory and history", async (t) => {
    await fc.assert(
      fc.asyncProperty(scripts, ([log, seed]) =>
        run(log, seed, async (service, random) => {
          const { model } = service.pair;
          const id = random.pick([...model.known.keys(), ""]);
          if (id === "") return;
          const [interval, ms] = random.pick([
            ["1s", 1_000],
            ["15s", 15_000],
            ["5m", 300_000],
            ["1h", HOUR_MS],
            ["1M", 0],
          ] as const);
          const start = (timeMs: number): number => {
            const date = new Date(timeMs);
            return ms === 0 ? Date.UTC(date.getUTCFullYear(), date.getUTCMonth()) : Math.floor(timeMs / ms) * ms;
          };
          const closeMs = closeTime(model.config.windows, service.nowMs);
          const fromMs = random.chance(0.7) ? undefined : instant(service, random);
          const groups = Map.groupBy(within(model.counted(id), 0, closeMs), ({ eventTimeMs }) => start(eventTimeMs));
          const wanted = [...groups].filter(([openMs]) => openMs >= (fromMs ?? 0));
          const found: Served[] = [];
          for (let cursor: string | undefined, page = 0; page === 0 || cursor !== undefined; page++) {
            const limit = 1 + random.below(12);
            const { text } = await service.past.candles(id, { interval, fromMs, toMs: undefined, limit, cursor });
            const { items, next_cursor } = JSON.parse(text) as { items: Served[]; next_cursor?: string };
            assert.ok(items.length <= limit);
            found.unshift(...items);
            cursor = next_cursor;
          }
          assert.deepEqual(
            found.map((item) => item.open_time),
            wanted.map(([openMs]) => openMs),
            `${interval} of ${id}`,
          );
          const priceMin = model.priceMinUsdMicro(Number(id.split(":")[0]));
          for (const [i, [openMs, events]] of wanted.entries()) {
            const complete = found[i]?.complete as boolean;
            const stats = { openMs, closeMs: 0, complete, previous: undefined, ...statsOf(events, priceMin) };
            assert.deepEqual(candleDifferences(found[i] as Served, { openMs, complete, stats }), []);
          }
        }),
      ),
      { ...propertyOptions(t, 60), endOnFailure: true },
    );
  });
});

const COMPARED = [
  "volume_usd",
  "trades",
  "price_change_pct",
  "close",
  "vwap",
  "traders",
  "last_trade_time",
  "previous.trades",
  "change.volume_usd",
];

describe("rankings as of a past instant", () => {
  test("overviews and queries of the screener list the tokens of then, by their figures of then", async (t) => {
    let listed = 0;
    await fc.assert(
      fc.asyncProperty(scripts, ([log, seed]) =>
        run(log, seed, async (service, random) => {
          const { model } = service.pair;
          const { windows } = model.config;
          const longest = windows.reduce((a, b) => (b.lengthMs > a.lengthMs ? b : a));
          const asOfMs = random.chance(0.7) ? instant(service, random) : await settledInstant(service, random);
          const { openMs, closeMs } = edgesOf(windows, longest, asOfMs);
          if (asOfMs < 100_000_000_000 || service.isOldChainBefore(closeMs)) return;
          const ids = [...model.known.keys()].filter((id) => within(model.counted(id), openMs, closeMs).length > 0);
          const asked = { at: asOfMs, place: "body" } as const;
          const selection = service.past.selection({ windows: [], fields: [] }, "body");
          const text = await service.past.manyStats(ids, selection, asked, undefined);
          const tokens = (JSON.parse(text) as { items: ServedToken[] }).items;
          listed += tokens.length;
          const window = random.pick(windows).name;
          const field = random.pick(COMPARED);
          const order = random.pick(["asc", "desc"] as const);
          const sort = [{ field, window, order }];
          const wanted = naiveScreen({ sort }, tokens).map(({ id }) => id);
          const [limit, pages] = [1 + random.below(4), [] as string[]];
          for (let cursor: string | undefined, page = 0; page === 0 || cursor !== undefined; page++) {
            const query = { sort, limit, windows: [window], fields: [] };
            const found = JSON.parse(await service.past.screener({ query, cursor, at: asOfMs }));
            for (const item of found.items) {
              const same = tokens.find(({ id }) => id === item.id);
              // The first row in the store says from when on all swaps are known.
              const known = { ...same?.windows[window], complete: item.windows[window].complete };
              assert.deepEqual(item, {
                id: item.id,
                ...(same?.symbol === undefined ? {} : { symbol: same.symbol }),
                windows: { [window]: known },
              });
            }
            pages.push(...found.items.map(({ id }: { id: string }) => id));
            cursor = found.next_cursor;
          }
          assert.deepEqual(pages, wanted, `${field} of ${window} ${order}`);
          const leaf = {
            field,
            window,
            op: random.pick(["gt", "lte"] as const),
            values: [random.pick(["0", "1", "1000", "-5.5"])],
          };
          const filter = random.chance(0.5) ? leaf : { not: leaf };
          const query = { filter, sort, limit: 500, windows: [window], fields: ["trades"] };
          const found = JSON.parse(await service.past.screener({ query, cursor: undefined, at: asOfMs }));
          assert.deepEqual(
            found.items.map(({ id }: { id: string }) => id),
            naiveScreen({ filter, sort }, tokens).map(({ id }) => id),
          );
          if (field.includes(".")) return;
          const ranking = {
            window: random.pick(windows).name,
            sort: field as SortField,
            order,
            limit: 500,
            cursor: undefined,
            windows: [],
            fields: [],
          };
          const overview = JSON.parse(await service.past.overview(ranking, asked));
          const byWindow = [{ field, window: ranking.window, order }];
          assert.deepEqual(
            overview.items.map(({ id }: { id: string }) => id),
            naiveScreen({ sort: byWindow }, tokens).map(({ id }) => id),
          );
        }),
      ),
      { ...propertyOptions(t, 60), endOnFailure: true },
    );
    assert.ok(listed > 20, `${listed} tokens are too few to show anything`);
  });
});
