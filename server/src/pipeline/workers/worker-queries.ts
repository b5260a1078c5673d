/**
 * Makes responses about the tokens of one worker, each at one as-of, as JSON text that is ready to be sent. The work is done in pieces, and records
 * are applied between the pieces: see thread-share.ts.
 */

import type { SortField } from "@swapstats/protocol/figures.ts";
import type { AsOfWish, RequestOf, WorkerResponses } from "../../bus/requests.ts";
import type { BodyPart, NameLookup, RankedRow, RankingPart, TokenPart } from "../../bus/responses.ts";
import type { SharedClock } from "../../bus/shared-clock.ts";
import type { Candle, TokenRef, WindowSpec } from "../../engine/types.ts";
import type { Selection, TokenRequests } from "../../ports/stats-bus.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { BOARD_CHAINS_MAX } from "../../shared/version-board.ts";
import { atOnce, finished, type Piecewise } from "../thread-share.ts";
import { LookupCandidates } from "../views/lookup-candidates.ts";
import { keyOfRow, overviewPage } from "../views/overview-page.ts";
import { RowFigures } from "../views/row-figures.ts";
import { partRevisions, type ServedPartition } from "../views/served-partition.ts";
import { candlesBody, type FigureFilter, figureFilter, statsBody, swapsBody } from "../views/stats-json.ts";
import { type FoundToken, type Lookup, lookUp } from "../views/token-lookup.ts";

const NEVER = Number.POSITIVE_INFINITY;
/** Tokens that are read in a piece, and windows of rows that are written in one. */
const LOOKS_PER_PIECE = 50;
const WINDOWS_PER_PIECE = 512;

/** Candles that are made in a piece, and the number of attempts before a response about a token is made in one piece. */
const CANDLES_PER_PIECE = 500;
const BODY_ROUNDS_MAX = 3;

/** A token of a request at the time of its look-up: its revision, and the state of that revision. */
type Looked = {
  readonly lookup: NameLookup | undefined;
  readonly one: FoundToken | undefined;
  readonly rev: number;
  readonly state: string | undefined;
};

/** The partitions of the worker. */
type WorkerPartitions = {
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
    const asOf = this.#asOf(partitions, request.at);
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
    const wanted = { windowIndex, sort: field, order, after: request.after, count: limit + 1, figures };
    const page = yield* overviewPage(partitions, wanted, () => this.#asOf(partitions, request.at));
    const { asOf } = page;
    const parts = partRevisions(partitions);
    const rowsPerPiece = Math.ceil(WINDOWS_PER_PIECE / figures.weight);
    const rows: RankedRow[] = [];
    for (const row of page.rows.slice(0, limit)) {
      const symbol = row.symbol === undefined ? "" : `,"symbol":${JSON.stringify(row.symbol)}`;
      const split = row.isSplit ? `,"split":true` : "";
      const json = `{"id":${JSON.stringify(row.id)}${symbol}${split},"rev":${row.rev},${figures.text(row.texts, asOf)}}`;
      rows.push({ key: keyOfRow(row, field), partition: row.partition, json });
      if (rows.length % rowsPerPiece === 0) yield;
    }
    return { asOf, parts, rows, more: page.rows.length > limit };
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

  #asOf(partitions: readonly ServedPartition[], wish: AsOfWish): number {
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

/** Makes the body of a response of candles page by page, the newest first. */
function* candlesOf({ home, token }: FoundToken, request: RequestOf<"candles">, asOf: number): Piecewise<string> {
  const { intervalMs, fromMs = 0, limit } = request;
  const pages: Candle[][] = [];
  let toMs = request.toMs ?? NEVER;
  let left = limit;
  let availableFrom: number | undefined;
  for (;;) {
    const asked = Math.min(left, CANDLES_PER_PIECE);
    const { availableFromMs, items } = home.engine.candles(token, intervalMs, fromMs, toMs, asked, asOf);
    if (pages.length === 0) availableFrom = availableFromMs;
    pages.push(items);
    left -= items.length;
    const [first] = items;
    if (first === undefined || items.length < asked || left === 0) break;
    toMs = first.open_time;
    yield;
  }
  return splitText(home, token) + candlesBody(availableFrom, pages.reverse().flat());
}
