/**
 * The order of a partition's tokens by one figure of one window. Each token has the key that it is ordered by, and its place in the
 * order; both change only when the token's revision moves. So a page is found by a binary search, whatever ties, and keeping the
 * order up costs by the tokens that changed, a few microseconds each. At first all tokens are sorted at once. Both is done in pieces.
 */
import { placesOf, type SortField } from "@swapstats/protocol/figures.ts";
import type { RankKey as RankText } from "../../bus/responses.ts";
import type { WindowStats } from "../../engine/reads/figures.ts";
import { RankKey, rankKeyOfText } from "../../engine/reads/rank-key.ts";
import type { TokenRef } from "../../engine/types.ts";
import type { IdOrder } from "./id-order.ts";
import { MergeSort } from "./merge-sort.ts";
import { BULK_ENTRIES, RankList, type RankPlace } from "./rank-list.ts";
import { JOURNAL_REVISIONS, type TokenViews, type Work } from "./token-views.ts";

export type RankedEngine = {
  rankKey(token: TokenRef, windowIndex: number, field: SortField, asOfMs: number, key: RankKey): void;
};

export type RankOrder = "asc" | "desc";

/** Tokens passed over for a unit of work, and what a token costs that is put in its place. */
const PASSED_PER_UNIT = 512;
const UPDATE_UNITS = 4;
/** What a token's key costs while all are sorted at first; tokens that are read in their order, or put into the list, for a unit. */
const KEY_UNITS = 2;
const ORDERED_PER_UNIT = 32;
const LISTED_PER_UNIT = 512;
const INITIAL_TOKENS = 1024;

/** The first sorting of all tokens. What changes after `rev` is put in its place afterwards, as ever. */
type Build = {
  readonly rev: number;
  /** Tokens that there are at the beginning, and how many of them have their keys. */
  readonly count: number;
  keyed: number;
  /** Those that are listed, in the order of their ids, with their keys; the latest of all that were read in that order. */
  readonly indexes: Uint32Array;
  readonly keys: Float64Array;
  listed: number;
  lastRead: number | undefined;
  isRead: boolean;
  sort: MergeSort | undefined;
  placed: number;
};

/** The figure's text as served, which a cursor carries; undefined when the figure is absent. */
export function servedValue(stats: WindowStats, field: SortField): string | undefined {
  const value = stats[field];
  return value === undefined ? undefined : String(value);
}

export class Ranking {
  readonly #engine: RankedEngine;
  readonly #views: TokenViews;
  readonly #ids: IdOrder;
  readonly #windowIndex: number;
  readonly #field: SortField;
  readonly #key = new RankKey();
  /** By the index of the views: the keys by which tokens stand in the list. The further ones are there once any token needs them. */
  #k0 = new Float64Array(INITIAL_TOKENS);
  #k1: Float64Array | undefined;
  #k2: Float64Array | undefined;
  #k3: Float64Array | undefined;
  /** 1: in the list. */
  #isIn = new Uint8Array(INITIAL_TOKENS);
  readonly #list: RankList;
  /** All tokens stand where their figures of this revision belong; -1 before all were sorted. */
  #syncedRev = -1;
  /** A pass over all tokens: of those that changed behind `syncedRev`, up to this revision; it has come to this index. */
  #passRev: number | undefined;
  #passAt = 0;
  #steps = 0;
  #build: Build | undefined;

  constructor(engine: RankedEngine, views: TokenViews, ids: IdOrder, windowIndex: number, field: SortField) {
    this.#ids = ids;
    this.#engine = engine;
    this.#views = views;
    this.#windowIndex = windowIndex;
    this.#field = field;
    this.#list = new RankList((a, b) => this.#compare(a, b));
  }

  /** Comparisons of tokens so far. */
  get steps(): number {
    return this.#steps + (this.#build?.sort?.steps ?? 0);
  }

  get size(): number {
    return this.#list.size;
  }

