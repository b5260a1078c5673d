/**
 * Figures of a token as the screener compares them: keys of many figures of many windows from one walk over the buckets, and the values of
 * sparklines. Reads only.
 */
import { Figures } from "../buckets/bucket-row.ts";
import type { ColdStore } from "../buckets/cold-store.ts";
import type { HotBuckets } from "../buckets/hot-buckets.ts";
import type { HotList } from "../buckets/hot-list.ts";
import { priceText } from "../decimal.ts";
import { SKETCH_ERROR } from "../traders/rank-counts.ts";
import type { TraderCount, TraderCounts } from "../traders/trader-counts.ts";
import { changeKey, type RankedFigure, rankFigure, type VolumeFigures, volumesOf } from "./figures.ts";
import type { RankKey } from "./rank-key.ts";
import type { WindowQuery } from "./window-query.ts";
import { WindowSegments } from "./window-segments.ts";

/** A figure to read. `previous` and `change` are absent where the engine keeps no span before the window. */
export type ScreenFigure =
  | { readonly of: "window"; readonly figure: RankedFigure | "complete" | "traders_estimated" | "traders_error" }
  | { readonly of: "previous" | "change"; readonly figure: keyof VolumeFigures };

/** The figures to read of one window. `at` is the place of the key in the caller's list. */
export type WindowPlan = {
  readonly windowIndex: number;
  readonly figures: readonly (ScreenFigure & { readonly at: number })[];
};

/** `close`: the last price of each slice. Else the sum of a count or volume. */
export type SparkFigure = "close" | keyof VolumeFigures;

type WindowEdges = { readonly openMs: number; readonly beforeMs: number | undefined };

const TRADER_FIGURES: ReadonlySet<string> = new Set([
  ...["traders", "buyers", "sellers", "traders_estimated", "traders_error"],
]);
const NO_COUNT: TraderCount = { traders: 0, buyers: 0, sellers: 0, estimated: false };

export class ScreenQuery {
  readonly #windows: WindowQuery;
  readonly #traders: TraderCounts;
  readonly #segments: WindowSegments;
  readonly #figures = new Figures();
  readonly #before = new Figures();
  /** The edges of the last plan, which hold for all tokens until the finest step ends. */
  #plan: readonly WindowPlan[] = [];
  #closeMs = Number.NaN;
  #edges: readonly WindowEdges[] = [];
  #bounds: readonly number[] = [];
  #traderOpens: readonly number[] = [];

  constructor(windows: WindowQuery, traders: TraderCounts, list: HotList, hot: HotBuckets, cold: ColdStore) {
    this.#windows = windows;
    this.#traders = traders;
    this.#segments = new WindowSegments(list, hot, cold);
  }

  /** Sets the keys of all figures of a plan, whose windows are in the order of the configuration, each once. */
  keys(
    token: number,
    active: number,
    plan: readonly WindowPlan[],
    asOfMs: number,
    seenSinceMs: number | undefined,
    keys: readonly RankKey[],
  ): void {
    const closeMs = this.#windows.closeMs(asOfMs);
    if (plan !== this.#plan || closeMs !== this.#closeMs) this.#setPlan(plan, asOfMs, closeMs);
    this.#segments.walk(active, this.#bounds);
    const opens = this.#traderOpens;
    const counts = opens.length === 0 ? [] : this.#traders.count(token, active, opens, closeMs);
    const f = this.#figures;
    f.clear();
    let fromMs = closeMs;
    let counted = 0;
    for (let i = 0; i < plan.length; i++) {
      const { openMs, beforeMs } = this.#edges[i];
      this.#segments.extend(openMs, fromMs, f);
      fromMs = openMs;
      if (beforeMs !== undefined) this.#segments.sum(beforeMs, openMs, this.#before);
      const { figures } = plan[i];
      const isComplete = seenSinceMs !== undefined && seenSinceMs <= openMs;
      const count = needsTraders(plan[i]) ? counts[counted++] : NO_COUNT;
      for (const figure of figures) {
        const key = keys[figure.at];
        if (figure.of === "window") this.#windowKey(figure.figure, count, isComplete, key);
        else if (beforeMs === undefined) key.setNumber(Number.NaN);
        else if (figure.of === "previous") rankFigure(this.#before, figure.figure, key);
        else changeKey(f, this.#before, figure.figure, key);
      }
    }
  }

  /**
   * Returns the values of a sparkline: `points` slices of equal length, rounded to the step of the window, the oldest first. The slices
   * together are the window. null: the slice has no trade, or no price. `points` is at most the number of steps in the window.
   */
  spark(
    active: number,
    windowIndex: number,
    figure: SparkFigure,
    points: number,
    asOfMs: number,
  ): (string | number | null)[] {
    const { lengthMs, stepMs } = this.#windows.windowAt(windowIndex);
    const { openMs, closeMs } = this.#windows.edges(this.#windows.windowAt(windowIndex), asOfMs);
    const bounds: number[] = [];
    for (let i = 0; i < points; i++) bounds.push(openMs + Math.floor((i * lengthMs) / points / stepMs) * stepMs);
    bounds.push(closeMs);
    this.#segments.walk(active, bounds);
    const values: (string | number | null)[] = [];
    for (let i = 0; i < points; i++) {
      this.#segments.sum(bounds[i], bounds[i + 1], this.#figures);
      values.push(sparkValue(this.#figures, figure));
    }
    return values;
  }

  #windowKey(
    figure: RankedFigure | "complete" | "traders_estimated" | "traders_error",
    count: TraderCount,
    isComplete: boolean,
    key: RankKey,
  ): void {
    if (figure === "complete") key.setNumber(isComplete ? 1 : 0);
    else if (figure === "traders" || figure === "buyers" || figure === "sellers") key.setNumber(count[figure]);
    else if (figure === "traders_estimated") key.setNumber(count.estimated ? 1 : Number.NaN);
    else if (figure === "traders_error") key.setNumber(count.estimated ? Number(SKETCH_ERROR) : Number.NaN);
    else rankFigure(this.#figures, figure, key);
  }

  #setPlan(plan: readonly WindowPlan[], asOfMs: number, closeMs: number): void {
    this.#plan = plan;
    this.#closeMs = closeMs;
    this.#edges = plan.map(({ windowIndex, figures }) => {
      const window = this.#windows.windowAt(windowIndex);
      const { openMs } = this.#windows.edges(window, asOfMs);
      const hasBefore = this.#windows.hasPrevious(windowIndex) && figures.some(({ of }) => of !== "window");
      return { openMs, beforeMs: hasBefore ? openMs - window.lengthMs : undefined };
    });
    const bounds = new Set([closeMs]);
    for (const { openMs, beforeMs } of this.#edges) {
      bounds.add(openMs);
      if (beforeMs !== undefined) bounds.add(beforeMs);
    }
    this.#bounds = [...bounds].sort((a, b) => a - b);
    this.#traderOpens = plan.flatMap((one, i) => (needsTraders(one) ? [this.#edges[i].openMs] : []));
  }
}

const needsTraders = ({ figures }: WindowPlan): boolean =>
  figures.some(({ of, figure }) => of === "window" && TRADER_FIGURES.has(figure));

function sparkValue(f: Figures, figure: SparkFigure): string | number | null {
  if (f.trades === 0) return null;
  if (figure !== "close") return volumesOf(f)[figure];
  return Number.isNaN(f.close) ? null : priceText(f.close);
}
