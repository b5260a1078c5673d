/**
 * The store and the owners of partitions as one: all swaps that ever counted, each once. Owners are asked first. Each names its edge, the store
 * answers for the rows before the edges, and the owner for the rest, whatever becomes durable meanwhile.
 */
import { setTimeout as pause } from "node:timers/promises";
import { Figures } from "../../engine/buckets/bucket-row.ts";
import { readSums } from "../../engine/reads/past-sums.ts";
import type {
  CandleSums,
  Edge,
  HistoryReader,
  HistoryStatus,
  SettledRow,
  Span,
  SpanSums,
  SwapPage,
  SwapPosition,
  TokenKey,
  TraderCounts,
} from "../../ports/history-store.ts";
import type { OwnedPart, OwnedQuery, OwnedToken } from "../../ports/owned-history.ts";
import type { StatsBus } from "../../ports/stats-bus.ts";
import { type CandleStep, stepEnd } from "../../shared/candle-step.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { comparePositions, positionOf } from "../../shared/swap-order.ts";
import { problemOf } from "../problems.ts";
import { coverageOf, type Spans } from "./coverage.ts";

/** Swaps that are read at a time to find one with a price or a symbol. */
const SWAPS_PAGE = 100;
/** A question waits up to five seconds for the store to know a new stream. */
const STREAM_TRIES = 50;
const STREAM_PAUSE_MS = 100;

/** What owners answered to a query. */
export type OwnedParts = { readonly parts: readonly OwnedPart[]; readonly edges: readonly Edge[] };
export type Owned = OwnedParts & { readonly status: HistoryStatus };

type Candle = { readonly openTimeMs: number; readonly figures: Figures };

export class WholeHistory {
  readonly reader: HistoryReader;
  readonly #bus: StatsBus;

  constructor(reader: HistoryReader, bus: StatsBus) {
    this.reader = reader;
    this.#bus = bus;
  }

  /**
   * Asks the owners. Rejects with `unavailable` where one is away, or has a new stream that the store does not know within a few seconds, and the store
   * alone cannot answer for the time before `endMs`.
   */
  async owned(query: OwnedQuery, endMs: number): Promise<Owned> {
    const asked = await this.#askOwners(query, endMs);
    for (let tries = 1; ; tries++) {
      const status = await this.reader.status();
      const unknown = asked.parts.find((part) => replacesStreams(part, status));
      if (unknown === undefined) return { ...asked, status };
      if (endMs <= settledBeforeMs(status)) return { parts: [], edges: [], status };
      if (tries === STREAM_TRIES) {
        const message = `the history of partition ${unknown.partition} does not know its new stream yet`;
        throw new SwapstatsError("unavailable", message, { retryable: true });
      }
      await pause(STREAM_PAUSE_MS);
    }
  }

