/** The order of rows of a ranking that come from several partitions or workers, and the cursors that name a place in it. */

import { screenerField } from "@swapstats/protocol/screener/fields.ts";
import type { ScreenerSort } from "@swapstats/protocol/screener/query.ts";
import type { OverviewRequest } from "../ports/stats-bus.ts";
import { compareDecimals } from "../shared/decimal-order.ts";
import { SwapstatsError } from "../shared/errors.ts";
import type { RankKey } from "./responses.ts";

type RankOrder = OverviewRequest["order"];

/** Returns a negative number when a comes before b: by value, with rows without a value last in both orders, then by id. */
export function compareRankKeys(a: RankKey, b: RankKey, order: RankOrder): number {
  if (a.value === undefined || b.value === undefined) {
    if (a.value !== b.value) return a.value === undefined ? 1 : -1;
  } else {
    const byValue = compareDecimals(a.value, b.value);
    if (byValue !== 0) return order === "desc" ? -byValue : byValue;
  }
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** Compares the places of two rows. */
export type KeyOrder = (a: RankKey, b: RankKey) => number;

/** Returns the order of an overview. */
export const orderByValue =
  (order: RankOrder): KeyOrder =>
  (a, b) =>
    compareRankKeys(a, b, order);

/** Returns the order of a query of the screener: by each of its sorts with absent values last, then by id. */
export function orderBySorts(sorts: readonly ScreenerSort[]): KeyOrder {
  const rules = sorts.map(({ field, order }) => ({
    compare: screenerField(field)?.value === "text" ? compareTexts : compareDecimals,
    sign: order === "desc" ? -1 : 1,
  }));
  return (a, b) => {
    for (const [i, { compare, sign }] of rules.entries()) {
      const x = (i === 0 ? a.value : a.more?.[i - 1]) ?? undefined;
      const y = (i === 0 ? b.value : b.more?.[i - 1]) ?? undefined;
      if (x === y) continue;
      if (x === undefined || y === undefined) return x === undefined ? 1 : -1;
      const order = compare(x, y);
      if (order !== 0) return sign * order;
    }
    return compareTexts(a.id, b.id);
  };
}

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Returns the first `limit` rows of several ordered lists, each id once. A token of several partitions is in the list of one alone. Until
 * the partitions know that, its first row counts.
 */
export function mergeRanked<Row extends { readonly key: RankKey }>(
  lists: readonly (readonly Row[])[],
  order: KeyOrder,
  limit: number,
): Row[] {
  if (lists.length === 1) return (lists[0] as readonly Row[]).slice(0, limit);
  const known = new Set<string>();
  return lists
    .flat()
    .sort((a, b) => order(a.key, b.key))
    .filter(({ key }) => !known.has(key.id) && known.add(key.id))
    .slice(0, limit);
}

type Ranked = Pick<OverviewRequest, "window" | "sort" | "order">;

/**
 * A cursor is the place of the last row that was given, by value and id. The next page begins behind it, wherever rows have moved in
 * between. It belongs to one window, sort and order.
 */
export function encodeCursor(request: Ranked, key: RankKey): string {
  const fields = [request.window, request.sort, request.order, key.value ?? null, key.id];
  return Buffer.from(JSON.stringify(fields)).toString("base64url");
}

/** Parses a cursor. Throws `bad_request` for a text that is not a cursor of this ranking. */
export function decodeCursor(request: Ranked, cursor: string): RankKey {
  const fields = parseCursor(cursor);
  if (fields === undefined) {
    throw new SwapstatsError("bad_request", "cursor is not one that this service gave; start again without it");
  }
  const [window, sort, order, value, id] = fields;
  if (window !== request.window || sort !== request.sort || order !== request.order) {
    throw new SwapstatsError(
      "bad_request",
      `cursor belongs to window=${window}&sort=${sort}&order=${order}; ask with these, or start again without it`,
    );
  }
  return { value: value ?? undefined, id };
}

const DECIMAL = /^-?[0-9]+(\.[0-9]+)?$/;

function parseCursor(cursor: string): [string, string, string, string | null, string] | undefined {
  let fields: unknown;
  try {
    fields = JSON.parse(Buffer.from(cursor, "base64url").toString());
  } catch {
    return undefined;
  }
  if (!Array.isArray(fields) || fields.length !== 5) return undefined;
  const [window, sort, order, value, id] = fields as unknown[];
  if (typeof window !== "string" || typeof sort !== "string" || typeof order !== "string") return undefined;
  if (typeof id !== "string" || (value !== null && (typeof value !== "string" || !DECIMAL.test(value)))) {
    return undefined;
  }
  return [window, sort, order, value, id];
}
