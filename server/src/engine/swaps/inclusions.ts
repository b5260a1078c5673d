/**
 * The remembered swaps, by which duplicates, removals and re-inclusions are recognised.
 *
 * The index leads from a swap's identity to its entry. The entry of most swaps is their record. A swap with a removal or with
 * several inclusions (rare) has a group: its inclusions, each with the records of its announcement and its removal.
 */
import { HashIndex } from "../memory/hash-index.ts";
import type { Heap } from "../memory/heap.ts";
import { INCLUSION, INCLUSION_GROUP } from "../memory/layout.ts";
import type { RecordMatcher } from "./record-matcher.ts";
import type { RecordOrder } from "./record-order.ts";
import { FLAG_FORGOTTEN, FLAG_GROUPED } from "./record-view.ts";
import type { Records } from "./records.ts";
import type { SwapEvent } from "./swap-event.ts";

const { COUNT, CAPACITY, INCLUSIONS, BYTES: HEADER_BYTES, UNITS: HEADER_UNITS } = INCLUSION_GROUP;
const { ANNOUNCEMENT, REMOVAL, BYTES: INCLUSION_BYTES, UNITS: INCLUSION_UNITS } = INCLUSION;
const INCLUSION_WORDS = INCLUSION_BYTES / 4;

/** Most inclusions of one swap. A further one is a dead letter. */
export const INCLUSIONS_MAX = 16;
/** Marks an index value as a group; refs are below it. */
const GROUP_BIT = 0x20000000;

/** The first word of an inclusion. */
function inclusionAt(group: number, i: number): number {
  return 2 * group + INCLUSIONS + INCLUSION_WORDS * i;
}

export class Inclusions {
  readonly #heap: Heap;
  readonly #records: Records;
  readonly #matcher: RecordMatcher;
  readonly #order: RecordOrder;
  readonly index: HashIndex;
  #event: SwapEvent | undefined;
  #token = 0;

  constructor(heap: Heap, records: Records, matcher: RecordMatcher, order: RecordOrder, directoryRef = 0) {
    this.#heap = heap;
    this.#records = records;
    this.#matcher = matcher;
    this.#order = order;
    this.index = new HashIndex(heap, directoryRef);
  }

