/**
 * Shared memory that a worker writes and the main thread reads without a request: a change count for every token, the highs of the chains,
 * the offset of the applied state, and the arrival of the oldest waiting record. Tokens whose numbers hash to the same value share a count.
 * The worst result is one needless request.
 *
 * The thread that appends to the log reports what the log holds after that offset. The age of waiting records therefore grows whatever the
 * owner does.
 *
 * Readers rely on the order of publishing: the counts are raised while a slice is applied, and the offset and the age of the oldest record
 * are stored afterwards. A reader that has read an offset sees all changes of the records below it.
 */
export type VersionBoardHandle = { readonly buffer: SharedArrayBuffer };

const SLOT_BITS = 16;
const SLOT_COUNT = 1 << SLOT_BITS;
/** 2^32 divided by the golden ratio. Spreads numbers that lie at regular distances (Knuth, 6.4). */
const SLOT_FACTOR = 0x9e3779b1;
/** Chains whose high is on the board. A response about a token of a further chain is requested every time. */
export const BOARD_CHAINS_MAX = 256;

const GENERATION = 0;
const OLDEST_ARRIVAL = 1;
const NEXT_OFFSET = 2;
/** Written by the thread that appends to the log: its end, the end and arrival of the first waiting batch, the arrival of the last. */
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

/** The board of one partition. The owner and the log thread write it; any thread reads it. */
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

  /** Records a change that concerns all tokens. */
  touchAll(): void {
    Atomics.add(this.#cells, GENERATION, 1n);
  }

  generation(): bigint {
    return Atomics.load(this.#cells, GENERATION);
  }

  /** `chainIndex` is the owner's number of the chain, from 0. Numbers from BOARD_CHAINS_MAX on are not stored. */
  publishHigh(chainIndex: number, highMs: number): void {
    if (chainIndex < BOARD_CHAINS_MAX) Atomics.store(this.#cells, HEADER_CELLS + chainIndex, BigInt(highMs));
  }

  highMs(chainIndex: number): number {
    return Number(Atomics.load(this.#cells, HEADER_CELLS + chainIndex));
  }

  /** `oldestArrivalMs` is the arrival of the oldest record that is known and not applied, or 0. */
  publishPosition(nextOffset: number, oldestArrivalMs: number): void {
    Atomics.store(this.#cells, OLDEST_ARRIVAL, BigInt(oldestArrivalMs));
    Atomics.store(this.#cells, NEXT_OFFSET, BigInt(nextOffset));
  }

  /** Records that the log holds batches up to `endOffset`, and that the last of them arrived at `arrivalMs`. Called by one thread. */
  noteAppended(endOffset: number, arrivalMs: number): void {
    const isFirst = this.#number(FIRST_END) <= this.#number(NEXT_OFFSET);
    if (isFirst) {
      Atomics.store(this.#cells, FIRST_ARRIVAL, BigInt(arrivalMs));
      Atomics.store(this.#cells, FIRST_END, BigInt(endOffset));
    }
    Atomics.store(this.#cells, LAST_ARRIVAL, BigInt(arrivalMs));
    Atomics.store(this.#cells, END_OFFSET, BigInt(endOffset));
  }

  /** Arrival of the oldest waiting record that the owner knows of, or 0. */
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

  /** Arrival of the oldest record that was appended and is not applied, whether or not the owner knows of it, or 0. */
  #appendedMs(): number {
    const nextOffset = this.#number(NEXT_OFFSET);
    if (this.#number(END_OFFSET) <= nextOffset) return 0;
    return this.#number(this.#number(FIRST_END) > nextOffset ? FIRST_ARRIVAL : LAST_ARRIVAL);
  }

  #number(cell: number): number {
    return Number(Atomics.load(this.#cells, cell));
  }
}
