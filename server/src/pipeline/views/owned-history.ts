/**
 * What a partition adds to the history: its unsettled swaps that count, and the settled ones that the store may not have (`SettledTail`). Swaps of a
 * token settle bucket by bucket, in no order within a bucket. Unsettled ones are later than all of them.
 */
import { SettledRowWriter } from "../../codecs/settled-row-writer.ts";
import { readSettledRows } from "../../codecs/settled-rows.ts";
import { Figures } from "../../engine/buckets/bucket-row.ts";
import { addSwap, sumsOf } from "../../engine/reads/past-sums.ts";
import type { TokenRef } from "../../engine/types.ts";
import type {
  CandleSums,
  SettledRow,
  Span,
  SpanSums,
  SwapPage,
  TokenKey,
  TraderSets,
} from "../../ports/history-store.ts";
import type { OwnedPart, OwnedQuery, OwnedToken } from "../../ports/owned-history.ts";
import { type CandleStep, stepStart } from "../../shared/candle-step.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { comparePositions, positionOf } from "../../shared/swap-order.ts";
import { finished, type Piecewise } from "../thread-share.ts";
import type { ServedPartition } from "./served-partition.ts";

/** Attempts before the answer is made in one piece. */
const ROUNDS_MAX = 3;
/** Wallets of an answer. */
const OWNED_WALLETS_MAX = 200_000;
const CANDLES_PER_PIECE = 50;
/** Swaps are looked for in spans from this length on, which double. */
const FIRST_SPAN_MS = 1_000;

/** Makes the answer at one edge. It is made again when rows became durable meanwhile. Throws `overloaded` for too many wallets. */
export function* ownedPart(home: ServedPartition, query: OwnedQuery): Piecewise<OwnedPart> {
  for (let round = 1; ; round++) {
    const { partition, epoch: owner, tail, engine } = home;
    const stream = tail?.stream;
    const sequence = tail?.durable ?? 0;
    const edge = stream === undefined ? undefined : { ...stream, sequence };
    const made = tokensOf(home, query);
    const { isWhole, tokens } = round < ROUNDS_MAX ? yield* made : finished(made);
    if ((home.tail?.durable ?? 0) !== sequence || home.tail?.stream !== stream) continue;
    return { partition, owner, edge, isWhole, seenSinceMs: engine.seenSinceMs(), tokens };
  }
}

function* tokensOf(home: ServedPartition, query: OwnedQuery): Piecewise<Pick<OwnedPart, "isWhole" | "tokens">> {
  const tokens: (OwnedToken | undefined)[] = [];
  let isWhole = true;
  for (const token of query.tokens) {
    const ref = home.engine.findById(token.chainId, token.token);
    if (ref === undefined) {
      tokens.push(undefined);
      continue;
    }
    const found = yield* ofToken(home, ref, token, query);
    isWhole &&= found.isWhole;
    tokens.push(found.token);
    yield;
  }
  return { isWhole, tokens };
}

/** The answer is made from one state, in which each swap is either settled or not. */
function* ofToken(
  home: ServedPartition,
  ref: TokenRef,
  token: TokenKey,
  query: OwnedQuery,
): Piecewise<{ readonly isWhole: boolean; readonly token: OwnedToken }> {
  const { engine } = home;
  for (let round = 1; ; round++) {
    const [version, count] = [engine.version(ref), engine.settledCount];
    const settled = home.tail?.rows(home.tail.durable, token);
    const validFromMs = home.tail?.fromMs ?? 0;
    const swaps = new OwnedSwaps(home, ref, sorted([...(settled?.rows ?? [])]), validFromMs);
    const made = answer(swaps, validQuery(query, validFromMs));
    const answered = round < ROUNDS_MAX ? yield* made : finished(made);
    if (engine.version(ref) !== version || engine.settledCount !== count) continue;
    return { isWhole: settled?.isComplete ?? true, token: answered };
  }
}