  get bytes(): number {
    const arrays = [this.#k0, this.#k1, this.#k2, this.#k3, this.#isIn];
    return this.#list.bytes + arrays.reduce((sum, array) => sum + (array?.byteLength ?? 0), 0);
  }

  /**
   * Puts tokens that changed in their places until the work is used up. Returns true when the order is that of `asOfMs`, at which the
   * caller has looked at all tokens; it holds until an event changes the state or the views look again.
   */
  syncSome(asOfMs: number, work: Work): boolean {
    const views = this.#views;
    const atMs = Math.max(asOfMs, views.lastStepMs);
    if (this.#k0.length < views.count) this.#grow(views.count);
    if (this.#syncedRev < 0 && !this.#buildSome(atMs, work)) return false;
    const isFarBehind = views.revision - this.#syncedRev > JOURNAL_REVISIONS;
    if (isFarBehind && this.#passRev === undefined) this.#beginPass();
    if (!this.#passOn(atMs, work)) return false;
    // Changed so much in the meantime that another pass is needed.
    if (views.revision - this.#syncedRev > JOURNAL_REVISIONS) return this.syncSome(asOfMs, work);
    while (this.#syncedRev < views.revision) {
      if (work.left <= 0) return false;
      const rev = this.#syncedRev + 1;
      const index = views.changedAt(rev);
      if (views.revAt(index) === rev) this.#update(index, atMs, work);
      this.#syncedRev = rev;
    }
    return true;
  }

  /**
   * Indexes behind `after` (from the start when undefined), in order. Tokens without the figure come last in both orders; ties are
   * ordered by id. The order must be that of now.
   */
  *walk(order: RankOrder, after: RankText | undefined): Generator<number, void, void> {
    const list = this.#list;
    const absent = list.seek((index) => !Number.isNaN(this.#k0[index] as number));
    if (after !== undefined) rankKeyOfText(after.value, placesOf(this.#field), this.#key);
    if (order === "asc" || (after !== undefined && !this.#key.isPresent)) {
      const from = after === undefined ? { block: 0, at: 0 } : this.#seekBehind(after.id);
      yield* this.#between(from, undefined);
      return;
    }
    let end: RankPlace = absent;
    if (after !== undefined) {
      const from = this.#seekBehind(after.id);
      const groupEnd = list.seek((index) => this.#compareToKey(index) <= 0);
      end = list.seek((index) => this.#compareToKey(index) < 0);
      yield* this.#between(from, groupEnd);
    }
    for (;;) {
      const last = list.previous(end);
      if (last === undefined) break;
      const start = this.#startOfTies(last);
      yield* this.#between(start, end);
      end = start;
    }
    yield* this.#between(absent, undefined);
  }

  /** Compares the keys of two tokens of rankings by one field in several partitions, as `walk` gives them; 0: the ids decide. */
  static compareKeys(a: Ranking, i: number, b: Ranking, j: number, order: RankOrder): number {
    const x = a.#k0[i] as number;
    const y = b.#k0[j] as number;
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    const byKeys =
      x - y ||
      (a.#k1?.[i] ?? 0) - (b.#k1?.[j] ?? 0) ||
      (a.#k2?.[i] ?? 0) - (b.#k2?.[j] ?? 0) ||
      (a.#k3?.[i] ?? 0) - (b.#k3?.[j] ?? 0);
    return order === "asc" ? byKeys : -byKeys;
  }

  #buildSome(atMs: number, work: Work): boolean {
    const views = this.#views;
    if (!this.#ids.buildSome(views.count, (index) => views.idAt(index), work)) return false;
    this.#build ??= {
      rev: views.revision,
      count: views.count,
      keyed: 0,
      indexes: new Uint32Array(views.count),
      keys: new Float64Array(views.count),
      listed: 0,
      lastRead: undefined,
      isRead: false,
      sort: undefined,
      placed: 0,
    };
    const build = this.#build;
    if (!this.#keySome(build, atMs, work) || !this.#readSome(build, work)) return false;
    const { indexes, keys, listed } = build;
    // The sort keeps the order of ids where the figures tie.
    build.sort ??= new MergeSort(indexes.subarray(0, listed), keys.subarray(0, listed), (a, b) => {
      return Ranking.compareKeys(this, a, this, b, "asc");
    });
    if (!build.sort.sortSome(work) || !this.#placeSome(build, build.sort.sorted, work)) return false;
    this.#steps += build.sort.steps;
    this.#syncedRev = build.rev;
    this.#build = undefined;
    return true;
  }

  #keySome(build: Build, atMs: number, work: Work): boolean {
    const views = this.#views;
    for (; build.keyed < build.count; build.keyed++) {
      if (work.left <= 0) return false;
      const index = build.keyed;
      work.left -= views.isListedAt(index) ? KEY_UNITS : 1 / PASSED_PER_UNIT;
      if (!views.isListedAt(index)) continue;
      this.#engine.rankKey(views.tokenAt(index), this.#windowIndex, this.#field, atMs, this.#key);
      this.#store(index);
      this.#ids.add(index);
      this.#isIn[index] = 1;
    }
    return true;
  }

  /** Other rankings may add tokens to the order of ids between two pieces; it is gone on with behind the latest token. */
  #readSome(build: Build, work: Work): boolean {
    while (!build.isRead) {
      if (work.left <= 0) return false;
      const count = Math.ceil(work.left) * ORDERED_PER_UNIT;
      let read = 0;
      for (const index of this.#ids.behind(build.lastRead, count)) {
        read += 1;
        build.lastRead = index;
        if (this.#isIn[index] !== 1) continue;
        const k0 = this.#k0[index] as number;
        build.indexes[build.listed] = index;
        build.keys[build.listed++] = Number.isNaN(k0) ? Number.POSITIVE_INFINITY : k0;
      }
      build.isRead = read < count;
      work.left -= read / ORDERED_PER_UNIT;
    }
    return true;
  }

  #placeSome(build: Build, sorted: Uint32Array, work: Work): boolean {
    while (build.placed < build.listed) {
      if (work.left <= 0) return false;
      const block = sorted.subarray(build.placed, build.placed + BULK_ENTRIES);
      this.#list.append(block);
      build.placed += block.length;
      work.left -= block.length / LISTED_PER_UNIT;
    }
    return true;
  }

  #beginPass(): void {
    this.#passRev = this.#views.revision;
    this.#passAt = 0;
  }

  #passOn(asOfMs: number, work: Work): boolean {
    const views = this.#views;
    while (this.#passRev !== undefined) {
      const end = Math.min(views.count, this.#passAt + PASSED_PER_UNIT);
      for (; this.#passAt < end; this.#passAt++) {
        if (work.left <= 0) return false;
        const index = this.#passAt;
        if (views.revAt(index) > this.#syncedRev) this.#update(index, asOfMs, work);
      }
      work.left -= 1;
      if (end < views.count) continue;
      this.#syncedRev = this.#passRev;
      this.#passRev = undefined;
    }
    return true;
  }

  #update(index: number, asOfMs: number, work: Work): void {
    const isListed = this.#views.isListedAt(index);
    const isIn = this.#isIn[index] === 1;
    if (!isListed && !isIn) return;
    work.left -= UPDATE_UNITS;
    if (isListed) {
      this.#engine.rankKey(this.#views.tokenAt(index), this.#windowIndex, this.#field, asOfMs, this.#key);
      if (isIn && this.#compareIndexToKey(index) === 0) return;
    }
    if (isIn) this.#list.remove(index);
    this.#isIn[index] = isListed ? 1 : 0;
    if (!isListed) return;
    this.#store(index);
    this.#ids.add(index);
    this.#list.insert(index);
  }

  #store(index: number): void {
    const { k0, k1, k2, k3 } = this.#key;
    this.#k0[index] = k0;
    if (k1 !== 0) this.#k1 ??= new Float64Array(this.#k0.length);
    if (this.#k1 !== undefined) this.#k1[index] = k1;
    if (k2 !== 0) this.#k2 ??= new Float64Array(this.#k0.length);
    if (this.#k2 !== undefined) this.#k2[index] = k2;
    if (k3 !== 0) this.#k3 ??= new Float64Array(this.#k0.length);
    if (this.#k3 !== undefined) this.#k3[index] = k3;
  }

  /** Ascending, tokens without the figure last, ties by id. */
  #compare(a: number, b: number): number {
    this.#steps += 1;
    if (a === b) return 0;
    const byKeys = Ranking.compareKeys(this, a, this, b, "asc");
    if (byKeys !== 0) return byKeys;
    const { numbers } = this.#ids;
    return (numbers[a] as number) - (numbers[b] as number);
  }

  /** Compares a token's key with `#key`, whose figure is there. */
  #compareToKey(index: number): number {
    this.#steps += 1;
    const { k0, k1, k2, k3 } = this.#key;
    const own = this.#k0[index] as number;
    if (Number.isNaN(own)) return 1;
    return own - k0 || (this.#k1?.[index] ?? 0) - k1 || (this.#k2?.[index] ?? 0) - k2 || (this.#k3?.[index] ?? 0) - k3;
  }

  #compareIndexToKey(index: number): number {
    if (this.#key.isPresent) return this.#compareToKey(index);
    return Number.isNaN(this.#k0[index] as number) ? 0 : -1;
  }

  /** The first place behind the key and an id, ascending. */
  #seekBehind(id: string): RankPlace {
    return this.#list.seek((index) => {
      const byKey = this.#compareIndexToKey(index);
      return byKey < 0 || (byKey === 0 && this.#views.idAt(index) <= id);
    });
  }

  /** The first place whose token has the same key as the one there. */
  #startOfTies(last: RankPlace): RankPlace {
    const list = this.#list;
    const index = list.at(last) as number;
    const before = list.previous(last);
    const ties = (other: number): boolean => Ranking.compareKeys(this, other, this, index, "asc") === 0;
    if (before === undefined || !ties(list.at(before) as number)) return last;
    return list.seek((other) => Ranking.compareKeys(this, other, this, index, "asc") < 0);
  }

  *#between(from: RankPlace, end: RankPlace | undefined): Generator<number, void, void> {
    const place = { ...from };
    for (;;) {
      if (end !== undefined && (place.block > end.block || (place.block === end.block && place.at >= end.at))) return;
      const index = this.#list.at(place);
      if (index === undefined) return;
      yield index;
      this.#list.forward(place);
    }
  }

  #grow(count: number): void {
    const capacity = Math.max(count, Math.ceil(this.#k0.length * 1.5));
    this.#k0 = grown(this.#k0, capacity);
    this.#k1 = this.#k1 === undefined ? undefined : grown(this.#k1, capacity);
    this.#k2 = this.#k2 === undefined ? undefined : grown(this.#k2, capacity);
    this.#k3 = this.#k3 === undefined ? undefined : grown(this.#k3, capacity);
    const isIn = new Uint8Array(capacity);
    isIn.set(this.#isIn);
    this.#isIn = isIn;
  }
}

function grown(old: Float64Array<ArrayBufferLike>, capacity: number): Float64Array<ArrayBuffer> {
  const next = new Float64Array(capacity);
  next.set(old);
  return next;
}
