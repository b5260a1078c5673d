/**
 * Reads one partition of the topic. Fetched records wait as bytes, within bounds (pressure/fetched-queue.ts), until the owner asks
 * for them. Only then are checksums checked and records parsed, in the owner's thread and time. States (`READER_STEPS`):
 *
 *   idle          --read--> reading                        fetches from the position on
 *   reading       --read at another position--> reading    drops what waits, and fetches from there
 *   reading       --a fetch begins with a damaged batch--> at_damage    nothing behind it can be found, so nothing is fetched
 *   at_damage     --the owner reads up to it, or elsewhere--> reading   the read rejects, and the batch is fetched again
 *   reading       --the broker answers: out of range--> out_of_range    nothing is fetched
 *   out_of_range  --read--> reading                        the read rejects with the lost range and the place where the log continues
 *   any but closed  --the topic has another id--> recreated   every read rejects: the position belongs to a log that is gone
 *   any           --close--> closed                        every read rejects
 */

import { batchBytesAt } from "../../clients/kafka/batch-header.ts";
import type { FetchedPartition } from "../../clients/kafka/fetch-protocol.ts";
import type { TopicView } from "../../clients/kafka/topic-view.ts";
import type { ArrivalClock, LogRange, OffsetRange, RecordBatch } from "../../ports/source.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { StateMachine, type Steps } from "../../shared/state-machine.ts";
import { ArrivalWatch } from "./arrivals.ts";
import { scanBatches } from "./batch-scan.ts";
import type { FetchLoop, FetchSink, ResponseMemory } from "./fetch-loop.ts";
import { type DroppedPart, FetchedQueue } from "./pressure/fetched-queue.ts";
import type { KafkaCounters, KafkaNumbers, KafkaReader, KafkaSourceSetup } from "./setup.ts";

/** The range of the latest fetch holds for this long. */
const RANGE_AGE_MS = 500;
/**
 * A partition's part of a fetch is copied when it is a smaller share of the fetch than this, so that a reader that stalls does not hold
 * the memory of the others' parts. It is less than the share of each of four partitions that fill a fetch together: with 0.25, half of
 * the parts fell below it, and reading a million records took 2.5 s of processor time instead of 1.15, most of it garbage collection of
 * those copies.
 */
const SHARE_MIN = 0.2;

type ReaderState = "idle" | "reading" | "at_damage" | "out_of_range" | "recreated" | "closed";

export const READER_STEPS: Steps<ReaderState> = {
  idle: ["reading", "recreated", "closed"],
  reading: ["reading", "at_damage", "out_of_range", "recreated", "closed"],
  at_damage: ["reading", "recreated", "closed"],
  out_of_range: ["reading", "recreated", "closed"],
  recreated: ["closed"],
  closed: [],
};

/** The reader's half of the fetch loop. */
export type ReaderLoop = Pick<FetchLoop, "add" | "remove" | "wake" | "problems"> & {
  readonly view: Pick<TopicView, "identity" | "refresh" | "range">;
};

export class KafkaPartitionReader implements KafkaReader, FetchSink {
  readonly partition: number;
  readonly counters: KafkaCounters;
  readonly #setup: KafkaSourceSetup;
  readonly #loop: ReaderLoop;
  readonly #onClose: () => void;
  readonly #queue: FetchedQueue;
  readonly #machine: StateMachine<ReaderState>;
  readonly #arrivals: ArrivalWatch;
  #topicId: string | undefined;
  /** The offset that the next `read` is expected to ask for. Undefined before the first read. */
  #position: number | undefined;
  /** Offset at which the next fetch begins. */
  #fetchOffset = 0;
  #fetchBytesMax: number;
  /** Id of the topic that replaced the one being read. */
  #otherTopicId: string | undefined;
  #resumeAt = 0;
  #known: { readonly range: LogRange; readonly atMs: number } | undefined;
  readonly #calls = new Set<() => void>();