  async #askOwners(query: OwnedQuery, endMs: number): Promise<OwnedParts> {
    try {
      const parts = await this.#bus.ownedHistory(query);
      return { parts, edges: parts.flatMap(({ edge }) => edge ?? []) };
    } catch (error) {
      if (problemOf(error).code !== "unavailable") throw error;
      if (endMs > settledBeforeMs(await this.reader.status())) throw error;
      return { parts: [], edges: [] };
    }
  }

  /** Returns the time before which all swaps have settled and are in the store, and the times of which all are known. */
  async settled(): Promise<{ readonly settledBeforeMs: number; readonly known: Spans }> {
    const { parts, status } = await this.owned({ want: "edges", tokens: [] }, 0);
    // A partition without swaps has no stream in the store.
    const isNew = parts.some(
      ({ edge, seenSinceMs }) => edge !== undefined && seenSinceMs !== undefined && !isStored(edge, status),
    );
    return { settledBeforeMs: isNew ? 0 : settledBeforeMs(status), known: coverageOf(status, parts, undefined) };
  }

  /** Returns the times of which all swaps of all tokens are known. */
  coverageOfAll({ parts, status }: Owned): Spans {
    return coverageOf(status, parts, undefined);
  }

  /** Returns the times of which all swaps of the token are known. `index`: its place in the query. */
  coverage({ parts, status }: Owned, index: number): Spans {
    const homes = parts.filter(({ tokens }) => tokens[index] !== undefined).map(({ partition }) => partition);
    return coverageOf(status, parts, homes.length === 0 ? undefined : new Set(homes));
  }

  /** Returns the sums of each span of the query. */
  async figures(token: TokenKey, index: number, spans: readonly Span[], owned: OwnedParts): Promise<Figures[]> {
    const stored = await this.reader.sums(token, spans, owned.edges);
    const more = tokensOf(owned, index);
    return Promise.all(
      spans.map((span, i) => this.joined(token, span, [stored[i], ...more.map(({ sums }) => sums[i])])),
    );
  }

  /** Returns the wallets of the span at `place` of those whose wallets were asked for. */
  async traders(token: TokenKey, index: number, span: Span, place: number, owned: OwnedParts): Promise<TraderCounts> {
    const sets = tokensOf(owned, index).flatMap(({ wallets }) => wallets[place] ?? []);
    const buyers = [...new Set(sets.flatMap((set) => set.buyers))];
    const sellers = [...new Set(sets.flatMap((set) => set.sellers))];
    return this.reader.traders(token, span, owned.edges, { buyers, sellers });
  }

  /** Returns the symbol that the last swap before this time named. */
  async symbol(token: TokenKey, index: number, beforeMs: number, owned: OwnedParts): Promise<string | undefined> {
    const named = tokensOf(owned, index).flatMap(({ symbol }) => symbol ?? []);
    const last = named.sort((a, b) => comparePositions(a.at, b.at)).at(-1);
    if (last === undefined) return this.reader.symbol(token, beforeMs);
    // Swaps of the store may be as late as the first ones of the owner.
    let after: SwapPosition | undefined;
    const page = { fromMs: last.at.eventTimeMs, toMs: beforeMs, order: "desc", limit: SWAPS_PAGE } as const;
    for (;;) {
      const rows = await this.reader.swaps(token, { ...page, after }, owned.edges);
      const later = rows.find((row) => row.symbol !== undefined && comparePositions(positionOf(row), last.at) > 0);
      if (later !== undefined) return later.symbol;
      const oldest = rows.at(-1);
      if (oldest === undefined || rows.length < SWAPS_PAGE) return last.text;
      after = positionOf(oldest);
    }
  }

  /** Returns the newest candles that begin in the span, at most `limit`, ascending. */
  async candles(
    token: TokenKey,
    step: CandleStep,
    span: Span,
    limit: number,
  ): Promise<{ candles: Candle[]; owned: Owned }> {
    const owned = await this.owned({ want: "candles", tokens: [token], step, span, limit }, span.toMs);
    const interval = step === "month" ? "month" : step;
    const stored = await this.reader.candles(token, interval, span, owned.edges, limit);
    const lists: readonly (readonly CandleSums[])[] = [stored, ...tokensOf(owned, 0).map(({ candles }) => candles)];
    const byTime = Map.groupBy(lists.flat(), ({ openTimeMs }) => openTimeMs);
    const newest = [...byTime].sort(([a], [b]) => a - b).slice(-limit);
    const candles = newest.map(async ([openTimeMs, sums]) => {
      const whole = { fromMs: openTimeMs, toMs: Math.min(stepEnd(step, openTimeMs), span.toMs) };
      return { openTimeMs, figures: await this.joined(token, whole, sums) };
    });
    return { candles: await Promise.all(candles), owned };
  }

  async swaps(token: TokenKey, page: SwapPage): Promise<{ rows: SettledRow[]; owned: Owned }> {
    const owned = await this.owned({ want: "swaps", tokens: [token], page }, page.toMs);
    const stored = await this.reader.swaps(token, page, owned.edges);
    const sign = page.order === "desc" ? -1 : 1;
    const rows = [...stored, ...tokensOf(owned, 0).flatMap(({ swaps }) => swaps)]
      .sort((a, b) => sign * comparePositions(positionOf(a), positionOf(b)))
      .slice(0, page.limit);
    return { rows, owned };
  }

  /** Adds parts of a span. Where their times overlap, the swaps themselves say which is the first and which the last. */
  async joined(token: TokenKey, span: Span, sums: readonly (SpanSums | undefined)[]): Promise<Figures> {
    const parts = sums.flatMap((part) =>
      part === undefined || part.buys + part.sells === 0 ? [] : [readSums(part, new Figures())],
    );
    parts.sort((a, b) => a.firstMs - b.firstMs || a.lastMs - b.lastMs);
    const joined = new Figures();
    let isOverlapping = false;
    for (const part of parts) {
      isOverlapping ||= joined.trades > 0 && joined.lastMs >= part.firstMs;
      const lastMs = Math.max(joined.lastMs, part.lastMs);
      joined.addLater(part);
      joined.lastMs = lastMs;
    }
    if (isOverlapping && !Number.isNaN(joined.open)) {
      joined.open = await this.#firstPrice(token, { ...span, order: "asc" });
      joined.close = await this.#firstPrice(token, { ...span, order: "desc" });
    }
    return joined;
  }

  async #firstPrice(token: TokenKey, from: Pick<SwapPage, "fromMs" | "toMs" | "order">): Promise<number> {
    let after: SwapPage["after"];
    for (;;) {
      const { rows } = await this.swaps(token, { ...from, after, limit: SWAPS_PAGE });
      const priced = rows.find(({ price }) => price !== undefined);
      if (priced?.price !== undefined) return priced.price;
      const last = rows.at(-1);
      if (last === undefined) return Number.NaN;
      after = positionOf(last);
    }
  }
}

const tokensOf = ({ parts }: OwnedParts, index: number): OwnedToken[] =>
  parts.flatMap(({ tokens }) => tokens[index] ?? []);

const isStored = (edge: Edge, { streams }: HistoryStatus): boolean =>
  streams.some(
    ({ logId, partition, epoch }) => logId === edge.logId && partition === edge.partition && epoch === edge.epoch,
  );

/**
 * Whether the store does not know the stream of the owner yet, and still answers with rows of the streams that it replaces, which the owner has as well.
 * That is so until the first checkpoint of a state that was made without the one before.
 */
function replacesStreams({ edge, seenSinceMs }: OwnedPart, status: HistoryStatus): boolean {
  if (edge === undefined || seenSinceMs === undefined || isStored(edge, status)) return false;
  return status.streams.some(({ logId, partition }) => logId === edge.logId && partition === edge.partition);
}

/** Returns the time before which every stream that may go on has settled. */
function settledBeforeMs({ streams }: HistoryStatus): number {
  const newest = new Map<number, { readonly epoch: number; readonly settledBeforeMs: number }>();
  for (const stream of streams) {
    if (stream.logId.startsWith("import:")) continue;
    if ((newest.get(stream.partition)?.epoch ?? -1) < stream.epoch) newest.set(stream.partition, stream);
  }
  return [...newest.values()].reduce(
    (before, stream) => Math.min(before, stream.settledBeforeMs),
    Number.POSITIVE_INFINITY,
  );
}
