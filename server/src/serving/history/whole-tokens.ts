/** The sums of all tokens that have swaps in spans, of the store and the owners of partitions together. */
import { sumsOf } from "../../engine/reads/past-sums.ts";
import type { Span, TokenSums } from "../../ports/history-store.ts";
import type { OwnedPage, OwnedSums } from "../../ports/owned-history.ts";
import { formatTokenId } from "../../shared/token-id.ts";
import { ProblemError } from "../problems.ts";
import type { Owned, WholeHistory } from "./whole-history.ts";

/** Tokens of a span. */
const TOKENS_MAX = 500_000;
/** Sums that owners add: tokens times spans. */
const OWNED_SUMS_MAX = 500_000;
/** Sums of a page of an owner: about a megabyte of text. */
const PAGE_SUMS = 4_000;
/** Tokens that are joined between two turns of the event loop. */
const TOKENS_PER_TURN = 200;

/** By id, for each span. Where the symbol is undefined, swaps before the span may name one. */
export type TokenTables = readonly ReadonlyMap<string, TokenSums>[];

/** Reads spans in which all swaps have settled. Rejects with ProblemError `overloaded` for too many tokens. */
export async function settledTokens(history: WholeHistory, spans: readonly Span[]): Promise<TokenTables> {
  return storedTokens(history, spans, { edges: [] });
}

/**
 * Reads spans up to `endMs` in which swaps may still change. Rejects with ProblemError `overloaded` for too many tokens, and with `unavailable` where
 * an owner is away.
 */
export async function wholeTokens(
  history: WholeHistory,
  spans: readonly Span[],
  endMs: number,
): Promise<{ readonly tables: TokenTables; readonly owned: Owned }> {
  const { owned, tokens } = await ownedTokens(history, spans, endMs);
  const tables = await storedTokens(history, spans, owned);
  for (const [i, [id, parts]] of [...tokens].entries()) {
    if (i % TOKENS_PER_TURN === TOKENS_PER_TURN - 1) await new Promise(setImmediate);
    for (const [place, span] of spans.entries()) {
      const table = tables[place] as Map<string, TokenSums>;
      const sum = await joinedToken(history, span, table.get(id), parts, place);
      if (sum !== undefined) table.set(id, sum);
    }
  }
  return { tables, owned };
}

/** All pages have the edges of the first one. */
async function ownedTokens(
  history: WholeHistory,
  spans: readonly Span[],
  endMs: number,
): Promise<{ readonly owned: Owned; readonly tokens: ReadonlyMap<string, readonly OwnedSums[]> }> {
  const tokens = new Map<string, OwnedSums[]>();
  const max = Math.floor(OWNED_SUMS_MAX / Math.max(1, spans.length));
  let first: Owned | undefined;
  let isWhole = true;
  for (let pages: OwnedPage[] = []; ; ) {
    const owned = await history.owned({ want: "tokens", tokens: [], spans, pages, limit: PAGE_SUMS }, endMs);
    first ??= owned;
    isWhole &&= owned.parts.every((part) => part.isWhole);
    for (const one of owned.parts.flatMap(({ page }) => page?.tokens ?? [])) {
      const id = formatTokenId(one.chainId, one.token);
      const known = tokens.get(id);
      if (known === undefined) tokens.set(id, [one]);
      else known.push(one);
    }
    if (tokens.size > max) throw tooManyUnsettled(max, spans.length);
    pages = owned.parts.flatMap(({ partition, owner, edge, page }) =>
      page?.next === undefined ? [] : [{ partition, owner, edge, part: page.next }],
    );
    if (pages.length === 0) break;
  }
  const parts = first.parts.map((part) => ({ ...part, isWhole: part.isWhole && isWhole }));
  return { owned: { ...first, parts }, tokens };
}

async function storedTokens(
  { reader }: WholeHistory,
  spans: readonly Span[],
  { edges }: Pick<Owned, "edges">,
): Promise<Map<string, TokenSums>[]> {
  const tables: Map<string, TokenSums>[] = [];
  for (const span of spans) {
    const found = await reader.tokens(span, edges, undefined);
    if (found.length > TOKENS_MAX) throw tooManyTokens(TOKENS_MAX);
    tables.push(new Map(found.map((one) => [formatTokenId(one.chainId, one.token), one])));
  }
  return tables;
}

async function joinedToken(
  history: WholeHistory,
  span: Span,
  stored: TokenSums | undefined,
  parts: readonly OwnedSums[],
  place: number,
): Promise<TokenSums | undefined> {
  const added = parts.flatMap(({ sums }) => sums[place] ?? []);
  if (added.length === 0) return stored;
  const [{ chainId, token }] = parts as [OwnedSums];
  const figures = await history.joined({ chainId, token }, span, [stored, ...added]);
  const symbol = symbolOf(span, stored, parts);
  return { chainId, token, ...sumsOf(figures), symbol };
}

/** Undefined also where only the swaps themselves say which of two symbols is the later one. */
function symbolOf({ fromMs }: Span, stored: TokenSums | undefined, parts: readonly OwnedSums[]): string | undefined {
  const named = parts.flatMap(({ symbol }) => symbol ?? []).sort((a, b) => b.atMs - a.atMs);
  const [last, second] = named;
  if (last === undefined) return stored?.symbol;
  if (second !== undefined && second.atMs === last.atMs) return undefined;
  if (last.atMs < fromMs) return stored?.symbol;
  return (stored?.lastMs ?? 0) < last.atMs ? last.text : undefined;
}

function tooManyUnsettled(max: number, spans: number): ProblemError {
  const message = `More than ${max} tokens have swaps that have not settled, which is the limit for ${spans} spans of time at so recent an instant. Ask for fewer windows or without previous windows, or for an earlier instant.`;
  return new ProblemError("overloaded", message);
}

/** Returns the problem of a query that has more tokens than it may. */
export function tooManyTokens(max: number): ProblemError {
  const message = `More than ${max} tokens match, which is the limit for this query at a past instant. Filter and sort by other figures than traders, buyers, sellers and symbols, or take a shorter window.`;
  return new ProblemError("overloaded", message);
}