/** Asks for nothing before the stream is valid: the store has those swaps from the stream before. */
function validQuery(query: OwnedQuery, fromMs: number): OwnedQuery {
  const valid = <S extends Span>(span: S): S => ({ ...span, fromMs: Math.max(span.fromMs, fromMs) });
  switch (query.want) {
    case "sums":
      return { ...query, spans: query.spans.map(valid), walletsOf: query.walletsOf.map(valid) };
    case "candles":
      return { ...query, span: valid(query.span) };
    case "swaps":
      return { ...query, page: valid(query.page) };
    default:
      return query;
  }
}

const NOTHING: OwnedToken = { sums: [], wallets: [], symbol: undefined, candles: [], swaps: [] };

function* answer(swaps: OwnedSwaps, query: OwnedQuery): Piecewise<OwnedToken> {
  switch (query.want) {
    case "sums": {
      const endMs = query.spans.reduce((end, { toMs }) => Math.max(end, toMs), 0);
      const sums: SpanSums[] = [];
      for (const span of query.spans) {
        sums.push(swaps.sums(span));
        yield;
      }
      const wallets: TraderSets[] = [];
      for (const span of query.walletsOf) {
        wallets.push(swaps.wallets(span));
        yield;
      }
      return { ...NOTHING, sums, wallets, symbol: swaps.symbolBefore(endMs) };
    }
    case "candles":
      return { ...NOTHING, candles: yield* swaps.candles(query.step, query.span, query.limit) };
    case "swaps":
      return { ...NOTHING, swaps: swaps.page(query.page) };
    default:
      return NOTHING;
  }
}

function sorted(rows: SettledRow[]): SettledRow[] {
  return rows.sort((a, b) => comparePositions(positionOf(a), positionOf(b)));
}

/** The swaps of a token that are not in the store for sure. */
class OwnedSwaps {
  readonly #home: ServedPartition;
  readonly #ref: TokenRef;
  /** Settled ones, in their order. */
  readonly #settled: readonly SettledRow[];
  readonly #validFromMs: number;
  #wallets = 0;

  constructor(home: ServedPartition, ref: TokenRef, settled: readonly SettledRow[], validFromMs: number) {
    this.#home = home;
    this.#ref = ref;
    this.#settled = settled;
    this.#validFromMs = validFromMs;
  }

