/**
 * The command `history repair`: fills gaps of a history from the log. The rows of a stream are a function of its log, so they can be made again:
 *
 * 1. A state reads the log from before the gap on, and settles the swaps of its times (settled-log.ts).
 * 2. Those that the store has are subtracted (missing-rows.ts). As many must remain as sequences are missing, or nothing is written.
 * 3. The rest is written into the same stream, with the missing sequences in order of time, and the gap is closed.
 *
 * The order of time keeps the marks true: of the missing rows, those before a mark come first. A repair that was killed wrote the first of them, so the
 * next one gives the others the sequences that they would have had.
 *
 * A stream of its own for the rows was rejected: its epoch would have to lie between two claims, and claims have all of them.
 */
import type { EngineConfig } from "../../../engine/types.ts";
import type { HistoryStatus, HistoryStore, SequenceRange, SettledRow } from "../../../ports/history-store.ts";
import { printableJson } from "../../../shared/printable-text.ts";
import type { PastLog } from "../../../sources/open-source.ts";
import { isSameStream } from "../../../stores/history/valid-spans.ts";
import { CommandFailed } from "../../command-failed.ts";
import type { Output } from "../../output.ts";
import { groupDigits, Progress } from "../../progress.ts";
import { snakeCase } from "../../snake-case.ts";
import { safeText } from "../../table.ts";
import type { OpenedHistory } from "../history.ts";
import { spanText } from "../status-lines.ts";
import { type GapGroup, gapGroups, isSuperseded, refusalOf } from "./gap-groups.ts";
import { MissingRows, othersOf } from "./missing-rows.ts";
import { NotRepairable } from "./not-repairable.ts";
import { type SettledPiece, settledPieces } from "./settled-log.ts";

export type RepairOptions = {
  readonly from?: number;
  readonly to?: number;
  readonly partition?: number;
  readonly dryRun?: true;
  readonly json?: true;
};

/** `filled`: nothing is missing any more. `fillable`: with --dry-run. `superseded`: no answer reads the stream at these times. */
type Outcome =
  | { readonly outcome: "filled" | "fillable"; readonly rows: number }
  | { readonly outcome: "superseded" }
  | { readonly outcome: "refused"; readonly reason: string };

/** How the swaps were settled: the log, and the settings of the state. */
export type SettledSource = {
  readonly config: EngineConfig;
  openLog(): Promise<PastLog>;
  /** Resolves with what the checkpoint of the partition knows of the history: the rows below `settled` of its stream are not written again. */
  knownOf(partition: number): Promise<{ readonly epoch: number; readonly settled: number } | undefined>;
};

/** Rows that are written at once. */
const BATCH_ROWS = 20_000;

type Repair = {
  readonly store: HistoryStore;
  readonly log: PastLog;
  readonly config: EngineConfig;
  readonly knownOf: SettledSource["knownOf"];
  readonly isDryRun: boolean;
  /** See HistoryStore.repairAlone. */
  readonly requireAlone: () => Promise<void>;
  readonly output: Output;
  readonly signal: AbortSignal;
};

/**
 * Rejects with CommandFailed when a gap stays, with `data_folder_locked` when a running service holds the store, with `unavailable` while another repair runs,
 * and as the store and the log do. What was repaired before stays repaired.
 */
export async function historyRepair(
  { store }: OpenedHistory,
  options: RepairOptions,
  { config, openLog, knownOf }: SettledSource,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const isDryRun = options.dryRun === true;
  const run = async (requireAlone: () => Promise<void>): Promise<void> => {
    const log = await openLog();
    try {
      await repairGaps({ store, log, config, knownOf, isDryRun, requireAlone, output, signal }, options);
    } finally {
      await log.close();
    }
  };
  if (isDryRun) return run(async () => {});
  await store.migrate();
  await store.repairAlone(run);
}

async function repairGaps(repair: Repair, { from, to, partition, json }: RepairOptions): Promise<void> {
  const { store, output } = repair;
  const status = await store.status();
  const asked = { ...(from === undefined ? {} : { fromMs: from }), ...(to === undefined ? {} : { toMs: to }) };
  const groups = gapGroups(status, { ...asked, partition });
  const done: { readonly group: GapGroup; readonly outcome: Outcome }[] = [];
  for (const group of groups) {
    const outcome = await repairGroup(repair, group, status);
    done.push({ group, outcome });
    if (json !== true) output.out(`${linesOf(group, outcome).join("\n")}\n`);
  }
  const gaps = done.map(({ group: { stream, span }, outcome }) => ({ ...stream, ...span, ...outcome }));
  if (json === true) output.out(`${printableJson(JSON.stringify(snakeCase({ gaps })))}\n`);
  else if (gaps.length === 0) output.out("There are no gaps.\n");
  const refused = gaps.filter(({ outcome }) => outcome === "refused").length;
  if (refused > 0) throw new CommandFailed(`${refused} of ${gaps.length} gaps cannot be repaired`);
}