  constructor(
    partition: number,
    setup: KafkaSourceSetup,
    loop: ReaderLoop,
    counters: KafkaCounters,
    onClose: () => void,
  ) {
    this.partition = partition;
    this.counters = counters;
    this.#setup = setup;
    this.#loop = loop;
    this.#onClose = onClose;
    this.#fetchBytesMax = setup.partitionFetchBytesMax;
    this.#machine = new StateMachine<ReaderState>(`The reader of partition ${partition}`, READER_STEPS, "idle");
    this.#arrivals = new ArrivalWatch(setup.topic, partition);
    const { bufferBytesMax: bytesMax, pressure, hasEnvelopes } = setup;
    const calls = { onHead: () => this.#wake(), onRoom: () => loop.wake() };
    this.#queue = new FetchedQueue({ partition, bytesMax, pressure, hasEnvelopes, counters, ...calls });
    loop.add(this);
  }

  /** Kafka keeps records by its own rules, whatever is released. */
  get pressure(): boolean {
    return false;
  }

  /** Arrivals by this service's clock would be others at the next reading, and what `drop` leaves out depends on how fast it is read. */
  get keepsRecords(): boolean {
    return this.#arrivals.clock !== "reader" && this.#setup.pressure.mode !== "drop";
  }

  get topicId(): string | undefined {
    return this.#topicId;
  }

  get arrivalClock(): ArrivalClock | undefined {
    return this.#arrivals.clock;
  }

  get problem(): string | undefined {
    const problems = [this.#queue.problem, this.#arrivals.problem].filter((problem) => problem !== undefined);
    return problems.length === 0 ? undefined : problems.join(" ");
  }

  get numbers(): KafkaNumbers {
    const { waitingBytes, spilledBytes } = this.#queue;
    return { counters: this.counters, waitingBytes, spilledBytes };
  }

  get knownEnd(): number {
    return this.#known?.range.endOffset ?? 0;
  }

  /** See PartitionReader. While the brokers are away, returns the range as last known. */
  async range(): Promise<LogRange> {
    const known = this.#known;
    const isFresh = known !== undefined && performance.now() - known.atMs < RANGE_AGE_MS;
    if (known !== undefined && (isFresh || this.#loop.problems.length > 0)) return known.range;
    try {
      const { view } = this.#loop;
      // The first range decides where the stream continues, so it must not be that of a topic that is gone.
      const { topicId: logId } = known === undefined ? await view.refresh() : (view.identity ?? (await view.refresh()));
      return this.#note(await view.range(this.partition), logId);
    } catch (error) {
      if (known === undefined) throw error;
      return known.range;
    }
  }

  /**
   * See PartitionReader. A batch without records says that the offsets up to its nextOffset hold none, and why is
   * known: markers of transactions, records of aborted ones, or holes that a batch's own header explains. A broker that
   * is away, or a leader that moves, is waited for.
   */
  async read(position: number, maxBytes: number, signal: AbortSignal): Promise<RecordBatch> {
    signal.throwIfAborted();
    this.#queue.noteRead();
    for (;;) {
      this.#throwIfGone(position);
      if (position !== this.#position) this.#seek(position);
      if (this.#machine.state === "out_of_range") await this.#tellRange(position);
      const batch = this.#take(position, maxBytes);
      if (batch !== undefined) return batch;
      await this.#change(signal);
    }
  }

  /** Arrivals of records that are not fetched are not known, and fetched ones are applied soon. */
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
    if (this.#machine.state === "closed") return;
    this.#machine.become("closed");
    this.#loop.remove(this);
    this.#queue.clear(true);
    this.#wake();
    this.#onClose();
    await this.#queue.close();
  }

  wanted(): { readonly offset: number; readonly bytesMax: number } | undefined {
    if (this.#machine.state !== "reading" || this.#topicId === undefined || this.isFull()) return undefined;
    return { offset: this.#fetchOffset, bytesMax: this.#fetchBytesMax };
  }

  isFull(): boolean {
    return this.#queue.isFull;
  }

  begin(topicId: string): void {
    this.#topicId = topicId;
  }

  recreated(topicId: string): void {
    this.#otherTopicId = topicId;
    if (this.#machine.state === "recreated") return;
    this.#machine.become("recreated");
    this.#queue.clear(true);
    this.#wake();
  }

  outOfRange(offset: number): void {
    if (!this.#isFetchingFrom(offset)) return;
    this.#machine.become("out_of_range");
    this.#wake();
  }

  take(offset: number, fetched: FetchedPartition, memory: ResponseMemory): void {
    const { records, logStartOffset, lastStableOffset, aborted } = fetched;
    this.#note({ startOffset: logStartOffset, endOffset: lastStableOffset });
    if (!this.#isFetchingFrom(offset) || records.length === 0) return;
    const found = scanBatches(records, this.#queue.isDropping);
    if (found === undefined) {
      this.#fetchBytesMax = Math.max(this.#fetchBytesMax, batchBytesAt(records, 0) ?? 0);
      return;
    }
    this.#fetchBytesMax = this.#setup.partitionFetchBytesMax;
    const to = Math.max(found.end, offset);
    if (to === offset) this.#machine.become("at_damage");
    this.#fetchOffset = to;
    const isSmall = records.length < memory.bytes.length * SHARE_MIN;
    const bytes = isSmall ? Buffer.from(records) : records;
    this.#queue.push({ ...found, from: offset, to, bytes, aborted, memory: isSmall ? undefined : memory });
    this.#wake();
  }

  /** Returns false when the reader moved to another position, or ended, during the fetch. */
  #isFetchingFrom(offset: number): boolean {
    return this.#machine.state === "reading" && offset === this.#fetchOffset;
  }

  #throwIfGone(position: number): void {
    const { state } = this.#machine;
    if (state === "closed")
      throw new SwapstatsError("unavailable", `the reader of partition ${this.partition} was closed`);
    if (state !== "recreated") return;
    this.#resumeAt = position;
    throw this.#error(
      `the topic was re-created (its id was ${this.#topicId}, and is ${this.#otherTopicId}), and position ${position} belongs to the old one`,
    );
  }

  #seek(position: number): void {
    this.#machine.become("reading");
    // The caller of `read` no longer uses the last batch.
    this.#queue.clear(false);
    this.#position = position;
    this.#fetchOffset = position;
    this.#loop.wake();
  }

  /** Also gives back the memory of the last batch, whose reader asks for the next one. */
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
      this.#arrivals.noteClock(head.batches.isProducersClock);
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
        return this.#arrivals.known(found, Date.now());
      }
    }
  }

  /** Notes dropped records when the owner reaches them, and returns the error that reports them. */
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

  /** Rejects with the lost range. Resolves when the position is in the log after all, and is fetched again. */
  async #tellRange(position: number): Promise<void> {
    const { startOffset, endOffset } = this.#note(await this.#loop.view.range(this.partition));
    if (this.#machine.state !== "out_of_range") return;
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
