/**
 * A sliding HyperLogLog of a token's settled traders. Each register keeps, per side, a list of possible future maxima (rank and
 * time, none dominated by a newer and higher one), from which every window can be estimated. Source of the sliding form:
 * Chabchoub and Hebrail, "Sliding HyperLogLog", 2010.
 *
 * An entry has three bytes, or four if the longest window requires it: side (1 bit), rank (6 bits), second from the base of its
 * group (17 or 25 bits).
 */
import { putThreeBytes, threeBytesAt, wordAt } from "../memory/bytes.ts";
import { Heap } from "../memory/heap.ts";
import { type HashSeed, KeyedHash } from "../memory/keyed-hash.ts";
import { GROUP_REGISTERS, SKETCH, SKETCH_GROUP } from "../memory/layout.ts";
import type { Strings } from "../memory/strings.ts";
import { RankCounts, REGISTERS, type TraderEstimate } from "./rank-counts.ts";
import { firstOf } from "./trader-tally.ts";

const { GROUPS: GROUP_REFS } = SKETCH;
const { BASE_SECOND, CAPACITY, COUNTS, ENTRIES, ENTRY_COUNT } = SKETCH_GROUP;

const THREE_BYTES = 3;
const PRECISION = Math.log2(REGISTERS);
const GROUPS = REGISTERS / GROUP_REGISTERS;
const SKETCH_BYTES = 4 * GROUPS;
/** A group grows by a sixteenth and this many entries. More room would stay empty once the number of traders is steady. */
const FREE_ENTRIES = 4;
/** Bits of an entry other than the second. */
const SIDE_AND_RANK_BITS = 7;
/** Seconds cover the longest time that is kept and a quarter more, which makes changes of base rare. */
const REACH = 1.25;
const REGISTER_PURPOSE = 0x4e61;
const RANK_PURPOSE = 0x9d2c;

type Ranks = Uint8Array | undefined;

export class TraderSketches {
  readonly #heap: Heap;
  readonly #strings: Strings;
  /** Keyed, so that nobody can choose wallets that make an estimate too high or too low. */
  readonly #registerHash: KeyedHash;
  readonly #rankHash: KeyedHash;
  readonly #entryBytes: number;
  readonly #secondBits: number;
  readonly #secondMax: number;
  readonly #list = new Uint32Array(256);
  bytes = 0;

  constructor(heap: Heap, strings: Strings, seed: HashSeed, keepMs: number) {
    this.#registerHash = new KeyedHash(seed, REGISTER_PURPOSE);
    this.#rankHash = new KeyedHash(seed, RANK_PURPOSE);
    this.#heap = heap;
    this.#strings = strings;
    this.#entryBytes = (keepMs / 1000) * REACH < 2 ** (24 - SIDE_AND_RANK_BITS) ? 3 : 4;
    this.#secondBits = 8 * this.#entryBytes - SIDE_AND_RANK_BITS;
    this.#secondMax = 2 ** this.#secondBits - 1;
  }

  create(): number {
    this.bytes += SKETCH_BYTES;
    return this.#heap.alloc(SKETCH_BYTES);
  }

  free(sketch: number): void {
    for (let g = 0; g < GROUPS; g++) this.#freeGroup(this.#heap.u32[2 * sketch + GROUP_REFS + g]);
    this.#heap.free(sketch, SKETCH_BYTES);
    this.bytes -= SKETCH_BYTES;
  }

  #groupBytes(capacity: number): number {
    return Heap.roundedBytes(ENTRIES + this.#entryBytes * capacity);
  }

