/**
 * Raw events as bytes: the event of each accepted record with what became of it. The applying thread copies the events' bytes once, many at a
 * time, and who reads the rows decodes them again.
 *
 *   chunk   u32 form, u32 events; then runs
 *   run     events that lay one behind another: u32 events, u32 bytes of them; a head for each; the events
 *   head    f64 offset, f64 arrival, u32 index within the record, u32 bytes of the event below the outcome in the highest byte
 *
 * Runs begin at multiples of 8 bytes, numbers are little endian.
 */

import type { SettledSwap } from "../engine/reads/past-sums.ts";
import { SwapEvent } from "../engine/swaps/swap-event.ts";
import type { Outcome } from "../engine/types.ts";
import type { ChainAddresses } from "../shared/token-id.ts";
import { SwapDecoder } from "./swap-decoder.ts";

/** One event of an accepted record, with what became of it. Key: log, partition, offset, index within the record. Ports name it `RawRow`. */
export type RawEvent = Omit<SettledSwap, "price"> & {
  readonly offset: number;
  readonly index: number;
  readonly arrivalMs: number;
  readonly isRemoval: boolean;
  /** `duplicate` and others are kept, too. */
  readonly outcome: string;
};

/** `lastOffset` is that of the last record with an event. `bytes` lie at the beginning of their memory. */
type RawChunk = { readonly count: number; readonly lastOffset: number; readonly bytes: Uint8Array<ArrayBuffer> };

/** Returns memory that is not used any more, which may hold anything; undefined when there is none. */
type SpareMemory = () => Uint8Array<ArrayBuffer> | undefined;

/** Numbers of the outcomes. They are never given to another outcome, because chunks may wait in files. */
const OUTCOME_NUMBERS: Readonly<Record<Outcome, number>> = {
  applied: 0,
  duplicate: 1,
  late: 2,
  quarantined: 3,
  removed: 4,
  unresolved: 5,
  too_many_inclusions: 6,
  too_many_tokens: 7,
  too_many_chains: 8,
};
const OUTCOMES = new Map(Object.entries(OUTCOME_NUMBERS).map(([outcome, number]) => [number, outcome as Outcome]));

const FORM = 1;
const UNIT_BYTES = 8;
const CHUNK_BYTES = 8;
const RUN_BYTES = 8;
const HEAD_BYTES = 24;
const HEAD_UNITS = HEAD_BYTES / UNIT_BYTES;
const HEAD_WORDS = HEAD_BYTES / 4;
const HEAD_ARRIVAL = 8;
const HEAD_INDEX = 16;
const HEAD_LENGTH = 20;
const INDEX_WORD = HEAD_INDEX / 4;
const LENGTH_WORD = HEAD_LENGTH / 4;
const LENGTH_BITS = 24;
/** A longer run is written as several. */
const RUN_EVENTS_MAX = 1_024;
/** Sizes of memory that chunks are written to. What had to be larger is not used again. */
export const RAW_MEMORY = { bytesMin: 256 * 1024, bytesMax: 4 * 1024 * 1024 } as const;
const LIMB = 10n ** 15n;
const NO_BYTES = new Uint8Array(0);

function padded(bytes: number): number {
  return (bytes + UNIT_BYTES - 1) & -UNIT_BYTES;
}

/** Follows what becomes of the events of a partition. */
export type OutcomeWatch = {
  /**
   * Called when the event in bytes[start, end), the one of this index within the record at this offset, has been applied. The bytes are valid
   * until the next call of `release`.
   */
  applied(
    bytes: Uint8Array,
    start: number,
    end: number,
    arrivalMs: number,
    offset: number,
    index: number,
    outcome: Outcome,
  ): void;
  /** Called before the bytes of the events are used for something else. */
  release(): void;
};

/** Writes raw events into memory that leaves with each chunk. */
export class RawRowWriter implements OutcomeWatch {
  readonly #takeSpare: SpareMemory;
  #u8 = new Uint8Array(RAW_MEMORY.bytesMin);
  #at = CHUNK_BYTES;
  #count = 0;
  #lastOffset = 0;
  /** The run in progress: its bytes are still those of the caller. */
  #run: Uint8Array = NO_BYTES;
  #runStart = 0;
  #runEnd = 0;
  #runEvents = 0;
  readonly #heads = new ArrayBuffer(HEAD_BYTES * RUN_EVENTS_MAX);
  readonly #f64 = new Float64Array(this.#heads);
  readonly #u32 = new Uint32Array(this.#heads);

  constructor(takeSpare: SpareMemory = () => undefined) {
    this.#takeSpare = takeSpare;
  }

  /** Events since the last `cut`. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of the chunk that `cut` would return after `release`. */
  get bytes(): number {
    return this.#at;
  }

  applied(
    bytes: Uint8Array,
    start: number,
    end: number,
    arrivalMs: number,
    offset: number,
    index: number,
    outcome: Outcome,
  ): void {
    if (bytes !== this.#run || start !== this.#runEnd || this.#runEvents === RUN_EVENTS_MAX) {
      this.release();
      this.#run = bytes;
      this.#runStart = start;
    }
    const head = this.#runEvents;
    this.#f64[HEAD_UNITS * head] = offset;
    this.#f64[HEAD_UNITS * head + 1] = arrivalMs;
    this.#u32[HEAD_WORDS * head + INDEX_WORD] = index;
    this.#u32[HEAD_WORDS * head + LENGTH_WORD] = (end - start) | (OUTCOME_NUMBERS[outcome] << LENGTH_BITS);
    this.#runEvents = head + 1;
    this.#runEnd = end;
    this.#count += 1;
    this.#lastOffset = offset;
  }

