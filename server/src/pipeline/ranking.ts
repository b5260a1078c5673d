/**
 * The order of a partition's tokens by one figure of one window. Values are kept per token and computed anew only for
 * tokens whose revision moved; the best are picked by one pass with a heap of the page's size, which beats keeping a
 * sorted list: at 1,000 swaps a second a good part of the list moves between two looks.
 */

import type { RankKey } from "../bus/host-protocol.ts";
import type { TokenRef, WindowStats } from "../engine/types.ts";
import { compareDecimals, isNear } from "../shared/decimal-order.ts";
import type { TokenViews } from "./token-views.ts";

export type RankedField = Exclude<keyof WindowStats, "previous" | "complete" | "traders_estimated" | "traders_error">;

export type RankedEngine = {
  figure(token: TokenRef, windowIndex: number, field: RankedField, asOfMs: number): number | undefined;
  windowStats(token: TokenRef, windowIndex: number, asOfMs: number): WindowStats;
};

export type RankOrder = "asc" | "desc";

/** Figures that are integers, whose doubles are exact. */
const EXACT_FIELDS: ReadonlySet<string> = new Set([
  "trades",
  "buys",
  "sells",
  "traders",
  "buyers",
  "sellers",
  "first_trade_time",
  "last_trade_time",
]);

/**
 * Differences: their doubles may be far off where two large figures all but cancel, and two that are served alike must tie.
 * They are ranked by what is served.
 */
const SERVED_FIELDS: ReadonlySet<string> = new Set(["net_volume_usd", "price_change", "price_change_pct"]);

/** The figure's text as served, which a cursor carries; undefined when the figure is absent. */
export function servedValue(stats: WindowStats, field: RankedField): string | undefined {
  const value = stats[field];
  return value === undefined ? undefined : String(value);
}

export class Ranking {
  readonly #engine: RankedEngine;
  readonly #views: TokenViews;
  readonly #windowIndex: number;
  readonly #field: RankedField;
  readonly #isExact: boolean;
  /** By the index of the views; NaN: the figure is absent. */
  #values = new Float64Array(0);
  #syncedRev = -1;
  /** Texts of figures that a look had to compare exactly. */
  readonly #texts = new Map<number, string>();
  #asOfMs = 0;

  constructor(engine: RankedEngine, views: TokenViews, windowIndex: number, field: RankedField) {
    this.#engine = engine;
    this.#views = views;
    this.#windowIndex = windowIndex;
    this.#field = field;
    this.#isExact = EXACT_FIELDS.has(field);
  }

  /**
   * Indexes of the first `limit` tokens behind `after` (from the start when undefined), in order. Tokens without the figure come last
   * in both orders; ties are ordered by id. The caller has looked at all tokens at `asOfMs`.
   */
  top(limit: number, order: RankOrder, after: RankKey | undefined, asOfMs: number): number[] {
    this.#asOfMs = asOfMs;
    this.#texts.clear();
    this.#sync();
    const sign = order === "desc" ? -1 : 1;
    const best: number[] = [];
    const views = this.#views;
    for (let index = 0; index < views.count; index++) {
      if (!views.isListedAt(index)) continue;
      if (best.length === limit && this.#compare(index, best[0] as number, sign) > 0) continue;
      if (after !== undefined && this.#compareToKey(index, after, sign) <= 0) continue;
      if (best.length < limit) this.#pushHeap(best, index, sign);
      else this.#replaceTop(best, index, sign);
    }
    return best.sort((a, b) => this.#compare(a, b, sign));
  }

  #sync(): void {
    const views = this.#views;
    if (this.#syncedRev === views.revision) return;
    if (this.#values.length < views.count) {
      const grown = new Float64Array(Math.max(views.count, this.#values.length * 2)).fill(Number.NaN);
      grown.set(this.#values);
      this.#values = grown;
    }
    for (let index = 0; index < views.count; index++) {
      if (views.revAt(index) > this.#syncedRev && views.isListedAt(index)) this.#values[index] = this.#value(index);
    }
    this.#syncedRev = views.revision;
  }

  #value(index: number): number {
    const token = this.#views.tokenAt(index);
    if (!SERVED_FIELDS.has(this.#field)) {
      return this.#engine.figure(token, this.#windowIndex, this.#field, this.#asOfMs) ?? Number.NaN;
    }
    return Number(servedValue(this.#engine.windowStats(token, this.#windowIndex, this.#asOfMs), this.#field));
  }

  /** Negative when a stands before b. */
  #compare(a: number, b: number, sign: number): number {
    if (a === b) return 0;
    const order = this.#compareValues(this.#values[a] as number, this.#values[b] as number, sign, () =>
      compareDecimals(this.#text(a), this.#text(b)),
    );
    return order !== 0 ? order : this.#id(a) < this.#id(b) ? -1 : 1;
  }

  #compareToKey(index: number, key: RankKey, sign: number): number {
    const keyText = key.value;
    const keyNumber = keyText === undefined ? Number.NaN : Number(keyText);
    const order = this.#compareValues(this.#values[index] as number, keyNumber, sign, () =>
      compareDecimals(this.#text(index), keyText as string),
    );
    if (order !== 0) return order;
    const id = this.#id(index);
    return id < key.id ? -1 : id > key.id ? 1 : 0;
  }

  #compareValues(a: number, b: number, sign: number, exact: () => number): number {
    const aAbsent = Number.isNaN(a);
    const bAbsent = Number.isNaN(b);
    if (aAbsent || bAbsent) return aAbsent && bAbsent ? 0 : aAbsent ? 1 : -1;
    if (this.#isExact || !isNear(a, b)) return (a < b ? -1 : a > b ? 1 : 0) * sign;
    return exact() * sign;
  }

  #id(index: number): string {
    return this.#views.idAt(index);
  }

  #text(index: number): string {
    let text = this.#texts.get(index);
    if (text === undefined) {
      const stats = this.#engine.windowStats(this.#views.tokenAt(index), this.#windowIndex, this.#asOfMs);
      text = servedValue(stats, this.#field) as string;
      this.#texts.set(index, text);
    }
    return text;
  }

  /** The heap's first element is the last in rank: the one that a better token pushes out. */
  #pushHeap(heap: number[], index: number, sign: number): void {
    let at = heap.length;
    heap.push(index);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#compare(heap[at] as number, heap[parent] as number, sign) <= 0) return;
      swap(heap, at, parent);
      at = parent;
    }
  }

  #replaceTop(heap: number[], index: number, sign: number): void {
    heap[0] = index;
    let at = 0;
    for (;;) {
      let worst = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && this.#compare(heap[child] as number, heap[worst] as number, sign) > 0) {
          worst = child;
        }
      }
      if (worst === at) return;
      swap(heap, at, worst);
      at = worst;
    }
  }
}

function swap(heap: number[], a: number, b: number): void {
  const held = heap[a] as number;
  heap[a] = heap[b] as number;
  heap[b] = held;
}
