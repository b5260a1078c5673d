import assert from "node:assert/strict";
import { test } from "node:test";
import type { HistoryStatus, RawRow, SettledRow } from "../../src/ports/history-store.ts";
import type { RawGap } from "../../src/ports/history-stream.ts";
import type { RecordBatch } from "../../src/ports/source.ts";
import { EmbeddedCheckpointStore } from "../../src/stores/embedded-checkpoint-store.ts";
import { streamOf } from "../pipeline/checkpoint/engine-life.ts";
import { SimulatedDisk } from "../pipeline/checkpoint/simulated-disk.ts";
import { MemoryHistory } from "../support/memory-history.ts";
import { randomFrom, seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { FaultyHistory } from "./faulty-history.ts";
import { Life, type LifeOptions, rawOfWholeRun, rowsOfWholeRun } from "./history-life.ts";
import { assertSameRows, type Lived, liveThrough, RECORDS, type Round, validRows, WIDE } from "./lives.ts";

const ROUNDS = Math.max(1, Math.round(4 * Number(process.env.SWAPSTATS_TEST_RUNS ?? 1)));

const keyOf = (row: SettledRow): string => `${row.eventTimeMs} ${row.chainId} ${row.token} ${row.eventId}`;

async function rounds(t: Parameters<typeof seedOf>[0] & Parameters<typeof tempDir>[0], round: Round) {
  const seed = seedOf(t);
  const random = randomFrom(seed);
  const folder = tempDir(t, "history");
  const all: (Lived & { expected: SettledRow[]; batches: readonly RecordBatch[] })[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const batches = streamOf(seed + i, RECORDS, random);
    const expected = rowsOfWholeRun(batches);
    assert.ok(expected.length > 400, `only ${expected.length} swaps have settled`);
    all.push({ expected, batches, ...(await liveThrough(folder, batches, random, round)) });
  }
  return all;
}

// Without room for the rows that settle before the first image is stored, that image could not carry them.
const TAIL_BYTES = 200_000;

test("after kills, and with calls of both stores that fail, come late or time out, every row is there exactly once", async (t) => {
  for (const { expected, batches, rows, raw, status } of await rounds(t, {
    ...WIDE,
    onFailure: "block",
    pressure: 0.2,
    faults: 0.2,
    away: 0,
    tailBytes: TAIL_BYTES,
  })) {
    assert.deepEqual(status.gaps, []);
    const byOffset = [...raw].sort((a, b) => a.offset - b.offset);
    const expectedRaw = rawOfWholeRun(batches);
    assert.equal(byOffset.length, expectedRaw.length);
    for (const [i, row] of expectedRaw.entries()) assert.deepEqual(byOffset[i], row);
    assertSameRows(rows, expected);
    const last = status.streams.reduce((a, b) => (a.epoch > b.epoch ? a : b));
    assert.equal(last.firstSequence, 0);
    assert.equal(last.rows, last.nextSequence);
  }
});

const SMALL = { memoryBytes: 4_000, spoolBytes: 12_000, pressure: 0.2, faults: 0.2, away: 0 };

test("with block, a small buffer delays the swaps, and no row is missing", async (t) => {
  for (const { expected, rows, status } of await rounds(t, { ...SMALL, onFailure: "block", diskFaults: [0] })) {
    assert.deepEqual(status.gaps, []);
    assertSameRows(rows, expected);
  }
});

/** Returns how many rows are missing. Fails for a row that is there twice, that is no row of the whole run, or that is missing and lies in no gap. */
function assertMissingInGaps(
  rows: readonly SettledRow[],
  expected: readonly SettledRow[],
  { gaps }: HistoryStatus,
): number {
  const found = new Set(rows.map(keyOf));
  assert.equal(found.size, rows.length, "a row is there twice");
  const all = new Set(expected.map(keyOf));
  for (const key of found) assert.ok(all.has(key), `${key} is no row of the whole run`);
  const inGap = (ms: number): boolean => gaps.some(({ fromMs, toMs }) => fromMs <= ms && ms < toMs);
  const missing = expected.filter((row) => !found.has(keyOf(row)));
  for (const row of missing) assert.ok(inGap(row.eventTimeMs), `${keyOf(row)} is missing, and lies in no gap`);
  for (const gap of gaps) assert.ok(gap.isRepairable);
  return missing.length;
}

// A base that cannot be written while the buffer is full leaves nothing from which the rows in the buffer's file can be made again.
test("with block, rows are missing only where the checkpoint store fails as well, and in gaps", async (t) => {
  let rounded = 0;
  for (const { expected, rows, status } of await rounds(t, { ...SMALL, onFailure: "block" })) {
    if (assertMissingInGaps(rows, expected, status) > 0) rounded += 1;
  }
  t.diagnostic(`rounds with missing rows: ${rounded} of ${ROUNDS}`);
});

test("with gap, rows that a full buffer or a crash loses lie in gaps, and no others are missing", async (t) => {
  let gaps = 0;
  for (const { expected, rows, status } of await rounds(t, { ...SMALL, onFailure: "gap", pressure: 0.3, away: 0.5 })) {
    if (assertMissingInGaps(rows, expected, status) > 0) gaps += 1;
  }
  t.diagnostic(`rounds with missing rows: ${gaps} of ${ROUNDS}`);
});

/** Returns how many raw rows are missing. Fails for one that is there twice, that is none of the whole run, or that is missing and was not told. */
function assertMissingRawIsTold(raw: readonly RawRow[], batches: readonly RecordBatch[], gaps: readonly RawGap[]) {
  const expected = new Map(rawOfWholeRun(batches).map((row) => [row.offset, row]));
  const found = new Set(raw.map(({ offset }) => offset));
  assert.equal(found.size, raw.length, "a raw row is there twice");
  for (const row of raw) assert.deepEqual(row, expected.get(row.offset));
  const isTold = (offset: number): boolean =>
    gaps.some(({ fromOffset, toOffset }) => fromOffset <= offset && offset < toOffset);
  const missing = [...expected.keys()].filter((offset) => !found.has(offset));
  for (const offset of missing) assert.ok(isTold(offset), `the raw row at ${offset} is missing, and nothing tells it`);
  return missing.length;
}

test("raw events that an image lies beyond, because it could not wait for the history, are told", async (t) => {
  const limits = { ...WIDE, onFailure: "gap" as const, pressure: 0.5, faults: 0.2, away: 0.7 };
  let missing = 0;
  for (const { batches, raw, rawGaps } of await rounds(t, limits)) {
    missing += assertMissingRawIsTold(raw, batches, rawGaps);
  }
  t.diagnostic(`missing raw events: ${missing} in ${ROUNDS} rounds`);
});

const UNPRESSED = { ...WIDE, onFailure: "gap", pressure: 0, faults: 0.1, away: 0.3 } as const;

test("with `gap` and a large buffer, kills lose no row", async (t) => {
  for (const { expected, rows, status, raw, rawGaps, batches } of await rounds(t, {
    ...UNPRESSED,
    diskFaults: [0],
    tailBytes: TAIL_BYTES,
  })) {
    assert.deepEqual([status.gaps, rawGaps], [[], []]);
    assertSameRows(rows, expected);
    assert.equal(assertMissingRawIsTold(raw, batches, rawGaps), 0);
  }
});

// An image that takes the place of a delta that was not written carries the settled rows that are in memory, and no raw events.
test("where the checkpoint store fails as well, what is missing is told", async (t) => {
  for (const { expected, rows, status, raw, rawGaps, batches } of await rounds(t, UNPRESSED)) {
    assertMissingInGaps(rows, expected, status);
    assertMissingRawIsTold(raw, batches, rawGaps);
  }
});

test("an image that begins while nothing covers its rows carries them, and that it does not carry raw ones is told", async (t) => {
  const seed = seedOf(t);
  const random = randomFrom(seed);
  const batches = streamOf(seed, RECORDS, random);
  const memory = new MemoryHistory();
  const rawGaps: RawGap[] = [];
  const options = (disk: SimulatedDisk, history: FaultyHistory): LifeOptions => {
    const checkpoints = new EmbeddedCheckpointStore("/data", disk.fs);
    const limits = { rawGaps, ...WIDE, onFailure: "gap" as const, pressure: 0 };
    return { checkpoints, history: history.store, batches, random, folder: tempDir(t, "history"), ...limits };
  };
  const disk = new SimulatedDisk();
  const away = new FaultyHistory(memory, random, 0);
  away.isAway = true;
  disk.fate = (_call, what) => (what.includes("base") ? "fail" : undefined);
  const life = new Life(options(disk, away), { tailBytes: 2 ** 24 });
  await life.run(RECORDS / 2);
  disk.fate = () => undefined;
  await life.save();
  life.kill();
  const last = new Life(options(disk.afterKill(), new FaultyHistory(memory, random, 0)));
  await last.run(Number.POSITIVE_INFINITY);
  await last.finish();
  const { streams, gaps } = await memory.status();
  assert.deepEqual([streams.length, gaps], [1, []]);
  assertSameRows(await validRows(memory), rowsOfWholeRun(batches));
  const missing = assertMissingRawIsTold(memory.rawRows(), batches, rawGaps);
  const [{ fromOffset, toOffset }, ...others] = rawGaps as [RawGap, ...RawGap[]];
  assert.deepEqual([fromOffset, toOffset - fromOffset >= missing, others], [0, true, []]);
  assert.ok(missing > 0);
  assert.equal(last.rawGaps, 1);
  const named = new RegExp(`^Raw events of the records 0 to ${toOffset - 1} of partition 0 may be missing`);
  assert.ok(
    last.problems.some((problem) => named.test(problem)),
    last.problems.join("\n"),
  );
});