  sums(span: Span): SpanSums {
    return sumsOf(this.#figures(span));
  }

  wallets(span: Span): TraderSets {
    const { buyers, sellers } = this.#home.engine.unsettled.traders(this.#ref, span.fromMs, span.toMs);
    const sets = { buyers: new Set(buyers), sellers: new Set(sellers) };
    for (const { who, isBuy } of this.#settledIn(span))
      if (who !== undefined) sets[isBuy ? "buyers" : "sellers"].add(who);
    this.#wallets += sets.buyers.size + sets.sellers.size;
    if (this.#wallets > OWNED_WALLETS_MAX) {
      const message = `the unsettled swaps of the token have more than ${OWNED_WALLETS_MAX} wallets; ask for an earlier instant, or without traders, buyers and sellers`;
      throw new SwapstatsError("overloaded", message);
    }
    return { buyers: [...sets.buyers], sellers: [...sets.sellers] };
  }

  /** Returns the last symbol that a swap before this time named. */
  symbolBefore(endMs: number): OwnedToken["symbol"] {
    const named = (rows: readonly SettledRow[]): OwnedToken["symbol"] => {
      const row = rows.findLast(({ symbol }) => symbol !== undefined);
      return row?.symbol === undefined ? undefined : { text: row.symbol, at: positionOf(row) };
    };
    const fromMs = this.#validFromMs;
    const page: SwapPage = { fromMs, toMs: endMs, order: "desc", after: undefined, limit: 1 };
    // Without a symbol now, no unsettled swap has one.
    const hasSymbol = this.#home.engine.info(this.#ref).symbol !== undefined;
    const unsettled = hasSymbol ? this.#growing(page, (rows) => named(rows) !== undefined) : [];
    return named(unsettled) ?? named(this.#settledIn({ fromMs, toMs: endMs }));
  }

  /** Returns the newest candles, ascending. */
  *candles(step: CandleStep, span: Span, limit: number): Piecewise<CandleSums[]> {
    const candles: CandleSums[] = [];
    const fromMs = Math.max(span.fromMs, this.#fromMs());
    let toMs = Math.min(span.toMs, this.#toMs());
    while (toMs > fromMs && candles.length < limit) {
      const openTimeMs = stepStart(step, toMs - 1);
      const figures = this.#figures({ fromMs: Math.max(openTimeMs, span.fromMs), toMs });
      if (figures.trades > 0) candles.push({ openTimeMs, ...sumsOf(figures) });
      toMs = openTimeMs;
      if (candles.length % CANDLES_PER_PIECE === 0) yield;
    }
    return candles.reverse();
  }

  page(page: SwapPage): SettledRow[] {
    const { after, order, limit } = page;
    const sign = order === "desc" ? -1 : 1;
    const isOfPage = (row: SettledRow): boolean =>
      row.eventTimeMs >= page.fromMs &&
      row.eventTimeMs < page.toMs &&
      (after === undefined || sign * comparePositions(positionOf(row), after) > 0);
    const unsettled = this.#growing(page, (rows) => rows.filter(isOfPage).length >= limit);
    return [...this.#settled, ...unsettled]
      .filter(isOfPage)
      .sort((a, b) => sign * comparePositions(positionOf(a), positionOf(b)))
      .slice(0, limit);
  }

  /** Valid until the next call. */
  #figures(span: Span): Figures {
    const figures = new Figures();
    for (const row of this.#settledIn(span)) addSwap(figures, row);
    const unsettled = new Figures();
    this.#home.engine.unsettled.figures(this.#ref, span.fromMs, span.toMs, unsettled);
    figures.addLater(unsettled);
    return figures;
  }

  #settledIn({ fromMs, toMs }: Span): readonly SettledRow[] {
    return this.#settled.filter(({ eventTimeMs }) => eventTimeMs >= fromMs && eventTimeMs < toMs);
  }

  /** Reads unsettled swaps from the beginning of the page on, in spans that grow until there are enough. In the order of time. */
  #growing({ order, after, ...page }: SwapPage, isEnough: (rows: readonly SettledRow[]) => boolean): SettledRow[] {
    const isDown = order === "desc";
    const fromMs = Math.max(page.fromMs, this.#unsettledFromMs(), isDown ? 0 : (after?.eventTimeMs ?? 0));
    const toMs = Math.min(page.toMs, this.#toMs(), isDown && after !== undefined ? after.eventTimeMs + 1 : page.toMs);
    for (let lengthMs = FIRST_SPAN_MS; ; lengthMs *= 2) {
      const span = isDown
        ? { fromMs: Math.max(fromMs, toMs - lengthMs), toMs }
        : { fromMs, toMs: Math.min(toMs, fromMs + lengthMs) };
      if (span.fromMs >= span.toMs) return [];
      const rows = this.#unsettled(span);
      const isWhole = span.fromMs === fromMs && span.toMs === toMs;
      if (isWhole || isEnough(rows)) return rows;
    }
  }

  #unsettled({ fromMs, toMs }: Span): SettledRow[] {
    const { engine } = this.#home;
    const writer = new SettledRowWriter(engine.source, 0);
    writer.settled(this.#ref, engine.unsettled.records(this.#ref, fromMs, toMs));
    const chunk = writer.cut();
    const rows = chunk === undefined ? [] : [...readSettledRows(chunk.bytes)];
    return sorted(rows);
  }

  /** No unsettled swap is before. */
  #unsettledFromMs(): number {
    return Math.max(0, this.#home.engine.settledBeforeMs(this.#ref));
  }

  #fromMs(): number {
    return Math.min(this.#unsettledFromMs(), this.#settled[0]?.eventTimeMs ?? Number.POSITIVE_INFINITY);
  }

  /** No swap is at or behind it. */
  #toMs(): number {
    return Math.max(0, ...this.#home.engine.highs().values()) + 1;
  }
}
