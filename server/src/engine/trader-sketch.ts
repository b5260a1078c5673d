/**
 * A sliding HyperLogLog of a token's settled traders: per register and side a list of possible future maxima (rank and
 * time, none dominated by a newer and higher one), so that it answers for every window at once. Source of the sliding form: Chabchoub
 * and Hebrail, "Sliding HyperLogLog", 2010.
 *
 * Sketch: f64 [0] base second; then one u32 ref for each of GROUPS groups of registers. Group: u32 [0] entries, [1] capacity,
 * then a count byte a register, then the entries: side (1 bit), rank (6), second from the base (25).
 */
import { hashBytes32 } from "./bytes.ts";
import type { Heap } from "./heap.ts";
import { RankCounts, REGISTERS, type TraderEstimate } from "./rank-counts.ts";
import type { Strings } from "./strings.ts";
import { firstOf } from "./trader-tally.ts";

const PRECISION = Math.log2(REGISTERS);
const GROUP_REGISTERS = 64;
const GROUPS = REGISTERS / GROUP_REGISTERS;
const SKETCH_BYTES = 8 + 4 * GROUPS;
const GROUP_HEADER_BYTES = 8 + GROUP_REGISTERS;
const GROUP_HEADER_WORDS = GROUP_HEADER_BYTES / 4;
const FIRST_CAPACITY = 8;
const SECOND_BITS = 25;
const SECOND_MAX = 2 ** SECOND_BITS - 1;
const REGISTER_SEED = 0x4e61;
const RANK_SEED = 0x9d2c;

type Ranks = Uint8Array | undefined;

export class TraderSketches {
  readonly #heap: Heap;
  readonly #strings: Strings;
  readonly #list = new Uint32Array(256);
  bytes = 0;

  constructor(heap: Heap, strings: Strings) {
    this.#heap = heap;
    this.#strings = strings;
  }

  create(timeMs: number): number {
    const sketch = this.#heap.alloc(SKETCH_BYTES);
    this.#heap.own(sketch, SKETCH_BYTES >>> 3);
    // The base lies a year back at most: seconds of 25 bits reach 388 days.
    this.#heap.f64[sketch] = Math.floor(timeMs / 1000) - Math.floor(SECOND_MAX / 4);
    this.bytes += SKETCH_BYTES;
    return sketch;
  }

  free(sketch: number): void {
    for (let g = 0; g < GROUPS; g++) this.#freeGroup(this.#heap.u32[2 * sketch + 2 + g]);
    this.#heap.free(sketch, SKETCH_BYTES);
    this.bytes -= SKETCH_BYTES;
  }

