/**
 * The order of a partition's tokens by one figure of one window. Each token has a key and a place in the order; both change only when
 * the token's revision moves. A page is found by a binary search, whatever ties. Keeping the order up to date costs a few microseconds
 * for each token that changed. The first look sorts all tokens at once. Both are done in pieces.
 */
import { placesOf, type SortField } from "@swapstats/protocol/figures.ts";
import type { RankKey as RankText } from "../../bus/responses.ts";
import type { WindowStats } from "../../engine/reads/figures.ts";
import { RankKey, rankKeyOfText } from "../../engine/reads/rank-key.ts";
import type { TokenRef } from "../../engine/types.ts";
import { FirstRanking } from "./first-ranking.ts";
import type { IdOrder } from "./id-order.ts";
import { RankKeys, type RankOrder } from "./rank-keys.ts";
import { RankList, type RankPlace } from "./rank-list.ts";
import { JOURNAL_REVISIONS } from "./revision-journal.ts";
import type { TokenViews, Work } from "./token-views.ts";

type RankedEngine = {
  rankKey(token: TokenRef, windowIndex: number, field: SortField, asOfMs: number, key: RankKey): void;
};

/** Tokens passed over for a unit of work, and the cost of putting a token in its place. */
const PASSED_PER_UNIT = 512;
const UPDATE_UNITS = 4;

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
  /** The keys that order the tokens of the list. */
  readonly #keys = new RankKeys();
  /** By the index of the views. 1: in the list. */
  #isIn = new Uint8Array(this.#keys.capacity);
  readonly #list: RankList;
  /** All tokens stand where their figures of this revision belong; -1 before all were sorted. */
  #syncedRev = -1;
  /** A pass over all tokens, for changes behind `syncedRev` up to this revision, and the index that it has reached. */
  #passRev: number | undefined;
  #passAt = 0;
  #steps = 0;
  #first: FirstRanking | undefined;

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
    return this.#steps + (this.#first?.steps ?? 0);
  }

  get size(): number {
    return this.#list.size;
  }

  get bytes(): number {
    return this.#list.bytes + this.#keys.bytes + this.#isIn.byteLength;
  }

  /**
   * Puts tokens that changed in their places until the work is used up. Returns true when the order is that of `asOfMs`, at which the
   * caller has looked at all tokens; it holds until an event changes the state or the views look again.
   */
  syncSome(asOfMs: number, work: Work): boolean {
    const views = this.#views;
    const atMs = Math.max(asOfMs, views.lastStepMs);
    this.#reserve(views.count);
    if (this.#syncedRev < 0 && !this.#sortSome(atMs, work)) return false;
    const isFarBehind = views.revision - this.#syncedRev > JOURNAL_REVISIONS;
    if (isFarBehind && this.#passRev === undefined) this.#beginPass();
    if (!this.#passOn(atMs, work)) return false;
    // Changed so much in the meantime that another pass is needed.
    if (views.revision - this.#syncedRev > JOURNAL_REVISIONS) return this.syncSome(asOfMs, work);
    while (this.#syncedRev < views.revision) {
      if (work.left <= 0) return false;
      const rev = this.#syncedRev + 1;
      const index = views.changedAt(rev);
      if (views.changeAt(index) === rev) this.#update(index, atMs, work);
      this.#syncedRev = rev;
    }
    return true;
  }

  /**
   * Indexes behind `after` (from the start when undefined), in order. Tokens without the figure come last in both orders; ties are
   * ordered by id. The order must be up to date.
   */
  *walk(order: RankOrder, after: RankText | undefined): Generator<number, void, void> {
    const list = this.#list;
    const absent = list.seek((index) => this.#keys.isPresent(index));
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

  /** Compares two tokens of rankings by one field in several partitions, as `walk` orders them; 0: the ids decide. */
  static compareKeys(a: Ranking, i: number, b: Ranking, j: number, order: RankOrder): number {
    return RankKeys.compareOf(a.#keys, i, b.#keys, j, order);
  }

  #sortSome(atMs: number, work: Work): boolean {
    const views = this.#views;
    if (!this.#ids.buildSome(views.count, (index) => views.idAt(index), work)) return false;
    this.#first ??= new FirstRanking({
      views,
      ids: this.#ids,
      keys: this.#keys,
      list: this.#list,
      isIn: (index) => this.#isIn[index] === 1,
      take: (index, keyMs) => {
        this.#readKey(index, keyMs);
        this.#keys.store(index, this.#key);
        this.#isIn[index] = 1;
      },
    });
    if (!this.#first.goOn(atMs, work)) return false;
    this.#steps += this.#first.steps;
    this.#syncedRev = this.#first.rev;
    this.#first = undefined;
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
        if (views.changeAt(index) > this.#syncedRev) this.#update(index, asOfMs, work);
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
      this.#readKey(index, asOfMs);
      if (isIn && this.#compareToKey(index) === 0) return;
    }
    if (isIn) this.#list.remove(index);
    this.#isIn[index] = isListed ? 1 : 0;
    if (!isListed) return;
    this.#keys.store(index, this.#key);
    this.#ids.add(index);
    this.#list.insert(index);
  }

  /** Sets `#key` to the token's key at this as-of. */
  #readKey(index: number, asOfMs: number): void {
    this.#engine.rankKey(this.#views.tokenAt(index), this.#windowIndex, this.#field, asOfMs, this.#key);
  }

  /** Ascending, tokens without the figure last, ties by id. */
  #compare(a: number, b: number): number {
    this.#steps += 1;
    if (a === b) return 0;
    const byKeys = this.#keys.compare(a, b);
    if (byKeys !== 0) return byKeys;
    const { numbers } = this.#ids;
    return (numbers[a] as number) - (numbers[b] as number);
  }

  /** Compares a token's key with `#key`. */
  #compareToKey(index: number): number {
    this.#steps += 1;
    return this.#keys.compareTo(index, this.#key);
  }

  /** The first place behind the key and an id, ascending. */
  #seekBehind(id: string): RankPlace {
    return this.#list.seek((index) => {
      const byKey = this.#compareToKey(index);
      return byKey < 0 || (byKey === 0 && this.#views.idAt(index) <= id);
    });
  }

  /** The first place whose token has the same key as the one there. */
  #startOfTies(last: RankPlace): RankPlace {
    const list = this.#list;
    const keys = this.#keys;
    const index = list.at(last) as number;
    const before = list.previous(last);
    if (before === undefined || keys.compare(list.at(before) as number, index) !== 0) return last;
    return list.seek((other) => keys.compare(other, index) < 0);
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

  #reserve(count: number): void {
    this.#keys.reserve(count);
    const { capacity } = this.#keys;
    if (this.#isIn.length === capacity) return;
    const isIn = new Uint8Array(capacity);
    isIn.set(this.#isIn);
    this.#isIn = isIn;
  }
}
