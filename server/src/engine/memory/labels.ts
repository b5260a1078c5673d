/**
 * The few pools and symbols that a token's records name, stored once per token: a record names one with one byte and neither
 * retains nor releases a string. A token has a handful. Beyond LABELS_MAX (an attack) the record itself retains the string. The
 * list has a copy of each text, so that a search reads one or two lines of memory instead of one or two for each label.
 */

import { ByteView } from "./byte-view.ts";
import { equalBytes } from "./bytes.ts";
import type { Heap } from "./heap.ts";
import { ACTIVE_BLOCK, LABEL_LIST } from "./layout.ts";
import type { Strings } from "./strings.ts";

const { LABELS, UNITS: ACTIVE_UNITS } = ACTIVE_BLOCK;
const { COUNT, TEXT_BYTES, REFS, BYTES: HEADER_BYTES } = LABEL_LIST;
const REF_BYTES = 4;

/** Labels are numbered from 1. 0 is none; LABEL_OWN means that the record holds the ref itself. */
const LABELS_MAX = 32;
export const LABEL_OWN = 255;

function listBytes(count: number, textBytes: number): number {
  return HEADER_BYTES + REF_BYTES * count + textBytes;
}

export class Labels {
  readonly #heap: Heap;
  readonly #strings: Strings;
  readonly #view = new ByteView();

  constructor(heap: Heap, strings: Strings) {
    this.#heap = heap;
    this.#strings = strings;
  }

  /** Returns the number of a label of the token, and creates the label if there is room; LABEL_OWN when there is none. */
  numberOf(active: number, bytes: Uint8Array, start: number, end: number): number {
    if (start === end) return 0;
    const { u8, u32, view } = this.#heap;
    const labels = u32[2 * active + LABELS];
    const count = labels === 0 ? 0 : u32[2 * labels + COUNT];
    const length = end - start;
    const given = this.#view.of(bytes);
    let at = 8 * labels + listBytes(count, 0);
    for (let i = 0; i < count; i++) {
      if (u8[at] === length && equalBytes(view, at + 1, given, start, length)) return i + 1;
      at += 1 + u8[at];
    }
    if (count === LABELS_MAX) return LABEL_OWN;
    this.#append(active, bytes, start, end);
    return count + 1;
  }

  #append(active: number, bytes: Uint8Array, start: number, end: number): void {
    const heap = this.#heap;
    const ref = this.#strings.intern(bytes, start, end);
    const old = heap.u32[2 * active + LABELS];
    const count = old === 0 ? 0 : heap.u32[2 * old + COUNT];
    const textBytes = old === 0 ? 0 : heap.u32[2 * old + TEXT_BYTES];
    const grownTextBytes = textBytes + 1 + end - start;
    const size = listBytes(count + 1, grownTextBytes);
    const labels = heap.alloc(size);
    const { u8, u32 } = heap;
    u32[2 * labels + COUNT] = count + 1;
    u32[2 * labels + TEXT_BYTES] = grownTextBytes;
    for (let i = 0; i < count; i++) u32[2 * labels + REFS + i] = u32[2 * old + REFS + i];
    u32[2 * labels + REFS + count] = ref;
    const oldTexts = 8 * old + listBytes(count, 0);
    let at = 8 * labels + listBytes(count + 1, 0);
    for (let i = 0; i < textBytes; i++) u8[at++] = u8[oldTexts + i];
    u8[at++] = end - start;
    for (let i = start; i < end; i++) u8[at++] = bytes[i];
    if (old !== 0) heap.free(old, listBytes(count, textBytes));
    heap.own(active, ACTIVE_UNITS);
    heap.u32[2 * active + LABELS] = labels;
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
    heap.free(labels, listBytes(heap.u32[2 * labels + COUNT], heap.u32[2 * labels + TEXT_BYTES]));
    heap.own(active, ACTIVE_UNITS);
    heap.u32[2 * active + LABELS] = 0;
  }
}
