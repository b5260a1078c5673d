/**
 * The figures of a row of a ranking: `stats` of the window that it is ranked by, or `windows` of several, and of each all figures or some. The
 * same object serves answers, whose edges are told, and topics, whose edges follow from their as-of.
 */
import type { JsonObject } from "@swapstats/protocol/merge-patch.ts";
import type { RowSelection } from "../bus/stats-bus.ts";
import type { TokenRef, WindowStats } from "../engine/types.ts";
import type { ServedPartition } from "./served-partition.ts";
import { type FigureFilter, figureFilter, topicFigures, windowJson } from "./stats-json.ts";

export type FiguresOfRow = {
  /** Of the window that the ranking goes by. */
  readonly ranked: WindowStats;
  /** `"stats":{..}` or `"windows":{..}`. */
  readonly text: string;
  /** The same as an object. Called for topics alone. */
  data(): JsonObject;
};

export class RowFigures {
  readonly #rankedIndex: number;
  /** Empty: `stats` of the ranked window. */
  readonly #names: readonly string[];
  readonly #indexes: readonly number[];
  readonly #filter: FigureFilter;

  /** @param edges false for topics */
  constructor(rankedWindow: string, rows: RowSelection, windowIndex: (name: string) => number, edges: boolean) {
    this.#rankedIndex = windowIndex(rankedWindow);
    this.#names = rows.windows ?? [];
    this.#indexes = this.#names.map(windowIndex);
    this.#filter = { ...figureFilter(rows.fields ?? []), edges };
  }

  read({ engine }: ServedPartition, token: TokenRef, asOfMs: number): FiguresOfRow {
    const filter = this.#filter;
    if (this.#names.length === 0) {
      const ranked = engine.windowStats(token, this.#rankedIndex, asOfMs);
      const text = `"stats":${windowJson(ranked, filter)}`;
      return { ranked, text, data: () => ({ stats: topicFigures(ranked, filter) }) };
    }
    const all = engine.windowsStats(token, this.#indexes, asOfMs);
    const ranked =
      all[this.#indexes.indexOf(this.#rankedIndex)] ?? engine.windowStats(token, this.#rankedIndex, asOfMs);
    const texts = all.map((stats, i) => `"${this.#names[i]}":${windowJson(stats, filter)}`);
    const entries = () =>
      all.map((stats, i): [string, JsonObject] => [this.#names[i] as string, topicFigures(stats, filter)]);
    return { ranked, text: `"windows":{${texts.join(",")}}`, data: () => ({ windows: Object.fromEntries(entries()) }) };
  }
}
