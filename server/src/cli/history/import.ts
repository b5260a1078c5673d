/**
 * The command `history import`: brings swaps of files into the history. They pass an engine, as live ones do, so copies and removals mean the
 * same, and what it settles is a stream of its own. Its name holds a digest of the swaps and of the engine's settings: the same import again
 * gives the same rows, which the store has once, and goes on where an earlier one was interrupted.
 */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { SettledRowWriter } from "../../codecs/settled-row-writer.ts";
import { readSettledRows } from "../../codecs/settled-rows.ts";
import { SwapDecoder } from "../../codecs/swap-decoder.ts";
import { type Config, type EngineSettings, toEngineConfig } from "../../config/config.ts";
import { PartitionEngine } from "../../engine/partition-engine.ts";
import { SwapEvent } from "../../engine/swaps/swap-event.ts";
import { readMapping } from "../../mapping/reading/read-mapping.ts";
import type { HistoryStore, SettledRow, Span, StreamKey } from "../../ports/history-store.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { printableCut } from "../../shared/printable-text.ts";
import { CommandFailed } from "../command-failed.ts";
import type { Output } from "../output.ts";
import { groupDigits } from "../progress.ts";
import { DeadLetters, deadLetterLines } from "../replay/dead-letters.ts";
import { DisorderWatch } from "../replay/disorder.ts";
import { graceOf } from "../replay/embedded-replay.ts";
import { ExternalSort } from "../replay/external-sort.ts";
import { feedSink, feedSort, type SwapSink } from "../replay/feed.ts";
import { inputFiles, Spool, STDIN, type StdinSource } from "../replay/input.ts";
import { isBlank, LineReader } from "../replay/line-reader.ts";
import { ReplayInput, type Step } from "../replay/replay-options.ts";
import type { Batch } from "../replay/rows.ts";
import type { OpenedHistory } from "./history.ts";
import { compareRows } from "./row-order.ts";

export type ImportOptions = {
  readonly map?: string;
  /** Name of the stream, before the digest. Undefined: that of the first file. */
  readonly name?: string;
  /** Whether times that other streams cover are imported all the same. */
  readonly overlap?: true;
};

const MINUTE_MS = 60_000;
const DIGEST_CHARS = 12;
/** Rows that are written at once, and rows between two marks. */
const BATCH_ROWS = 20_000;
/** The form of what the digest is made of. */
const DIGEST_FORM = 1;
/** The engine's hashes have no effect on what it settles, nor on the order. */
const HASH_SEED = [1, 2] as const;

/** What the first pass over the swaps finds. */
type Scan = { readonly count: number; readonly span: Span; readonly digest: string; readonly isInOrder: boolean };

/**
 * Rejects with `usage` or `bad_request` for files that cannot be read, `not_found`, and `storage_failed`; with `bad_request` also where other streams
 * of the history cover the times. Dead letters are listed and do not end it.
 */
export async function historyImport(
  { store }: OpenedHistory,
  paths: readonly string[],
  options: ImportOptions,
  config: Config,
  output: Output,
  signal: AbortSignal,
  stdin: StdinSource = () => process.stdin,
): Promise<void> {
  if (paths.filter((path) => path === STDIN).length > 1) {
    throw new SwapstatsError("usage", "- is standard input, which can be given once");
  }
  const mapping = options.map === undefined ? undefined : readMapping(options.map);
  const files = inputFiles(paths);
  const spool = new Spool();
  const dead = new DeadLetters(
    files.map(({ name }) => name),
    undefined,
  );
  try {
    const input = new ReplayInput({ files, mapping, spool, stdin }, dead, output);
    await input.prepare("several", signal);
    const settings = toEngineConfig(config);
    const scan = await scanSwaps(input.step("check", signal, "check"), settings);
    if (scan.count === 0)
      throw new SwapstatsError("bad_request", "the files have no swaps; check them with `swapstats mapping test`");
    const name = options.name ?? nameOf(paths);
    const key = { logId: `import:${name}:${scan.digest}`, partition: 0, epoch: 1 };
    await store.migrate();
    const nextSequence = await beginImport(store, key, scan.span, options.overlap === true, signal);
    const sink = new ImportSink(store, key, scan.span, settings, dead, nextSequence);
    await feedAll(sink, input, scan, output, signal);
    await sink.finish();
    report(sink, input, key, scan.span, nextSequence, output);
  } finally {
    dead.close();
    spool.dispose();
  }
}

function nameOf([path = STDIN]: readonly string[]): string {
  return path === STDIN ? "stdin" : printableCut(basename(path), 80);
}

