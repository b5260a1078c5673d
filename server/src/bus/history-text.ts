/** Queries of the history, and the parts that owners add to it, as text for the way between threads and instances: JSON, with large integers as `{"n":".."}`. */
import type { OwnedPart, OwnedQuery } from "../ports/owned-history.ts";

const DIGITS = /^[0-9]{1,80}$/;

/** Returns the text of a query, or of parts. */
export function historyText(value: OwnedQuery | readonly OwnedPart[]): string {
  return JSON.stringify(value, (_, member: unknown) => (typeof member === "bigint" ? { n: String(member) } : member));
}

/** Returns the query of a text of `historyText`. */
export const queryOfText = (text: string): OwnedQuery => read(text) as OwnedQuery;

/** Returns the parts of a text of `historyText`. */
export const partsOfText = (text: string): readonly OwnedPart[] => read(text) as readonly OwnedPart[];

function read(text: string): unknown {
  return JSON.parse(text, (_, member: unknown) => {
    const digits = (member as { n?: unknown } | null)?.n;
    return typeof digits === "string" && DIGITS.test(digits) ? BigInt(digits) : (member ?? undefined);
  });
}
