/**
 * A state that is filled from a history and continues in what is left of its log, against the naive model, which has the whole log. The history is
 * what an earlier engine settled until it was lost.
 */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { historyReach } from "../../../src/pipeline/history/history-reach.ts";
import { type WarmStarted, warmStart } from "../../../src/pipeline/history/warm-start.ts";
import type { HistoryStore } from "../../../src/ports/history-store.ts";
import type { RecordBatch } from "../../../src/ports/source.ts";
import { restoreImage, takeImage } from "../../engine/images.ts";
import { EngineRun } from "../../engine/pair.ts";
import { differences, type Served } from "../../model/compare-figures.ts";
import { tokenIdOf } from "../../model/model-event.ts";
import { NaiveModel } from "../../model/naive-model.ts";
import { ALWAYS } from "../../stores/history/random-history.ts";
import { MemoryHistory } from "../../support/memory-history.ts";
import { type Random, randomFrom, seedOf } from "../../support/seed.ts";
import { CONFIG, type Event, historyOf, MINUTE_MS, marketOf, STREAM } from "./settled-market.ts";

const never = new AbortController().signal;
// Rows of another partition and of imported files are not of this state.
const OTHERS = [
  { ...STREAM, partition: 4 },
  { ...STREAM, logId: "import:files" },
];

/** The log from an offset on. */
function logFrom(items: readonly Event[], startOffset: number) {
  const range = { startOffset, endOffset: items.length };
  const read = async (position: number): Promise<RecordBatch> => {
    assert.ok(position >= startOffset, `read at ${position}, and the log begins at ${startOffset}`);
    const count = position < items.length ? 1 : 0;
    const arrivalsMs = items[position]?.arrivalMs ?? 0;
    const [payload, ends] = [new Uint8Array(0), new Uint32Array(1)];
    return { partition: 3, baseOffset: position, nextOffset: position + count, count, payload, ends, arrivalsMs };
  };
  return { range, log: { read } };
}

type Started = { readonly run: EngineRun; readonly started: WarmStarted; readonly across: ReadonlySet<string> };

/** Returns the tokens with a swap that has inclusions on both sides of the time. */
function tokensAcross(items: readonly Event[], timeMs: number): Set<string> {
  const bySwap = Map.groupBy(items, ({ event }) => `${tokenIdOf(event)} ${event.eventId}`);
  const isAcross = (swaps: readonly Event[]): boolean =>
    new Set(swaps.map(({ event }) => event.eventTimeMs < timeMs)).size > 1;
  return new Set([...bySwap.values()].filter(isAcross).map(([first]) => tokenIdOf(first!.event)));
}

async function start(items: readonly Event[], startOffset: number, store: HistoryStore): Promise<Started> {
  const run = new EngineRun(CONFIG);
  const options = { partition: 3, engine: run.engine, history: store, ...logFrom(items, startOffset), signal: never };
  const started = await warmStart(options);
  assert.ok(started !== undefined);
  const { toMs } = historyReach(await store.status(), 3)!;
  return { run, started, across: tokensAcross(items, toMs) };
}

/**
 * Compares complete windows with the model of the whole log, but for tokens with a swap whose inclusions lie on both sides of the end of the history.
 * Returns the numbers of complete and incomplete ones.
 */
function compare(
  { run, across }: Started,
  model: NaiveModel,
  asOfMs: number,
): { complete: number; incomplete: number } {
  const found = { complete: 0, incomplete: 0 };
  for (const token of model.known.values()) {
    if (across.has(token.id)) continue;
    const ref = run.ref(token);
    CONFIG.windows.forEach((window, index) => {
      const expected = model.stats(token.id, index, asOfMs);
      if (ref === undefined) {
        // The longest window of a token that the state does not know is empty.
        assert.equal(expected.sums.trades, 0, `${token.id} in ${window.name}`);
        return;
      }
      const served = run.engine.windowStats(ref, index, asOfMs) as unknown as Served;
      if (served.complete !== true) {
        found.incomplete += 1;
        return;
      }
      found.complete += 1;
      // The span before the window may lie before what was seen.
      const hasPrevious = run.engine.seenSinceMs()! <= expected.openMs - window.lengthMs;
      const { previous: _, ...figures } = served;
      const wrong = differences(hasPrevious ? served : figures, {
        ...expected,
        complete: true,
        ...(hasPrevious ? {} : { previous: undefined }),
      });
      assert.deepEqual(wrong, [], `${token.id} in ${window.name}`);
    });
  }
  return found;
}