async function scanSwaps({ chunks, onChunk }: Step, settings: EngineSettings): Promise<Scan> {
  const lines = new LineReader();
  const decoder = new SwapDecoder(settings.chains);
  const event = new SwapEvent();
  const watch = new DisorderWatch(graceOf(settings));
  const hash = createHash("sha256").update(JSON.stringify([DIGEST_FORM, settings, [...settings.chains]]));
  let [count, fromMs, toMs, isInOrder] = [0, Number.POSITIVE_INFINITY, 0, true];
  const look = (): void => {
    const { bytes, start, end } = lines;
    if (isBlank(bytes, start, end)) return;
    hash.update(bytes.subarray(start, end)).update("\n");
    if (decoder.decode(bytes, start, end, event) !== undefined) return;
    count++;
    fromMs = Math.min(fromMs, event.eventTimeMs);
    toMs = Math.max(toMs, event.eventTimeMs);
    isInOrder = watch.inOrder(event) && isInOrder;
  };
  for await (const batch of chunks) {
    lines.push(batch);
    while (lines.next()) look();
    onChunk(count);
  }
  if (lines.last()) look();
  const digest = hash.digest("hex").slice(0, DIGEST_CHARS);
  const minute = (ms: number): number => Math.floor(ms / MINUTE_MS) * MINUTE_MS;
  return { count, span: { fromMs: minute(fromMs), toMs: minute(toMs) + MINUTE_MS }, digest, isInOrder };
}

/** Resolves with the sequence from which rows are missing. */
async function beginImport(
  store: HistoryStore,
  key: StreamKey,
  span: Span,
  mayOverlap: boolean,
  signal: AbortSignal,
): Promise<number> {
  const { streams } = await store.status();
  if (!mayOverlap) {
    const live = streams.find(
      ({ logId, span: held, settledBeforeMs }) =>
        !logId.startsWith("import:") && held.toMs > span.toMs && held.fromMs < span.toMs && settledBeforeMs < span.toMs,
    );
    if (live !== undefined) {
      const until =
        live.settledBeforeMs === 0
          ? "none of its swaps is settled yet"
          : `it is settled before ${timeText(live.settledBeforeMs)}`;
      throw new SwapstatsError(
        "bad_request",
        `The swaps reach up to ${timeText(span.toMs)}, where a running service writes history (log ${printableCut(live.logId)}, partition ${live.partition}; ${until}). Give files that end earlier, or --overlap if they hold other swaps.`,
      );
    }
    for await (const rows of store.rows(span, undefined, [{ ...key, sequence: 0 }], signal)) {
      const [first] = rows;
      if (first === undefined) continue;
      throw new SwapstatsError(
        "bad_request",
        `The history has swaps between ${timeText(span.fromMs)} and ${timeText(span.toMs)} already, the first at ${timeText(first.eventTimeMs)}; they would count twice. Give files of other times, or --overlap if they hold other swaps.`,
      );
    }
  }
  await store.beginStream(key, span);
  const known = streams.find(
    ({ logId, partition, epoch }) => logId === key.logId && partition === key.partition && epoch === key.epoch,
  );
  return known === undefined || known.rows < known.nextSequence ? 0 : known.nextSequence;
}

async function feedAll(
  sink: ImportSink,
  input: ReplayInput,
  { isInOrder }: Scan,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const onFault = ({ file, faults = [] }: Batch): void => {
    for (const fault of faults) input.dead.noteFault(file, fault);
  };
  const feed = ({ chunks, onChunk }: Step): Promise<void> =>
    feedSink(sink, chunks, undefined, signal, onFault, onChunk);
  if (isInOrder) return feed(input.step("import", signal));
  output.err("The swaps are out of order by more than grace; sorting them by time first.\n");
  const sort = new ExternalSort();
  try {
    const step = input.step("sort", signal);
    await feedSort(sort, step.chunks, onFault, step.onChunk);
    await feed(input.stepOver("import", sort.sorted(), signal));
  } finally {
    sort.dispose();
  }
}

/** Applies swaps to an engine, and writes what settles. */
class ImportSink implements SwapSink {
  readonly #store: HistoryStore;
  readonly #key: StreamKey;
  readonly #span: Span;
  readonly #engine: PartitionEngine;
  readonly #writer: SettledRowWriter;
  readonly #decoder: SwapDecoder;
  readonly #event = new SwapEvent();
  readonly #dead: DeadLetters;
  /** Rows below are there already. */
  readonly #held: number;
  #nextSequence = 0;

