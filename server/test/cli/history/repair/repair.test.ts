/** `history repair` after runs of real owners that lost rows: the history is then that of the run without interruption. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gapGroups, isSuperseded } from "../../../../src/cli/history/repair/gap-groups.ts";
import { historyRepair, type RepairOptions, type SettledSource } from "../../../../src/cli/history/repair/repair.ts";
import { verifyHistory } from "../../../../src/cli/history/verify-history.ts";
import type { HistoryStore, SettledRow } from "../../../../src/ports/history-store.ts";
import type { RecordBatch } from "../../../../src/ports/source.ts";
import type { PastLog } from "../../../../src/sources/open-source.ts";
import { markOfWholeRun, rowsOfWholeRun, SETTLING } from "../../../history/history-life.ts";
import { assertSameRows, liveThrough, RECORDS, validRows } from "../../../history/lives.ts";
import { streamOf } from "../../../pipeline/checkpoint/engine-life.ts";
import { never } from "../../../sources/embedded/log-support.ts";
import { MemoryHistory } from "../../../support/memory-history.ts";
import { memoryOutput } from "../../../support/memory-output.ts";
import { type Random, randomFrom, seedOf } from "../../../support/seed.ts";
import { tempDir } from "../../../support/tmp.ts";
import { logOf } from "./past-log.ts";

const ROUNDS = Math.max(1, Math.round(4 * Number(process.env.SWAPSTATS_TEST_RUNS ?? 1)));
/** Owners that lose rows, and then one that does not and goes on for as long. */
const LOSSES = {
  memoryBytes: 4_000,
  spoolBytes: 12_000,
  pressure: 0.3,
  faults: 0.2,
  away: 0.5,
  onFailure: "gap",
  lastHasRoom: true,
} as const;

type Lost = {
  readonly memory: MemoryHistory;
  readonly batches: readonly RecordBatch[];
  readonly expected: SettledRow[];
};

/** A history with gaps, whose newest mark is behind all of them. */
async function lostRows(t: Parameters<typeof tempDir>[0], seed: number, random: Random): Promise<Lost> {
  const batches = streamOf(seed, 2 * RECORDS, random);
  const { memory, status, rows } = await liveThrough(tempDir(t, "repair"), batches, random, LOSSES);
  const expected = rowsOfWholeRun(batches);
  if (rows.length === expected.length) return lostRows(t, seed + 1_000, random);
  const stream = status.streams.reduce((a, b) => (a.epoch > b.epoch ? a : b));
  const marks = [{ ...stream, sequence: stream.nextSequence, beforeMs: markOfWholeRun(batches) }];
  await memory.append({ settled: [], raw: [], marks });
  return { memory, batches, expected };
}

/** Rows are lost as by `lostRows`, and an answer reads the times of a gap. `gap` is the first such one. */
async function lostRowsOfAnswers(t: Parameters<typeof tempDir>[0], seed: number, random: Random) {
  const lost = await lostRows(t, seed, random);
  const status = await lost.memory.status();
  const group = gapGroups(status, { partition: undefined }).find((one) => !isSuperseded(one, status));
  if (group === undefined) return lostRowsOfAnswers(t, seed + 1_000, random);
  return { ...lost, gap: group.span };
}

type Known = Awaited<ReturnType<SettledSource["knownOf"]>>;

async function repair(store: HistoryStore, log: PastLog, options: RepairOptions = {}, known?: Known): Promise<string> {
  const output = memoryOutput();
  const source = { config: SETTLING, openLog: async () => log, knownOf: async () => known };
  try {
    await historyRepair({ kind: "embedded", store }, options, source, output, never);
  } catch (error) {
    return `${output.outText()}${(error as Error).message}`;
  }
  return output.outText();
}

/** The store until a process is killed: at that write, which may still be applied. */
function cutWrites(store: MemoryHistory, random: Random, at: number): HistoryStore {
  let writes = 0;
  return new Proxy<HistoryStore>(store, {
    get: (_, name: keyof HistoryStore) => {
      if (name !== "append" && name !== "closeGaps") return store[name].bind(store);
      return async (...args: never[]): Promise<void> => {
        writes += 1;
        if (writes > at || (writes === at && random.chance(0.5))) throw new Error("killed");
        await (store[name] as (...args: never[]) => Promise<void>).apply(store, args);
        if (writes === at) throw new Error("killed");
      };
    },
  });
}