const modelOf = (items: readonly Event[]): NaiveModel => {
  const model = new NaiveModel(CONFIG);
  for (const { event, arrivalMs } of items) model.apply(event, arrivalMs);
  return model;
};

/** The last offset whose record arrived this long before the time. */
const offsetBefore = (items: readonly Event[], timeMs: number): number =>
  items.findLastIndex(({ arrivalMs }) => arrivalMs <= timeMs);

function marketAt(t: TestContext): { items: Event[]; random: Random; lostAt: number } {
  const seed = seedOf(t);
  const random = randomFrom(seed);
  const items = marketOf(seed, random);
  return { items, random, lostAt: 3_200 + random.below(1_000) };
}

describe("a state that a history fills", () => {
  for (let round = 0; round < 6; round++) {
    test(`has the figures of an uninterrupted run, where history and log meet (${round})`, async (t) => {
      const { items, random, lostAt } = marketAt(t);
      const { store, settledBeforeMs } = await historyOf(items.slice(0, lostAt), ALWAYS, OTHERS);
      const latest = offsetBefore(items, settledBeforeMs - 180_000);
      assert.ok(latest > 0);
      const warm = await start(items, 1 + random.below(latest), store);
      assert.equal(warm.started.problem, undefined);
      assert.ok(warm.started.rows > 300, `${warm.started.rows} rows`);
      assert.ok(warm.started.nextOffset >= latest - 200, "it reads no more of the log than it needs");
      let at = warm.started.nextOffset;
      for (const end of [lostAt, lostAt + 300, items.length]) {
        warm.run.takeAll(items.slice(at, end));
        at = end;
        const model = modelOf(items.slice(0, end));
        const found = compare(warm, model, model.maxHighMs()! + random.below(90_000) - 60_000);
        assert.deepEqual(found.incomplete, 0);
        assert.ok(found.complete > 20);
      }
    });
  }

  test("continues after a crash in the middle: the state is filled again, or restored from its image", async (t) => {
    const { items, random, lostAt } = marketAt(t);
    const { store, settledBeforeMs } = await historyOf(items.slice(0, lostAt), ALWAYS, OTHERS);
    const latest = offsetBefore(items, settledBeforeMs - 180_000);
    const first = await start(items, latest, store);
    const middle = first.started.nextOffset + 20;
    first.run.takeAll(items.slice(first.started.nextOffset, middle));
    // An image keeps from when on records count.
    const restored = new EngineRun(CONFIG, restoreImage(CONFIG, takeImage(first.run.engine), random));
    const again = await start(items, latest, store);
    for (const [run, from] of [
      [first.run, middle],
      [restored, middle],
      [again.run, again.started.nextOffset],
    ] as const) {
      run.takeAll(items.slice(from));
      const model = modelOf(items);
      const found = compare({ ...first, run }, model, model.maxHighMs()!);
      assert.equal(found.incomplete, 0);
    }
  });

  test("says that windows are incomplete where the log begins later than the history ends, and is complete when they have passed", async (t) => {
    const { items, lostAt } = marketAt(t);
    const { store } = await historyOf(items.slice(0, lostAt), ALWAYS, OTHERS);
    const warm = await start(items, lostAt - 50, store);
    assert.match(warm.started.problem!, /The history of partition 3 is final up to .*, and the log begins at offset/);
    assert.equal(warm.started.nextOffset, lostAt - 50);
    const end = lostAt + 100;
    warm.run.takeAll(items.slice(warm.started.nextOffset, end));
    const model = modelOf(items.slice(0, end));
    assert.ok(compare(warm, model, model.maxHighMs()!).incomplete > 10);
    warm.run.takeAll(items.slice(end));
    const whole = modelOf(items);
    const later = whole.maxHighMs()! + 3_600_000;
    assert.equal(compare(warm, whole, later).incomplete, 0);
  });

  test("windows that reach into a gap of the history are incomplete", async (t) => {
    const { items, lostAt } = marketAt(t);
    const { store, settledBeforeMs } = await historyOf(items.slice(0, lostAt), ALWAYS, OTHERS);
    const gap = { fromMs: settledBeforeMs - 50 * MINUTE_MS, toMs: settledBeforeMs - 40 * MINUTE_MS };
    await store.noteGap({ ...STREAM, ...gap, cause: "the store was away", isRepairable: true });
    const warm = await start(items, offsetBefore(items, settledBeforeMs - 180_000), store);
    assert.equal(warm.run.engine.seenSinceMs(), gap.toMs);
    warm.run.takeAll(items.slice(warm.started.nextOffset, lostAt));
    const model = modelOf(items.slice(0, lostAt));
    const found = compare(warm, model, model.maxHighMs()!);
    assert.ok(found.complete > 0 && found.incomplete > 0);
  });

  test("counters count records of the log alone", async (t) => {
    const { items, lostAt } = marketAt(t);
    const { store, settledBeforeMs } = await historyOf(items.slice(0, lostAt), ALWAYS, OTHERS);
    const warm = await start(items, offsetBefore(items, settledBeforeMs - 180_000), store);
    assert.equal(warm.run.engine.counters.accepted, 0);
    warm.run.takeAll(items.slice(warm.started.nextOffset));
    assert.equal(warm.run.engine.counters.accepted, items.length - warm.started.nextOffset);
  });

  test("a history without the partition fills nothing", async () => {
    const run = new EngineRun(CONFIG);
    const options = {
      partition: 3,
      engine: run.engine,
      history: new MemoryHistory(),
      ...logFrom([], 0),
      signal: never,
    };
    assert.equal(await warmStart(options), undefined);
    assert.equal(run.engine.maxHighMs(), undefined);
  });
});

