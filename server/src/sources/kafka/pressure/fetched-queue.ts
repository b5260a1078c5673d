/**
 * The fetched parts of one partition that wait for its owner, in order. Up to a bound they wait in memory, as the bytes
 * of the responses. Beyond it, once the owner stands still (see stall-watch.ts), `ingest.backpressure` decides:
 *
 *   block    nothing more is fetched
 *   drop     whole parts are dropped; the queue holds a gap in their place, which the owner reaches in its turn
 *   buffer   parts go to the spill file and come back in their turn; nothing more is fetched while that is full or fails
 *
 * A part that comes back damaged from the file is not used: the brokers have it, and it is fetched again.
 */

import type { AbortedTransaction } from "../../../clients/kafka/fetch-protocol.ts";
import { MemoryPool } from "../../../clients/kafka/memory-pool.ts";
import { type ResponseMemory, releaseMemory } from "../fetch-loop.ts";
import { FetchedBatches } from "../record-batches.ts";
import type { KafkaCounters, KafkaPressure } from "../setup.ts";
import { SpillFile, type SpillPlace } from "./spill-file.ts";
import { StallWatch } from "./stall-watch.ts";

/** Overhead of a part that waits, in addition to its bytes. */
const OVERHEAD_BYTES = 512;
/** Pause after a failed write to the spill file. */
const SPILL_RETRY_MS = 5_000;
/** Parts that are read back before the owner asks for them. */
const READ_AHEAD = 2;

type FetchedPart = {
  /** Offsets from the first requested one to behind the last whole batch. */
  readonly from: number;
  readonly to: number;
  /** Numbers from the headers of the batches, without markers of transactions. */
  readonly batches: number;
  readonly records: number;
  readonly bytes: Buffer;
  readonly aborted: readonly AbortedTransaction[];
  /** The memory that the bytes are a view of; undefined: they are a copy. */
  readonly memory: ResponseMemory | undefined;
};

export type DroppedPart = { readonly to: number; readonly batches: number; readonly records: number };

type QueueHead =
  | { readonly kind: "batches"; readonly batches: FetchedBatches }
  | { readonly kind: "dropped"; readonly dropped: DroppedPart }
  /** It is being read back. */
  | { readonly kind: "away" }
  /** It could not be read back: it is fetched again, with everything behind it. */
  | { readonly kind: "broken" };

type Item = {
  readonly kind: "batches";
  readonly aborted: readonly AbortedTransaction[];
  readonly byteLength: number;
  /** Undefined while the bytes are only in the file. */
  bytes: Buffer | undefined;
  memory: ResponseMemory | undefined;
  batches: FetchedBatches | undefined;
  place: SpillPlace | undefined;
  isBroken: boolean;
  isGone: boolean;
};

type Gap = { readonly kind: "dropped"; readonly from: number; dropped: DroppedPart };

type FetchedQueueOptions = {
  readonly partition: number;
  readonly bytesMax: number;
  readonly pressure: KafkaPressure;
  readonly counters: KafkaCounters;
  /** See `KafkaSourceSetup`. */
  readonly hasEnvelopes: boolean;
  /** The head may have changed. */
  readonly onHead: () => void;
  /** Called when more may be fetched. */
  readonly onRoom: () => void;
};

export class FetchedQueue {
  readonly #options: FetchedQueueOptions;
  readonly #stall: StallWatch;
  readonly #spill: SpillFile | undefined;
  readonly #pool = new MemoryPool();
  #items: (Item | Gap)[] = [];
  #memoryBytes = 0;
  /** Bytes that are being written to the file, and are still in memory. */
  #writingBytes = 0;
  #isReading = false;
  /** The part that did not fit into the file. It is retried after another part has left the file. */
  #unplaced: Item | undefined;
  #spillFailure: string | undefined;
  #retryTimer: NodeJS.Timeout | undefined;

