/**
 * The feed of a replay session. Whenever readers have their turn, its state is that of an engine which has had the same settled swaps, and its figures
 * are those of `?at=` wherever the two see the same swaps.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createSharedClock, SharedClock } from "../../../src/bus/shared-clock.ts";
import { PartitionEngine } from "../../../src/engine/partition-engine.ts";
import { SettledApplier } from "../../../src/pipeline/history/settled-applier.ts";
import { ReplayFeed } from "../../../src/pipeline/replay/replay-feed.ts";
import { finished } from "../../../src/pipeline/thread-share.ts";
import { ServedPartition } from "../../../src/pipeline/views/served-partition.ts";
import { WorkerQueries } from "../../../src/pipeline/workers/worker-queries.ts";
import type { SettledRow } from "../../../src/ports/history-store.ts";
import type { ReplayEnd, SettledHistory } from "../../../src/ports/replay-sessions.ts";
import type { StatsBus } from "../../../src/ports/stats-bus.ts";
import { HistoryLane } from "../../../src/serving/history/history-lane.ts";
import { PastWindows } from "../../../src/serving/history/instants.ts";
import { PastQueries } from "../../../src/serving/history/past-queries.ts";
import { PastTokens } from "../../../src/serving/history/past-tokens.ts";
import { WholeHistory } from "../../../src/serving/history/whole-history.ts";
import { QueryExecutor } from "../../../src/serving/query-executor.ts";
import { createVersionBoard, VersionBoard } from "../../../src/shared/version-board.ts";
import { engineConfigOf } from "../../engine/pair.ts";
import { TEST_SEED } from "../../support/hash-seed.ts";
import type { MemoryHistory } from "../../support/memory-history.ts";
import { propertyOptions, type Random, randomFrom } from "../../support/seed.ts";
import { CONFIG, historyOf, marketOf } from "../history/settled-market.ts";

const HOUR_MS = 3_600_000;
const never = new AbortController().signal;
type Json = ReturnType<typeof JSON.parse>;

async function rowsOf(store: Pick<MemoryHistory, "rows">, fromMs: number, toMs: number): Promise<SettledRow[]> {
  const rows: SettledRow[] = [];
  for await (const batch of store.rows({ fromMs, toMs }, undefined, [], never)) rows.push(...batch);
  return rows;
}

/** The store with batches of a few rows, which end anywhere. */
function inSmallBatches(store: Pick<MemoryHistory, "rows">, random: Random): Pick<MemoryHistory, "rows"> {
  return {
    rows: async function* (...given) {
      for await (const batch of store.rows(...given)) {
        for (let from = 0; from < batch.length; ) {
          const to = from + 1 + random.below(5);
          yield batch.slice(from, to);
          from = to;
        }
      }
    },
  };
}

/** What readers get of a state: JSON texts without revisions. */
function answers(home: ServedPartition, clock: SharedClock, ids: readonly string[], fromMs: number) {
  const { windows } = home.engine.config;
  const queries = new WorkerQueries({ served: [home], absence: undefined }, clock, windows);
  const selection = { windows: windows.map(({ name }) => name), fields: [] };
  const { asOf, items } = finished(queries.tokens({ kind: "tokens", tokens: ids, selection, at: undefined }));
  const bodyOf = (request: object, token: string): string | undefined =>
    finished(queries.body({ ...request, token } as never)).found?.body;
  const request = { window: windows.at(-1)!.name, sort: "volume_usd", order: "desc", limit: 50 } as const;
  const ranking = finished(queries.overview({ kind: "overview", request, after: undefined, at: undefined }));
  return {
    asOf,
    stats: items.map(({ found }) => found?.body),
    swaps: ids.map((id) => bodyOf({ kind: "swaps", limit: 100 }, id)),
    candles: ids.map((id) =>
      bodyOf({ kind: "candles", intervalMs: 60_000, fromMs: fromMs + HOUR_MS, toMs: undefined, limit: 500 }, id),
    ),
    overview: ranking.rows.map((row) => JSON.stringify(row).replaceAll(/\\"rev\\":\d+/g, "")),
    market: finished(queries.market({ kind: "market", at: undefined })).rows,
  };
}

/** A session over a store, in steps of a clock that the test drives. */
class Session {
  readonly clock = new SharedClock(createSharedClock("event", 0));
  home: ServedPartition | undefined;
  readonly ended: Promise<ReplayEnd>;
  /** Real time passes. */
  readonly skip = (ms: number): void => {
    this.#nowMs += ms;
  };
  #nowMs = 0;

