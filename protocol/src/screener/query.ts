/** A query of the screener after it was checked: every default is filled in, and each comparison has one operator. */
import type { SparkField } from "./fields.ts";

export const numberOperators = ["gt", "gte", "lt", "lte", "eq", "ne", "in", "between"] as const;
export const textOperators = ["eq", "ne", "in", "contains", "prefix"] as const;
export const flagOperators = ["eq", "ne"] as const;

export type ScreenerOperator = (typeof numberOperators)[number] | (typeof textOperators)[number];

/** `values` holds one value, both ends with `between`, or the list of `in`. Flags are `1` and `0`; decimals have no needless zeros. */
export type ScreenerLeaf = {
  readonly field: string;
  /** Absent for a member of the token. */
  readonly window?: string;
  readonly op: ScreenerOperator;
  readonly values: readonly string[];
};

export type ScreenerFilter =
  | { readonly and: readonly ScreenerFilter[] }
  | { readonly or: readonly ScreenerFilter[] }
  | { readonly not: ScreenerFilter }
  | ScreenerLeaf;

export type ScreenerSort = { readonly field: string; readonly window?: string; readonly order: "asc" | "desc" };

/** `points` values of one figure over a window. */
export type Spark = { readonly field: SparkField; readonly window: string; readonly points: number };

export type ScreenerQuery = {
  /** Absent: all tokens. */
  readonly filter?: ScreenerFilter;
  /** One at least. Tokens that tie in all of them are ordered by id. */
  readonly sort: readonly ScreenerSort[];
  readonly limit: number;
  /** Windows of each row, one at least, in the order of the configuration. */
  readonly windows: readonly string[];
  /** Figures of each window in the order of service; empty: all. */
  readonly fields: readonly string[];
  readonly spark?: Spark;
};

/** A window of the service. */
export type ServedWindow = { readonly name: string; readonly lengthMs: number; readonly stepMs: number };

/** A mistake in a query. `path` names the member, such as `filter.and[1].gte`. */
export type QueryError = { readonly path: string; readonly message: string };

export function isLeaf(filter: ScreenerFilter): filter is ScreenerLeaf {
  return "field" in filter;
}

/** Returns the nodes directly below a node that is no leaf. */
export function partsOf(filter: Exclude<ScreenerFilter, ScreenerLeaf>): readonly ScreenerFilter[] {
  if ("and" in filter) return filter.and;
  return "or" in filter ? filter.or : [filter.not];
}

/** Returns every comparison of a filter. */
export function leavesOf(filter: ScreenerFilter | undefined): readonly ScreenerLeaf[] {
  if (filter === undefined) return [];
  return isLeaf(filter) ? [filter] : partsOf(filter).flatMap(leavesOf);
}
