/**
 * Reads one partition of the topic. What was fetched waits as bytes, within bounds (pressure/fetched-queue.ts), until the owner asks
 * for it; only then are checksums looked at and records taken apart, in the owner's thread and time.
 *
 *   idle       --read--> reading        fetched from the position on
 *   reading    --read elsewhere, damage--> reading   what waits is dropped and fetched anew from there
 *   reading    --the broker says: out of range--> lost      the next `read` says how, and where the log goes on
 *   reading    --the topic has another id--> anew           every `read` rejects: the position belongs to a log that is gone
 *   any        --close--> closed
 */

import { batchBytesAt, batchDefect, readBatchHeader } from "../../clients/kafka/batch-header.ts";
import type { FetchedPartition } from "../../clients/kafka/fetch-protocol.ts";
import type { ArrivalClock, LogRange, OffsetRange, RecordBatch } from "../../ports/source.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { knownArrivals } from "./arrivals.ts";
import type { AnswerMemory, FetchLoop, FetchSink } from "./fetch-loop.ts";
import { type DroppedPart, FetchedQueue } from "./pressure/fetched-queue.ts";
import type { KafkaCounters, KafkaNumbers, KafkaReader, KafkaSourceSetup } from "./setup.ts";

/** What an answer to a fetch says of the range is taken for so long. */
const RANGE_AGE_MS = 500;
/**
 * A part that is so much smaller than its answer is copied out, so that a reader that stalls does not hold answers of others. Less than
 * what each of four partitions has of an answer to which each gives as much as it may: with 0.25 half of the parts fell below it, and
 * reading a million records took 2.5 s of processor time instead of 1.15, most of it the collector's over those copies.
 */
const SHARE_MIN = 0.2;

export class KafkaPartitionReader implements KafkaReader, FetchSink {
  readonly partition: number;
  readonly counters: KafkaCounters;
  readonly #setup: KafkaSourceSetup;
  readonly #loop: FetchLoop;
  readonly #onClose: () => void;
  readonly #queue: FetchedQueue;
  #topicId: string | undefined;
  /** The offset that the next `read` is expected to ask for; undefined: idle. */
  #position: number | undefined;
  /** Where the next fetch begins. */
  #fetchOffset = 0;
  #fetchBytesMax: number;
  /** What was fetched last begins with a damaged batch: nothing behind it can be found until the owner has come to it. */
  #isAtDamage = false;
  #isOutOfRange = false;
  #otherTopicId: string | undefined;
  #resumeAt = 0;
  #known: { readonly range: LogRange; readonly atMs: number } | undefined;
  #isClosed = false;
  readonly #calls = new Set<() => void>();
  #isProducersClock: boolean | undefined;
  /** A timestamp of the latest batch that is no arrival; undefined: there is none. */
  #unknownArrival: number | undefined;

