/** Statistics of tokens as of a past instant. */
import { type FigureFilter, figureFilter, windowJson } from "@swapstats/protocol/figure-text.ts";
import type { ServedWindow } from "@swapstats/protocol/screener/query.ts";
import type { Figures } from "../../engine/buckets/bucket-row.ts";
import { volumesOf, type WindowStats, windowFigures } from "../../engine/reads/figures.ts";
import type { Span, TraderCounts } from "../../ports/history-store.ts";
import { covers, type Spans } from "./coverage.ts";
import type { PastWindows } from "./instants.ts";
import type { PastToken } from "./past-tokens.ts";
import type { Owned, WholeHistory } from "./whole-history.ts";

const NO_TRADERS: TraderCounts = { traders: 0, buyers: 0, sellers: 0 };
const TRADERS = ["traders", "buyers", "sellers"];

export type PastSelection = { readonly windows: readonly ServedWindow[]; readonly fields: readonly string[] };

/** The figures of a token. `text`: the members of its response behind `"id"`. Undefined: nothing is known of the token. */
type PastFigures = { readonly text: string; readonly isComplete: boolean } | undefined;

/** What is read for a selection at an instant. */
export class StatsPlan {
  readonly selection: PastSelection;
  readonly closeMs: number;
  readonly filter: FigureFilter;
  /** Of the windows, then of those before them. */
  readonly spans: readonly Span[];
  /** Of the windows, if traders are asked for. */
  readonly walletsOf: readonly Span[];
  readonly #previous: ReadonlyMap<number, number>;

  constructor(selection: PastSelection, windows: PastWindows, asOfMs: number) {
    this.selection = selection;
    this.closeMs = windows.closeMs(asOfMs);
    this.filter = figureFilter(selection.fields);
    const spans = selection.windows.map((window) => ({ fromMs: windows.openMs(window, asOfMs), toMs: this.closeMs }));
    const previous = new Map<number, number>();
    const before: Span[] = [];
    for (const [i, window] of selection.windows.entries()) {
      if (!this.filter.hasPrevious || !windows.hasPrevious(window)) continue;
      const { fromMs } = spans[i] as Span;
      previous.set(i, spans.length + before.length);
      before.push({ fromMs: fromMs - window.lengthMs, toMs: fromMs });
    }
    this.spans = [...spans, ...before];
    this.#previous = previous;
    const hasTraders = this.filter.columns.some(({ name }) => TRADERS.includes(name));
    this.walletsOf = hasTraders ? spans : [];
  }

  /** Returns the statistics of a window. */
  stats(place: number, figures: readonly Figures[], counts: TraderCounts, known: Spans): WindowStats {
    const { fromMs, toMs } = this.spans[place] as Span;
    const complete = covers(known, { fromMs, toMs });
    const bounds = { open_time: fromMs, close_time: toMs, complete };
    const stats = windowFigures(bounds, figures[place] as Figures, { ...counts, estimated: false });
    const previous = this.#previous.get(place);
    if (previous !== undefined) stats.previous = volumesOf(figures[previous] as Figures);
    return stats;
  }
}

/** Reads the figures of the token at this place of the query that `owned` answers. */
export async function pastFigures(
  history: WholeHistory,
  { key, isKnown }: PastToken,
  index: number,
  plan: StatsPlan,
  owned: Owned,
): Promise<PastFigures> {
  const { spans, walletsOf, closeMs, filter } = plan;
  const known = history.coverage(owned, index);
  const [figures, symbol] = await Promise.all([
    history.figures(key, index, spans, owned),
    history.symbol(key, index, closeMs, owned),
  ]);
  const isSeen = isKnown || symbol !== undefined || figures.some(({ trades }) => trades > 0);
  if (!isSeen && !(await hasSwaps(history, key))) return undefined;
  const counts = await Promise.all(
    plan.selection.windows.map((_, place) => {
      const hasTraders = walletsOf[place] !== undefined && (figures[place] as Figures).trades > 0;
      return hasTraders ? history.traders(key, index, walletsOf[place] as Span, place, owned) : NO_TRADERS;
    }),
  );
  const windows = plan.selection.windows.map(({ name }, place) => {
    const stats = plan.stats(place, figures, counts[place] as TraderCounts, known);
    return `"${name}":${windowJson(stats, filter)}`;
  });
  const isComplete = spans.every((span) => covers(known, span));
  const symbolText = symbol === undefined ? "" : `"symbol":${JSON.stringify(symbol)},`;
  return { text: `${symbolText}"history_complete":${isComplete},"windows":{${windows.join(",")}}`, isComplete };
}

async function hasSwaps(history: WholeHistory, key: PastToken["key"]): Promise<boolean> {
  const page = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, order: "desc", after: undefined, limit: 1 } as const;
  return (await history.reader.swaps(key, page, [])).length > 0;
}
