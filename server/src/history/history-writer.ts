/**
 * Writes what waits to the history store: in batches, one at a time, each again until the store has it. A gap is noted when its turn in the stream
 * comes, and its rows count as durable then.
 */
import { readRawRows } from "../codecs/raw-rows.ts";
import { readSettledRows } from "../codecs/settled-rows.ts";
import type { HistoryBatch, HistoryStore, RawBatch, SettledBatch, SettledMark } from "../ports/history-store.ts";
import type { FromHistory, HistoryHealth, ToHistory } from "../ports/history-stream.ts";
import { type BackoffLimits, backoffMs } from "../shared/retry.ts";
import type { ChainAddresses } from "../shared/token-id.ts";
import { WakeableTimer } from "../shared/wakeable-timer.ts";
import { FlatBatch } from "./flat-batch.ts";
import type { RawQueue, WaitingRaw } from "./raw-queue.ts";
import type { RowBuffer } from "./row-buffer.ts";
import type { StreamQueue, Waiting } from "./stream-queue.ts";
import { type Reply, WaitingStreams } from "./waiting-streams.ts";

const PAUSES: BackoffLimits = { firstMs: 100, longestMs: 10_000 };

type HistoryWriterOptions = {
  readonly kind: HistoryHealth["store"];
  readonly store: Pick<HistoryStore, "beginStream" | "append" | "noteGap">;
  readonly buffer: RowBuffer;
  readonly batchRows: number;
  readonly flushIntervalMs: number;
  readonly onFailure: "gap" | "block";
  readonly chains: ChainAddresses;
  readonly monotonicMs: () => number;
  /** Called when writing begins to fail, and when it works again. */
  readonly onProblem: (problem: string | undefined) => void;
};

type Settled = { readonly queue: StreamQueue; readonly reply: Reply; readonly items: readonly Waiting[] };
type Raw = { readonly queue: RawQueue; readonly reply: Reply; readonly items: readonly WaitingRaw[] };

export class HistoryWriter {
  readonly #options: HistoryWriterOptions;
  readonly #waiting: WaitingStreams;
  readonly #timer = new WakeableTimer();
  readonly #replies = new Set<Reply>();
  #loop: Promise<void> | undefined;
  #isStopped = false;
  /** Nothing waits for more rows. */
  #isFlushing = false;
  #isFull = false;
  #failures = 0;
  #problem: string | undefined;
  #rowsWritten = 0;
  #gaps = 0;