  /** Ends the run in progress. */
  release(): void {
    const events = this.#runEvents;
    if (events === 0) return;
    const length = this.#runEnd - this.#runStart;
    const headsAt = this.#at + RUN_BYTES;
    const eventsAt = headsAt + HEAD_BYTES * events;
    const next = eventsAt + padded(length);
    if (next > this.#u8.length) this.#grow(next);
    const u32 = new Uint32Array(this.#u8.buffer, this.#at, 2);
    u32[0] = events;
    u32[1] = length;
    this.#u8.set(new Uint8Array(this.#heads, 0, HEAD_BYTES * events), headsAt);
    this.#u8.set(this.#run.subarray(this.#runStart, this.#runEnd), eventsAt);
    // The buffer may hold bytes of an earlier chunk.
    this.#u8.fill(0, eventsAt + length, next);
    this.#at = next;
    this.#run = NO_BYTES;
    this.#runEvents = 0;
  }

  /** Returns the events since the last call as a chunk, whose memory is the caller's from now on; undefined when there are none. */
  cut(): RawChunk | undefined {
    this.release();
    const count = this.#count;
    if (count === 0) return undefined;
    const u32 = new Uint32Array(this.#u8.buffer, 0, 2);
    u32[0] = FORM;
    u32[1] = count;
    const bytes = this.#leave();
    this.#at = CHUNK_BYTES;
    this.#count = 0;
    return { count, lastOffset: this.#lastOffset, bytes };
  }

  /**
   * Writing to new memory costs five times as much as writing to memory that was used before, so chunks are written where others were. Without spare
   * memory a small chunk is copied: chunks that wait would otherwise hold far more memory than bytes.
   */
  #leave(): Uint8Array<ArrayBuffer> {
    const own = this.#u8;
    const spare = this.#takeSpare();
    if (spare === undefined && this.#at <= own.length / 2) return own.slice(0, this.#at);
    this.#u8 = spare ?? new Uint8Array(Math.min(own.length, RAW_MEMORY.bytesMax));
    return own.subarray(0, this.#at);
  }

  #grow(bytes: number): void {
    const old = this.#u8;
    this.#u8 = new Uint8Array(Math.max(bytes, 2 * old.length));
    this.#u8.set(old.subarray(0, this.#at));
  }
}

/**
 * Yields the events of a chunk in the order in which they were applied. `chains` is that of the applying thread. Throws RangeError when
 * `RawRowWriter` did not write the bytes.
 */
export function* readRawRows(chunk: Uint8Array<ArrayBuffer>, chains: ChainAddresses): Generator<RawEvent> {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  const form = chunk.length < CHUNK_BYTES ? undefined : view.getUint32(0, true);
  if (form !== FORM) throw new RangeError(`raw events are in form ${form}; this version reads form ${FORM}`);
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
  const decoder = new SwapDecoder(chains);
  const event = new SwapEvent();
  for (let at = CHUNK_BYTES; at < chunk.length; ) {
    const events = view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    const eventsAt = at + RUN_BYTES + HEAD_BYTES * events;
    const next = eventsAt + padded(length);
    if (next > chunk.length) throw new RangeError(`raw events at byte ${at} do not fit their ${chunk.length} bytes`);
    let head = at + RUN_BYTES;
    for (let start = eventsAt; head < eventsAt; head += HEAD_BYTES) {
      const sizes = view.getUint32(head + HEAD_LENGTH, true);
      const outcome = OUTCOMES.get(sizes >>> LENGTH_BITS);
      const end = start + (sizes & (2 ** LENGTH_BITS - 1));
      const code = end > next ? "it is too long" : decoder.decode(bytes, start, end, event);
      if (code !== undefined || outcome === undefined) {
        throw new RangeError(`the raw event at byte ${start} cannot be read: ${code ?? "it has no known outcome"}`);
      }
      yield {
        ...swapOf(event),
        offset: view.getFloat64(head, true),
        index: view.getUint32(head + HEAD_INDEX, true),
        arrivalMs: view.getFloat64(head + HEAD_ARRIVAL, true),
        isRemoval: event.removed,
        outcome,
      };
      start = end;
    }
    at = next;
  }
}

function swapOf(event: SwapEvent): Omit<SettledSwap, "price"> {
  const { buffer, byteOffset, length } = event.bytes;
  const bytes = Buffer.from(buffer, byteOffset, length);
  const text = (start: number, end: number): string => bytes.toString("utf8", start, end);
  const optional = (start: number, end: number): string | undefined => (start === end ? undefined : text(start, end));
  const txHash = text(event.txHashStart, event.txHashEnd);
  return {
    chainId: event.chainId,
    token: text(event.tokenStart, event.tokenEnd),
    symbol: optional(event.symbolStart, event.symbolEnd),
    pool: optional(event.poolStart, event.poolEnd),
    who: optional(event.whoStart, event.whoEnd),
    isBuy: event.isBuy,
    amountUnits: (BigInt(event.amount2) * LIMB + BigInt(event.amount1)) * LIMB + BigInt(event.amount0),
    usdMicro: event.usdMicro,
    givenPrice: Number.isNaN(event.priceUsd) ? undefined : event.priceUsd,
    eventTimeMs: event.eventTimeMs,
    txHash,
    logIndex: event.logIndex,
    txIndex: event.txIndex,
    eventId: optional(event.eventIdStart, event.eventIdEnd) ?? `${event.chainId}:${txHash}:${event.logIndex}`,
    blockNumber: event.blockNumber < 0 ? undefined : event.blockNumber,
    blockHash: optional(event.blockHashStart, event.blockHashEnd),
    revision: event.revision,
  };
}