const byName = (rows: ReadonlyMap<string, SettledRow>): [string, SettledRow][] =>
  [...rows].sort(([a], [b]) => (a < b ? -1 : 1));

const swapsOf = (said: string): string[] => Array.from(said.matchAll(/repaired: ([1-9][0-9,]*) swaps/g), ([, n]) => n!);

/** Gaps that stay may only be of streams that later ones replace. */
async function assertFilled(store: HistoryStore, said: string): Promise<void> {
  const { gaps } = await store.status();
  const replaced = said.match(/stays: a later stream/g)?.length ?? 0;
  assert.equal(replaced === 0, gaps.length === 0, said);
  assert.doesNotMatch(said, /not repaired/);
}

test("after a repair the history is that of the run without interruption", async (t) => {
  const seed = seedOf(t);
  const random = randomFrom(seed);
  let missing = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const { memory, batches, expected } = await lostRows(t, seed + i, random);
    const before = await validRows(memory);
    missing += expected.length - before.length;
    const dry = await repair(memory, logOf(batches), { dryRun: true });
    assert.deepEqual(await validRows(memory), before, dry);
    const said = await repair(memory, logOf(batches));
    await assertFilled(memory, said);
    assert.deepEqual(swapsOf(dry), swapsOf(said));
    assertSameRows(await validRows(memory), expected);
    const { isSound, findings } = await verifyHistory(memory, {}, () => {}, never);
    assert.ok(isSound, findings.join("\n"));
    assert.equal(
      (await repair(memory, logOf(batches))).replaceAll(/(.*\n){2}.*stays: .*\n/g, ""),
      "There are no gaps.\n",
    );
  }
  t.diagnostic(`${missing} rows were missing`);
  assert.ok(missing > 0, "no run lost a row");
});

test("a repair that is interrupted anywhere is finished by the next one, with the same sequences", async (t) => {
  const seed = seedOf(t);
  const random = randomFrom(seed);
  for (let i = 0; i < ROUNDS; i++) {
    const { memory, batches, expected } = await lostRows(t, seed + i, random);
    const whole = memory.copy();
    await repair(whole, logOf(batches));
    for (let attempt = 0; attempt < 3; attempt++) {
      await repair(cutWrites(memory, random, 1 + random.below(3)), logOf(batches));
    }
    await assertFilled(memory, await repair(memory, logOf(batches)));
    assertSameRows(await validRows(memory), expected);
    assert.deepEqual(byName(memory.settledRows()), byName(whole.settledRows()));
  }
});

test("a gap of a version without sequences is filled by those that the stream misses", async (t) => {
  const seed = seedOf(t);
  const { memory, batches, expected } = await lostRows(t, seed, randomFrom(seed));
  const old = new MemoryHistory();
  const status = await memory.status();
  for (const stream of status.streams) await old.beginStream(stream, stream.span);
  for (const [name, row] of memory.settledRows()) {
    const [, key, sequence] = /^(\[.*\]) (\d+)$/.exec(name) as unknown as [string, string, string];
    const [logId, partition, epoch] = JSON.parse(key);
    const settled = [{ logId, partition, epoch, fromSequence: Number(sequence), rows: [row] }];
    await old.append({ settled, raw: [], marks: [] });
  }
  for (const stream of status.streams) {
    const marks = [{ ...stream, sequence: stream.nextSequence, beforeMs: stream.settledBeforeMs }];
    await old.append({ settled: [], raw: [], marks });
  }
  for (const { sequences: _, ...gap } of status.gaps) await old.noteGap(gap);
  await assertFilled(old, await repair(old, logOf(batches)));
  assertSameRows(await validRows(old), expected);
});

