/**
 * What is remembered of swaps: duplicates, removals and re-inclusions are told by it.
 *
 * The index leads from a swap's identity to its record. A swap with a removal or with several inclusions (rare) has a
 * group instead: u32 [0] count, [1] capacity, then pairs (announcement record, removal record), 0 for what did not come.
 */
import { HashIndex } from "../memory/hash-index.ts";
import type { Heap } from "../memory/heap.ts";
import { FLAG_FORGOTTEN, FLAG_GROUPED } from "./record-view.ts";
import type { Records } from "./records.ts";
import type { SwapEvent } from "./swap-event.ts";

/** At most so many inclusions of one swap; a further one is a dead letter. */
export const INCLUSIONS_MAX = 16;
/** Marks an index value as a group; refs are below it. */
const GROUP_BIT = 0x20000000;

export class Inclusions {
  readonly #heap: Heap;
  readonly #records: Records;
  readonly index: HashIndex;
  #event: SwapEvent | undefined;
  #token = 0;

  constructor(heap: Heap, records: Records, directoryRef = 0) {
    this.#heap = heap;
    this.#records = records;
    this.index = new HashIndex(heap, directoryRef);
  }

  matches(value: number): boolean {
    if (this.#event === undefined) return false;
    return this.#records.sameSwap(this.anyRecord(value), this.#event, this.#token);
  }

  /** The entry of the event's swap, or 0. After records.prepare, which gave the hash. */
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
    const group = 2 * (entry & ~GROUP_BIT);
    return u32[group + 2] !== 0 ? u32[group + 2] : u32[group + 3];
  }

  count(entry: number): number {
    return this.isGroup(entry) ? this.#heap.u32[2 * (entry & ~GROUP_BIT)] : 1;
  }

  announcement(entry: number, i: number): number {
    return this.isGroup(entry) ? this.#heap.u32[2 * (entry & ~GROUP_BIT) + 2 + 2 * i] : entry;
  }

  removal(entry: number, i: number): number {
    return this.isGroup(entry) ? this.#heap.u32[2 * (entry & ~GROUP_BIT) + 3 + 2 * i] : 0;
  }

  /** The latest event time of anything known of the swap: it is remembered while this is within the horizon. */
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

  /** Which inclusion of the swap the event speaks of, or -1 for a new one. */
  inclusionOf(entry: number, event: SwapEvent): number {
    for (let i = 0; i < this.count(entry); i++) {
      const a = this.announcement(entry, i);
      if (this.#records.sameInclusion(a !== 0 ? a : this.removal(entry, i), event)) return i;
    }
    return -1;
  }

  /** The announcement that counts: the greatest that is present and not removed; 0 when none is. */
  counting(entry: number): number {
    let best = 0;
    for (let i = 0; i < this.count(entry); i++) {
      const a = this.announcement(entry, i);
      if (a === 0 || this.removal(entry, i) !== 0) continue;
      if (best === 0 || this.#records.compareInclusions(a, best) > 0) best = a;
    }
    return best;
  }

  /** A swap seen for the first time. Returns its entry. */
  add(hash: number, record: number, removed: boolean): number {
    if (!removed) {
      this.index.insert(hash, record);
      return record;
    }
    const group = this.#newGroup(1);
    const u32 = this.#heap.u32;
    u32[2 * group] = 1;
    u32[2 * group + 3] = record;
    this.#records.setFlag(record, FLAG_GROUPED, true);
    this.index.insert(hash, group | GROUP_BIT);
    return group | GROUP_BIT;
  }

  /** Another record of a remembered swap: of inclusion i, or of a new one (i = -1). Returns the entry, which may be new. */
  extend(hash: number, entry: number, i: number, record: number, removed: boolean): number {
    const heap = this.#heap;
    let group = entry & ~GROUP_BIT;
    if (!this.isGroup(entry)) {
      group = this.#newGroup(i < 0 ? 2 : 1);
      heap.u32[2 * group] = 1;
      heap.u32[2 * group + 2] = entry;
      this.#records.setFlag(entry, FLAG_GROUPED, true);
      this.index.replace(hash, entry, group | GROUP_BIT);
    } else if (i < 0 && heap.u32[2 * group] === heap.u32[2 * group + 1]) {
      const grown = this.#newGroup(heap.u32[2 * group + 1] * 2);
      const count = heap.u32[2 * group];
      heap.u32[2 * grown] = count;
      for (let k = 0; k < 2 * count; k++) heap.u32[2 * grown + 2 + k] = heap.u32[2 * group + 2 + k];
      this.index.replace(hash, entry, grown | GROUP_BIT);
      this.#freeGroup(group);
      group = grown;
    }
    const { u32 } = heap;
    heap.own(group, 1 + u32[2 * group + 1]);
    let slot = i;
    if (slot < 0) {
      slot = u32[2 * group];
      u32[2 * group] = slot + 1;
    }
    u32[2 * group + 2 + 2 * slot + (removed ? 1 : 0)] = record;
    this.#records.setFlag(record, FLAG_GROUPED, true);
    return group | GROUP_BIT;
  }

  /** Forgets a swap as it stands; its records stay where they are, marked. */
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

  /** The entry that holds a stored record which is not forgotten. */
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
    const group = this.#heap.alloc(8 + 8 * capacity);
    this.#heap.own(group, 1 + capacity);
    this.#heap.u32[2 * group + 1] = capacity;
    return group;
  }

  #freeGroup(group: number): void {
    this.#heap.free(group, 8 + 8 * this.#heap.u32[2 * group + 1]);
  }
}