  constructor(
    store: HistoryStore,
    key: StreamKey,
    span: Span,
    settings: EngineSettings,
    dead: DeadLetters,
    held: number,
  ) {
    this.#store = store;
    this.#key = key;
    this.#span = span;
    this.#engine = new PartitionEngine(settings, [...HASH_SEED]);
    this.#writer = new SettledRowWriter(this.#engine.source, 0);
    this.#engine.watchSettled(this.#writer);
    this.#decoder = new SwapDecoder(settings.chains);
    this.#dead = dead;
    this.#held = held;
  }

  /** Rows of the stream so far. */
  get rows(): number {
    return this.#nextSequence;
  }

  get counters(): PartitionEngine["counters"] {
    return this.#engine.counters;
  }

  take(bytes: Uint8Array, start: number, end: number, file = 0, row = 0): Promise<void> | undefined {
    const code = this.#decoder.decode(bytes, start, end, this.#event);
    if (code !== undefined) this.#engine.deadLetter(code);
    const outcome = code ?? this.#engine.apply(this.#event, Date.now());
    if (code !== undefined || outcome === "quarantined" || outcome.startsWith("too_many")) {
      this.#dead.note(file, row, outcome, bytes, start, end);
    }
    return this.#writer.count < BATCH_ROWS ? undefined : this.#write(this.#settledBeforeMs());
  }

  async flush(): Promise<void> {}

  /** Settles what is left, because nothing follows, and makes the whole stream final. */
  async finish(): Promise<void> {
    await this.#write(undefined);
    // One row at a time: the order of tokens within the engine means nothing.
    const rest = new SettledRowWriter(this.#engine.source, 0);
    for (const ref of this.#engine.tokens()) {
      rest.settled(ref, this.#engine.unsettled.records(ref, 0, Number.MAX_SAFE_INTEGER));
    }
    const chunk = rest.cut();
    const rows = chunk === undefined ? [] : [...readSettledRows(chunk.bytes)].toSorted(compareRows);
    for (let i = 0; i < rows.length; i += BATCH_ROWS) await this.#append(rows.slice(i, i + BATCH_ROWS), undefined);
    await this.#append([], this.#span.toMs);
  }

  /** The whole minutes before it are final: swaps are fed in order within grace, and it lies further back. */
  #settledBeforeMs(): number | undefined {
    const scan = this.#engine.unsettled.settledBeforeMs();
    for (let step = scan.next(); ; step = scan.next()) if (step.done === true) return step.value;
  }

  async #write(settledBeforeMs: number | undefined): Promise<void> {
    const chunk = this.#writer.cut();
    if (chunk === undefined) return;
    const beforeMs = settledBeforeMs === undefined ? undefined : Math.floor(settledBeforeMs / MINUTE_MS) * MINUTE_MS;
    await this.#append([...readSettledRows(chunk.bytes)], beforeMs);
  }

  async #append(rows: readonly SettledRow[], beforeMs: number | undefined): Promise<void> {
    const fromSequence = this.#nextSequence;
    this.#nextSequence += rows.length;
    const skipped = Math.min(rows.length, Math.max(0, this.#held - fromSequence));
    const missing = rows.slice(skipped);
    const isFinal = beforeMs !== undefined && beforeMs > this.#span.fromMs && this.#nextSequence >= this.#held;
    const marks = isFinal ? [{ ...this.#key, sequence: this.#nextSequence, beforeMs }] : [];
    if (missing.length + marks.length === 0) return;
    const settled = missing.length === 0 ? [] : [{ ...this.#key, fromSequence: fromSequence + skipped, rows: missing }];
    await this.#store.append({ settled, raw: [], marks });
  }
}

function report(
  { rows, counters }: ImportSink,
  { dead, cut }: ReplayInput,
  { logId }: StreamKey,
  span: Span,
  held: number,
  output: Output,
): void {
  for (const line of deadLetterLines(dead)) output.err(`${line}\n`);
  const { duplicates } = counters;
  const known = held === 0 ? "" : `, of which ${groupDigits(Math.min(held, rows))} were there already`;
  const copies = duplicates === 0 ? "" : ` ${groupDigits(duplicates)} copies were left out.`;
  output.out(
    `${groupDigits(rows)} swaps of ${timeText(span.fromMs)} to ${timeText(span.toMs)} are in the history as ${printableCut(logId, 200)}${known}.${copies}\n`,
  );
  if (cut !== undefined) throw cut;
  if (rows === 0) throw new CommandFailed("nothing was imported");
}

const timeText = (ms: number): string => new Date(ms).toISOString();
