/** Gaps whose rows come later, behind the marks, for the suite of the stores. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HistoryGap, HistoryStore, SequenceRange, SettledRow, Span } from "../../../src/ports/history-store.ts";
import { MemoryHistory } from "../../support/memory-history.ts";
import { type Random, randomFrom, seedOf } from "../../support/seed.ts";
import { compareAll, compareStatus } from "./compare-stores.ts";
import { compactFully, type HistoryBackend, opened } from "./contract.ts";
import { HistoryMaker, type MadeHistory, MINUTE_MS } from "./random-history.ts";

type MadeStream = MadeHistory["streams"][number];
type Hole = { readonly stream: MadeStream; readonly gap: HistoryGap & { readonly sequences: SequenceRange } };

export function registerRefilledGaps(backend: () => HistoryBackend): void {
  for (const [i, stepMs] of [20_000, 2 * 3_600_000].entries()) {
    test(`rows of gaps that come behind the marks every ${stepMs} ms are there once, with the right sums, also after a kill`, async (t) => {
      const random = randomFrom(seedOf(t));
      const maker = new HistoryMaker(random);
      const history = maker.history({ streams: 3, rows: 80, stepMs });
      const space = `refilled${i}`;
      let store = await opened(t, backend(), space);
      const model = new MemoryHistory();
      const holes = history.streams.flatMap((stream) => holesOf(stream, random));
      for (const one of [store, model]) {
        for (const { key, span } of history.streams) await one.beginStream(key, span);
        for (const stream of history.streams) await appendAround(one, stream, holes);
        for (const { gap } of holes) await one.noteGap(gap);
      }
      await compareMissing(store, model, holes, wholeOf);
      await store.compact(t.signal);
      const run = { maker, history, lengthMs: 80 * stepMs, rounds: 1 };
      await compareMissing(store, model, holes);
      await compareStatus(store, model);
      for (const [i, { stream, gap }] of holes.entries()) {
        const { from, to } = gap.sequences;
        const middle = from + random.below(to - from + 1);
        for (const one of [store, model]) await fill(one, stream, { from, to: middle }, random);
        // The writer is killed here, and another one begins from what is missing.
        await store.close();
        store = await opened(t, backend(), space);
        // Compaction may have removed rows of filled ones that no stream makes valid.
        await compareMissing(store, model, holes.slice(i));
        for (const rest of await store.missingSequences(stream.key, gap.sequences)) {
          for (const one of [store, model]) await fill(one, stream, rest, random);
        }
        for (const one of [store, model]) await one.closeGaps(stream.key, gap);
        assert.deepEqual(await store.missingSequences(stream.key, gap.sequences), []);
        if (random.chance(0.3)) await store.compact(t.signal);
      }
      await compareAll({ ...run, rounds: 2 }, store, model);
      await compareStatus(store, model);
      assert.deepEqual((await store.status()).gaps, []);
      assert.deepEqual(await store.verify(t.signal), []);
      await compactFully(t, store);
      await compareAll(run, store, model);
    });
  }

  test("one process at a time repairs a store", async (t) => {
    const first = await opened(t, backend(), "repaired");
    const second = await opened(t, backend(), "repaired");
    const busy = (error: Error & { code?: string }): boolean =>
      (error.code === "unavailable" && /^Another process repairs/.test(error.message)) ||
      error.code === "data_folder_locked";
    const neverRun = async (): Promise<void> => assert.fail("both repair");
    const repaired = await first.repairAlone(async (requireAlone) => {
      await assert.rejects(second.repairAlone(neverRun), busy);
      await requireAlone();
      return "repaired";
    });
    assert.equal(repaired, "repaired");
    const failed = first.repairAlone(() => Promise.reject(new RangeError("not repairable")));
    await assert.rejects(failed, { name: "RangeError", message: "not repairable" });
    await first.close();
    await second.close();
    const third = await opened(t, backend(), "repaired");
    assert.equal(await third.repairAlone(async (requireAlone) => requireAlone().then(() => 1)), 1);
  });

  test("two gaps of the same times are one, with the sequences of both", async (t) => {
    const store = await opened(t, backend(), "gaps of one time");
    const model = new MemoryHistory();
    const stream = { logId: "log-a", partition: 2, epoch: 1 };
    const gap = { ...stream, fromMs: 0, toMs: MINUTE_MS, cause: "the store was away", isRepairable: true };
    const gaps: HistoryGap[] = [
      { ...gap, sequences: { from: 5, to: 7 } },
      { ...gap, sequences: { from: 9, to: 2 ** 40 } },
      { ...gap, sequences: { from: 6, to: 10 } },
      { ...gap, toMs: 2 * MINUTE_MS, sequences: { from: 0, to: 0 } },
      { ...gap, toMs: 3 * MINUTE_MS },
      { ...gap, toMs: 4 * MINUTE_MS, sequences: { from: 1, to: 2 } },
      { ...gap, toMs: 4 * MINUTE_MS },
    ];
    for (const one of [store, model]) {
      await one.beginStream(stream, { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER });
      for (const noted of gaps) await one.noteGap(noted);
    }
    const known = (await model.status()).gaps.map(({ sequences }) => sequences);
    assert.deepEqual(known, [{ from: 5, to: 2 ** 40 }, { from: 0, to: 0 }, undefined, undefined]);
    await compareStatus(store, model);
    assert.deepEqual(await store.missingSequences(stream, { from: 3, to: 9 }), [{ from: 3, to: 9 }]);
    assert.deepEqual(await store.missingSequences(stream, { from: 3, to: 3 }), []);
  });
}

/** Up to two ranges of a stream that do not touch, with the whole minutes of their rows. */
function holesOf(stream: MadeStream, { below }: Random): Hole[] {
  const { key, fromSequence, rows } = stream;
  const parts = [0, 1].map((half) => Math.floor((half * rows.length) / 2));
  return parts.flatMap((begin, i) => {
    const end = i === 0 ? (parts[1] as number) - 1 : rows.length;
    const from = begin + below(Math.max(1, end - begin));
    const to = from + below(Math.max(1, end - from + 1));
    const times = rows.slice(from, to).map(({ eventTimeMs }) => eventTimeMs);
    if (times.length === 0) return [];
    const span: Span = {
      fromMs: Math.floor(Math.min(...times) / MINUTE_MS) * MINUTE_MS,
      toMs: (Math.floor(Math.max(...times) / MINUTE_MS) + 1) * MINUTE_MS,
    };
    const sequences = { from: fromSequence + from, to: fromSequence + to };
    const cause = "The history store was away.";
    return [{ stream, gap: { ...key, ...span, cause, isRepairable: true, sequences } }];
  });
}

