/** The order of rows of a ranking that come from several partitions or workers, and the cursors that name a place in it. */

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

/**
 * Returns the first `limit` rows of several ordered lists, each id once. A token of several partitions is in the list of one alone. Until
 * the partitions know that, its first row counts.
 */
export function mergeRanked<Row extends { readonly key: RankKey }>(
  lists: readonly (readonly Row[])[],
  order: RankOrder,
  limit: number,
): Row[] {
  if (lists.length === 1) return (lists[0] as readonly Row[]).slice(0, limit);
  const known = new Set<string>();
  return lists
    .flat()
    .sort((a, b) => compareRankKeys(a.key, b.key, order))
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
