/** Compares the history store with what uninterrupted engines settled: after each round its counts, and at the end every row, by SQL and by the reader. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { HistoryGap, HistoryStatus, RawRow, SettledRow, StreamStatus } from "../../src/ports/history-store.ts";
import { rawRowsOf, settledRowsOf } from "../stores/history/clickhouse/fixture.ts";
import { SESSION_MS } from "./disturbances.ts";
import { DATABASE, type HistoryServer } from "./history-server.ts";
import type { HistoryTruth } from "./history-truth.ts";

const LIMIT_MS = 25 * SESSION_MS;
const POLL_MS = 250;
const PAGE_ROWS = 20_000;
const EVERYTHING = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };

export type HistoryCompared = {
  readonly settledRows: number;
  readonly rawRows: number;
  readonly streams: number;
  /** Marks of valid streams. */
  readonly marks: number;
  /** Rows that the tables hold more than once, until ClickHouse merges them or a query leaves them out. */
  readonly copies: number;
  /** Gaps in which no row is missing: a chain began with swaps from before a mark. */
  readonly emptyGaps: number;
};

/** Resolves when the store has as many rows of each partition as its engine handed over, and no gap. Rejects with what differs at last. */
export async function historySettled(store: HistoryServer, truths: readonly HistoryTruth[]): Promise<void> {
  const startedMs = performance.now();
  for (;;) {
    // A record of the producer whose answer was lost may reach the topic late.
    for (const truth of truths) await truth.follow();
    const different = await differences(store, truths);
    if (different.length === 0) return;
    if (performance.now() - startedMs > LIMIT_MS) {
      throw new Error(`the history did not become complete within ${LIMIT_MS} ms:\n${different.join("\n")}`);
    }
    await pause(POLL_MS);
  }
}

async function differences(store: HistoryServer, truths: readonly HistoryTruth[]): Promise<string[]> {
  const status = await store.reader.status();
  const raw = await rawCounts(store);
  const different = status.gaps.filter(isMissing).map((gap) => `a gap: ${JSON.stringify(gap)}`);
  for (const { partition, settledRows, rawRows, position } of truths) {
    const valid = validStream(status, partition);
    const isWhole = valid?.firstSequence === 0 && valid.nextSequence === settledRows && valid.rows === settledRows;
    if (settledRows > 0 && !isWhole) {
      different.push(
        `partition ${partition} has ${settledRows} settled swaps, and its stream is ${JSON.stringify(valid)}`,
      );
    }
    const found = raw.get(partition) ?? 0;
    if (found !== rawRows)
      different.push(`partition ${partition} has ${rawRows} raw events up to ${position}, and the store ${found}`);
  }
  return different;
}

/** A chain that begins with swaps from before a mark makes a gap in which no row is missing. Noted again after a restore it may reach over some. */
function isMissing({ sequences, cause }: HistoryGap): boolean {
  return sequences === undefined || (sequences.from < sequences.to && !cause.startsWith("A chain began"));
}

/** The stream of the greatest epoch: every one is made from the beginning of the topic. */
function validStream({ streams }: HistoryStatus, partition: number): StreamStatus | undefined {
  const own = streams.filter((stream) => stream.partition === partition);
  return own.sort((a, b) => a.epoch - b.epoch).at(-1);
}

async function rawCounts({ server }: HistoryServer): Promise<ReadonlyMap<number, number>> {
  const text = await server.sql(`SELECT partition, count() FROM ${DATABASE}.events FINAL GROUP BY partition`);
  const lines = text.split("\n").filter((line) => line !== "");
  return new Map(lines.map((line) => line.split("\t").map(Number) as [number, number]));
}

/** Compares every row, all marks, and what the store finds when it verifies itself. Rejects with the first difference. */
export async function compareHistory(store: HistoryServer, truths: readonly HistoryTruth[]): Promise<HistoryCompared> {
  await historySettled(store, truths);
  for (const truth of truths) {
    await compareSettled(store, truth);
    await compareRaw(store, truth);
  }
  await compareReader(store, truths);
  assert.deepEqual(await store.reader.verify(new AbortController().signal), []);
  const status = await store.reader.status();
  const valid = truths.map(({ partition }) => validStream(status, partition)).filter((stream) => stream !== undefined);
  const marks = valid.filter(({ settledBeforeMs }) => settledBeforeMs > 0);
  for (const stream of marks) await checkMark(store, truths, stream);
  const all = (table: string, final: string): Promise<string> =>
    store.server.sql(`SELECT count() FROM ${DATABASE}.${table} ${final}`);
  const counts = await Promise.all([
    all("swaps", ""),
    all("swaps", "FINAL"),
    all("events", ""),
    all("events", "FINAL"),
  ]);
  const [swaps = 0, swapsOnce = 0, events = 0, eventsOnce = 0] = counts.map(Number);
  return {
    settledRows: truths.reduce((sum, truth) => sum + truth.settledRows, 0),
    rawRows: truths.reduce((sum, truth) => sum + truth.rawRows, 0),
    streams: status.streams.length,
    marks: marks.length,
    emptyGaps: status.gaps.length,
    copies: swaps - swapsOnce + events - eventsOnce,
  };
}