/** Appends the rows that lie in no hole, and all marks. */
async function appendAround(store: HistoryStore, stream: MadeStream, holes: readonly Hole[]): Promise<void> {
  const { key, fromSequence, rows, marks } = stream;
  const own = holes.filter((hole) => hole.stream === stream).map(({ gap }) => gap.sequences);
  let next = fromSequence;
  for (const { from, to } of [
    ...own,
    { from: fromSequence + rows.length, to: Number.MAX_SAFE_INTEGER } satisfies SequenceRange,
  ]) {
    await append(store, stream, { from: next, to: from });
    next = to;
  }
  for (const mark of marks) await store.append({ settled: [], raw: [], marks: [{ ...mark, ...key }] });
}

async function append(store: HistoryStore, { key, fromSequence: first, rows }: MadeStream, range: SequenceRange) {
  const part: SettledRow[] = rows.slice(range.from - first, range.to - first);
  const settled = part.length === 0 ? [] : [{ ...key, fromSequence: range.from, rows: part }];
  await store.append({ settled, raw: [], marks: [] });
}

/** Appends the range in cuts of any size, some of them twice. */
async function fill(
  store: HistoryStore,
  stream: MadeStream,
  { from, to }: SequenceRange,
  random: Random,
): Promise<void> {
  for (let next = from; next < to; ) {
    const end = Math.min(to, next + 1 + random.below(80));
    await append(store, stream, { from: next, to: end });
    if (random.chance(0.2)) await append(store, stream, { from: next, to: end });
    next = end;
  }
}

const sequencesOf = ({ gap }: Hole): SequenceRange => gap.sequences;
/** As for a gap of an older version. Stores do not know the sequences of rows that they removed, so it is asked before they do. */
const wholeOf = ({ stream: { fromSequence, rows } }: Hole): SequenceRange => ({
  from: fromSequence,
  to: fromSequence + rows.length,
});

async function compareMissing(
  store: HistoryStore,
  model: HistoryStore,
  holes: readonly Hole[],
  rangeOf = sequencesOf,
): Promise<void> {
  for (const hole of holes) {
    const range = rangeOf(hole);
    const [got, expected] = await Promise.all(
      [store, model].map((one) => one.missingSequences(hole.stream.key, range)),
    );
    assert.deepEqual(got, expected);
  }
}
