/** Queries as the service takes them, and the query of what the view shows. */
import type { ScreenerQuery } from "@swapstats/client";
import type { Column } from "./columns.ts";
import { findField } from "./fields.ts";
import { longestWindow, windowMs } from "./windows.ts";

/** A comparison. All operators that are given must hold. */
export type Comparison = {
  readonly field: string;
  readonly window?: string;
  readonly [operator: string]: unknown;
};

export type Filter =
  | { readonly and: readonly Filter[] }
  | { readonly or: readonly Filter[] }
  | { readonly not: Filter }
  | Comparison;

export type Sort = { readonly field: string; readonly window?: string; readonly order: "asc" | "desc" };

/** Limits of the service for a query. */
export const queryLimits = {
  leavesMax: 64,
  depthMax: 8,
  valuesMax: 100,
  valueCharsMax: 128,
  sortsMax: 4,
  rowsMax: 500,
} as const;

const SPARK_POINTS = 24;

/** Returns the window of the price: the longest one that is shown. */
export function priceWindow(columns: readonly Column[], windows: readonly string[]): string {
  const shown = columns.map(({ window }) => window);
  return longestWindow(shown.length > 0 ? shown : windows);
}

/**
 * Returns the window of the sparkline: the longest shown one that the service has seen completely, so that a young service has lines too.
 * Without one it is the shortest window.
 */
export function sparkWindow(
  columns: readonly Column[],
  windows: readonly string[],
  complete: ReadonlySet<string>,
): string {
  const shown = columns.map(({ window }) => window).filter((window) => complete.has(window));
  if (shown.length > 0) return longestWindow(shown);
  return windows.reduce((best, name) => (windowMs(name) < windowMs(best) ? name : best));
}

/** Returns the columns that are shown: the chosen ones, behind those figures of the order that are not among them. */
export function shownColumns(columns: readonly Column[], sort: readonly Sort[]): readonly Column[] {
  const sorted = sort.flatMap(({ field: name, window }) => {
    const field = findField(name);
    const isShown = columns.some((one) => one.field === field && one.window === window);
    return field?.isColumn && window !== undefined && name !== "close" && !isShown ? [{ field, window }] : [];
  });
  return [...sorted, ...columns];
}

/** Returns the filter that is met by tokens of these chains only. */
function ofChains(filter: Filter | undefined, chains: readonly number[]): Filter | undefined {
  if (chains.length === 0) return filter;
  const isOfChain = { field: "chain_id", in: chains };
  return filter === undefined ? isOfChain : { and: [isOfChain, filter] };
}

/** Returns the query that brings the figures of these columns, with price and sparkline, and nothing else. */
export function queryOf(
  state: {
    readonly filter: Filter | undefined;
    readonly sort: readonly Sort[];
    readonly chains: readonly number[];
    readonly limit: number;
  },
  columns: readonly Column[],
  windows: readonly string[],
  spark: string,
): ScreenerQuery {
  const { sort, limit } = state;
  const filter = ofChains(state.filter, state.chains);
  const price = priceWindow(columns, windows);
  const shown = new Set([price, ...columns.map(({ window }) => window)]);
  const names = columns.flatMap(({ field: { name } }) => figuresOf(name));
  // The names of fields were already checked against the fields of the service.
  return {
    ...(filter === undefined ? {} : { filter }),
    sort,
    limit,
    windows: windows.filter((window) => shown.has(window)),
    fields: [...new Set(["close", ...names])],
    spark: { field: "close", window: spark, points: SPARK_POINTS },
  } as ScreenerQuery;
}

/** Returns the figures from which the value of a column is made. */
function figuresOf(name: string): readonly string[] {
  const [of, sum] = name.split(".") as [string, string | undefined];
  if (sum === undefined) return [name];
  return of === "previous" ? ["previous"] : ["previous", sum];
}
