/** One partition for queries and feeds: its engine, revisions and rankings, and its place on the version board. */

import type { SortField } from "@swapstats/protocol/figures.ts";
import type { SplitMark } from "../../bus/requests.ts";

import type { PartRevision } from "../../bus/responses.ts";

import type { SharedClock } from "../../bus/shared-clock.ts";

import type { TokenRef } from "../../engine/types.ts";
import type { SettledTail } from "../../ports/owned-history.ts";
import type { VersionBoard } from "../../shared/version-board.ts";
import type { Piecewise } from "../thread-share.ts";
import { CountedSwaps } from "./counted-swaps.ts";
import { IdOrder } from "./id-order.ts";
import { KeptRows } from "./kept-rows.ts";
import { Ranking } from "./ranking.ts";
import { ScreenColumns } from "./screener/columns.ts";
import type { ServedEngine } from "./served-engine.ts";
import { SplitTokens } from "./split-tokens.ts";
import { SymbolTexts } from "./symbol-texts.ts";
import { TokenViews } from "./token-views.ts";

/** Limits for the kept rankings and their memory together. Beyond either, the least recently used one is dropped. */
export const RANKINGS_MAX = 64;
export const RANKINGS_BYTES_MAX = 256 * 1024 * 1024;
/** Split tokens marked in a piece. */
const MARKS_PER_PIECE = 200;
/** Estimate for a ranking whose keys are one number each. */
const RANKING_BYTES_PER_TOKEN = 16;

export class ServedPartition {
  readonly partition: number;
  readonly epoch: string;
  readonly engine: ServedEngine;
  readonly views: TokenViews;
  /** What queries of the screener compare. */
  readonly columns: ScreenColumns;
  readonly split: SplitTokens;
  /** Follows which swaps count. */
  readonly counted: CountedSwaps;
  /** Symbols for searches. */
  readonly symbols: SymbolTexts;
  readonly rows = new KeptRows();
  /** Settled swaps that the history may not have yet. Undefined where none is kept. */
  readonly tail: SettledTail | undefined;
  readonly board: VersionBoard;
  readonly finestStepMs: number;
  readonly #clock: SharedClock;
  readonly #ids: IdOrder;
  readonly #rankings = new Map<string, Ranking>();
  readonly #chainIndexes = new Map<number, number>();
  #seenSinceMs: number | undefined;
  #highs = new Map<number, number>();

  constructor(
    partition: number,
    epoch: string,
    engine: ServedEngine,
    board: VersionBoard,
    clock: SharedClock,
    tail?: SettledTail,
  ) {
    const { windows } = engine.config;
    this.partition = partition;
    this.tail = tail;
    this.epoch = epoch;
    this.engine = engine;
    this.board = board;
    this.#clock = clock;
    this.#seenSinceMs = engine.seenSinceMs();
    this.finestStepMs = windows.reduce((finest, window) => Math.min(finest, window.stepMs), Number.POSITIVE_INFINITY);
    this.views = new TokenViews(engine, this.finestStepMs, (token) => this.split.isElsewhere(token));
    const { views } = this;
    this.#ids = new IdOrder((a, b) => engine.compareIds(views.tokenAt(a), views.tokenAt(b)));
    this.counted = new CountedSwaps(engine, views);
    this.symbols = new SymbolTexts(engine, views);
    this.columns = new ScreenColumns(engine, views, this.#ids);
    this.split = new SplitTokens(partition, engine, () => clock.now());
  }

  /** Returns the indexes of the tokens whose id begins with the text, among those of any ranking. */
  indexesWithPrefix(prefix: string): readonly number[] {
    const { views } = this;
    const behind = `${prefix}\uffff`;
    return this.#ids.between(
      (index) => views.idAt(index) < prefix,
      (index) => views.idAt(index) < behind,
    );
  }

  /** Notes that an event changed this token: for the next look of the views, and on the board for cached responses. */
  touch(token: TokenRef): void {
    this.views.touch(token);
    this.board.touch(token);
  }