  matches(value: number): boolean {
    if (this.#event === undefined) return false;
    return this.#matcher.sameSwap(this.anyRecord(value), this.#event, this.#token);
  }

  /** Returns the entry of the event's swap, or 0. The swap identity must have taken the event; `hash` is what it returned. */
  find(hash: number, event: SwapEvent, tokenRef: number): number {
    this.#event = event;
    this.#token = tokenRef;
    return this.index.find(hash, this);
  }

  isGroup(entry: number): boolean {
    return (entry & GROUP_BIT) !== 0;
  }

  anyRecord(entry: number): number {
    if (!this.isGroup(entry)) return entry;
    const u32 = this.#heap.u32;
    const first = 2 * (entry & ~GROUP_BIT) + INCLUSIONS;
    return u32[first + ANNOUNCEMENT] !== 0 ? u32[first + ANNOUNCEMENT] : u32[first + REMOVAL];
  }

  count(entry: number): number {
    return this.isGroup(entry) ? this.#heap.u32[2 * (entry & ~GROUP_BIT) + COUNT] : 1;
  }

  announcement(entry: number, i: number): number {
    return this.isGroup(entry) ? this.#heap.u32[inclusionAt(entry & ~GROUP_BIT, i) + ANNOUNCEMENT] : entry;
  }

  removal(entry: number, i: number): number {
    return this.isGroup(entry) ? this.#heap.u32[inclusionAt(entry & ~GROUP_BIT, i) + REMOVAL] : 0;
  }

  /** The latest event time of the swap's records. The swap is remembered while this is within the horizon. */
  lastMs(entry: number): number {
    if (!this.isGroup(entry)) return this.#records.timeMs(entry);
    let last = 0;
    for (let i = 0; i < this.count(entry); i++) {
      const a = this.announcement(entry, i);
      const r = this.removal(entry, i);
      if (a !== 0) last = Math.max(last, this.#records.timeMs(a));
      if (r !== 0) last = Math.max(last, this.#records.timeMs(r));
    }
    return last;
  }

  /** Returns the number of the event's inclusion, or -1 for a new one. */
  inclusionOf(entry: number, event: SwapEvent): number {
    for (let i = 0; i < this.count(entry); i++) {
      const a = this.announcement(entry, i);
      if (this.#matcher.sameInclusion(a !== 0 ? a : this.removal(entry, i), event)) return i;
    }
    return -1;
  }

  /** The announcement that counts: the greatest that is not removed; 0 when there is none. */
  counting(entry: number): number {
    let best = 0;
    for (let i = 0; i < this.count(entry); i++) {
      const a = this.announcement(entry, i);
      if (a === 0 || this.removal(entry, i) !== 0) continue;
      if (best === 0 || this.#order.compareInclusions(a, best) > 0) best = a;
    }
    return best;
  }

  /** Adds a swap that is seen for the first time. Returns its entry. */
  add(hash: number, record: number, removed: boolean): number {
    if (!removed) {
      this.index.insert(hash, record);
      return record;
    }
    const group = this.#newGroup(1);
    const u32 = this.#heap.u32;
    u32[2 * group + COUNT] = 1;
    u32[inclusionAt(group, 0) + REMOVAL] = record;
    this.#records.setFlag(record, FLAG_GROUPED, true);
    this.index.insert(hash, group | GROUP_BIT);
    return group | GROUP_BIT;
  }

  /** Adds a record of a remembered swap: to inclusion i, or as a new inclusion (i = -1). Returns the entry, which may be new. */
  extend(hash: number, entry: number, i: number, record: number, removed: boolean): number {
    const heap = this.#heap;
    let group = entry & ~GROUP_BIT;
    if (!this.isGroup(entry)) {
      group = this.#newGroup(i < 0 ? 2 : 1);
      heap.u32[2 * group + COUNT] = 1;
      heap.u32[inclusionAt(group, 0) + ANNOUNCEMENT] = entry;
      this.#records.setFlag(entry, FLAG_GROUPED, true);
      this.index.replace(hash, entry, group | GROUP_BIT);
    } else if (i < 0 && heap.u32[2 * group + COUNT] === heap.u32[2 * group + CAPACITY]) {
      const grown = this.#newGroup(heap.u32[2 * group + CAPACITY] * 2);
      const count = heap.u32[2 * group + COUNT];
      heap.u32[2 * grown + COUNT] = count;
      const words = INCLUSION_WORDS * count;
      heap.u32.copyWithin(inclusionAt(grown, 0), inclusionAt(group, 0), inclusionAt(group, 0) + words);
      this.index.replace(hash, entry, grown | GROUP_BIT);
      this.#freeGroup(group);
      group = grown;
    }
    const { u32 } = heap;
    heap.own(group, HEADER_UNITS + INCLUSION_UNITS * u32[2 * group + CAPACITY]);
    let slot = i;
    if (slot < 0) {
      slot = u32[2 * group + COUNT];
      u32[2 * group + COUNT] = slot + 1;
    }
    u32[inclusionAt(group, slot) + (removed ? REMOVAL : ANNOUNCEMENT)] = record;
    this.#records.setFlag(record, FLAG_GROUPED, true);
    return group | GROUP_BIT;
  }

  /** Forgets a swap. Its records stay and are marked. */
  forget(hash: number, entry: number): void {
    this.index.remove(hash, entry);
    if (!this.isGroup(entry)) {
      this.#records.setFlag(entry, FLAG_FORGOTTEN, true);
      return;
    }
    for (let i = 0; i < this.count(entry); i++) {
      const a = this.announcement(entry, i);
      const r = this.removal(entry, i);
      if (a !== 0) this.#records.setFlag(a, FLAG_FORGOTTEN, true);
      if (r !== 0) this.#records.setFlag(r, FLAG_FORGOTTEN, true);
    }
    this.#freeGroup(entry & ~GROUP_BIT);
  }

  /** The entry of a stored record that is not forgotten. */
  entryOf(record: number, hash: number): number {
    if ((this.#records.flags(record) & FLAG_GROUPED) === 0) return record;
    const holder = {
      matches: (value: number): boolean => {
        for (let i = 0; i < this.count(value); i++) {
          if (this.announcement(value, i) === record || this.removal(value, i) === record) return true;
        }
        return false;
      },
    };
    return this.index.find(hash, holder);
  }

  #newGroup(capacity: number): number {
    const group = this.#heap.alloc(HEADER_BYTES + INCLUSION_BYTES * capacity);
    this.#heap.own(group, HEADER_UNITS + INCLUSION_UNITS * capacity);
    this.#heap.u32[2 * group + CAPACITY] = capacity;
    return group;
  }

  #freeGroup(group: number): void {
    this.#heap.free(group, HEADER_BYTES + INCLUSION_BYTES * this.#heap.u32[2 * group + CAPACITY]);
  }
}
