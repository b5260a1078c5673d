/**
 * What a worker thread lets the main thread read without asking: a change count for every token (tokens whose numbers
 * hash alike share one, which at worst makes an answer be asked for anew), the highs of the chains, the offset
 * up to which the state has come, and the arrival of the oldest record that waits.
 *
 * What the log holds behind that offset is told by the thread that appends to it, so that the age of what waits grows whatever
 * the owner is doing.
 *
 * Order of publishing, which the reader relies on: the slots are raised while a slice is applied; the offset and the age
 * of the oldest record are stored after. So whoever has read an offset sees all changes of the records below it.
 */
export type VersionBoardHandle = { readonly buffer: SharedArrayBuffer };

const SLOT_BITS = 16;
const SLOT_COUNT = 1 << SLOT_BITS;
/** 2^32 divided by the golden ratio: spreads numbers that lie at regular distances (Knuth, 6.4). */
const SLOT_FACTOR = 0x9e3779b1;
/** Chains whose high is on the board; an answer about a token of a further chain is asked for each time. */
export const BOARD_CHAINS_MAX = 256;

const GENERATION = 0;
const OLDEST_ARRIVAL = 1;
const NEXT_OFFSET = 2;
/** Written by whoever appends to the log: its end, the end and the arrival of the first batch that waits, the arrival of the last. */
const END_OFFSET = 3;
const FIRST_END = 4;
const FIRST_ARRIVAL = 5;
const LAST_ARRIVAL = 6;
const HEADER_CELLS = 8;
const CELLS = HEADER_CELLS + BOARD_CHAINS_MAX;
const SLOTS_AT = CELLS * BigInt64Array.BYTES_PER_ELEMENT;

export function createVersionBoard(): VersionBoardHandle {
  return { buffer: new SharedArrayBuffer(SLOTS_AT + SLOT_COUNT * Int32Array.BYTES_PER_ELEMENT) };
}

function slotOf(token: number): number {
  return Math.imul(token, SLOT_FACTOR) >>> (32 - SLOT_BITS);
}

/** One partition's board. The owner writes, and the thread of the log what it appends; any thread reads. */
export class VersionBoard {
  readonly #cells: BigInt64Array;
  readonly #slots: Int32Array;

  constructor(handle: VersionBoardHandle) {
    this.#cells = new BigInt64Array(handle.buffer, 0, CELLS);
    this.#slots = new Int32Array(handle.buffer, SLOTS_AT, SLOT_COUNT);
  }

  touch(token: number): void {
    Atomics.add(this.#slots, slotOf(token), 1);
  }

  slot(token: number): number {
    return Atomics.load(this.#slots, slotOf(token));
  }

  /** Tells that something changed which concerns all tokens. */
  touchAll(): void {
    Atomics.add(this.#cells, GENERATION, 1n);
  }

  generation(): bigint {
    return Atomics.load(this.#cells, GENERATION);
  }

  /** `chainIndex` is the owner's number of the chain, from 0; those from BOARD_CHAINS_MAX on are not kept. */
  publishHigh(chainIndex: number, highMs: number): void {
    if (chainIndex < BOARD_CHAINS_MAX) Atomics.store(this.#cells, HEADER_CELLS + chainIndex, BigInt(highMs));
  }

  highMs(chainIndex: number): number {
    return Number(Atomics.load(this.#cells, HEADER_CELLS + chainIndex));
  }

  /** `oldestArrivalMs`: of the oldest record that is known and not applied; 0 when none is. */
  publishPosition(nextOffset: number, oldestArrivalMs: number): void {
    Atomics.store(this.#cells, OLDEST_ARRIVAL, BigInt(oldestArrivalMs));
    Atomics.store(this.#cells, NEXT_OFFSET, BigInt(nextOffset));
  }

  /** Batches up to `endOffset` are in the log; the last of them came at `arrivalMs`. Called by one thread. */
  noteAppended(endOffset: number, arrivalMs: number): void {
    const isFirst = this.#number(FIRST_END) <= this.#number(NEXT_OFFSET);
    if (isFirst) {
      Atomics.store(this.#cells, FIRST_ARRIVAL, BigInt(arrivalMs));
      Atomics.store(this.#cells, FIRST_END, BigInt(endOffset));
    }
    Atomics.store(this.#cells, LAST_ARRIVAL, BigInt(arrivalMs));
    Atomics.store(this.#cells, END_OFFSET, BigInt(endOffset));
  }

  /** Of the oldest record that waits, as far as the owner knows; 0: none does. */
  oldestArrivalMs(): number {
    return this.#number(OLDEST_ARRIVAL);
  }

  nextOffset(): number {
    return Number(Atomics.load(this.#cells, NEXT_OFFSET));
  }

  lagMs(wallMs: number): number {
    const arrivalMs = this.#number(OLDEST_ARRIVAL) || this.#appendedMs();
    return arrivalMs === 0 ? 0 : Math.max(0, wallMs - arrivalMs);
  }

  /** Arrival of what was appended and is not applied, which the owner may not have heard of; 0: nothing is. */
  #appendedMs(): number {
    const nextOffset = this.#number(NEXT_OFFSET);
    if (this.#number(END_OFFSET) <= nextOffset) return 0;
    return this.#number(this.#number(FIRST_END) > nextOffset ? FIRST_ARRIVAL : LAST_ARRIVAL);
  }

  #number(cell: number): number {
    return Number(Atomics.load(this.#cells, cell));
  }
}
