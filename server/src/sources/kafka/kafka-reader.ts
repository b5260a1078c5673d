/**
 * Reads one partition of the topic. What was fetched waits here as bytes, at most `bufferBytesMax` and one answer more, until the
 * owner asks for it; only then are checksums looked at and records taken apart, in the owner's thread and time.
 *
 *   idle       --read--> reading        fetched from the position on
 *   reading    --read elsewhere, damage--> reading   what waits is dropped and fetched anew from there
 *   reading    --the broker says: out of range--> lost      the next `read` says how, and where the log goes on
 *   reading    --the topic has another id--> anew           every `read` rejects: the position belongs to a log that is gone
 *   any        --pause--> idle, --close--> closed
 */
import { SwapstatsError } from "../../shared/errors.ts";
import type { LogRange, RecordBatch } from "../source.ts";
import { batchBytesAt, readBatchHeader } from "./batch-header.ts";
import { type AnswerMemory, type FetchLoop, type FetchSink, releaseMemory } from "./fetch-loop.ts";
import type { FetchedPartition } from "./fetch-protocol.ts";
import type { KafkaCounters, KafkaReader, KafkaSourceSetup } from "./kafka-setup.ts";
import { FetchedBatches } from "./record-batches.ts";

/** What an answer to a fetch says of the range is taken for so long. */
const RANGE_AGE_MS = 500;
/**
 * A part that is so much smaller than its answer is copied out, so that a reader that stalls does not hold answers of others. Less than
 * what each of four partitions has of an answer to which each gives as much as it may: with 0.25 half of the parts fell below it, and
 * reading a million records took 2.5 s of processor time instead of 1.15, most of it the collector's over those copies.
 */
const SHARE_MIN = 0.2;

type Waiting = {
  readonly batches: FetchedBatches;
  readonly byteLength: number;
  readonly memory: AnswerMemory | undefined;
};

export class KafkaPartitionReader implements KafkaReader, FetchSink {
  readonly partition: number;
  readonly #setup: KafkaSourceSetup;
  readonly #loop: FetchLoop;
  readonly #counters: KafkaCounters;
  readonly #onClose: (clock: boolean | undefined) => void;
  #topicId: string | undefined;
  /** The offset that the next `read` is expected to ask for; undefined: idle. */
  #position: number | undefined;
  /** Where the next fetch begins. */
  #fetchOffset = 0;
  #fetchBytesMax: number;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #isOutOfRange = false;
  #otherTopicId: string | undefined;
  #resumeAt = 0;
  #known: { readonly range: LogRange; readonly atMs: number } | undefined;
  #isClosed = false;
  readonly #calls = new Set<() => void>();
  #isProducersClock: boolean | undefined;

  constructor(
    partition: number,
    setup: KafkaSourceSetup,
    loop: FetchLoop,
    counters: KafkaCounters,
    onClose: (clock: boolean | undefined) => void,
  ) {
    this.partition = partition;
    this.#setup = setup;
    this.#loop = loop;
    this.#counters = counters;
    this.#onClose = onClose;
    this.#fetchBytesMax = setup.partitionFetchBytesMax;
    loop.add(this);
  }

  /** Kafka keeps records by its own rules, whatever we release. */
  get pressure(): boolean {
    return false;
  }

  get topicId(): string | undefined {
    return this.#topicId;
  }