  constructor(options: FetchedQueueOptions) {
    const { partition, pressure, onRoom } = options;
    this.#options = options;
    const afterMs = pressure.mode === "block" ? Number.POSITIVE_INFINITY : pressure.afterMs;
    this.#stall = new StallWatch(afterMs, onRoom);
    if (pressure.mode === "buffer") this.#spill = new SpillFile(pressure.folder, partition, pressure.spillBytesMax);
  }

  /** Whether nothing more is fetched for now. */
  get isFull(): boolean {
    if (!this.#isAtBound) return false;
    if (!this.#isPressed) return true;
    if (this.#spill === undefined) return false;
    return (
      this.#unplaced !== undefined || this.#spillFailure !== undefined || this.#writingBytes >= this.#options.bytesMax
    );
  }

  get waitingBytes(): number {
    return this.#memoryBytes;
  }

  get spilledBytes(): number {
    return this.#spill?.usedBytes ?? 0;
  }

  /** Returns what an operator should know now; undefined: nothing. */
  get problem(): string | undefined {
    const { partition, bytesMax, pressure } = this.#options;
    const name = `Partition ${partition}`;
    const last = this.#items.at(-1);
    if (last?.kind === "dropped") {
      const { records } = last.dropped;
      return `${name}: the state stands still with ${bytesMax} bytes waiting for it, and what comes is dropped: ${records} records from offset ${last.from} on so far.`;
    }
    if (this.#spillFailure !== undefined) return `${name}: nothing is fetched ahead to the disk. ${this.#spillFailure}`;
    if (this.#unplaced === undefined || !this.isFull || pressure.mode !== "buffer") return undefined;
    return `${name}: the state stands still, and its spill file is full (ingest.spill_bytes); nothing more is fetched.`;
  }

  get head(): QueueHead | undefined {
    const first = this.#items[0];
    if (first === undefined || first.kind === "dropped") return first;
    if (first.isBroken) return { kind: "broken" };
    if (first.bytes === undefined) return { kind: "away" };
    const { partition, counters, hasEnvelopes } = this.#options;
    first.batches ??= new FetchedBatches(partition, first.bytes, first.aborted, counters, hasEnvelopes);
    return { kind: "batches", batches: first.batches };
  }

  /** The owner asks for records. */
  noteRead(): void {
    this.#stall.noteRead();
  }

  /** Whether new parts are dropped. */
  get isDropping(): boolean {
    return this.#options.pressure.mode === "drop" && this.#isAtBound && this.#isPressed;
  }

  push(part: FetchedPart): void {
    const isBeyond = this.#isAtBound && this.#isPressed;
    // A part that leads nowhere is damaged: the owner has to find that out.
    if (this.isDropping && part.to > part.from) {
      this.#drop(part);
      return;
    }
    const { bytes, aborted, memory } = part;
    if (memory !== undefined) memory.shares++;
    const item: Item = {
      kind: "batches",
      aborted,
      byteLength: bytes.length,
      bytes,
      memory,
      batches: undefined,
      place: undefined,
      isBroken: false,
      isGone: false,
    };
    this.#items.push(item);
    this.#memoryBytes += costOf(item);
    // The file holds parts in their order.
    if (isBeyond && this.#spill !== undefined && this.#unplaced === undefined)
      void this.#write(this.#spill, item, bytes);
    this.#lookAtBound();
  }

  /** Releases the head and its memory. */
  shift(): void {
    const first = this.#items.shift();
    if (first?.kind !== "batches") return;
    const wasFull = this.isFull;
    this.#let(first, true);
    if (first.place !== undefined) this.#spill?.free(first.place);
    this.#lookAtBound();
    this.#placeAgain();
    if (wasFull && !this.isFull) this.#options.onRoom();
    this.#readAhead();
  }

  /**
   * Forgets everything. With `isHeadLent` the head may be in the middle of being applied: its memory is left to its
   * user.
   */
  clear(isHeadLent: boolean): void {
    const items = this.#items;
    this.#items = [];
    for (const [i, item] of items.entries()) if (item.kind === "batches") this.#let(item, !isHeadLent || i > 0);
    this.#spill?.reset();
    this.#lookAtBound();
  }

  async close(): Promise<void> {
    this.clear(true);
    clearTimeout(this.#retryTimer);
    await this.#spill?.close();
  }

  get #isAtBound(): boolean {
    return this.#memoryBytes >= this.#options.bytesMax;
  }

  get #isPressed(): boolean {
    return this.#options.pressure.mode !== "block" && this.#stall.isStalled;
  }

  #lookAtBound(): void {
    if (!this.#isAtBound) this.#unplaced = undefined;
    if (this.#options.pressure.mode !== "block") this.#stall.isAtBound = this.#isAtBound;
  }

  #drop({ from, to, batches, records }: FetchedPart): void {
    const last = this.#items.at(-1);
    if (last?.kind === "dropped") {
      const { dropped } = last;
      last.dropped = { to, batches: dropped.batches + batches, records: dropped.records + records };
    } else {
      this.#items.push({ kind: "dropped", from, dropped: { to, batches, records } });
    }
  }

  /** Called when it leaves the queue. */
  #let(item: Item, isMemoryFree: boolean): void {
    item.isGone = true;
    if (this.#unplaced === item) this.#unplaced = undefined;
    if (item.bytes === undefined) return;
    this.#memoryBytes -= costOf(item);
    if (isMemoryFree && item.memory !== undefined) releaseMemory(item.memory);
  }

  #placeAgain(): void {
    const item = this.#unplaced;
    if (item?.bytes === undefined || this.#spill === undefined) return;
    this.#unplaced = undefined;
    void this.#write(this.#spill, item, item.bytes);
  }

  /**
   * Moves the part's bytes from memory to the file. Where there is no room, or the write fails, they stay. Never
   * rejects.
   */
  async #write(spill: SpillFile, item: Item, bytes: Buffer): Promise<void> {
    const place = spill.allocate(bytes);
    if (place === undefined) {
      this.#unplaced = item;
      return;
    }
    item.place = place;
    const { memory } = item;
    if (memory !== undefined) memory.shares++;
    this.#writingBytes += costOf(item);
    try {
      await spill.write(place, bytes);
      if (!item.isGone && this.#items[0] !== item) {
        this.#memoryBytes -= costOf(item);
        item.bytes = undefined;
        item.memory = undefined;
        if (memory !== undefined) releaseMemory(memory);
      }
    } catch (error) {
      this.#noteSpillFailure(error);
    }
    this.#writingBytes -= costOf(item);
    if (memory !== undefined) releaseMemory(memory);
    this.#lookAtBound();
    this.#options.onRoom();
    this.#readAhead();
  }

  #noteSpillFailure(error: unknown): void {
    this.#spillFailure = (error as Error).message;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => {
      this.#spillFailure = undefined;
      this.#options.onRoom();
    }, SPILL_RETRY_MS);
    this.#retryTimer.unref();
  }

  /** Reads back the parts that the owner reaches next. */
  #readAhead(): void {
    const spill = this.#spill;
    if (spill === undefined || this.#isReading) return;
    const item = this.#items.slice(0, READ_AHEAD).find((one) => one.kind === "batches" && one.bytes === undefined);
    if (item?.kind !== "batches" || item.place === undefined || item.isBroken) return;
    this.#isReading = true;
    void this.#readBack(spill, item, item.place).then(() => {
      this.#isReading = false;
      this.#options.onHead();
      this.#readAhead();
    });
  }

  /** Never rejects. */
  async #readBack(spill: SpillFile, item: Item, place: SpillPlace): Promise<void> {
    const bytes = this.#pool.take(item.byteLength);
    const memory: ResponseMemory = { bytes, pool: this.#pool, shares: 1 };
    try {
      await spill.read(place, bytes);
    } catch (error) {
      if (!item.isGone) {
        item.isBroken = true;
        this.#noteSpillFailure(error);
      }
    }
    if (item.isGone || item.isBroken) {
      releaseMemory(memory);
      return;
    }
    item.bytes = bytes;
    item.memory = memory;
    this.#memoryBytes += costOf(item);
    this.#lookAtBound();
  }
}

function costOf({ byteLength }: Item): number {
  return byteLength + OVERHEAD_BYTES;
}
