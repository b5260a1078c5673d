/**
 * Verifies a history: streams have no holes, each swap is there once, rows can be read, and the sums of minutes, hours and days equal those of
 * their rows.
 */
import type { HistoryReader, HistoryStatus, SettledRow, Span, StreamStatus } from "../../ports/history-store.ts";
import { printableText } from "../../shared/printable-text.ts";
import { differingSums, RowSums, tokenKey } from "./row-sums.ts";

export type Verified = {
  readonly isSound: boolean;
  readonly findings: readonly string[];
  /** Findings beyond the limit, which are only counted. */
  readonly moreFindings: number;
  readonly rows: number;
  /** Times of the rows that were read. Undefined: there are none that are final. */
  readonly span: Span | undefined;
};

type Spans = "minute" | "hour" | "day";
const SPAN_MS: Readonly<Record<Spans, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
const SPANS: readonly Spans[] = ["minute", "hour", "day"];
const FINDINGS_MAX = 100;

/** Reports how many rows were read, and up to which time. */
type OnVerified = (rows: number, timeMs: number, span: Span) => void;

class Findings {
  readonly list: string[] = [];
  more = 0;

  add(finding: string): void {
    if (this.list.length < FINDINGS_MAX) this.list.push(finding);
    else this.more += 1;
  }
}

/**
 * Reads all final rows of the span, or of the whole history. Rejects with `storage_failed` when they cannot be read, and with the signal's reason.
 */
export async function verifyHistory(
  reader: HistoryReader,
  asked: Partial<Span>,
  onVerified: OnVerified,
  signal: AbortSignal,
): Promise<Verified> {
  const findings = new Findings();
  const status = await reader.status();
  checkStreams(status, findings);
  const span = finalSpan(status, asked);
  const rows = span === undefined ? 0 : await new RowCheck(reader, findings, signal).run(span, onVerified);
  const { list, more } = findings;
  return { isSound: list.length === 0, findings: list, moreFindings: more, rows, span };
}

function checkStreams({ streams, gaps }: HistoryStatus, findings: Findings): void {
  for (const stream of streams) {
    const { firstSequence, nextSequence, rows } = stream;
    const sequences = nextSequence - firstSequence;
    const hasGap = gaps.some((gap) => isSame(gap, stream));
    if (rows > sequences)
      findings.add(`${nameOf(stream)}: ${rows} rows for ${sequences} sequences; some are there twice`);
    if (rows < sequences && !hasGap) {
      findings.add(`${nameOf(stream)}: ${sequences - rows} of ${sequences} rows are missing, and no gap is recorded`);
    }
  }
}

const isSame = (a: Key, b: Key): boolean => a.logId === b.logId && a.partition === b.partition && a.epoch === b.epoch;
type Key = Pick<StreamStatus, "logId" | "partition" | "epoch">;

const nameOf = ({ logId, partition, epoch }: Key): string => `log ${logId}, partition ${partition}, epoch ${epoch}`;

/** Returns the whole minutes before which no stream that goes on can get another row. */
function finalSpan({ streams, fromMs, toMs }: HistoryStatus, asked: Partial<Span>): Span | undefined {
  if (fromMs === undefined || toMs === undefined) return undefined;
  const marks = streams.filter((stream) => isGoingOn(stream, streams, toMs)).map((stream) => stream.settledBeforeMs);
  const minute = (ms: number): number => Math.floor(ms / SPAN_MS.minute) * SPAN_MS.minute;
  const from = minute(Math.max(fromMs, asked.fromMs ?? fromMs));
  const to = minute(Math.min(toMs + SPAN_MS.minute, asked.toMs ?? Number.POSITIVE_INFINITY, ...marks));
  return from < to ? { fromMs: from, toMs: to } : undefined;
}

/** Whether the stream has no end, and no later one takes its place. */
function isGoingOn(stream: StreamStatus, streams: readonly StreamStatus[], lastMs: number): boolean {
  const isOpen = ({ span }: StreamStatus): boolean => span.toMs > lastMs;
  return (
    isOpen(stream) &&
    !streams.some(
      (other) =>
        other.logId === stream.logId &&
        other.partition === stream.partition &&
        other.epoch > stream.epoch &&
        isOpen(other),
    )
  );
}

class RowCheck {
  readonly #reader: HistoryReader;
  readonly #findings: Findings;
  readonly #signal: AbortSignal;
  readonly #sums: Readonly<Record<Spans, RowSums>> = {
    minute: new RowSums(),
    hour: new RowSums(),
    day: new RowSums(),
  };
  /** The inclusions of the present minute. Copies of a swap have the same time. */
  readonly #seen = new Set<string>();

  constructor(reader: HistoryReader, findings: Findings, signal: AbortSignal) {
    this.#reader = reader;
    this.#findings = findings;
    this.#signal = signal;
  }

  async run(span: Span, onVerified: OnVerified): Promise<number> {
    let rows = 0;
    let timeMs = span.fromMs;
    for await (const batch of this.#reader.rows(span, undefined, [], this.#signal)) {
      for (const row of batch) {
        if (row.eventTimeMs < timeMs) this.#findings.add(`${describe(row)}: it comes behind a later one, ${timeMs}`);
        await this.#closeSpans(timeMs, row.eventTimeMs, span);
        timeMs = row.eventTimeMs;
        this.#add(row);
      }
      rows += batch.length;
      onVerified(rows, timeMs, span);
    }
    await this.#closeSpans(timeMs, Number.POSITIVE_INFINITY, span);
    return rows;
  }

  #add(row: SettledRow): void {
    const inclusion = JSON.stringify([tokenKey(row), row.eventId, row.eventTimeMs, row.revision, row.blockHash]);
    if (this.#seen.has(inclusion)) this.#findings.add(`${describe(row)}: it is there twice`);
    this.#seen.add(inclusion);
    for (const name of SPANS) this.#sums[name].add(row);
  }

  /** Compares each span that holds `fromMs` and ends at or before `toMs`. */
  async #closeSpans(fromMs: number, toMs: number, span: Span): Promise<void> {
    for (const name of SPANS) {
      const lengthMs = SPAN_MS[name];
      const startMs = Math.floor(fromMs / lengthMs) * lengthMs;
      if (startMs + lengthMs > toMs) return;
      if (name === "minute") this.#seen.clear();
      const sums = this.#sums[name];
      if (sums.rows === 0) continue;
      const part = { fromMs: Math.max(startMs, span.fromMs), toMs: Math.min(startMs + lengthMs, span.toMs) };
      await this.#compare(name, part, sums);
      sums.clear();
    }
  }

  async #compare(name: Spans, span: Span, sums: RowSums): Promise<void> {
    const stored = new Map((await this.#reader.tokens(span, [], undefined)).map((token) => [tokenKey(token), token]));
    this.#signal.throwIfAborted();
    for (const key of new Set([...sums.keys(), ...stored.keys()])) {
      const names = differingSums(stored.get(key), sums.get(key));
      if (names.length === 0) continue;
      const start = new Date(span.fromMs).toISOString();
      this.#findings.add(
        `${printableText(key)}, ${name} from ${start}: sums differ from those of the rows (${names.join(", ")})`,
      );
    }
  }
}

const describe = (row: SettledRow): string =>
  `swap ${printableText(row.eventId)} of ${printableText(tokenKey(row))} at ${new Date(row.eventTimeMs).toISOString()}`;