  constructor(
    partition: number,
    setup: KafkaSourceSetup,
    loop: FetchLoop,
    counters: KafkaCounters,
    onClose: () => void,
  ) {
    this.partition = partition;
    this.counters = counters;
    this.#setup = setup;
    this.#loop = loop;
    this.#onClose = onClose;
    this.#fetchBytesMax = setup.partitionFetchBytesMax;
    const { bufferBytesMax: bytesMax, pressure } = setup;
    const calls = { onHead: () => this.#wake(), onRoom: () => loop.wake() };
    this.#queue = new FetchedQueue({ partition, bytesMax, pressure, counters, ...calls });
    loop.add(this);
  }

  /** Kafka keeps records by its own rules, whatever we release. */
  get pressure(): boolean {
    return false;
  }

  get topicId(): string | undefined {
    return this.#topicId;
  }

  get arrivalClock(): ArrivalClock | undefined {
    if (this.#unknownArrival !== undefined) return "reader";
    if (this.#isProducersClock === undefined) return undefined;
    return this.#isProducersClock ? "producer" : "broker";
  }

  get problem(): string | undefined {
    const problems = [this.#queue.problem, this.#arrivalProblem()].filter((problem) => problem !== undefined);
    return problems.length === 0 ? undefined : problems.join(" ");
  }

  get numbers(): KafkaNumbers {
    const { waitingBytes, spilledBytes } = this.#queue;
    return { counters: this.counters, waitingBytes, spilledBytes };
  }

  get knownEnd(): number {
    return this.#known?.range.endOffset ?? 0;
  }

  /** See PartitionReader. While the brokers are away, the range as it was known last. */
  async range(): Promise<LogRange> {
    const known = this.#known;
    const isFresh = known !== undefined && performance.now() - known.atMs < RANGE_AGE_MS;
    if (known !== undefined && (isFresh || this.#loop.problems.length > 0)) return known.range;
    try {
      const { view } = this.#loop;
      // The first answer decides where the stream goes on, so it must not speak of a topic that is gone.
      const { topicId: logId } = known === undefined ? await view.refresh() : (view.identity ?? (await view.refresh()));
      return this.#note(await view.range(this.partition), logId);
    } catch (error) {
      if (known === undefined) throw error;
      return known.range;
    }
  }

  /** See KafkaReader. */
  async read(position: number, maxBytes: number, signal: AbortSignal): Promise<RecordBatch> {
    signal.throwIfAborted();
    this.#queue.noteRead();
    if (position !== this.#position) this.#seek(position);
    for (;;) {
      if (this.#isClosed)
        throw new SwapstatsError("unavailable", `the reader of partition ${this.partition} was closed`);
      if (this.#otherTopicId !== undefined) throw this.#anew(position);
      if (this.#isOutOfRange) await this.#tellRange(position);
      const batch = this.#take(position, maxBytes);
      if (batch !== undefined) return batch;
      await this.#change(signal);
    }
  }

  /** What was not fetched is not known, and what was fetched is applied soon. */
  arrivalFrom(_position: number): undefined {
    return undefined;
  }

  resumeAfter(_position: number): number {
    return this.#resumeAt;
  }

  readonly isOwn = false;

  async openAt(offset: number, _formerLogId: string | undefined, _signal: AbortSignal): Promise<void> {
    const { endOffset } = await this.range();
    if (endOffset < offset) throw this.#error(`position ${offset} is asked for, but the log ends at ${endOffset}`);
  }

  async release(_offset: number): Promise<void> {}

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#loop.remove(this);
    this.#queue.clear(true);
    this.#wake();
    this.#onClose();
    await this.#queue.close();
  }

  wanted(): { readonly offset: number; readonly bytesMax: number } | undefined {
    const isIdle = this.#position === undefined || this.#isOutOfRange || this.#otherTopicId !== undefined;
    if (isIdle || this.#topicId === undefined || this.#isAtDamage || this.isFull()) return undefined;
    return { offset: this.#fetchOffset, bytesMax: this.#fetchBytesMax };
  }

  isFull(): boolean {
    return this.#queue.isFull;
  }

  begin(topicId: string): void {
    this.#topicId = topicId;
  }

  madeAnew(topicId: string): void {
    this.#otherTopicId = topicId;
    this.#queue.clear(true);
    this.#wake();
  }

  outOfRange(offset: number): void {
    if (offset !== this.#fetchOffset || this.#position === undefined) return;
    this.#isOutOfRange = true;
    this.#wake();
  }

  take(offset: number, fetched: FetchedPartition, memory: AnswerMemory): void {
    const { records, logStartOffset, lastStableOffset, aborted } = fetched;
    this.#note({ startOffset: logStartOffset, endOffset: lastStableOffset });
    // The reader went elsewhere while the fetch was on its way.
    if (offset !== this.#fetchOffset || this.#position === undefined || records.length === 0) return;
    const found = lookThrough(records, this.#queue.isDropping);
    if (found === undefined) {
      this.#fetchBytesMax = Math.max(this.#fetchBytesMax, batchBytesAt(records, 0) ?? 0);
      return;
    }
    this.#fetchBytesMax = this.#setup.partitionFetchBytesMax;
    const to = Math.max(found.end, offset);
    this.#isAtDamage = to === offset;
    this.#fetchOffset = to;
    const isSmall = records.length < memory.bytes.length * SHARE_MIN;
    const bytes = isSmall ? Buffer.from(records) : records;
    this.#queue.push({ ...found, from: offset, to, bytes, aborted, memory: isSmall ? undefined : memory });
    this.#wake();
  }

  #seek(position: number): void {
    // The caller of `read` is done with the last batch.
    this.#queue.clear(false);
    this.#position = position;
    this.#fetchOffset = position;
    this.#isOutOfRange = false;
    this.#isAtDamage = false;
    this.#loop.wake();
  }

  /** Memory of what was lent with the last batch goes here too: its reader asks for the next. */
  #take(position: number, maxBytes: number): RecordBatch | undefined {
    for (;;) {
      const { head } = this.#queue;
      if (head === undefined || head.kind === "away") return undefined;
      if (head.kind === "dropped") throw this.#tellDropped(head.dropped);
      if (head.kind === "broken") {
        this.#seek(position);
        return undefined;
      }
      const found = head.batches.next(position, maxBytes);
      this.#isProducersClock = head.batches.isProducersClock ?? this.#isProducersClock;
      if (found === undefined) this.#queue.shift();
      else if ("reason" in found) {
        this.counters.damagedReads++;
        // A broken header must not lead beyond the end.
        const end = this.#known?.range.endOffset ?? found.resumeAt;
        this.#resumeAt = Math.min(found.resumeAt, Math.max(end, position));
        this.#seek(position);
        throw this.#error(found.reason);
      } else {
        this.#position = found.nextOffset;
        const { batch, unknown } = knownArrivals(found, Date.now());
        if (batch.count > 0) this.#unknownArrival = unknown;
        return batch;
      }
    }
  }

  #arrivalProblem(): string | undefined {
    const found = this.#unknownArrival;
    if (found === undefined) return undefined;
    const what = found < 0 ? "have no timestamp" : `have timestamps such as ${found}, which are not in milliseconds`;
    return (
      `Records of partition ${this.partition} of topic ${this.#setup.topic} ${what}. The time at which they are read is taken for their ` +
      "arrival, so lag_ms and app.max_skew cannot tell when they came. Let the producer write milliseconds, or set " +
      "message.timestamp.type to LogAppendTime (swapstats topic ensure)."
    );
  }

  /** The owner goes on behind what was left out. */
  #tellDropped({ to, batches, records }: DroppedPart): SwapstatsError {
    this.#queue.shift();
    this.#position = to;
    this.#resumeAt = to;
    this.counters.droppedBatches += batches;
    this.counters.droppedRecords += records;
    const { topic, bufferBytesMax } = this.#setup;
    const what = `${records} records in ${batches} batches of partition ${this.partition} of topic ${topic}`;
    const message = `${what} were dropped, because the state stood still with ${bufferBytesMax} bytes waiting for it (ingest.backpressure: drop).`;
    return new SwapstatsError("records_dropped", message);
  }

  /** Rejects with what is lost; resolves when the position is in the log after all, and is fetched again. */
  async #tellRange(position: number): Promise<void> {
    const { startOffset, endOffset } = this.#note(await this.#loop.view.range(this.partition));
    this.#seek(position);
    if (position < startOffset) {
      this.#resumeAt = startOffset;
      throw this.#error(`position ${position} is asked for, but records before ${startOffset} are no longer held`);
    }
    if (position > endOffset) {
      this.#resumeAt = position;
      throw this.#error(`position ${position} is asked for, but the log ends at ${endOffset}`);
    }
  }

  #anew(position: number): SwapstatsError {
    this.#resumeAt = position;
    return this.#error(
      `the topic was made anew (its id was ${this.#topicId}, and is ${this.#otherTopicId}), and position ${position} belongs to the old one`,
    );
  }

  #note({ startOffset, endOffset }: OffsetRange, logId = this.#known?.range.logId): LogRange {
    const range = { startOffset, endOffset, logId, formerLogIds: [] };
    this.#known = { range, atMs: performance.now() };
    return range;
  }

  #error(what: string): SwapstatsError {
    return new SwapstatsError("log_damaged", `Partition ${this.partition} of topic ${this.#setup.topic}: ${what}.`);
  }

  #wake(): void {
    const calls = [...this.#calls];
    this.#calls.clear();
    for (const call of calls) call();
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const call = (): void => {
        signal.removeEventListener("abort", abort);
        resolve();
      };
      const abort = (): void => {
        this.#calls.delete(call);
        reject(signal.reason);
      };
      this.#calls.add(call);
      signal.addEventListener("abort", abort, { once: true });
    });
  }
}

type Found = { readonly end: number; readonly batches: number; readonly records: number };

/**
 * The offset behind the last whole batch, and what is in them beside markers; undefined: there is none. Headers are believed: the records
 * are checked when they are read. Where nobody will read them, they are checked here.
 */
function lookThrough(records: Buffer, isChecked: boolean): Found | undefined {
  let found: Found | undefined;
  let at = 0;
  for (;;) {
    const size = batchBytesAt(records, at);
    if (size === undefined || at + size > records.length) return found;
    const header = size === 0 ? undefined : readBatchHeader(records, at);
    const isDamaged = header === undefined || (isChecked && batchDefect(records, header) !== undefined);
    // Reading it tells what is wrong; what follows cannot be found.
    if (isDamaged) return found ?? { end: 0, batches: 0, records: 0 };
    const { lastOffset, isControl, count } = header;
    const { batches, records: before } = found ?? { batches: 0, records: 0 };
    found = { end: lastOffset + 1, batches: batches + (isControl ? 0 : 1), records: before + (isControl ? 0 : count) };
    at += size;
  }
}