async function compareSettled({ server }: HistoryServer, truth: HistoryTruth): Promise<void> {
  let sequence = 0;
  let page: Awaited<ReturnType<typeof settledRowsOf>> = [];
  for (const row of truth.settled()) {
    const at = sequence % PAGE_ROWS;
    if (at === 0) {
      const where = `partition = ${truth.partition} AND sequence >= ${sequence} AND sequence < ${sequence + PAGE_ROWS}`;
      page = await settledRowsOf(server, DATABASE, where);
    }
    assert.deepEqual(page[at], { sequence, row }, `partition ${truth.partition}`);
    sequence += 1;
    assert.ok(sequence % PAGE_ROWS !== 0 || page.length === PAGE_ROWS, `partition ${truth.partition} has a row twice`);
  }
  const where = `partition = ${truth.partition} AND sequence >= ${sequence}`;
  assert.deepEqual(await settledRowsOf(server, DATABASE, where), [], `partition ${truth.partition} has more rows`);
}

async function compareRaw({ server }: HistoryServer, truth: HistoryTruth): Promise<void> {
  let fromOffset = 0;
  let expected: RawRow[] = [];
  const compare = async (where: string): Promise<void> => {
    const found = await rawRowsOf(
      server,
      DATABASE,
      `partition = ${truth.partition} AND offset >= ${fromOffset} ${where}`,
    );
    const what = `raw events of partition ${truth.partition} from offset ${fromOffset} on`;
    // The difference of two long lists names neither the place nor the lengths.
    const at = expected.findIndex((row, i) => found[i]?.offset !== row.offset || found[i]?.index !== row.index);
    const place = at < 0 ? "the same offsets" : `${found[at]?.offset} at the place of ${expected[at]?.offset}`;
    assert.ok(at < 0 && found.length === expected.length, `${what}: ${found.length} of ${expected.length}, ${place}`);
    assert.deepEqual(found, expected, what);
    expected = [];
  };
  for (const row of truth.raw()) {
    if (expected.length >= PAGE_ROWS && row.index === 0) {
      await compare(`AND offset < ${row.offset}`);
      fromOffset = row.offset;
    }
    expected.push(row);
  }
  await compare("");
}

/** The reader does not tell partitions and sequences, so rows are counted by their content. */
async function compareReader(store: HistoryServer, truths: readonly HistoryTruth[]): Promise<void> {
  const counts = new Map<string, number>();
  const count = (row: SettledRow, by: number): void => {
    const key = digest(row);
    const now = (counts.get(key) ?? 0) + by;
    if (now === 0) counts.delete(key);
    else counts.set(key, now);
  };
  for (const truth of truths) for (const row of truth.settled()) count(row, 1);
  for await (const rows of store.reader.rows(EVERYTHING, undefined, [], new AbortController().signal)) {
    for (const row of rows) {
      count(row, -1);
      assert.ok(counts.get(digest(row)) !== -1, `the reader has this row too often: ${text(row)}`);
    }
  }
  assert.equal(counts.size, 0, "the reader lacks rows");
}

const text = (row: SettledRow): string =>
  JSON.stringify(row, (_name, value) => (typeof value === "bigint" ? String(value) : value));

function digest(row: SettledRow): string {
  const sorted = Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));
  return hash("md5", text(sorted as SettledRow), "base64url");
}

/** Every swap before the time of the mark has a sequence below the one of the mark. */
async function checkMark(
  { server }: HistoryServer,
  truths: readonly HistoryTruth[],
  { partition, logId, epoch, settledBeforeMs }: StreamStatus,
): Promise<void> {
  const stream = `log_id = '${logId}' AND partition = ${partition} AND epoch = ${epoch}`;
  const marks = `SELECT max(sequence) FROM ${DATABASE}.history_marks FINAL WHERE kind = 'settled' AND ${stream}`;
  const sequence = Number(await server.sql(marks));
  const truth = truths[partition];
  assert.ok(truth !== undefined);
  let at = 0;
  for (const { eventTimeMs } of truth.settled()) {
    assert.ok(
      at < sequence || eventTimeMs >= settledBeforeMs,
      `the mark of partition ${partition} says that all swaps before ${settledBeforeMs} are below ${sequence}, and ${at} is at ${eventTimeMs}`,
    );
    at += 1;
  }
  assert.ok(sequence <= at, `the mark of partition ${partition} is behind its rows`);
  const unsettledMs = truth.settledBeforeMs() ?? 0;
  assert.ok(settledBeforeMs <= unsettledMs, `partition ${partition} has swaps of ${unsettledMs} that have not settled`);
}
