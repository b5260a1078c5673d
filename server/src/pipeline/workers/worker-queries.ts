/**
 * Makes responses about the tokens of one worker, each at one as-of, as JSON text that is ready to be sent. The work is done in pieces, and records
 * are applied between the pieces: see thread-share.ts.
 */

import { type FigureFilter, figureFilter } from "@swapstats/protocol/figure-text.ts";
import type { SortField } from "@swapstats/protocol/figures.ts";
import { historyText, queryOfText } from "../../bus/history-text.ts";
import type { AsOfWish, RequestOf, WorkerResponses } from "../../bus/requests.ts";
import type { BodyPart, NameLookup, RankingPart, SearchPart, TokenPart } from "../../bus/responses.ts";
import type { SharedClock } from "../../bus/shared-clock.ts";
import type { TokenRef, WindowSpec } from "../../engine/types.ts";
import type { OwnedPart } from "../../ports/owned-history.ts";
import type { Selection, TokenRequests } from "../../ports/stats-bus.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { BOARD_CHAINS_MAX } from "../../shared/version-board.ts";
import { atOnce, finished, type Piecewise } from "../thread-share.ts";
import { newestCandles } from "../views/candle-pages.ts";
import { LookupCandidates } from "../views/lookup-candidates.ts";
import { marketPage } from "../views/market/market-page.ts";
import { rankedPage } from "../views/overview-page.ts";
import { ownedPart } from "../views/owned-history.ts";
import { ownedTokensPart } from "../views/owned-tokens.ts";
import { pageTexts } from "../views/page-texts.ts";
import { keyOfRow, RankingSource } from "../views/ranking-source.ts";
import { RowFigures } from "../views/row-figures.ts";
import { partRevisions, type ServedPartition } from "../views/served-partition.ts";
import { candlesBody, statsBody, swapsBody } from "../views/stats-json.ts";
import { type FoundToken, type Lookup, lookUp } from "../views/token-lookup.ts";

/** Tokens that are read in a piece. */
import { searchTokens } from "../views/token-search.ts";

const LOOKS_PER_PIECE = 50;

/** Attempts before a response about a token is made in one piece. */
const BODY_ROUNDS_MAX = 3;

/** A token of a request at the time of its look-up: its revision, and the state of that revision. */
type Looked = {
  readonly lookup: NameLookup | undefined;
  readonly one: FoundToken | undefined;
  readonly rev: number;
  readonly state: string | undefined;
};

/** The partitions of the worker. */
export type WorkerPartitions = {
  /** Partitions that serve requests. */
  readonly served: readonly ServedPartition[];
  /** The error for requests that need a partition which cannot serve them. Undefined while all can. */
  readonly absence: SwapstatsError | undefined;
};

export class WorkerQueries {
  readonly #partitions: WorkerPartitions;
  readonly #clock: SharedClock;
  readonly #windows: readonly WindowSpec[];
  readonly #candidates: LookupCandidates;

  constructor(partitions: WorkerPartitions, clock: SharedClock, windows: readonly WindowSpec[]) {
    this.#partitions = partitions;
    this.#clock = clock;
    this.#windows = windows;
    this.#candidates = new LookupCandidates(windows);
  }