  get isProducersClock(): boolean | undefined {
    return this.#isProducersClock;
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
      return this.#note({ ...(await view.range(this.partition)), logId });
    } catch (error) {
      if (known === undefined) throw error;
      return known.range;
    }
  }

  /** See KafkaReader. */
  async read(position: number, maxBytes: number, signal: AbortSignal): Promise<RecordBatch> {
    signal.throwIfAborted();
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

  resumeAfter(_position: number): number {
    return this.#resumeAt;
  }

  async raiseEnd(offset: number, _signal: AbortSignal): Promise<void> {
    const { endOffset } = await this.range();
    if (endOffset < offset) throw this.#error(`position ${offset} is asked for, but the log ends at ${endOffset}`);
  }

  async release(_offset: number): Promise<void> {}

  pause(): void {
    this.#forget();
    this.#position = undefined;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#loop.remove(this);
    this.#forget();
    this.#wake();
    this.#onClose(this.#isProducersClock);
  }

  wanted(): { readonly offset: number; readonly bytesMax: number } | undefined {
    const isIdle = this.#position === undefined || this.#isOutOfRange || this.#otherTopicId !== undefined;
    if (isIdle || this.#topicId === undefined || this.isFull()) return undefined;
    return { offset: this.#fetchOffset, bytesMax: this.#fetchBytesMax };
  }

  isFull(): boolean {
    return this.#waitingBytes >= this.#setup.bufferBytesMax;
  }

  begin(topicId: string): void {
    this.#topicId = topicId;
  }

  madeAnew(topicId: string): void {
    this.#otherTopicId = topicId;
    this.#forget();
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
    const next = endOfBatches(records);
    if (next === undefined) {
      this.#fetchBytesMax = Math.max(this.#fetchBytesMax, batchBytesAt(records, 0) ?? 0);
      return;
    }
    this.#fetchBytesMax = this.#setup.partitionFetchBytesMax;
    this.#fetchOffset = Math.max(next, offset);
    const isSmall = records.length < memory.bytes.length * SHARE_MIN;
    const bytes = isSmall ? Buffer.from(records) : records;
    if (!isSmall) memory.shares++;
    const batches = new FetchedBatches(this.partition, bytes, aborted, this.#counters);
    this.#waiting.push({ batches, byteLength: bytes.length, memory: isSmall ? undefined : memory });
    this.#waitingBytes += bytes.length;
    this.#wake();
  }

  #seek(position: number): void {
    this.#drop();
    this.#position = position;
    this.#fetchOffset = position;
    this.#isOutOfRange = false;
    this.#loop.wake();
  }

  /** Memory of what was lent with the last batch goes here too: its reader asks for the next. */
  #take(position: number, maxBytes: number): RecordBatch | undefined {
    for (;;) {
      const first = this.#waiting[0];
      if (first === undefined) return undefined;
      const found = first.batches.next(position, maxBytes);
      this.#isProducersClock = first.batches.isProducersClock ?? this.#isProducersClock;
      if (found === undefined) {
        this.#waiting.shift();
        const wasFull = this.isFull();
        this.#waitingBytes -= first.byteLength;
        if (first.memory !== undefined) releaseMemory(first.memory);
        if (wasFull) this.#loop.wake();
      } else if ("reason" in found) {
        this.#counters.damagedReads++;
        // A broken header must not lead beyond the end.
        const end = this.#known?.range.endOffset ?? found.resumeAt;
        this.#resumeAt = Math.min(found.resumeAt, Math.max(end, position));
        this.#seek(position);
        throw this.#error(found.reason);
      } else {
        this.#position = found.nextOffset;
        return found;
      }
    }
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

  /** Gives memory back to be used again; by a `read` alone, whose caller is done with the last batch. */
  #drop(): void {
    for (const { memory } of this.#waiting) if (memory !== undefined) releaseMemory(memory);
    this.#forget();
  }

  /** The last batch may be in the middle of being applied: its memory is left to whoever holds it. */
  #forget(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #note(range: LogRange): LogRange {
    const logId = range.logId ?? this.#known?.range.logId;
    const known = { ...range, ...(logId === undefined ? {} : { logId }) };
    this.#known = { range: known, atMs: performance.now() };
    return known;
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

/** The offset behind the last whole batch; undefined: there is none. Headers are believed here; the records are checked when they are read. */
function endOfBatches(records: Buffer): number | undefined {
  let end: number | undefined;
  let at = 0;
  for (;;) {
    const size = batchBytesAt(records, at);
    if (size === undefined || at + size > records.length) return end;
    // Reading it tells what is wrong; what follows cannot be found.
    if (size === 0) return end ?? 0;
    end = readBatchHeader(records, at).lastOffset + 1;
    at += size;
  }
}
