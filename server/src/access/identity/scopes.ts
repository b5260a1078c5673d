/** Scopes as tokens and files write them. */
import type { Scope } from "../identity.ts";

const SCOPES: readonly Scope[] = ["read", "ingest", "admin"];
const READ_ALONE: ReadonlySet<Scope> = new Set(["read"]);

const isScope = (word: string): word is Scope => (SCOPES as readonly string[]).includes(word);

/** Returns the scopes of a text with commas, in their own order. Undefined if it is empty or one of them is unknown. */
export function readScopes(text: string): ReadonlySet<Scope> | undefined {
  const words = text.split(",");
  return words.every(isScope) ? new Set(SCOPES.filter((scope) => words.includes(scope))) : undefined;
}

/**
 * Returns the scopes of the claim `scope`: words with spaces between them (RFC 8693), or a list of words. Words of other services are
 * ignored. Without the claim the scope is `read`. Undefined: the claim has another form.
 */
export function scopesOfClaim(claim: unknown): ReadonlySet<Scope> | undefined {
  if (claim === undefined) return READ_ALONE;
  const words: unknown = typeof claim === "string" ? claim.split(" ") : claim;
  if (!Array.isArray(words) || !words.every((word) => typeof word === "string")) return undefined;
  return new Set(SCOPES.filter((scope) => words.includes(scope)));
}