  #freeGroup(group: number): void {
    if (group === 0) return;
    const size = GROUP_HEADER_BYTES + 4 * this.#heap.u32[2 * group + 1];
    this.bytes -= size;
    this.#heap.free(group, size);
  }

  registerOf(who: number): number {
    const { u8 } = this.#heap;
    return (
      hashBytes32(u8, this.#strings.byteStart(who), this.#strings.byteEnd(who), REGISTER_SEED) >>> (32 - PRECISION)
    );
  }

  rankOf(who: number): number {
    const { u8 } = this.#heap;
    return Math.clz32(hashBytes32(u8, this.#strings.byteStart(who), this.#strings.byteEnd(who), RANK_SEED)) + 1;
  }

  /** Notes a settled swap; what lies before expiredBeforeMs may be dropped. */
  note(sketch: number, who: number, buy: boolean, timeMs: number, expiredBeforeMs: number): void {
    let second = Math.floor(timeMs / 1000) - this.#heap.f64[sketch];
    if (second > SECOND_MAX) {
      this.#rebase(sketch, timeMs, expiredBeforeMs);
      second = Math.floor(timeMs / 1000) - this.#heap.f64[sketch];
    }
    if (second < 0) return;
    const register = this.registerOf(who);
    const expired = Math.max(0, Math.floor(expiredBeforeMs / 1000) - this.#heap.f64[sketch]);
    const entry = (((buy ? 64 : 0) + this.rankOf(who)) * 2 ** SECOND_BITS + second) >>> 0;
    this.#insert(sketch, register, entry, expired);
  }

  #insert(sketch: number, register: number, entry: number, expired: number): void {
    const heap = this.#heap;
    const number = Math.floor(register / GROUP_REGISTERS);
    let group = heap.u32[2 * sketch + 2 + number];
    if (group === 0) group = this.#resize(sketch, number, 0, FIRST_CAPACITY);
    const inGroup = register % GROUP_REGISTERS;
    const counts = 8 * group + 8;
    let before = 0;
    for (let i = 0; i < inGroup; i++) before += heap.u8[counts + i];
    const old = heap.u8[counts + inGroup];
    const from = 2 * group + GROUP_HEADER_WORDS + before;
    let kept = 0;
    for (let i = 0; i < old; i++) {
      const other = heap.u32[from + i];
      if (dominates(other, entry)) return;
      if (!dominates(entry, other) && other % 2 ** SECOND_BITS >= expired) this.#list[kept++] = other;
    }
    this.#list[kept++] = entry;
    this.#splice(sketch, number, before, inGroup, old, kept);
  }

  /** Replaces the `old` entries of a register, which start behind `before` others, by the `kept` ones in the list. */
  #splice(sketch: number, number: number, before: number, inGroup: number, old: number, kept: number): void {
    const heap = this.#heap;
    let group = heap.u32[2 * sketch + 2 + number];
    const total = heap.u32[2 * group];
    if (total + kept - old > heap.u32[2 * group + 1]) {
      group = this.#resize(sketch, number, group, Math.ceil((total + 2) * 1.2));
    }
    const { u8, u32 } = heap;
    heap.own(group, (GROUP_HEADER_BYTES + 4 * u32[2 * group + 1] + 7) >>> 3);
    const from = 2 * group + GROUP_HEADER_WORDS + before;
    const end = 2 * group + GROUP_HEADER_WORDS + total;
    if (kept !== old) u32.copyWithin(from + kept, from + old, end);
    for (let i = 0; i < kept; i++) u32[from + i] = this.#list[i];
    for (let i = end + kept - old; i < end; i++) u32[i] = 0;
    u8[8 * group + 8 + inGroup] = kept;
    u32[2 * group] = total + kept - old;
  }

  #resize(sketch: number, number: number, old: number, capacity: number): number {
    const heap = this.#heap;
    const size = GROUP_HEADER_BYTES + 4 * capacity;
    const group = heap.alloc(size);
    this.bytes += size;
    if (old !== 0) {
      const used = GROUP_HEADER_BYTES + 4 * heap.u32[2 * old];
      heap.u8.copyWithin(8 * group, 8 * old, 8 * old + used);
      this.#freeGroup(old);
    }
    heap.u32[2 * group + 1] = capacity;
    heap.own(sketch + 1 + (number >>> 1), 1);
    heap.u32[2 * sketch + 2 + number] = group;
    return group;
  }

  /** Moves the base when seconds would overflow (once in 290 days of a token's trading); expired entries leave. */
  #rebase(sketch: number, timeMs: number, expiredBeforeMs: number): void {
    const heap = this.#heap;
    const all: number[] = [];
    this.eachEntry(sketch, (register, buy, rank, ms) => {
      if (ms >= expiredBeforeMs) all.push(register, buy ? 64 + rank : rank, ms);
    });
    heap.own(sketch, SKETCH_BYTES >>> 3);
    for (let g = 0; g < GROUPS; g++) {
      this.#freeGroup(heap.u32[2 * sketch + 2 + g]);
      heap.u32[2 * sketch + 2 + g] = 0;
    }
    heap.f64[sketch] = Math.floor(timeMs / 1000) - Math.floor(SECOND_MAX / 4);
    for (let i = 0; i < all.length; i += 3) {
      const second = Math.floor(all[i + 2] / 1000) - heap.f64[sketch];
      if (second >= 0) this.#insert(sketch, all[i], (all[i + 1] * 2 ** SECOND_BITS + second) >>> 0, 0);
    }
  }

  /**
   * Estimates for windows that open at `opensMs`, which descend, and hold what is settled from there on, together with wallets whose
   * ranks by register are given. One pass: what an entry adds to the first window that holds it, it adds to all longer ones.
   */
  estimates(sketch: number, opensMs: readonly number[], buyerRanks: Ranks, sellerRanks: Ranks): TraderEstimate[] {
    const { u8, u32, f64 } = this.#heap;
    const n = opensMs.length;
    const opens = opensMs.map((openMs) => Math.ceil(openMs / 1000) - f64[sketch]);
    const counts = new RankCounts(n);
    for (let g = 0; g < GROUPS; g++) {
      const group = u32[2 * sketch + 2 + g];
      let at = 2 * group + GROUP_HEADER_WORDS;
      for (let r = 0; r < GROUP_REGISTERS; r++) {
        const register = g * GROUP_REGISTERS + r;
        counts.begin(buyerRanks?.[register] ?? 0, sellerRanks?.[register] ?? 0);
        const end = group === 0 ? at : at + u8[8 * group + 8 + r];
        for (; at < end; at++) {
          const window = firstOf(opens, u32[at] & SECOND_MAX);
          if (window < n) counts.note(window, u32[at] >>> SECOND_BITS);
        }
        counts.end();
      }
    }
    return counts.estimates();
  }

  eachEntry(sketch: number, each: (register: number, buy: boolean, rank: number, ms: number) => void): void {
    const { u8, u32, f64 } = this.#heap;
    const base = f64[sketch];
    for (let g = 0; g < GROUPS; g++) {
      const group = u32[2 * sketch + 2 + g];
      if (group === 0) continue;
      let at = 2 * group + GROUP_HEADER_WORDS;
      for (let r = 0; r < GROUP_REGISTERS; r++) {
        const end = at + u8[8 * group + 8 + r];
        for (; at < end; at++) {
          const high = Math.floor(u32[at] / 2 ** SECOND_BITS);
          each(g * GROUP_REGISTERS + r, high >= 64, high & 63, (base + (u32[at] % 2 ** SECOND_BITS)) * 1000);
        }
      }
    }
  }
}

/** Whether entry a makes b superfluous: same side, as high a rank, as late. */
function dominates(a: number, b: number): boolean {
  const highA = Math.floor(a / 2 ** SECOND_BITS);
  const highB = Math.floor(b / 2 ** SECOND_BITS);
  return highA >= 64 === highB >= 64 && (highA & 63) >= (highB & 63) && a % 2 ** SECOND_BITS >= b % 2 ** SECOND_BITS;
}
