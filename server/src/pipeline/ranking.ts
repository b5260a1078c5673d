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
  info(token: TokenRef): { readonly id: string };
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
  /** By token; NaN: the figure is absent. */
  #values = new Float64Array(0);
  #syncedRev = -1;
  /** Texts of figures that a look had to compare exactly. */
  readonly #texts = new Map<TokenRef, string>();
  #asOfMs = 0;

  constructor(engine: RankedEngine, views: TokenViews, windowIndex: number, field: RankedField) {
    this.#engine = engine;
    this.#views = views;
    this.#windowIndex = windowIndex;
    this.#field = field;
    this.#isExact = EXACT_FIELDS.has(field);
  }

  /**
   * The first `limit` tokens behind `after` (from the start when undefined), in order. Tokens without the figure come last
   * in both orders; ties are ordered by id. The caller has looked at all tokens at `asOfMs`.
   */
  top(limit: number, order: RankOrder, after: RankKey | undefined, asOfMs: number): TokenRef[] {
    this.#asOfMs = asOfMs;
    this.#texts.clear();
    this.#sync();
    const sign = order === "desc" ? -1 : 1;
    const best: TokenRef[] = [];
    const views = this.#views;
    for (let token = 0; token < views.end; token++) {
      if (!views.isListed(token)) continue;
      if (best.length === limit && this.#compare(token, best[0] as TokenRef, sign) > 0) continue;
      if (after !== undefined && this.#compareToKey(token, after, sign) <= 0) continue;
      if (best.length < limit) this.#pushHeap(best, token, sign);
      else this.#replaceTop(best, token, sign);
    }
    return best.sort((a, b) => this.#compare(a, b, sign));
  }

  #sync(): void {
    const views = this.#views;
    if (this.#syncedRev === views.revision) return;
    if (this.#values.length < views.end) {
      const grown = new Float64Array(Math.max(views.end, this.#values.length * 2)).fill(Number.NaN);
      grown.set(this.#values);
      this.#values = grown;
    }
    for (let token = 0; token < views.end; token++) {
      if (views.revOf(token) <= this.#syncedRev || !views.isListed(token)) continue;
      this.#values[token] = this.#engine.figure(token, this.#windowIndex, this.#field, this.#asOfMs) ?? Number.NaN;
    }
    this.#syncedRev = views.revision;
  }

  /** Negative when a stands before b. */
  #compare(a: TokenRef, b: TokenRef, sign: number): number {
    const order = this.#compareValues(this.#values[a] as number, this.#values[b] as number, sign, () =>
      compareDecimals(this.#text(a), this.#text(b)),
    );
    if (order !== 0 || a === b) return order;
    return this.#engine.info(a).id < this.#engine.info(b).id ? -1 : 1;
  }

  #compareToKey(token: TokenRef, key: RankKey, sign: number): number {
    const keyText = key.value;
    const keyNumber = keyText === undefined ? Number.NaN : Number(keyText);
    const order = this.#compareValues(this.#values[token] as number, keyNumber, sign, () =>
      compareDecimals(this.#text(token), keyText as string),
    );
    if (order !== 0) return order;
    const id = this.#engine.info(token).id;
    return id < key.id ? -1 : id > key.id ? 1 : 0;
  }

  #compareValues(a: number, b: number, sign: number, exact: () => number): number {
    const aAbsent = Number.isNaN(a);
    const bAbsent = Number.isNaN(b);
    if (aAbsent || bAbsent) return aAbsent && bAbsent ? 0 : aAbsent ? 1 : -1;
    if (this.#isExact || !isNear(a, b)) return (a < b ? -1 : a > b ? 1 : 0) * sign;
    return exact() * sign;
  }

  #text(token: TokenRef): string {
    let text = this.#texts.get(token);
    if (text === undefined) {
      text = servedValue(this.#engine.windowStats(token, this.#windowIndex, this.#asOfMs), this.#field) as string;
      this.#texts.set(token, text);
    }
    return text;
  }

  /** The heap's first element is the last in rank: the one that a better token pushes out. */
  #pushHeap(heap: TokenRef[], token: TokenRef, sign: number): void {
    let at = heap.length;
    heap.push(token);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#compare(heap[at] as TokenRef, heap[parent] as TokenRef, sign) <= 0) return;
      swap(heap, at, parent);
      at = parent;
    }
  }

  #replaceTop(heap: TokenRef[], token: TokenRef, sign: number): void {
    heap[0] = token;
    let at = 0;
    for (;;) {
      let worst = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && this.#compare(heap[child] as TokenRef, heap[worst] as TokenRef, sign) > 0) {
          worst = child;
        }
      }
      if (worst === at) return;
      swap(heap, at, worst);
      at = worst;
    }
  }
}

function swap(heap: TokenRef[], a: number, b: number): void {
  const held = heap[a] as TokenRef;
  heap[a] = heap[b] as TokenRef;
  heap[b] = held;
}