  constructor(options: HistoryWriterOptions) {
    this.#options = options;
    const { buffer, onFailure, monotonicMs } = options;
    this.#waiting = new WaitingStreams({ buffer, isForced: onFailure === "block", monotonicMs });
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Answers of a worker go to `reply` from now on. */
  connect(reply: Reply): void {
    this.#replies.add(reply);
    if (this.#isFull) reply({ type: "full", isFull: true });
  }

  take(message: ToHistory, reply: Reply): void {
    this.#waiting.take(message, reply);
    this.#tellIfFull();
    if (message.type === "covered" || message.type === "raw") this.#timer.wake();
  }

  health(): HistoryHealth {
    const { kind, buffer } = this.#options;
    let waitingGaps = 0;
    for (const { queue } of this.#waiting.settled) waitingGaps += queue.gaps;
    return {
      store: kind,
      partitions: this.#waiting.backlogs(),
      memoryBytes: buffer.memoryBytes,
      spoolBytes: buffer.spoolBytes,
      rowsWritten: this.#rowsWritten,
      rowsLost: this.#waiting.lostRows,
      gaps: this.#gaps + waitingGaps,
      rawGaps: this.#waiting.rawGaps,
      isFull: this.#isFull,
      problem: this.#problem ?? buffer.problem,
    };
  }

  /** Writes everything that may be written, for at most `limitMs`, and ends. Resolves with what stays unwritten, as a sentence. */
  async drain(limitMs: number): Promise<string | undefined> {
    this.#isFlushing = true;
    this.#timer.wake();
    const deadlineMs = this.#options.monotonicMs() + limitMs;
    while (this.#hasReady() && this.#options.monotonicMs() < deadlineMs) await new Promise((r) => setTimeout(r, 5));
    const isLeft = this.#hasReady();
    await this.stop();
    if (!isLeft) return undefined;
    return `Rows of the history were not written: ${this.#problem ?? "the time was too short"}. The next start makes them again.`;
  }

  /** Ends at once. A write that has begun may or may not be applied. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer.wake();
    await this.#loop;
  }

  #hasReady(): boolean {
    for (const { queue } of this.#waiting.settled) if (queue.isReady) return true;
    for (const { queue } of this.#waiting.raw) if (queue.sinceMs !== undefined) return true;
    return false;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const waitMs = this.#dueInMs();
      if (waitMs > 0) {
        await this.#timer.pause(waitMs);
        continue;
      }
      try {
        await this.#writeNext();
        this.#failures = 0;
        this.#setProblem(undefined);
      } catch (error) {
        this.#failures += 1;
        this.#setProblem(`History is not being written: ${error instanceof Error ? error.message : String(error)}`);
        if (!this.#isStopped) await this.#timer.pause(backoffMs(PAUSES, this.#failures));
      }
      this.#tellIfFull();
    }
  }

  /** Returns the time until a batch is due; 0 when one is. */
  #dueInMs(): number {
    const { batchRows, flushIntervalMs, buffer, monotonicMs } = this.#options;
    let rows = 0;
    let sinceMs = Number.POSITIVE_INFINITY;
    for (const { queue } of this.#waiting.settled) {
      if (!queue.isReady) continue;
      rows += queue.rows;
      // Marks and gaps wait for rows, or for nothing.
      sinceMs = Math.min(sinceMs, queue.sinceMs ?? Number.NEGATIVE_INFINITY);
    }
    for (const { queue } of this.#waiting.raw) {
      rows += queue.rows;
      sinceMs = Math.min(sinceMs, queue.sinceMs ?? Number.POSITIVE_INFINITY);
    }
    if (sinceMs === Number.POSITIVE_INFINITY) return flushIntervalMs;
    if (this.#isFlushing || rows >= batchRows || buffer.isPressed) return 0;
    return Math.max(0, Math.min(flushIntervalMs, sinceMs + flushIntervalMs - monotonicMs()));
  }

  async #writeNext(): Promise<void> {
    const { store } = this.#options;
    const settled = this.#nextSettled();
    for (const { queue } of settled) {
      if (queue.isBegun) continue;
      await store.beginStream(queue.key, queue.span);
      queue.isBegun = true;
    }
    const gaps = settled.filter(({ items }) => items[0]?.type === "gap");
    for (const { items } of gaps) {
      for (const item of items) if (item.type === "gap") await store.noteGap(item.gap);
    }
    const rows = settled.filter((one) => !gaps.includes(one));
    const raw = this.#nextRaw();
    const batch = this.#batchOf(rows, raw);
    if (batch !== undefined) await store.append(batch);
    for (const done of settled) this.#settledDone(done);
    for (const done of raw) this.#rawDone(done);
    this.#waiting.forgetEnded();
  }

  #nextSettled(): Settled[] {
    let rowsLeft = this.#options.batchRows;
    const all: Settled[] = [];
    for (const { queue, reply } of this.#waiting.settled) {
      const items = rowsLeft > 0 ? queue.next(rowsLeft) : [];
      if (items.length === 0) continue;
      all.push({ queue, reply, items });
      for (const item of items) if (item.type === "rows") rowsLeft -= item.toSequence - item.fromSequence;
    }
    return all;
  }

  #nextRaw(): Raw[] {
    let rowsLeft = this.#options.batchRows;
    const all: Raw[] = [];
    for (const { queue, reply } of this.#waiting.raw) {
      const items = rowsLeft > 0 ? queue.next(rowsLeft) : [];
      if (items.length === 0) continue;
      all.push({ queue, reply, items });
      for (const { rows } of items) rowsLeft -= rows;
    }
    return all;
  }

  /** Undefined when there is nothing to append. */
  #batchOf(settled: readonly Settled[], raws: readonly Raw[]): HistoryBatch | undefined {
    const { buffer, chains } = this.#options;
    const batches: SettledBatch[] = [];
    const marks: SettledMark[] = [];
    for (const { queue, items } of settled) {
      const rows = items.filter((item) => item.type === "rows");
      for (const item of items) if (item.type === "mark") marks.push(item.mark);
      const [first] = rows;
      if (first === undefined) continue;
      const chunks = rows.map(({ held }) => buffer.get(held));
      batches.push(batchFrom(queue, first.fromSequence, chunks));
    }
    const raw: RawBatch[] = raws.map(({ queue, items }) => ({
      ...queue.writer,
      rows: items.flatMap(({ held }) => (held === undefined ? [] : [...readRawRows(buffer.get(held), chains)])),
    }));
    const filled = raw.filter(({ rows }) => rows.length > 0);
    if (batches.length === 0 && marks.length === 0 && filled.length === 0) return undefined;
    return { settled: batches, raw: filled, marks };
  }

  #settledDone({ queue, reply, items }: Settled): void {
    for (const item of items) {
      if (item.type === "rows") this.#rowsWritten += item.toSequence - item.fromSequence;
      if (item.type === "gap") this.#gaps += 1;
    }
    queue.done(items, this.#options.buffer);
    reply({ type: "settled_durable", stream: queue.key, sequence: queue.durable });
  }

  #rawDone({ queue, reply, items }: Raw): void {
    for (const { rows } of items) this.#rowsWritten += rows;
    queue.done(items, this.#options.buffer);
    const offset = items.at(-1)?.toOffset ?? 0;
    reply({ type: "raw_durable", writer: queue.writer, offset });
  }

  #setProblem(problem: string | undefined): void {
    if ((problem === undefined) !== (this.#problem === undefined)) this.#options.onProblem(problem);
    this.#problem = problem;
  }

  #tellIfFull(): void {
    const { isFull } = this.#options.buffer;
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    const message: FromHistory = { type: "full", isFull };
    for (const reply of this.#replies) reply(message);
  }
}

/** Rows below the durable sequence come only with the first others after a restore. */
function batchFrom(
  { key, durable }: StreamQueue,
  fromSequence: number,
  chunks: readonly Uint8Array<ArrayBuffer>[],
): SettledBatch {
  if (fromSequence >= durable) return new FlatBatch(key, fromSequence, chunks);
  return { ...key, fromSequence: durable, rows: chunks.flatMap((chunk) => [...readSettledRows(chunk, durable)]) };
}