  /**
   * All figures have the as-of of the beginning. Every token is read then, and its figures have the revision of that moment, however long the
   * rest takes. Only a token that a record changes meanwhile is read again.
   */
  *tokens(request: RequestOf<"tokens">): Piecewise<WorkerResponses["tokens"]> {
    const partitions = this.#partitions.served;
    const asOf = this.asOf(partitions, request.at);
    const windowIndexes = request.selection.windows.map((name) => this.windowIndex(name));
    const filter = figureFilter(request.selection.fields);
    const looked: Looked[] = [];
    for (const text of request.tokens) {
      const { lookup, one } = yield* this.#oneOf(text, asOf, request.choose);
      const rev = one?.home.views.lookPast(one.token, asOf);
      looked.push({ lookup, one, rev: rev ?? 0, state: one?.home.views.stateOf(one.token) });
      if (looked.length % LOOKS_PER_PIECE === 0) yield;
    }
    const items: TokenPart[] = [];
    for (const each of looked) {
      const { lookup, one } = each;
      if (one === undefined) items.push({ lookup, found: undefined });
      else items.push({ lookup, found: this.#stats(one, each, windowIndexes, request.selection, filter, asOf) });
      yield;
    }
    return { asOf, items };
  }

  /** Throws `absence` if it is set. */
  *overview(request: RequestOf<"overview">): Piecewise<RankingPart> {
    const { window, sort, order, limit, windows = [] } = request.request;
    const { served: partitions, absence } = this.#partitions;
    if (absence !== undefined) throw absence;
    for (const name of windows) this.windowIndex(name);
    const windowIndex = this.windowIndex(window);
    const figures = new RowFigures(window, request.request, this.#windows);
    const field = sort as SortField;
    const ranking = { windowIndex, sort: field, order, after: request.after, count: limit + 1 };
    const source = new RankingSource(partitions, ranking);
    const page = yield* rankedPage(partitions, source, figures, () => this.asOf(partitions, request.at));
    const parts = partRevisions(partitions);
    const rows = page.rows.slice(0, limit);
    const keys = rows.map((row) => keyOfRow(row, field));
    const texts = yield* pageTexts(rows, keys, figures, page.asOf);
    return { asOf: page.asOf, parts, rows: texts, more: page.rows.length > limit };
  }

  /** Throws `absence` if it is set. */
  *search({ query, chainId, limit }: RequestOf<"search">): Piecewise<SearchPart> {
    const { served: partitions, absence } = this.#partitions;
    if (absence !== undefined) throw absence;
    const { window, windowIndex: index } = this.#candidates;
    return yield* searchTokens(partitions, { query, chainId, limit }, { spec: window, index }, () => this.#clock.now());
  }

  /** Throws `absence` if it is set. */
  *market({ at }: RequestOf<"market">): Piecewise<RankingPart> {
    const { served: partitions, absence } = this.#partitions;
    if (absence !== undefined) throw absence;
    const { asOf, rows } = yield* marketPage(partitions, () => this.asOf(partitions, at));
    return { asOf, parts: partRevisions(partitions), rows, more: false };
  }

  /** Throws `absence` if it is set. */
  *history({ query }: RequestOf<"history">): Piecewise<WorkerResponses["history"]> {
    const { served: partitions, absence } = this.#partitions;
    if (absence !== undefined) throw absence;
    const asked = queryOfText(query);
    const parts: OwnedPart[] = [];
    for (const home of partitions) {
      parts.push(yield* asked.want === "tokens" ? ownedTokensPart(home, asked) : ownedPart(home, asked));
    }
    return { body: historyText(parts) };
  }

  /** Responds to a request about one token with a text, which `BODIES` makes. */
  *body<K extends keyof TokenRequests>(request: RequestOf<K>): Piecewise<BodyPart> {
    const { lookup, one } = yield* this.#oneOf(request.token, this.#clock.now(), request.choose);
    if (one === undefined) return { lookup, found: undefined };
    const { partition, epoch, views } = one.home;
    const make: BodyMaker<K> = BODIES[request.kind];
    for (let round = 1; ; round++) {
      const asOf = this.#clock.now();
      const rev = views.look(one.token, asOf, false);
      const state = views.stateOf(one.token);
      const made = make(one, request, asOf);
      // The response is made from one state. It is repeated when the token has changed meanwhile, and finally made in one piece.
      const body = round < BODY_ROUNDS_MAX ? yield* made : finished(made);
      if (views.stateOf(one.token) === state) return { lookup, found: { partition, epoch, rev, body } };
    }
  }

  /** Returns the index of a configured window. Throws `bad_request` for others. */
  windowIndex(name: string): number {
    const index = this.#windows.findIndex((window) => window.name === name);
    if (index === -1) {
      const names = this.#windows.map((window) => window.name).join(", ");
      throw new SwapstatsError("bad_request", `"${name}" is not a configured window; there are ${names}`);
    }
    return index;
  }

  #stats(
    { home, token }: FoundToken,
    looked: Looked,
    windowIndexes: readonly number[],
    selection: Selection,
    filter: FigureFilter,
    asOf: number,
  ): NonNullable<TokenPart["found"]> {
    const { engine, board } = home;
    const isAsLooked = home.views.stateOf(token) === looked.state;
    const rev = isAsLooked ? looked.rev : home.views.lookPast(token, asOf);
    const info = engine.info(token);
    const chainIndex = home.chainIndex(info.chainId);
    return {
      partition: home.partition,
      epoch: home.epoch,
      rev,
      asOf,
      watermark: home.watermarkMs(info.chainId),
      lagMs: board.lagMs(this.#clock.wallMs()),
      body: statsBody(
        info,
        home.split.has(token),
        selection.windows,
        engine.windowsStats(token, windowIndexes, asOf),
        filter,
      ),
      ticket: {
        token,
        slot: board.slot(token),
        generation: board.generation(),
        chainIndex,
        graceMs: home.graceMs(info.chainId),
        validUntil: chainIndex < BOARD_CHAINS_MAX ? stepEnd(asOf, home.finestStepMs) : 0,
      },
    };
  }

  /** Returns the look-up of a text and its token: the only one, or the one with the most volume if the request chooses the largest. */
  *#oneOf(
    text: string,
    asOf: number,
    choose: boolean | undefined,
  ): Piecewise<{ readonly lookup: NameLookup | undefined; readonly one: FoundToken | undefined }> {
    const partitions = this.#partitions.served;
    const found = this.#lookUp(partitions, text);
    if (found === undefined) return { lookup: undefined, one: undefined };
    const { lookup, best } = yield* this.#candidates.of(found, text, partitions, asOf);
    return { lookup, one: lookup.ids.length === 1 || choose === true ? best : undefined };
  }

  /** Throws `unavailable` when a partition that cannot serve requests might know the name, too. */
  #lookUp(partitions: readonly ServedPartition[], text: string): Lookup | undefined {
    const lookup = lookUp(partitions, text);
    const { absence } = this.#partitions;
    if (lookup?.tier !== "id" && absence !== undefined) throw absence;
    return lookup;
  }

  /** Returns the as-of of a request: the wished one, unless a partition has already been looked at in a later step. */
  asOf(partitions: readonly ServedPartition[], wish: AsOfWish): number {
    if (wish === undefined) return this.#clock.now();
    if (wish.forced || partitions.every((home) => wish.asOf >= home.views.lastStepMs)) return wish.asOf;
    return this.#clock.now();
  }
}

/** The first member of a body, if other partitions also have swaps of the token. */
function splitText(home: ServedPartition, token: TokenRef): string {
  return home.split.has(token) ? `"split":true,` : "";
}

/** Returns the end of the finest window's step that contains this as-of. Figures cannot change with time before it. */
function stepEnd(asOfMs: number, stepMs: number): number {
  return Math.floor(asOfMs / stepMs) * stepMs + stepMs;
}

type BodyMaker<K extends keyof TokenRequests> = (
  found: FoundToken,
  request: RequestOf<K>,
  asOf: number,
) => Piecewise<string>;

/** How the text about a token is made, for each kind of request. */
const BODIES: { readonly [K in keyof TokenRequests]: BodyMaker<K> } = {
  candles: candlesOf,
  swaps: ({ home, token }, { limit }, asOf) =>
    atOnce(() => {
      const { availableFromMs, items } = home.engine.newestSwaps(token, limit, asOf);
      return splitText(home, token) + swapsBody(availableFromMs, items);
    }),
};
export const BODY_KINDS = Object.keys(BODIES) as readonly (keyof TokenRequests)[];

/** Makes the body of a response of candles. */
function* candlesOf(found: FoundToken, request: RequestOf<"candles">, asOf: number): Piecewise<string> {
  const { intervalMs, fromMs = 0, toMs, limit } = request;
  const range = { intervalMs, fromMs, limit, ...(toMs === undefined ? {} : { toMs }) };
  const { availableFromMs, items } = yield* newestCandles(found, range, asOf);
  return splitText(found.home, found.token) + candlesBody(availableFromMs, items);
}
