/**
 * The few pools and symbols that a token's records name, stored once per token: a record names one with one byte and neither
 * retains nor releases a string. A token has a handful. Beyond LABELS_MAX (an attack) the record itself retains the string.
 */

import type { Heap } from "./heap.ts";
import { ACTIVE_BLOCK, LABEL_LIST } from "./layout.ts";
import type { Strings } from "./strings.ts";

const { LABELS, UNITS: ACTIVE_UNITS } = ACTIVE_BLOCK;
const { COUNT, CAPACITY, REFS, BYTES: HEADER_BYTES } = LABEL_LIST;

/** Labels are numbered from 1. 0 is none; LABEL_OWN means that the record holds the ref itself. */
const LABELS_MAX = 32;
export const LABEL_OWN = 255;

function listBytes(capacity: number): number {
  return HEADER_BYTES + 4 * capacity;
}

export class Labels {
  readonly #heap: Heap;
  readonly #strings: Strings;

  constructor(heap: Heap, strings: Strings) {
    this.#heap = heap;
    this.#strings = strings;
  }

  /** Returns the number of a label of the token, and creates the label if there is room; LABEL_OWN when there is none. */
  numberOf(active: number, bytes: Uint8Array, start: number, end: number): number {
    if (start === end) return 0;
    const heap = this.#heap;
    const labels = heap.u32[2 * active + LABELS];
    const count = labels === 0 ? 0 : heap.u32[2 * labels + COUNT];
    for (let i = 0; i < count; i++) {
      if (this.#strings.equals(heap.u32[2 * labels + REFS + i], bytes, start, end)) return i + 1;
    }
    if (count === LABELS_MAX) return LABEL_OWN;
    this.#append(active, this.#strings.intern(bytes, start, end));
    return count + 1;
  }

  #append(active: number, ref: number): void {
    const heap = this.#heap;
    let labels = heap.u32[2 * active + LABELS];
    const count = labels === 0 ? 0 : heap.u32[2 * labels + COUNT];
    const capacity = labels === 0 ? 0 : heap.u32[2 * labels + CAPACITY];
    if (count === capacity) {
      const grown = heap.alloc(listBytes((capacity + 2) * 2));
      heap.u32[2 * grown + COUNT] = count;
      heap.u32[2 * grown + CAPACITY] = (capacity + 2) * 2;
      for (let i = 0; i < count; i++) heap.u32[2 * grown + REFS + i] = heap.u32[2 * labels + REFS + i];
      if (labels !== 0) heap.free(labels, listBytes(capacity));
      labels = grown;
      heap.own(active, ACTIVE_UNITS);
      heap.u32[2 * active + LABELS] = labels;
    }
    heap.own(labels, (listBytes(heap.u32[2 * labels + CAPACITY]) + 7) >>> 3);
    heap.u32[2 * labels + REFS + count] = ref;
    heap.u32[2 * labels + COUNT] = count + 1;
  }

  /** The string ref of a label. */
  ref(active: number, number: number): number {
    return number === 0 ? 0 : this.#heap.u32[2 * this.#heap.u32[2 * active + LABELS] + REFS + number - 1];
  }

  free(active: number): void {
    const heap = this.#heap;
    const labels = heap.u32[2 * active + LABELS];
    if (labels === 0) return;
    for (let i = 0; i < heap.u32[2 * labels + COUNT]; i++) this.#strings.release(heap.u32[2 * labels + REFS + i]);
    heap.free(labels, listBytes(heap.u32[2 * labels + CAPACITY]));
    heap.own(active, ACTIVE_UNITS);
    heap.u32[2 * active + LABELS] = 0;
  }
}
