import type { ValueTable } from "../value-table.ts";
import { VALUE } from "../value-table.ts";
import type { Notes } from "./plain-members.ts";

/**
 * Values of elements that are kept: those of the first elements of a record. All values at once could be a hundred times as large as
 * the record, so later elements are scanned again when their turn comes.
 */
const VALUES_KEPT = 16_384;
const FIRST_ELEMENTS = 16;

/** The elements of one record, and the values in them. */
export class JsonElements {
  /** Where the values of the element that is scanned now are noted. */
  readonly notes: Notes = { kinds: new Uint8Array(0), starts: new Int32Array(0), ends: new Int32Array(0), base: 0 };
  readonly #slots: readonly number[];
  readonly #slotCount: number;
  readonly #kept: number;
  #starts = new Int32Array(FIRST_ELEMENTS);
  count = 0;

  /** `slots` are those of the values in an element. */
  constructor(slots: readonly number[], slotCount: number) {
    this.#slots = slots;
    this.#slotCount = slotCount;
    this.#kept = Math.max(1, Math.floor(VALUES_KEPT / slotCount));
  }

  /** Adds the element at `start`. Its values go to `notes`. */
  add(start: number): void {
    if (this.count === this.#starts.length) {
      const grown = new Int32Array(2 * this.count);
      grown.set(this.#starts);
      this.#starts = grown;
    }
    this.#starts[this.count] = start;
    this.useRow(this.count);
    this.count++;
  }

  isKept(element: number): boolean {
    return element < this.#kept;
  }

  startOf(element: number): number {
    return this.#starts[element]!;
  }

  /** Makes `notes` the place of this element's values, and clears it. Elements that are not kept share one. */
  useRow(element: number): void {
    const { notes } = this;
    notes.base = Math.min(element, this.#kept) * this.#slotCount;
    const end = notes.base + this.#slotCount;
    if (end > notes.kinds.length) this.#grow(end);
    const { kinds } = notes;
    // Faster than fill for the few slots that mappings have.
    for (let slot = notes.base; slot < end; slot++) kinds[slot] = VALUE.absent;
  }

  /** Copies the values of the element into the table. */
  copy(element: number, values: ValueTable): void {
    const { kinds, starts, ends } = this.notes;
    const base = Math.min(element, this.#kept) * this.#slotCount;
    const slots = this.#slots;
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!;
      values.kinds[slot] = kinds[base + slot]!;
      values.starts[slot] = starts[base + slot]!;
      values.ends[slot] = ends[base + slot]!;
    }
  }

  #grow(count: number): void {
    const { notes } = this;
    const length = Math.max(2 * notes.kinds.length, count);
    const { kinds, starts, ends } = notes;
    notes.kinds = new Uint8Array(length);
    notes.starts = new Int32Array(length);
    notes.ends = new Int32Array(length);
    notes.kinds.set(kinds);
    notes.starts.set(starts);
    notes.ends.set(ends);
  }
}