test("a gap stays where the log does not reach, where the settings are others, and where the history has another swap", async (t) => {
  const seed = seedOf(t);
  const random = randomFrom(seed);
  const { memory, batches, expected, gap } = await lostRowsOfAnswers(t, seed, random);
  const before = byName(memory.settledRows());
  const refused = async (store: HistoryStore, log: PastLog, reason: RegExp, config = SETTLING): Promise<void> => {
    const output = memoryOutput();
    const source = { config, openLog: async () => log, knownOf: async () => undefined };
    await assert.rejects(
      historyRepair({ kind: "embedded", store }, {}, source, output, never),
      /gaps? cannot be repaired/,
    );
    assert.match(output.outText(), reason);
    assert.deepEqual(byName(memory.settledRows()), before);
  };
  const late = batches.findIndex(({ arrivalsMs }) => Number(arrivalsMs) > gap.toMs);
  // Where the log begins with a swap that came late, its time hides that the log does not reach. What is missing tells it then.
  const reach = /The log has all records since .*, and the gap needs those|does not give|sequences are missing/;
  await refused(memory, logOf(batches, late), reach);
  await refused(memory, logOf([]), /not repaired: The log has no records/);
  // Other settings of the price change rows, and a shorter grace leaves some out.
  const priced = { ...SETTLING, priceMinUsdMicro: 2 ** 50 };
  await refused(memory, logOf(batches), /with other values .* \(price\)|sequences are missing/, priced);
  const strict = { ...SETTLING, graceMs: 0, reorgHorizonMs: 0 };
  await refused(memory, logOf(batches), /does not give|sequences are missing/, strict);
  const other = withRows(memory, (rows) => rows.map((row) => ({ ...row, usdMicro: row.usdMicro + 1 })));
  await refused(other, logOf(batches), /with other values than the log gives with this configuration \(usdMicro\)/);
  const more = withRows(memory, (rows) => [...rows, ...rows.map((row) => ({ ...row, eventId: `${row.eventId}x` }))]);
  await refused(more, logOf(batches), /which the log does not give/);
  const fewer = withRows(memory, (rows) => rows.slice(1));
  await refused(fewer, logOf(batches), /swaps that the history lacks, and .* sequences are missing/);
  await assertFilled(memory, await repair(memory, logOf(batches)));
  assertSameRows(await validRows(memory), expected);
});

test("a gap that the checkpoint does not know stays, because a restore may make its rows again", async (t) => {
  const seed = seedOf(t);
  const { memory, batches, expected } = await lostRows(t, seed, randomFrom(seed));
  const before = byName(memory.settledRows());
  const { gaps, streams } = await memory.status();
  const epoch = Math.max(...streams.map((stream) => stream.epoch));
  const own = gaps.filter((gap) => gap.epoch === epoch);
  const end = Math.max(...own.map(({ sequences }) => sequences!.to));
  const said = await repair(memory, logOf(batches), {}, { epoch, settled: end - 1 });
  assert.equal(/does not know the gap yet/.test(said), own.length > 0, said);
  if (own.length === gaps.length && own.length === 1) assert.deepEqual(byName(memory.settledRows()), before);
  await assertFilled(memory, await repair(memory, logOf(batches), {}, { epoch, settled: end }));
  assertSameRows(await validRows(memory), expected);
});

test("a second repair is refused while one runs", async (t) => {
  const seed = seedOf(t);
  const { memory, batches, expected } = await lostRows(t, seed, randomFrom(seed));
  const said = await Promise.all([0, 1].map(() => repair(memory, logOf(batches))));
  assert.equal(said.filter((one) => /^Another process repairs the history in memory\./.test(one)).length, 1);
  assertSameRows(await validRows(memory), expected);
});

function withRows(store: MemoryHistory, change: (rows: readonly SettledRow[]) => SettledRow[]): HistoryStore {
  return new Proxy<HistoryStore>(store, {
    get: (_, name: keyof HistoryStore) => {
      if (name !== "rows") return store[name].bind(store);
      return async function* (...args: Parameters<HistoryStore["rows"]>) {
        for await (const rows of store.rows(...args)) yield change(rows);
      };
    },
  });
}
