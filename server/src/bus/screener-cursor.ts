/** The cursors of the screener, as opaque texts. */
import { SwapstatsError } from "../shared/errors.ts";

export type ScreenerCursor = {
  /** Name of the order that the owners keep. */
  readonly order: string;
  /** Tag of the query that the order belongs to. */
  readonly tag: string;
  /** For each owner: one of its partitions, and the number of its rows that were given. */
  readonly given: readonly (readonly [partition: number, count: number])[];
};

export function encodeScreenerCursor({ order, tag, given }: ScreenerCursor): string {
  return Buffer.from(JSON.stringify([order, tag, ...given.flat()])).toString("base64url");
}

/** Throws `bad_request` for a text that is not a cursor, and for one of a query with another tag. */
export function decodeScreenerCursor(cursor: string, tag: string): ScreenerCursor {
  const fields = parsed(cursor);
  const [order, ofTag, ...numbers] = fields ?? [];
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  const isCursor =
    typeof order === "string" && typeof ofTag === "string" && numbers.length > 0 && numbers.length % 2 === 0;
  if (!isCursor || !numbers.every(isCount)) {
    throw new SwapstatsError("bad_request", "cursor is not one that this service gave; start again without it");
  }
  if (ofTag !== tag) {
    const message = "cursor belongs to another query; send the same filter and sort with it, or start again without it";
    throw new SwapstatsError("bad_request", message);
  }
  const given: [number, number][] = [];
  for (let i = 0; i < numbers.length; i += 2) given.push([numbers[i] as number, numbers[i + 1] as number]);
  return { order, tag, given };
}

function parsed(cursor: string): readonly unknown[] | undefined {
  try {
    const fields: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    return Array.isArray(fields) ? fields : undefined;
  } catch {
    return undefined;
  }
}
