/**
 * An index from 30-bit hashes to refs, inside the heap. The top bits of the hash select a segment. Each segment is an
 * open-addressed table with linear probing and backward-shift deletion that grows by a quarter on its own: no insertion moves
 * more than one segment (doubling a whole table would stall the stream for tens of milliseconds at a million entries), and
 * tables stay between 62 and 78 % full.
 *
 * Hashes are keyed with a secret (keyed-hash.ts), so that nobody can choose texts that share a slot. The length of searches is
 * limited as well: when an entry lies more than PROBES_MAX slots from its home, its segment grows.
 */
import type { Heap } from "./heap.ts";
import { HASH_ENTRY, HASH_SEGMENT } from "./layout.ts";

const { CAPACITY, COUNT, ENTRIES, BYTES: HEADER_BYTES, UNITS: HEADER_UNITS } = HASH_SEGMENT;
const { HASH, VALUE, BYTES: ENTRY_BYTES, UNITS: ENTRY_UNITS } = HASH_ENTRY;
const ENTRY_WORDS = ENTRY_BYTES / 4;

const SEGMENT_BITS = 10;
const SEGMENTS = 1 << SEGMENT_BITS;
export const HASH_SEGMENTS = SEGMENTS;
/** The bits below choose the slot within the segment. */
const SLOT_BITS = 30 - SEGMENT_BITS;
const SLOT_MASK = 2 ** SLOT_BITS - 1;
const SEGMENT_SHIFT = SLOT_BITS;
const FIRST_CAPACITY = 6;
const LOAD_MAX = 0.78;
/** At 78 % and 10,000 entries per segment, searches by random hashes take up to a little more than a hundred steps. */
export const PROBES_MAX = 256;
/**
 * A table below this load does not grow because of long searches: its hashes are then equal, and more room would not separate
 * them.
 */
const LOAD_MIN = 0.125;

/** Returns the slot at which the search for a hash begins. */
function homeSlot(hash: number, capacity: number): number {
  return Math.floor(((hash & SLOT_MASK) * capacity) / 2 ** SLOT_BITS);
}

function tableBytes(capacity: number): number {
  return HEADER_BYTES + ENTRY_BYTES * capacity;
}

/** Decides whether a candidate with the right hash is the one looked for. */
type Matcher = { matches(value: number): boolean };

export class HashIndex {
  readonly #heap: Heap;
  /** Allocation that holds one segment ref a segment. */
  readonly directoryRef: number;
  /** Slots examined so far beyond the first of each search: the cost of crowding. Not part of the state. */
  probes = 0;

  constructor(heap: Heap, directoryRef = 0) {
    this.#heap = heap;
    this.directoryRef = directoryRef === 0 ? heap.alloc(SEGMENTS * 4) : directoryRef;
  }

  /** The value under this hash that the matcher accepts, or 0. */
  find(hash: number, matcher: Matcher): number {
    const u32 = this.#heap.u32;
    const segment = u32[2 * this.directoryRef + (hash >>> SEGMENT_SHIFT)];
    if (segment === 0) return 0;
    const capacity = u32[2 * segment + CAPACITY];
    const table = 2 * segment + ENTRIES;
    let slot = homeSlot(hash, capacity);
    for (let probes = 0; ; probes++) {
      const value = u32[table + ENTRY_WORDS * slot + VALUE];
      if (value === 0 || (u32[table + ENTRY_WORDS * slot + HASH] === hash && matcher.matches(value))) {
        this.probes += probes;
        return value;
      }
      slot = slot + 1 === capacity ? 0 : slot + 1;
    }
  }

  /** Adds an entry, which must not exist yet. Several values may share a hash. */
  insert(hash: number, value: number): void {
    const heap = this.#heap;
    const entry = 2 * this.directoryRef + (hash >>> SEGMENT_SHIFT);
    let segment = heap.u32[entry];
    if (segment === 0 || heap.u32[2 * segment + COUNT] + 1 > heap.u32[2 * segment + CAPACITY] * LOAD_MAX) {
      segment = this.#resize(hash >>> SEGMENT_SHIFT, segment);
    }
    heap.own(segment, HEADER_UNITS);
    heap.u32[2 * segment + COUNT] += 1;
    const probes = this.#place(segment, hash, value);
    this.probes += probes;
    if (probes > PROBES_MAX && heap.u32[2 * segment + COUNT] > heap.u32[2 * segment + CAPACITY] * LOAD_MIN) {
      this.#resize(hash >>> SEGMENT_SHIFT, segment);
    }
  }