  /** `look` is called at each turn of readers after the clock began. */
  constructor(
    engine: PartitionEngine,
    history: Pick<MemoryHistory, "rows">,
    begin: { readonly atMs: number; readonly speed: number },
    settled: () => SettledHistory,
    look: (session: Session) => Promise<void>,
    options: {
      readonly rowsMax?: number;
      readonly memoryBytes?: number;
      readonly signal?: AbortSignal;
      random: Random;
    },
  ) {
    const { rowsMax = 1_000_000, memoryBytes = 2 ** 32, signal = never, random } = options;
    let hasBegun = false;
    const feed = new ReplayFeed({
      ...{ history, engine, clock: this.clock, begin, settled, signal, limits: { rowsMax, memoryBytes } },
      serve: () => {
        this.home = new ServedPartition(0, "1", engine, new VersionBoard(createVersionBoard()), this.clock);
        return this.home;
      },
      monotonicMs: () => {
        this.#nowMs += random.below(3);
        return this.#nowMs;
      },
      pause: async (ms) => {
        this.#nowMs += ms;
        if (hasBegun) await look(this);
      },
    });
    this.ended = feed.run(() => {
      hasBegun = true;
      assert.equal(this.clock.now(), begin.atMs);
    });
  }
}

/** Answers of the past from a store whose partitions have no owner here. */
function pastOf(store: MemoryHistory, nowMs: number): PastQueries {
  const { windows } = CONFIG;
  const bus = {
    cachedTokenStats: () => undefined,
    tokenStats: async (tokens: readonly string[]) => tokens.map(() => ({ kind: "unknown" })),
    ownedHistory: async () => [],
  } as unknown as StatsBus;
  const executor = new QueryExecutor({ bus, windows, pendingMax: 100, timeoutMs: 60_000 });
  return new PastQueries({
    executor,
    history: new WholeHistory(store, bus),
    tokens: new PastTokens(executor, store, new Map()),
    windows: new PastWindows({ windows, bucketStepMs: undefined, windowMaxMs: 24 * HOUR_MS }),
    lane: new HistoryLane(),
    nowMs: () => nowMs,
  });
}

const newEngine = (): PartitionEngine => new PartitionEngine(engineConfigOf(CONFIG), TEST_SEED);

/** An engine that has had the swaps of the longest window before `beginMs`, and all up to `nowMs`. */
function referenceAt(rows: readonly SettledRow[], beginMs: number, nowMs: number, seenSinceMs: number | undefined) {
  const engine = newEngine();
  const applier = new SettledApplier(engine);
  const opens = CONFIG.windows.map(({ lengthMs, stepMs }) => Math.floor((beginMs - lengthMs) / stepMs) * stepMs);
  const fromMs = Math.min(...opens);
  for (const row of rows) if (row.eventTimeMs >= fromMs && row.eventTimeMs <= nowMs) applier.apply(row);
  if (seenSinceMs === undefined) engine.noteGap();
  else engine.setSeenSince(seenSinceMs);
  const clock = new SharedClock(createSharedClock("event", 0));
  clock.raiseHigh(nowMs);
  const home = new ServedPartition(0, "1", engine, new VersionBoard(createVersionBoard()), clock);
  home.publish(0, 0);
  return { home, clock };
}