  #freeGroup(group: number): void {
    if (group === 0) return;
    const size = this.#groupBytes(this.#heap.u32[2 * group + CAPACITY]);
    this.bytes -= size;
    this.#heap.free(group, size);
  }

  #get(at: number): number {
    const { u8 } = this.#heap;
    return this.#entryBytes === 3 ? threeBytesAt(u8, at) : wordAt(u8, at) >>> 0;
  }

  #put(at: number, entry: number): void {
    const { u8 } = this.#heap;
    putThreeBytes(u8, at, entry);
    if (this.#entryBytes > 3) u8[at + THREE_BYTES] = entry >>> 24;
  }

  registerOf(who: number): number {
    const { u8 } = this.#heap;
    return this.#registerHash.hash32(u8, this.#strings.byteStart(who), this.#strings.byteEnd(who)) >>> (32 - PRECISION);
  }

  rankOf(who: number): number {
    const { u8 } = this.#heap;
    return Math.clz32(this.#rankHash.hash32(u8, this.#strings.byteStart(who), this.#strings.byteEnd(who))) + 1;
  }

  /** Notes a settled swap. Entries before expiredBeforeMs may be dropped. */
  note(sketch: number, who: number, buy: boolean, timeMs: number, expiredBeforeMs: number): void {
    const heap = this.#heap;
    const second = Math.floor(timeMs / 1000);
    const expired = Math.floor(expiredBeforeMs / 1000);
    if (second < expired) return;
    const register = this.registerOf(who);
    const number = Math.floor(register / GROUP_REGISTERS);
    let group = heap.u32[2 * sketch + GROUP_REFS + number];
    if (group === 0) {
      group = this.#resize(sketch, number, 0, 0);
      heap.f64[group + BASE_SECOND] = expired;
    }
    const fromBase = second - heap.f64[group + BASE_SECOND];
    if (fromBase < 0 || fromBase > this.#secondMax) this.#rebase(group, Math.max(expired, second - this.#secondMax));
    const entry = ((buy ? 64 : 0) + this.rankOf(who)) * 2 ** this.#secondBits + second - heap.f64[group + BASE_SECOND];
    this.#insert(sketch, number, register % GROUP_REGISTERS, entry, expired);
  }

  /** Number of entries before those of a register: the sum of the counts before it, four at once. */
  #entriesBefore(group: number, inGroup: number): number {
    const { u8, u32 } = this.#heap;
    const words = 2 * group + COUNTS / 4;
    let pairs = 0;
    for (let i = 0; i < inGroup >>> 2; i++) {
      pairs += (u32[words + i] & 0x00ff00ff) + ((u32[words + i] >>> 8) & 0x00ff00ff);
    }
    let before = (pairs & 0xffff) + (pairs >>> 16);
    for (let i = inGroup & ~3; i < inGroup; i++) before += u8[8 * group + COUNTS + i];
    return before;
  }

  #insert(sketch: number, number: number, inGroup: number, entry: number, expired: number): void {
    const heap = this.#heap;
    const bits = this.#secondBits;
    const group = heap.u32[2 * sketch + GROUP_REFS + number];
    const expiredInGroup = expired - heap.f64[group + BASE_SECOND];
    const before = this.#entriesBefore(group, inGroup);
    const old = heap.u8[8 * group + COUNTS + inGroup];
    const from = 8 * group + ENTRIES + this.#entryBytes * before;
    let kept = 0;
    for (let i = 0; i < old; i++) {
      const other = this.#get(from + this.#entryBytes * i);
      if (dominates(other, entry, bits)) return;
      if (!dominates(entry, other, bits) && (other & this.#secondMax) >= expiredInGroup) this.#list[kept++] = other;
    }
    this.#list[kept++] = entry;
    this.#splice(sketch, number, before, inGroup, old, kept);
  }

  /** Replaces the `old` entries of a register, which follow `before` others, by the `kept` entries of the list. */
  #splice(sketch: number, number: number, before: number, inGroup: number, old: number, kept: number): void {
    const heap = this.#heap;
    const size = this.#entryBytes;
    let group = heap.u32[2 * sketch + GROUP_REFS + number];
    const total = heap.u32[2 * group + ENTRY_COUNT];
    if (total + kept - old > heap.u32[2 * group + CAPACITY])
      group = this.#resize(sketch, number, group, total + kept - old);
    const { u8, u32 } = heap;
    heap.own(group, (ENTRIES + size * u32[2 * group + CAPACITY] + 7) >>> 3);
    const entries = 8 * group + ENTRIES;
    const from = entries + size * before;
    const end = entries + size * total;
    if (kept !== old) u8.copyWithin(from + size * kept, from + size * old, end);
    for (let i = 0; i < kept; i++) this.#put(from + size * i, this.#list[i]);
    for (let i = end + size * (kept - old); i < end; i++) u8[i] = 0;
    u8[8 * group + COUNTS + inGroup] = kept;
    u32[2 * group + ENTRY_COUNT] = total + kept - old;
  }

  /** Gives a group room for this many entries and some more. Room that the heap adds by rounding is used as well. */
  #resize(sketch: number, number: number, old: number, entries: number): number {
    const heap = this.#heap;
    const size = this.#groupBytes(entries + (entries >>> 4) + FREE_ENTRIES);
    const group = heap.alloc(size);
    heap.own(group, size >>> 3);
    this.bytes += size;
    if (old !== 0) {
      const used = ENTRIES + this.#entryBytes * heap.u32[2 * old + ENTRY_COUNT];
      heap.u8.copyWithin(8 * group, 8 * old, 8 * old + used);
      this.#freeGroup(old);
    }
    heap.u32[2 * group + CAPACITY] = Math.floor((size - ENTRIES) / this.#entryBytes);
    heap.own(sketch + (number >>> 1), 1);
    heap.u32[2 * sketch + GROUP_REFS + number] = group;
    return group;
  }

  /** Changes the base of a group's seconds. Entries before the new base have expired and are dropped. */
  #rebase(group: number, base: number): void {
    const heap = this.#heap;
    const { u8, u32, f64 } = heap;
    const size = this.#entryBytes;
    heap.own(group, (ENTRIES + size * u32[2 * group + CAPACITY] + 7) >>> 3);
    const shift = f64[group + BASE_SECOND] - base;
    let at = 8 * group + ENTRIES;
    const end = at + size * u32[2 * group + ENTRY_COUNT];
    let to = at;
    for (let r = 0; r < GROUP_REGISTERS; r++) {
      const count = u8[8 * group + COUNTS + r];
      let kept = 0;
      for (let i = 0; i < count; i++, at += size) {
        const entry = this.#get(at);
        if ((entry & this.#secondMax) + shift < 0) continue;
        this.#put(to, entry + shift);
        to += size;
        kept += 1;
      }
      u8[8 * group + COUNTS + r] = kept;
    }
    u32[2 * group + ENTRY_COUNT] = (to - 8 * group - ENTRIES) / size;
    f64[group + BASE_SECOND] = base;
    u8.fill(0, to, end);
  }

  /**
   * Returns estimates for windows that open at `opensMs`, which descend. Each contains the settled traders from its open on,
   * and wallets whose ranks are given by register. One pass: what an entry adds to the first window that contains it, it adds
   * to all longer ones.
   */
  estimates(sketch: number, opensMs: readonly number[], buyerRanks: Ranks, sellerRanks: Ranks): TraderEstimate[] {
    const { u8, u32, f64 } = this.#heap;
    const size = this.#entryBytes;
    const bits = this.#secondBits;
    const mask = this.#secondMax;
    const n = opensMs.length;
    const opens = opensMs.map((openMs) => Math.ceil(openMs / 1000));
    const counts = new RankCounts(n);
    for (let g = 0; g < GROUPS; g++) {
      const group = u32[2 * sketch + GROUP_REFS + g];
      const base = group === 0 ? 0 : f64[group + BASE_SECOND];
      let at = 8 * group + ENTRIES;
      for (let r = 0; r < GROUP_REGISTERS; r++) {
        const register = g * GROUP_REGISTERS + r;
        counts.begin(buyerRanks?.[register] ?? 0, sellerRanks?.[register] ?? 0);
        const end = group === 0 ? at : at + size * u8[8 * group + COUNTS + r];
        for (; at < end; at += size) {
          const entry = this.#get(at);
          const window = firstOf(opens, base + (entry & mask));
          if (window < n) counts.note(window, entry >>> bits);
        }
        counts.end();
      }
    }
    return counts.estimates();
  }

  eachEntry(sketch: number, each: (register: number, buy: boolean, rank: number, ms: number) => void): void {
    const { u8, u32, f64 } = this.#heap;
    const size = this.#entryBytes;
    for (let g = 0; g < GROUPS; g++) {
      const group = u32[2 * sketch + GROUP_REFS + g];
      if (group === 0) continue;
      const base = f64[group + BASE_SECOND];
      let at = 8 * group + ENTRIES;
      for (let r = 0; r < GROUP_REGISTERS; r++) {
        const end = at + size * u8[8 * group + COUNTS + r];
        for (; at < end; at += size) {
          const entry = this.#get(at);
          const high = entry >>> this.#secondBits;
          each(g * GROUP_REGISTERS + r, high >= 64, high & 63, (base + (entry & this.#secondMax)) * 1000);
        }
      }
    }
  }
}

/** Whether entry a makes b redundant: same side, rank as high, time as late. */
function dominates(a: number, b: number, secondBits: number): boolean {
  const highA = a >>> secondBits;
  const highB = b >>> secondBits;
  const mask = 2 ** secondBits - 1;
  return highA >= 64 === highB >= 64 && (highA & 63) >= (highB & 63) && (a & mask) >= (b & mask);
}