describe("how far a history reaches back", () => {
  const at = (minute: number): number => minute * MINUTE_MS;
  const stream = (epoch: number, from: number, to: number, mark: number) => ({
    ...{ logId: "a", partition: 3, epoch, firstSequence: 0, nextSequence: 5, rows: 5 },
    ...{ span: { fromMs: at(from), toMs: at(to) }, settledBeforeMs: at(mark) },
  });
  const status = (streams: readonly ReturnType<typeof stream>[], gaps: readonly [number, number][] = []) => ({
    ...{ schemaVersion: 1, streams, rows: 1, bytes: 1, fromMs: at(5), toMs: at(900) },
    gaps: gaps.map(([from, to]) => ({
      ...{ logId: "a", partition: 3, epoch: 1, fromMs: at(from), toMs: at(to), cause: "", isRepairable: true },
    })),
  });
  const reach = (...args: Parameters<typeof status>) => {
    const found = historyReach(status(...args), 3);
    return found === undefined ? undefined : [found.fromMs / MINUTE_MS, found.toMs / MINUTE_MS];
  };

  test("follows streams, gaps and holes between streams", () => {
    assert.equal(reach([]), undefined);
    assert.deepEqual(reach([stream(1, 0, 9_999, 500)]), [5, 500]);
    assert.deepEqual(reach([stream(1, 0, 9_999, 500)], [[100, 200]]), [200, 500]);
    assert.deepEqual(reach([stream(1, 0, 9_999, 500)], [[400, 600]]), undefined);
    assert.deepEqual(reach([stream(1, 0, 9_999, 300), stream(2, 300, 9_999, 500)]), [5, 500]);
    assert.deepEqual(reach([stream(1, 0, 9_999, 299), stream(2, 300, 9_999, 500)]), [300, 500]);
    assert.deepEqual(reach([stream(1, 0, 9_999, 500), stream(7, 100, 200, 200)]), [5, 500]);
    assert.deepEqual(reach([stream(1, 0, 9_999, 500), stream(2, 600, 9_999, 0)]), [5, 500]);
    assert.deepEqual(reach([stream(1, 0, 9_999, 500), stream(2, 495, 9_999, 0)]), [5, 495]);
    assert.deepEqual(reach([stream(1, 0, 9_999, 500), stream(2, 495, 9_999, 498)]), [5, 498]);
    assert.deepEqual(reach([stream(1, 0, 9_999, 500), stream(2, 495, 9_999, 0), stream(3, 490, 9_999, 0)]), [5, 490]);
    assert.equal(historyReach(status([stream(1, 0, 9_999, 500)]), 2), undefined);
  });
});