async function repairGroup(repair: Repair, group: GapGroup, status: HistoryStatus): Promise<Outcome> {
  if (isSuperseded(group, status)) return { outcome: "superseded" };
  const reason = refusalOf(group, status);
  if (reason !== undefined) return { outcome: "refused", reason };
  const { store, isDryRun } = repair;
  const { stream, gaps, ranges } = group;
  const held = status.streams.find((one) => isSameStream(one, stream));
  // Rejects now, and not after the log was read, when this process may not write. It changes nothing else.
  if (!isDryRun && held !== undefined) await store.beginStream(stream, held.span);
  try {
    const missing: SequenceRange[] = [];
    for (const range of ranges) missing.push(...(await store.missingSequences(stream, range)));
    const count = missing.reduce((sum, range) => sum + range.to - range.from, 0);
    await requireKnown(repair, group);
    if (count > 0) await check(repair, group, status, count);
    if (isDryRun) return { outcome: "fillable", rows: count };
    if (count > 0) await fill(repair, group, status, missing);
    await repair.requireAlone();
    for (const gap of gaps) await store.closeGaps(stream, gap);
    return { outcome: "filled", rows: count };
  } catch (error) {
    if (error instanceof NotRepairable) return { outcome: "refused", reason: error.message };
    throw error;
  }
}

/**
 * Rejects with NotRepairable while a restore of the partition may make rows of the gap again. They would come with their own sequences, and the repair gives
 * them others.
 */
async function requireKnown({ knownOf }: Repair, { stream, ranges }: GapGroup): Promise<void> {
  const known = await knownOf(stream.partition);
  const end = Math.max(0, ...ranges.map(({ to }) => to));
  if (known === undefined || known.epoch !== stream.epoch || known.settled >= end) return;
  throw new NotRepairable(
    "The checkpoint of the partition does not know the gap yet. Let the service go on, and run the command again later.",
  );
}

/** Rejects with NotRepairable unless the log gives exactly the rows that are missing. */
async function check(repair: Repair, group: GapGroup, status: HistoryStatus, expected: number): Promise<void> {
  let found = 0;
  await eachMissing(repair, group, status, "check", async (rows) => {
    found += rows.length;
  });
  if (found === expected) return;
  throw new NotRepairable(
    `The log gives ${groupDigits(found)} swaps that the history lacks, and ${groupDigits(expected)} sequences are missing. Was the configuration changed since?`,
  );
}

async function fill(
  repair: Repair,
  group: GapGroup,
  status: HistoryStatus,
  missing: readonly SequenceRange[],
): Promise<void> {
  const { store, requireAlone } = repair;
  const { stream } = group;
  const free = missing.map(({ from, to }) => ({ from, to }));
  await eachMissing(repair, group, status, "fill", async (rows) => {
    for (let next = 0; next < rows.length; ) {
      const [range] = free;
      if (range === undefined) throw new NotRepairable("The log or the history has changed meanwhile.");
      const part = rows.slice(next, next + Math.min(range.to - range.from, BATCH_ROWS));
      await requireAlone();
      await store.append({ settled: [{ ...stream, fromSequence: range.from, rows: part }], raw: [], marks: [] });
      next += part.length;
      range.from += part.length;
      if (range.from === range.to) free.shift();
    }
  });
  if (free.length > 0) throw new NotRepairable("The log or the history has changed meanwhile.");
}

async function eachMissing(
  { store, log, config, output, signal }: Repair,
  { stream, span }: GapGroup,
  status: HistoryStatus,
  label: string,
  take: (rows: readonly SettledRow[]) => Promise<void>,
): Promise<void> {
  const progress = new Progress(output, `partition ${stream.partition}, ${label}`, performance.now());
  const missing = new MissingRows(store, othersOf(stream, status), signal);
  let beginMs: number | undefined;
  const onRead = (records: number, timeMs: number): void => {
    beginMs ??= timeMs;
    progress.update({ records, bytesDone: timeMs - beginMs, bytesAll: span.toMs - beginMs }, performance.now());
  };
  const pieces: AsyncIterable<SettledPiece> = settledPieces({ log, stream, span, config, signal, onRead });
  try {
    for await (const piece of pieces) await take(await missing.of(piece));
    missing.end();
  } finally {
    progress.end();
  }
}

function linesOf({ stream: { logId, partition }, span }: GapGroup, outcome: Outcome): string[] {
  return [
    `Gap of partition ${partition} of log ${safeText(logId === "" ? "-" : logId, 40)}`,
    `  ${spanText(span)} (UTC)`,
    `  ${outcomeText(outcome)}`,
  ];
}

function outcomeText(outcome: Outcome): string {
  switch (outcome.outcome) {
    case "filled":
      return outcome.rows === 0 ? "repaired: no swap is missing" : `repaired: ${groupDigits(outcome.rows)} swaps`;
    case "fillable":
      return `can be repaired: ${groupDigits(outcome.rows)} swaps are missing`;
    case "superseded":
      return "stays: a later stream holds these times, and no answer reads it";
    case "refused":
      return `not repaired: ${outcome.reason}`;
  }
}