describe("a replay session", () => {
  test("has the figures of an engine with the same swaps, and those of ?at=, at any time of its clock", async (t) => {
    let compared = 0;
    const check = async (seed: number): Promise<void> => {
      const random = randomFrom(seed);
      const { store, settledBeforeMs: allMs } = await historyOf(marketOf(seed, random));
      const rows = await rowsOf(store, 0, Number.MAX_SAFE_INTEGER);
      const firstMs = rows[0]!.eventTimeMs;
      const begin = { atMs: firstMs + random.below(allMs - firstMs), speed: random.pick([0.5, 1, 60, 3_600]) };
      // A slow clock would take too many steps to the end of the history.
      const settledBeforeMs = Math.min(allMs, begin.atMs + begin.speed * 300_000);
      const inSpan = (): number => begin.atMs + random.below(settledBeforeMs - begin.atMs);
      const looksAt = [begin.atMs, ...Array.from({ length: 5 }, inSpan)].sort((a, b) => a - b);
      const ids = [...new Set(rows.map(({ chainId, token }) => `${chainId}:${token}`))].slice(0, 5);
      const past = pastOf(store, allMs);
      const settled = { ...(await past.settled()), settledBeforeMs };
      const look = async ({ home, clock }: Session): Promise<void> => {
        const nowMs = clock.now();
        if (nowMs < (looksAt[0] ?? Number.POSITIVE_INFINITY)) return;
        while (nowMs >= (looksAt[0] ?? Number.POSITIVE_INFINITY)) looksAt.shift();
        const found = answers(home!, clock, ids, begin.atMs);
        const reference = referenceAt(rows, begin.atMs, nowMs, home!.engine.seenSinceMs());
        assert.deepEqual(found, answers(reference.home, reference.clock, ids, begin.atMs), `at ${nowMs}`);
        const closeMs = past.windows.closeMs(nowMs);
        // ?at= counts the rest of the step, too.
        if (rows.some(({ eventTimeMs: ms }) => ms > nowMs && ms < closeMs) || closeMs > settledBeforeMs) return;
        const selection = past.selection({ windows: [], fields: [] }, "query");
        const text = await past.manyStats(ids, selection, { at: nowMs, place: "body" }, undefined);
        for (const [i, { id, windows }] of (JSON.parse(text) as Json).items.entries()) {
          // A token without a swap in the windows may be unknown to the session.
          if (found.stats[i] === undefined) continue;
          compared += 1;
          assert.deepEqual((JSON.parse(`{${found.stats[i]}}`) as Json).windows, windows, `${id} at ${nowMs}`);
        }
      };
      const history = inSmallBatches(store, random);
      const session = new Session(newEngine(), history, begin, () => settled, look, { random });
      assert.equal((await session.ended).reason, "end_of_history");
      assert.equal(session.clock.now(), settledBeforeMs - 1);
      // Readers have their turn at the end, too.
      await look(session);
      assert.deepEqual(looksAt, []);
    };
    await fc.assert(fc.asyncProperty(fc.noShrink(fc.nat()), check), propertyOptions(t, 10));
    assert.ok(compared > 0);
  });

  test("ends when filling needs more swaps or memory than allowed, and not at the limit", async () => {
    const random = randomFrom(1);
    const { store, settledBeforeMs } = await historyOf(marketOf(1, random));
    const begin = { atMs: settledBeforeMs - 60_000, speed: 3_600 };
    const opens = CONFIG.windows.map(({ lengthMs, stepMs }) => Math.floor((begin.atMs - lengthMs) / stepMs) * stepMs);
    const count = (await rowsOf(store, Math.min(...opens), begin.atMs + 1)).length;
    const settled = { settledBeforeMs, known: [] };
    const endOf = async (limits: { readonly rowsMax?: number; readonly memoryBytes?: number }): Promise<string> => {
      const history = inSmallBatches(store, random);
      const session = new Session(
        newEngine(),
        history,
        begin,
        () => settled,
        async () => {},
        { random, ...limits },
      );
      return (await session.ended).reason;
    };
    assert.equal(await endOf({ rowsMax: count }), "end_of_history");
    assert.equal(await endOf({ rowsMax: count - 1 }), "too_many_swaps");
    assert.equal(await endOf({ memoryBytes: 1 }), "too_much_memory");
  });

  test("windows are complete where the history has all swaps, and not in a gap or before it", async () => {
    const random = randomFrom(2);
    const { store, settledBeforeMs } = await historyOf(marketOf(2, random));
    const gapFromMs = settledBeforeMs - HOUR_MS;
    const gapToMs = settledBeforeMs - HOUR_MS / 2;
    const known = [
      { fromMs: 0, toMs: gapFromMs },
      { fromMs: gapToMs, toMs: Number.MAX_SAFE_INTEGER },
    ];
    const seen = new Set<string>();
    const look = async ({ home, clock }: Session): Promise<void> => {
      const nowMs = clock.now();
      const [token] = home!.engine.tokens();
      const { complete } = home!.engine.windowStats(token!, 1, nowMs);
      const isIn = (fromMs: number, toMs: number): boolean => nowMs >= fromMs && nowMs < toMs;
      const place = isIn(0, gapFromMs) ? "before" : isIn(gapFromMs, gapToMs) ? "in" : "behind";
      // The window is complete again when it has left the gap behind.
      const { stepMs, lengthMs } = CONFIG.windows[1]!;
      const openMs = Math.floor((nowMs - lengthMs) / stepMs) * stepMs;
      assert.equal(complete, place === "before" || (place === "behind" && openMs >= gapToMs), `${place} ${nowMs}`);
      seen.add(`${place} ${complete}`);
    };
    const begin = { atMs: gapFromMs - 600_000, speed: 600 };
    const session = new Session(newEngine(), store, begin, () => ({ settledBeforeMs, known }), look, { random });
    assert.equal((await session.ended).reason, "end_of_history");
    assert.deepEqual([...seen].sort(), ["before true", "behind false", "behind true", "in false"]);
  });

  test("a slow store makes the clock slow: it never leaps over swaps", async () => {
    const random = randomFrom(3);
    const { store, settledBeforeMs } = await historyOf(marketOf(3, random));
    const begin = { atMs: settledBeforeMs - 10 * 60_000, speed: 60 };
    const times: number[] = [];
    const look = async ({ clock, skip }: Session): Promise<void> => {
      times.push(clock.now());
      // A stall of an hour counts as a second of real time.
      if (times.length === 3) skip(HOUR_MS);
    };
    const settled = { settledBeforeMs, known: [] };
    const session = new Session(newEngine(), store, begin, () => settled, look, { random });
    await session.ended;
    const steps = times.map((ms, i) => ms - (times[i - 1] ?? begin.atMs));
    assert.ok(Math.max(...steps) <= 1_100 * begin.speed, String(Math.max(...steps)));
    assert.ok(Math.min(...steps) >= 0);
  });
});
