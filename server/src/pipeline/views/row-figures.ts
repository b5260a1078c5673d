/**
 * The figures of a row of a ranking: `stats` of the window that it is ranked by, or `windows` of several, each with all or some figures.
 * The same object serves responses, which state the edges of windows, and feeds, whose edges follow from their as-of. Figures are kept
 * without edges, because edges move with time alone. The figures are then valid until the token gets a new revision.
 */

import { type FigureFilter, figureFilter, windowJson } from "@swapstats/protocol/figure-text.ts";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import type { WindowStats } from "../../engine/reads/figures.ts";
import type { TokenRef, WindowSpec } from "../../engine/types.ts";
import type { RowSelection } from "../../ports/stats-bus.ts";
import { RowSpark } from "./row-spark.ts";
import type { ServedEngine } from "./served-engine.ts";
import { windowData } from "./stats-json.ts";

export type FiguresOfRow = {
  /** Figures of the window of the ranking. */
  readonly ranked: WindowStats;
  /** JSON objects of the windows in their order, without edges. */
  readonly texts: readonly string[];
  /** `,"spark":[..]`, or an empty text. */
  readonly spark: string;
  /** As-of from which time alone may change the sparkline. Infinity without one. */
  validUntilMs: number;
  /** Returns `stats` or `windows`, and `spark`, as an object, without edges. Only feeds call it. */
  data(): JsonObject;
};

export class RowFigures {
  readonly #windows: readonly WindowSpec[];
  readonly #finestStepMs: number;
  readonly #rankedIndex: number;
  /** Empty: `stats` of the ranked window. */
  readonly #names: readonly string[];
  readonly #indexes: readonly number[];
  readonly #filter: FigureFilter;
  readonly #spark: RowSpark | undefined;
  /** Equal for rows with the same selection of figures. */
  readonly key: string;

  constructor(rankedWindow: string, rows: RowSelection, windows: readonly WindowSpec[]) {
    const indexOf = (name: string): number => windows.findIndex((window) => window.name === name);
    this.#windows = windows;
    this.#finestStepMs = windows.reduce((finest, window) => Math.min(finest, window.stepMs), Number.POSITIVE_INFINITY);
    this.#rankedIndex = indexOf(rankedWindow);
    this.#names = rows.windows ?? [];
    this.#indexes = this.#names.map(indexOf);
    this.#filter = figureFilter(rows.fields ?? [], false);
    this.#spark = rows.spark === undefined ? undefined : new RowSpark(rows.spark, windows);
    this.key = JSON.stringify([rankedWindow, this.#names, rows.fields ?? [], rows.spark]);
  }

  /** Windows of a row: the measure of its cost. */
  get weight(): number {
    return Math.max(1, this.#names.length);
  }

  read(engine: ServedEngine, token: TokenRef, asOfMs: number): FiguresOfRow {
    const figures = this.#read(engine, token, asOfMs);
    const spark = this.#spark;
    if (spark === undefined) return { ...figures, spark: "", validUntilMs: Number.POSITIVE_INFINITY };
    const values = spark.read(engine, token, asOfMs);
    const text = `,"spark":${JSON.stringify(values)}`;
    const data = () => ({ ...figures.data(), spark: values });
    return { ...figures, data, spark: text, validUntilMs: spark.validUntilMs(asOfMs) };
  }

  #read(engine: ServedEngine, token: TokenRef, asOfMs: number): Omit<FiguresOfRow, "spark" | "validUntilMs"> {
    const filter = this.#filter;
    if (this.#names.length === 0) {
      const ranked = engine.windowStats(token, this.#rankedIndex, asOfMs);
      return { ranked, texts: [windowJson(ranked, filter)], data: () => ({ stats: windowData(ranked, filter) }) };
    }
    const all = engine.windowsStats(token, this.#indexes, asOfMs);
    const ranked =
      all[this.#indexes.indexOf(this.#rankedIndex)] ?? engine.windowStats(token, this.#rankedIndex, asOfMs);
    const texts = all.map((stats) => windowJson(stats, filter));
    const entries = () =>
      all.map((stats, i): [string, JsonObject] => [this.#names[i] as string, windowData(stats, filter)]);
    return { ranked, texts, data: () => ({ windows: Object.fromEntries(entries()) }) };
  }

  /**
   * Returns `"stats":{..}` or `"windows":{..}`, and `"spark":[..]`, with the edges of windows at this as-of, or without edges if it is
   * undefined.
   */
  text({ texts, spark }: Pick<FiguresOfRow, "texts" | "spark">, asOfMs: number | undefined): string {
    if (this.#names.length === 0) {
      return `"stats":${this.#withEdges(texts[0] as string, this.#rankedIndex, asOfMs)}${spark}`;
    }
    const windows = texts.map((text, i) => {
      return `"${this.#names[i]}":${this.#withEdges(text, this.#indexes[i] as number, asOfMs)}`;
    });
    return `"windows":{${windows.join(",")}}${spark}`;
  }

  #withEdges(text: string, windowIndex: number, asOfMs: number | undefined): string {
    if (asOfMs === undefined) return text;
    const { lengthMs, stepMs } = this.#windows[windowIndex] as WindowSpec;
    const openMs = Math.floor((asOfMs - lengthMs) / stepMs) * stepMs;
    const closeMs = Math.floor(asOfMs / this.#finestStepMs) * this.#finestStepMs + this.#finestStepMs;
    return `{"open_time":${openMs},"close_time":${closeMs},${text.slice(1)}`;
  }
}