  /** Returns the number of occupied slots that were skipped. */
  #place(segment: number, hash: number, value: number): number {
    const u32 = this.#heap.u32;
    const capacity = u32[2 * segment + CAPACITY];
    const table = 2 * segment + ENTRIES;
    const home = homeSlot(hash, capacity);
    let slot = home;
    while (u32[table + ENTRY_WORDS * slot + VALUE] !== 0) slot = slot + 1 === capacity ? 0 : slot + 1;
    this.#heap.own(segment + HEADER_UNITS + ENTRY_UNITS * slot, ENTRY_UNITS);
    u32[table + ENTRY_WORDS * slot + HASH] = hash;
    u32[table + ENTRY_WORDS * slot + VALUE] = value;
    return slot >= home ? slot - home : slot - home + capacity;
  }

  #resize(number: number, old: number): number {
    const heap = this.#heap;
    const oldCapacity = old === 0 ? 0 : heap.u32[2 * old + CAPACITY];
    const capacity = oldCapacity === 0 ? FIRST_CAPACITY : Math.ceil(oldCapacity * 1.25) + 2;
    const segment = heap.alloc(tableBytes(capacity));
    heap.u32[2 * segment + CAPACITY] = capacity;
    heap.own(this.directoryRef + (number >>> 1), 1);
    heap.u32[2 * this.directoryRef + number] = segment;
    if (old === 0) return segment;
    heap.u32[2 * segment + COUNT] = heap.u32[2 * old + COUNT];
    heap.own(segment, HEADER_UNITS + ENTRY_UNITS * capacity);
    for (let slot = 0; slot < oldCapacity; slot++) {
      const at = 2 * old + ENTRIES + ENTRY_WORDS * slot;
      if (heap.u32[at + VALUE] !== 0) this.#place(segment, heap.u32[at + HASH], heap.u32[at + VALUE]);
    }
    heap.free(old, tableBytes(oldCapacity));
    return segment;
  }

  #slotOf(segment: number, hash: number, value: number): number {
    const u32 = this.#heap.u32;
    const capacity = u32[2 * segment + CAPACITY];
    const table = 2 * segment + ENTRIES;
    let slot = homeSlot(hash, capacity);
    while (u32[table + ENTRY_WORDS * slot + VALUE] !== value) {
      if (u32[table + ENTRY_WORDS * slot + VALUE] === 0) throw new RangeError("hash index: entry not found");
      this.probes += 1;
      slot = slot + 1 === capacity ? 0 : slot + 1;
    }
    return slot;
  }

  /** Replaces the value of an existing entry. */
  replace(hash: number, oldValue: number, newValue: number): void {
    const segment = this.#heap.u32[2 * this.directoryRef + (hash >>> SEGMENT_SHIFT)];
    const slot = this.#slotOf(segment, hash, oldValue);
    this.#heap.own(segment + HEADER_UNITS + ENTRY_UNITS * slot, ENTRY_UNITS);
    this.#heap.u32[2 * segment + ENTRIES + ENTRY_WORDS * slot + VALUE] = newValue;
  }

  /** Removes an existing entry and closes the gap that it leaves. */
  remove(hash: number, value: number): void {
    const heap = this.#heap;
    const u32 = heap.u32;
    const segment = u32[2 * this.directoryRef + (hash >>> SEGMENT_SHIFT)];
    const capacity = u32[2 * segment + CAPACITY];
    const table = 2 * segment + ENTRIES;
    let hole = this.#slotOf(segment, hash, value);
    heap.own(segment, HEADER_UNITS);
    u32[2 * segment + COUNT] -= 1;
    let slot = hole;
    for (;;) {
      slot = slot + 1 === capacity ? 0 : slot + 1;
      const moved = u32[table + ENTRY_WORDS * slot + VALUE];
      if (moved === 0) break;
      const home = homeSlot(u32[table + ENTRY_WORDS * slot + HASH], capacity);
      const between = hole <= slot ? home > hole && home <= slot : home > hole || home <= slot;
      if (between) continue;
      heap.own(segment + HEADER_UNITS + ENTRY_UNITS * hole, ENTRY_UNITS);
      u32[table + ENTRY_WORDS * hole + HASH] = u32[table + ENTRY_WORDS * slot + HASH];
      u32[table + ENTRY_WORDS * hole + VALUE] = moved;
      hole = slot;
    }
    heap.own(segment + HEADER_UNITS + ENTRY_UNITS * hole, ENTRY_UNITS);
    u32[table + ENTRY_WORDS * hole + HASH] = 0;
    u32[table + ENTRY_WORDS * hole + VALUE] = 0;
    if (u32[2 * segment + COUNT] === 0) this.#drop(hash >>> SEGMENT_SHIFT, segment);
    else if (capacity > 64 && u32[2 * segment + COUNT] < capacity * 0.25) this.#shrink(hash >>> SEGMENT_SHIFT, segment);
  }

  #drop(number: number, segment: number): void {
    const heap = this.#heap;
    const capacity = heap.u32[2 * segment + CAPACITY];
    heap.own(this.directoryRef + (number >>> 1), 1);
    heap.u32[2 * this.directoryRef + number] = 0;
    heap.free(segment, tableBytes(capacity));
  }

  #shrink(number: number, old: number): void {
    const heap = this.#heap;
    const oldCapacity = heap.u32[2 * old + CAPACITY];
    const capacity = Math.ceil(oldCapacity / 2);
    const segment = heap.alloc(tableBytes(capacity));
    heap.u32[2 * segment + CAPACITY] = capacity;
    heap.u32[2 * segment + COUNT] = heap.u32[2 * old + COUNT];
    heap.own(this.directoryRef + (number >>> 1), 1);
    heap.u32[2 * this.directoryRef + number] = segment;
    for (let slot = 0; slot < oldCapacity; slot++) {
      const at = 2 * old + ENTRIES + ENTRY_WORDS * slot;
      if (heap.u32[at + VALUE] !== 0) this.#place(segment, heap.u32[at + HASH], heap.u32[at + VALUE]);
    }
    heap.free(old, tableBytes(oldCapacity));
  }

  /** Returns the values of one segment, from 0 to HASH_SEGMENTS - 1. */
  valuesOf(number: number): number[] {
    const { u32 } = this.#heap;
    const segment = u32[2 * this.directoryRef + number];
    const values: number[] = [];
    if (segment === 0) return values;
    for (let slot = 0; slot < u32[2 * segment + CAPACITY]; slot++) {
      const value = u32[2 * segment + ENTRIES + ENTRY_WORDS * slot + VALUE];
      if (value !== 0) values.push(value);
    }
    return values;
  }

  /** Yields all values, in the order of the tables. The index must not change meanwhile. */
  *values(): Generator<number> {
    for (let number = 0; number < SEGMENTS; number++) {
      const segment = this.#heap.u32[2 * this.directoryRef + number];
      if (segment === 0) continue;
      const capacity = this.#heap.u32[2 * segment + CAPACITY];
      for (let slot = 0; slot < capacity; slot++) {
        const value = this.#heap.u32[2 * segment + ENTRIES + ENTRY_WORDS * slot + VALUE];
        if (value !== 0) yield value;
      }
    }
  }

  /** Bytes of the tables. */
  bytes(): number {
    let sum = SEGMENTS * 4;
    for (let number = 0; number < SEGMENTS; number++) {
      const segment = this.#heap.u32[2 * this.directoryRef + number];
      if (segment !== 0) sum += tableBytes(this.#heap.u32[2 * segment + CAPACITY]);
    }
    return sum;
  }
}
