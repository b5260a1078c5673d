/** Figures of a token in a window at an as-of: range queries over its buckets, for several windows in one walk (window-segments.ts). Reads only. */
import { Figures } from "../buckets/bucket-row.ts";
import type { ColdStore } from "../buckets/cold-store.ts";
import type { HotBuckets } from "../buckets/hot-buckets.ts";
import type { HotList } from "../buckets/hot-list.ts";
import { hasPrevious, type LevelPlan } from "../buckets/levels.ts";
import type { TraderCounts } from "../traders/trader-counts.ts";
import type { EngineConfig, WindowSpec } from "../types.ts";
import {
  type RankedFigure,
  rankFigure,
  type VolumeFigures,
  volumesOf,
  type WindowStats,
  windowFigures,
} from "./figures.ts";
import type { RankKey } from "./rank-key.ts";
import { WindowSegments } from "./window-segments.ts";

type WindowEdges = { readonly openMs: number; readonly closeMs: number };

export class WindowQuery {
  readonly #config: EngineConfig;
  readonly #plan: LevelPlan;
  readonly #list: HotList;
  readonly #cold: ColdStore;
  readonly #traders: TraderCounts;
  readonly #segments: WindowSegments;
  readonly #figures = new Figures();
  readonly #before = new Figures();
  readonly #hasPrevious: readonly boolean[];

  constructor(
    config: EngineConfig,
    plan: LevelPlan,
    list: HotList,
    hot: HotBuckets,
    cold: ColdStore,
    traders: TraderCounts,
  ) {
    this.#config = config;
    this.#plan = plan;
    this.#list = list;
    this.#cold = cold;
    this.#traders = traders;
    this.#segments = new WindowSegments(list, hot, cold);
    this.#hasPrevious = config.windows.map((window) => hasPrevious(window, plan.longestWindowMs));
  }

  windowAt(index: number): WindowSpec {
    return this.#config.windows[index];
  }

  /** Whether the engine keeps the span before this window. */
  hasPrevious(index: number): boolean {
    return this.#hasPrevious[index];
  }

  edges(window: WindowSpec, asOfMs: number): WindowEdges {
    return {
      openMs: Math.floor((asOfMs - window.lengthMs) / window.stepMs) * window.stepMs,
      closeMs: this.closeMs(asOfMs),
    };
  }

  /** Returns the end of what all windows cover. It is the same for all as-ofs of a finest step, and so are all edges. */
  closeMs(asOfMs: number): number {
    const finest = this.#plan.finestStepMs;
    return Math.floor(asOfMs / finest) * finest + finest;
  }

  /** Adds up the swaps that count in [fromMs, toMs). */
  figures(active: number, fromMs: number, toMs: number, figures: Figures): void {
    this.#segments.walk(active, [fromMs, toMs]);
    this.#segments.sum(fromMs, toMs, figures);
  }

  /** Returns the statistics of the windows of these indexes, in their order. */
  stats(
    token: number,
    active: number,
    indexes: readonly number[],
    asOfMs: number,
    seenSinceMs: number | undefined,
  ): WindowStats[] {
    const asked = indexes.map((index, place) => ({ index, place, ...this.edges(this.#config.windows[index], asOfMs) }));
    // From the latest open to the earliest: each window extends the one before it to the front.
    asked.sort((a, b) => b.openMs - a.openMs);
    const closeMs = this.closeMs(asOfMs);
    this.#segments.walk(active, this.#boundsOf(asked, closeMs));
    const opensMs = asked.map(({ openMs }) => openMs);
    const counts = this.#traders.count(token, active, opensMs, closeMs);
    const served = new Array<WindowStats>(indexes.length);
    const f = this.#figures;
    f.clear();
    let fromMs = closeMs;
    asked.forEach(({ index, place, openMs }, i) => {
      this.#segments.extend(openMs, fromMs, f);
      fromMs = openMs;
      const complete = seenSinceMs !== undefined && seenSinceMs <= openMs;
      const stats = windowFigures({ open_time: openMs, close_time: closeMs, complete }, f, counts[i]);
      if (this.#hasPrevious[index]) stats.previous = this.#previousOf(index, openMs);
      served[place] = stats;
    });
    return served;
  }

  #boundsOf(asked: readonly { readonly index: number; readonly openMs: number }[], closeMs: number): number[] {
    const bounds = new Set([closeMs]);
    for (const { index, openMs } of asked) {
      bounds.add(openMs);
      if (this.#hasPrevious[index]) bounds.add(openMs - this.#config.windows[index].lengthMs);
    }
    return [...bounds].sort((a, b) => a - b);
  }

  #previousOf(index: number, openMs: number): VolumeFigures {
    const f = this.#before;
    this.#segments.sum(openMs - this.#config.windows[index].lengthMs, openMs, f);
    return volumesOf(f);
  }

  /** Sets `key` to the figure as rankings compare it. */
  rankKey(token: number, active: number, index: number, field: RankedFigure, asOfMs: number, key: RankKey): void {
    const { openMs, closeMs } = this.edges(this.#config.windows[index], asOfMs);
    if (field === "traders" || field === "buyers" || field === "sellers") {
      key.setNumber(this.#traders.count(token, active, [openMs], closeMs)[0][field]);
      return;
    }
    this.figures(active, openMs, closeMs, this.#figures);
    rankFigure(this.#figures, field, key);
  }

  hasTrades(active: number, fromMs: number, toMs: number): boolean {
    return active !== 0 && this.#firstStartMs(active, fromMs) < toMs;
  }

  /** Start of the first bucket with trades at or after fromMs, or Infinity. */
  #firstStartMs(active: number, fromMs: number): number {
    const cold = this.#cold.firstStartMs(active, fromMs);
    if (cold !== Number.POSITIVE_INFINITY) return cold;
    let bucket = this.#list.firstFrom(active, fromMs);
    while (bucket !== 0 && this.#list.trades(bucket) === 0) bucket = this.#list.next(bucket);
    return bucket === 0 ? Number.POSITIVE_INFINITY : this.#list.startMs(bucket);
  }

  /** Returns the first time after asOfMs at which any window changes without an event. */
  nextChangeMs(active: number, asOfMs: number, seenSinceMs: number | undefined): number {
    const closeMs = this.closeMs(asOfMs);
    // The first waiting swap counts once its own second has come.
    let next = active === 0 ? Number.POSITIVE_INFINITY : this.#firstStartMs(active, closeMs);
    const exactFromMs = this.#traders.exactFromMs(active);
    for (let i = 0; i < this.#config.windows.length; i++) {
      const window = this.#config.windows[i];
      const { lengthMs, stepMs } = window;
      const { openMs } = this.edges(window, asOfMs);
      if (openMs < exactFromMs) next = Math.min(next, Math.ceil(exactFromMs / stepMs) * stepMs + lengthMs);
      if (seenSinceMs !== undefined && seenSinceMs > openMs) {
        next = Math.min(next, Math.ceil(seenSinceMs / stepMs) * stepMs + lengthMs);
      }
      // Nothing leaves a window before its next step. For a busy token the first window decides.
      if (active === 0 || next <= openMs + stepMs + lengthMs) continue;
      const leaves = (startMs: number): number => (Math.floor(startMs / stepMs) + 1) * stepMs;
      const first = this.#firstStartMs(active, openMs);
      if (first < closeMs) next = Math.min(next, leaves(first) + lengthMs);
      if (!this.#hasPrevious[i]) continue;
      const before = this.#firstStartMs(active, openMs - lengthMs);
      if (before < openMs) next = Math.min(next, leaves(before) + 2 * lengthMs);
    }
    return next;
  }
}