  /** Marks tokens that other partitions also have, and removes the mark of tokens that no other has. Ignores unknown tokens. */
  *markSplit(split: readonly SplitMark[], whole: readonly string[]): Piecewise<void> {
    let isNews = false;
    let done = 0;
    for (const mark of split) {
      if (this.split.mark(mark)) isNews = true;
      if (++done % MARKS_PER_PIECE === 0) yield;
    }
    for (const id of whole) {
      if (this.split.unmark(id)) isNews = true;
      if (++done % MARKS_PER_PIECE === 0) yield;
    }
    if (!isNews) return;
    this.views.touchAll();
    this.board.touchAll();
  }

  /**
   * Publishes the progress of the state after a slice of events. `oldestArrivalMs` is the arrival of the oldest waiting record, or 0.
   */
  publish(nextOffset: number, oldestArrivalMs: number): void {
    const seenSinceMs = this.engine.seenSinceMs();
    if (seenSinceMs !== this.#seenSinceMs) {
      this.#seenSinceMs = seenSinceMs;
      this.views.touchAll();
      this.board.touchAll();
    }
    this.#highs = this.engine.highs();
    for (const [chainId, highMs] of this.#highs) {
      this.board.publishHigh(this.chainIndex(chainId), highMs);
      this.#clock.raiseHigh(highMs);
    }
    this.board.publishPosition(nextOffset, oldestArrivalMs);
  }

  /** Returns the board's number of a chain. */
  chainIndex(chainId: number): number {
    let index = this.#chainIndexes.get(chainId);
    if (index === undefined) {
      index = this.#chainIndexes.size;
      this.#chainIndexes.set(chainId, index);
    }
    return index;
  }

  graceMs(chainId: number): number {
    return this.engine.config.chains.get(chainId)?.graceMs ?? this.engine.config.graceMs;
  }

  /** Returns the watermark of a chain that this partition has seen, as of the last `publish`. */
  watermarkMs(chainId: number): number {
    return (this.#highs.get(chainId) ?? 0) - this.graceMs(chainId);
  }

  ranking(windowIndex: number, field: SortField): Ranking {
    const key = `${windowIndex}:${field}`;
    const known = this.#rankings.get(key);
    const ranking = known ?? new Ranking(this.engine, this.views, this.#ids, windowIndex, field);
    this.#rankings.delete(key);
    this.#rankings.set(key, ranking);
    if (known === undefined) this.#dropRankings();
    return ranking;
  }

  /** Number of kept rankings, and their memory. */
  get rankingsKept(): { readonly count: number; readonly bytes: number } {
    const rankings = [...this.#rankings.values()];
    return { count: rankings.length, bytes: rankings.reduce((sum, ranking) => sum + ranking.bytes, 0) };
  }

  /** Called before a new ranking is filled: it will need about as much memory as the others. */
  #dropRankings(): void {
    let { bytes } = this.rankingsKept;
    const room = RANKINGS_BYTES_MAX - this.views.count * RANKING_BYTES_PER_TOKEN;
    for (const [key, ranking] of this.#rankings) {
      const isOver = this.#rankings.size > RANKINGS_MAX || bytes > room;
      if (!isOver || this.#rankings.size === 1) return;
      this.#rankings.delete(key);
      bytes -= ranking.bytes;
    }
  }
}

/** Returns a number that grows whenever a token of the worker changes. It is current after a look at all tokens. */
export function revisionOfPartitions(partitions: readonly ServedPartition[]): number {
  return partitions.reduce((sum, home) => sum + home.views.revision, 0);
}

/** Returns the revision of each partition, for readers that may get a partition from another worker later. */
export function partRevisions(partitions: readonly ServedPartition[]): PartRevision[] {
  return partitions.map(({ partition, epoch, views }) => ({ partition, epoch, rev: views.revision }));
}
