/**
 * What a partition adds to the sums of all tokens, page by page: a page is some parts of the tokens. All pages have the edge of the first one, so the
 * tail holds its rows meanwhile. Each token is answered from one state, in which each of its swaps is either settled or not.
 */
import { Figures } from "../../engine/buckets/bucket-row.ts";
import { TOKEN_PARTS } from "../../engine/partition-engine.ts";
import { addSwap, sumsOf } from "../../engine/reads/past-sums.ts";
import type { TokenRef } from "../../engine/types.ts";
import type { Edge, SettledRow, Span } from "../../ports/history-store.ts";
import type { OwnedPage, OwnedPart, OwnedQuery, OwnedSums, SettledTail } from "../../ports/owned-history.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { comparePositions, positionOf } from "../../shared/swap-order.ts";
import type { Piecewise } from "../thread-share.ts";
import type { ServedPartition } from "./served-partition.ts";

/** Tokens without swaps. Each with swaps is a piece. */
const SILENT_PER_PIECE = 1_000;

type TokensQuery = Extract<OwnedQuery, { want: "tokens" }>;
type Begun = { readonly figures: readonly Figures[]; symbol: OwnedSums["symbol"] };

/** Makes a page. Throws `unavailable` when it does not continue the page before: the query must begin again. */
export function* ownedTokensPart(home: ServedPartition, query: TokensQuery): Piecewise<OwnedPart> {
  const { pages } = query;
  const { partition, epoch: owner, tail, engine } = home;
  const part = { partition, owner, isWhole: true, seenSinceMs: engine.seenSinceMs(), tokens: [] };
  const asked = pages.find((page) => page.partition === partition);
  if (asked === undefined && pages.length > 0) return { ...part, edge: edgeOf(tail) };
  if (asked === undefined) tail?.hold();
  const from = asked ?? { partition, owner, edge: edgeOf(tail), part: 0 };
  const page = new TokensPage(home, from, query);
  const { next, tokens } = yield* page.read();
  return { ...part, edge: from.edge, isWhole: page.isWhole, page: { tokens, next } };
}

const edgeOf = (tail: SettledTail | undefined): Edge | undefined =>
  tail?.stream === undefined ? undefined : { ...tail.stream, sequence: tail.durable };

class TokensPage {
  readonly #home: ServedPartition;
  readonly #begin: OwnedPage;
  readonly #spans: readonly Span[];
  readonly #endMs: number;
  readonly #validFromMs: number;
  /** The tokens of each part of the page. */
  #parts: (readonly TokenRef[])[] = [];
  /** Tokens that are still to be answered. */
  readonly #open = new Set<TokenRef>();
  /** Those of them that have settled swaps, with their sums. */
  readonly #settled = new Map<TokenRef, Begun>();
  readonly #tokensMax: number;
  /** Settled rows below it are in the sums. */
  #nextSequence: number;
  isWhole = true;

  constructor(home: ServedPartition, begin: OwnedPage, { spans, limit }: TokensQuery) {
    this.#home = home;
    this.#begin = begin;
    this.#validFromMs = home.tail?.fromMs ?? 0;
    this.#spans = spans.map(({ fromMs, toMs }) => ({ fromMs: Math.max(fromMs, this.#validFromMs), toMs }));
    this.#endMs = spans.reduce((end, { toMs }) => Math.max(end, toMs), 0);
    this.#nextSequence = begin.edge?.sequence ?? 0;
    this.#tokensMax = Math.max(1, Math.floor(limit / Math.max(1, spans.length)));
  }

  *read(): Piecewise<{ readonly tokens: OwnedSums[]; readonly next: number | undefined }> {
    yield* this.#choose();
    yield* this.#addSettled();
    // What settled during a pause is added before the next token is looked at.
    this.#addRest();
    const tokens: OwnedSums[] = [];
    let silent = 0;
    for (const ref of this.#parts.flat()) {
      const isSilent = !this.#settled.has(ref) && !this.#home.engine.unsettled.has(ref);
      const found = isSilent ? undefined : this.#tokenOf(ref);
      this.#settled.delete(ref);
      this.#open.delete(ref);
      if (found !== undefined) tokens.push(found);
      if (isSilent && ++silent % SILENT_PER_PIECE !== 0) continue;
      yield;
      this.#addRest();
    }
    const next = this.#begin.part + this.#parts.length;
    return { tokens, next: next < TOKEN_PARTS ? next : undefined };
  }

  /** Takes parts until they have so many tokens with unsettled swaps. */
  *#choose(): Piecewise<void> {
    const { engine } = this.#home;
    let count = 0;
    for (let part = this.#begin.part; part < TOKEN_PARTS && count < this.#tokensMax; part++) {
      const refs = engine.tokensOfPart(part);
      this.#parts.push(refs);
      for (const ref of refs) {
        this.#open.add(ref);
        if (engine.unsettled.has(ref)) count += 1;
      }
      if (refs.length > 0) yield;
    }
  }

  /** Adds the settled rows in pieces. Swaps that settle meanwhile are added by the caller. Leaves parts to the next page when there are too many tokens. */
  *#addSettled(): Piecewise<void> {
    for (const run of this.#runs()) {
      this.#add(run);
      while (this.#settled.size > this.#tokensMax && this.#parts.length > 1) this.#leaveParts();
      yield;
    }
  }

  #addRest(): void {
    for (const run of this.#runs()) this.#add(run);
  }

  #leaveParts(): void {
    for (const ref of this.#parts.splice(Math.ceil(this.#parts.length / 2)).flat()) {
      this.#open.delete(ref);
      this.#settled.delete(ref);
    }
  }

  /** Yields the settled rows of open tokens that are not in the sums, those of a token that follow each other together. */
  *#runs(): Generator<readonly SettledRow[]> {
    const { engine, tail, epoch: owner } = this.#home;
    const { edge, partition } = this.#begin;
    if (this.#begin.owner !== owner || tail?.stream?.epoch !== edge?.epoch || tail?.stream?.logId !== edge?.logId) {
      throw movedOn(partition);
    }
    if (edge === undefined) this.isWhole &&= tail === undefined;
    if (tail === undefined || edge === undefined || engine.settledCount === this.#nextSequence) return;
    const { isComplete, rows } = tail.rows(this.#nextSequence, (chainId, token) => {
      const ref = engine.findById(chainId, token);
      return ref !== undefined && this.#open.has(ref);
    });
    // What is missing became durable since the first page, so the store leaves it out.
    if (!isComplete && tail.durable > edge.sequence) throw movedOn(partition);
    this.isWhole &&= isComplete;
    this.#nextSequence = engine.settledCount;
    let run: SettledRow[] = [];
    for (const row of rows) {
      const [last] = run;
      if (last !== undefined && (last.token !== row.token || last.chainId !== row.chainId)) {
        yield run;
        run = [];
      }
      run.push(row);
    }
    if (run.length > 0) yield run;
  }

  /** Swaps of a token settle bucket by bucket, in no order within a bucket, and all of a bucket are in one run. */
  #add(run: readonly SettledRow[]): void {
    const [{ chainId, token }] = run as [SettledRow];
    const ref = this.#home.engine.findById(chainId, token);
    if (ref === undefined || !this.#open.has(ref)) return;
    const begun = this.#settled.get(ref) ?? { figures: this.#spans.map(() => new Figures()), symbol: undefined };
    this.#settled.set(ref, begun);
    for (const row of run.toSorted((a, b) => comparePositions(positionOf(a), positionOf(b)))) {
      const { eventTimeMs: timeMs, symbol } = row;
      if (timeMs < this.#validFromMs || timeMs >= this.#endMs) continue;
      for (const [i, { fromMs, toMs }] of this.#spans.entries()) {
        if (timeMs >= fromMs && timeMs < toMs) addSwap(begun.figures[i] as Figures, row);
      }
      if (symbol !== undefined) begun.symbol = { text: symbol, atMs: timeMs };
    }
  }

  /** Returns the sums of a token; undefined if it has no swaps in the spans. */
  #tokenOf(ref: TokenRef): OwnedSums | undefined {
    const { engine } = this.#home;
    const begun = this.#settled.get(ref);
    const unsettled = new Figures();
    const sums = this.#spans.map(({ fromMs, toMs }, i) => {
      const figures = begun?.figures[i] ?? new Figures();
      engine.unsettled.figures(ref, fromMs, toMs, unsettled);
      figures.addLater(unsettled);
      return figures.trades === 0 ? undefined : sumsOf(figures);
    });
    if (sums.every((sum) => sum === undefined)) return undefined;
    const { id, chainId, symbol } = engine.info(ref);
    // Without a symbol now, no unsettled swap has one.
    const named = symbol === undefined ? undefined : engine.unsettled.symbol(ref, this.#validFromMs, this.#endMs);
    return { chainId, token: id.slice(id.indexOf(":") + 1), sums, symbol: named ?? begun?.symbol };
  }
}

function movedOn(partition: number): SwapstatsError {
  const message = `the history of partition ${partition} moved on while it was read; send the request again`;
  return new SwapstatsError("unavailable", message, { retryable: true });
}
