/**
 * The one executor of queries behind all doors. It turns checked parameters into requests to the bus, enforces the
 * limits that do not belong to a transport (how many requests wait, and for how long), and turns responses into the JSON text that every door
 * sends. Figures come as text from their owner and are never parsed here.
 */
import type { SortField } from "@swapstats/protocol/figures.ts";
import { type CandleInterval, candleIntervals } from "@swapstats/protocol/limits.ts";
import type { ServedWindow, Spark } from "@swapstats/protocol/screener/query.ts";
import { chosenText, headText, staleText, statsText } from "@swapstats/protocol/stats-text.ts";
import type {
  BodyResponse,
  DeadLettersResponse,
  OverviewRequest,
  OverviewResponse,
  Preference,
  SearchRequest,
  StatsBus,
  StatusResponse,
  StatusScope,
  TokenRequest,
  TokenResponse,
} from "../ports/stats-bus.ts";
import { Budget } from "../shared/budget.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { type ChainAddresses, NO_CHAIN_ADDRESSES } from "../shared/token-id.ts";
import { ServedIntervals } from "./candle-intervals.ts";
import { ambiguousToken, ownerAway, ProblemError, problemOf, unknownToken } from "./problems.ts";
import { type CheckedQuery, ScreenerRequests } from "./screener-requests.ts";
import { type NamedSelection, Selections } from "./selections.ts";

/** Requests to the bus that may wait at the same time; more are refused with `overloaded`. */
export const PENDING_QUERIES_MAX = 10_000;
/** Time limit for the response to a request. */
export const QUERY_TIMEOUT_MS = 10_000;

export type StatsResponse = Extract<TokenResponse, { kind: "stats" }>;
type FoundBody = Extract<BodyResponse, { kind: "body" }>;

/** JSON text and the parts of its ETag. */
export type TaggedText = {
  readonly text: string;
  readonly epoch: string;
  readonly rev: number;
  readonly stale: boolean;
};

type OverviewQuery = {
  readonly window: string;
  readonly rows: NamedSelection;
  readonly spark?: Spark | undefined;
  readonly sort: SortField;
  readonly order: "asc" | "desc";
  readonly limit: number;
  readonly cursor: string | undefined;
};
type CandlesQuery = {
  readonly prefer?: Preference | undefined;
  readonly interval: CandleInterval;
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
  readonly limit: number;
};

type QueryExecutorOptions = {
  readonly bus: StatsBus;
  /** The configured windows, in their order. */
  readonly windows: readonly ServedWindow[];
  /** How the addresses of chains are written; undefined: hex as it comes. */
  readonly chains?: ChainAddresses | undefined;
  readonly pendingMax: number;
  readonly timeoutMs: number;
};

export class QueryExecutor {
  readonly windows: readonly string[];
  readonly selections: Selections;
  /** Queries of the screener. */
  readonly screens: ScreenerRequests;
  readonly intervals: ServedIntervals;
  readonly #bus: StatsBus;
  readonly #timeoutMs: number;
  /** Requests that wait for their response. */
  readonly budget: Budget;

  constructor(options: QueryExecutorOptions) {
    this.windows = options.windows.map((window) => window.name);
    this.selections = new Selections(this.windows);
    this.screens = new ScreenerRequests(options.windows, options.chains ?? NO_CHAIN_ADDRESSES);
    this.intervals = new ServedIntervals(options.windows.map((window) => window.stepMs));
    this.#bus = options.bus;
    this.budget = new Budget({ name: "queries", limit: options.pendingMax, shareMax: options.pendingMax });
    this.#timeoutMs = options.timeoutMs;
  }

  /** Returns the statistics if the bus has them and they are exact now. Undefined: use `tokenStats`. Throws as that rejects. */
  tokenStatsNow(token: string, selection: NamedSelection): StatsResponse | undefined {
    const response = this.#bus.cachedTokenStats(token, selection);
    return response === undefined ? undefined : foundStats(token, response);
  }

  /** Like `tokenStatsNow`, but returns undefined when that throws. */
  hotTokenStats(token: string, selection: NamedSelection): StatsResponse | undefined {
    const response = this.#bus.cachedTokenStats(token, selection);
    return response?.kind === "stats" ? response : undefined;
  }

  /** Rejects with ProblemError `unknown_token`, `ambiguous_token`, `unavailable` or `overloaded`. */
  async tokenStats(token: string, selection: NamedSelection, prefer?: Preference): Promise<StatsResponse> {
    const responses = await this.#ask(() => this.#bus.tokenStats([token], selection, prefer));
    return foundStats(token, responses[0] ?? { kind: "unknown" });
  }

  /** Resolves to `{"as_of":..,"items":[..]}` with one item per token, in the requested order. A token that is not found has an `error` instead of figures. */
  async tokensStats(tokens: readonly string[], selection: NamedSelection, prefer?: Preference): Promise<string> {
    const responses = await this.#ask(() => this.#bus.tokenStats(tokens, selection, prefer));
    let asOf: number | undefined;
    const items = responses.map((response, i) => {
      const token = tokens[i] ?? "";
      if (response.kind === "stats") {
        asOf = Math.max(asOf ?? response.asOf, response.asOf);
        return statsText(response);
      }
      const problem = notFound(token, response);
      return JSON.stringify({ id: token, error: { code: problem.code, message: problem.message, ...problem.extras } });
    });
    asOf ??= await this.#asOf();
    return `{"as_of":${asOf},"items":[${items.join(",")}]}`;
  }

  async overview(query: OverviewQuery): Promise<TaggedText> {
    const { rows, ...ranking } = query;
    const request: OverviewRequest = { ...ranking, windows: rows.windows, fields: rows.fields };
    const response = await this.#ask(() => this.#bus.overview(request));
    return rankingText(response, `"window":"${query.window}","sort":"${query.sort}","order":"${query.order}",`);
  }

  /**
   * Resolves to `{"as_of":..,"epoch":..,"rev":..,"items":[..],"next_cursor":..}`. Rejects with ProblemError `bad_request`, `cursor_expired`,
   * `unavailable` or `overloaded`.
   */
  async screener({ query, cursor }: CheckedQuery): Promise<TaggedText> {
    return rankingText(await this.#ask(() => this.#bus.screener({ query, cursor })), "");
  }

  /** Resolves to `{"as_of":..,"items":[{"id","symbol","chain_id","volume_usd","window"}, ..]}`. Rejects with ProblemError `unavailable` or `overloaded`. */
  async search(request: SearchRequest): Promise<string> {
    const { asOf, items, stale } = await this.#ask(() => this.#bus.search(request));
    return `{"as_of":${asOf},"items":${JSON.stringify(items)}${staleText(stale)}}`;
  }

  /** Resolves to `{"as_of":..,"epoch":..,"rev":..,"tokens_active":..,"windows":{..},"chains":{..}}`. Rejects with ProblemError `unavailable` or `overloaded`. */
  async market({ windows }: NamedSelection): Promise<TaggedText> {
    const { asOf, epoch, rev, body, stale } = await this.#ask(() => this.#bus.market({ windows }));
    const text = `{"as_of":${asOf},"epoch":${JSON.stringify(epoch)},"rev":${rev},${body}${staleText(stale)}}`;
    return { text, epoch, rev, stale };
  }

  /**
   * Resolves to `{"id":..,"interval":..,"available_from":..,"items":[..]}`. Rejects as `tokenStats` does, and with `invalid_parameters` for an
   * interval that memory cannot fill.
   */
  async candles(token: string, query: CandlesQuery): Promise<TaggedText> {
    this.intervals.check(query.interval);
    const intervalMs = candleIntervals[query.interval];
    const { fromMs, toMs, limit, prefer } = query;
    const response = foundBody(
      token,
      await this.#ask(() => this.#bus.tokenBody({ kind: "candles", token, intervalMs, fromMs, toMs, limit, prefer })),
    );
    const text = `{"id":${JSON.stringify(response.id)},"interval":"${query.interval}",${response.body}${this.#rangeNote(query, response.body)}${staleText(response.stale)}${chosenText(response.chosen)}}`;
    return { text, epoch: response.epoch, rev: response.rev, stale: response.stale };
  }

  /** Resolves to `{"id":..}` with the members that the owner made, such as `"available_from":..,"items":[..]`. Rejects as `tokenStats` does. */
  async tokenText(request: TokenRequest): Promise<TaggedText> {
    const response = foundBody(request.token, await this.#ask(() => this.#bus.tokenBody(request)));
    const text = `{"id":${JSON.stringify(response.id)},${response.body}${staleText(response.stale)}${chosenText(response.chosen)}}`;
    return { text, epoch: response.epoch, rev: response.rev, stale: response.stale };
  }

  deadLetters(limit: number): Promise<DeadLettersResponse> {
    return this.#ask(() => this.#bus.deadLetters(limit));
  }

  status(): Promise<StatusResponse> {
    return this.#ask(() => this.#bus.status("all"));
  }

  /** Asks for the status outside the limit of waiting requests, for `/readyz`. The caller has one probe at a time. */
  async probe(scope: StatusScope, timeoutMs: number): Promise<StatusResponse> {
    return this.#within(() => this.#bus.status(scope), timeoutMs);
  }

  /** Returns a note that says why there are no candles if the range ends before the first that is available. */
  #rangeNote({ interval, toMs }: CandlesQuery, body: string): string {
    const availableFromMs = Number(/^"available_from":(\d+)/.exec(body)?.[1]);
    if (toMs === undefined || !(toMs <= availableFromMs)) return "";
    const longer = this.intervals.longerThan(interval);
    const others = longer.length === 0 ? "" : `; ${longer.join(", ")} reach further back`;
    return `,"note":${JSON.stringify(`candles of ${interval} reach back to available_from, and the range ends before it${others}`)}`;
  }

  /** Resolves to the as-of of a response without figures. Such responses are rare, so one more request is acceptable. */
  async #asOf(): Promise<number> {
    const window = this.windows[0] as string;
    const request: OverviewRequest = {
      window,
      sort: "trades",
      order: "desc",
      limit: 1,
      cursor: undefined,
      spark: undefined,
    };
    return (await this.#ask(() => this.#bus.overview(request))).asOf;
  }

  async #ask<T>(request: () => Promise<T>): Promise<T> {
    const lease = this.budget.lease("all");
    try {
      if (!lease.take(1)) {
        throw new ProblemError("overloaded", `${this.budget.used} requests wait already; try again in a moment.`);
      }
      return await this.#within(request, this.#timeoutMs);
    } finally {
      lease.end();
    }
  }

  async #within<T>(request: () => Promise<T>, timeoutMs: number): Promise<T> {
    const { promise: timeout, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(tooSlow(timeoutMs)), timeoutMs).unref();
    try {
      return await Promise.race([request(), timeout]);
    } catch (error) {
      throw problemOf(error);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Returns the text of a page of rows. `members` stand in front of the items, each with a comma behind it. */
function rankingText({ asOf, epoch, rev, items, nextCursor, stale }: OverviewResponse, members: string): TaggedText {
  const next = nextCursor === undefined ? "" : `,"next_cursor":${JSON.stringify(nextCursor)}`;
  const head = `"as_of":${asOf},"epoch":${JSON.stringify(epoch)},"rev":${rev},`;
  return { text: `{${head}${members}"items":${items}${next}${staleText(stale)}}`, epoch, rev, stale };
}

/** Returns the text of the short form. */
export function shortStatsText(response: StatsResponse): string {
  // The quotes around the key cannot occur inside a JSON string without a backslash, so the first hit is the key.
  const windowsAt = response.body.indexOf('"windows":{');
  const split = response.body.slice(0, windowsAt).includes('"split":true,') ? `"split":true,` : "";
  return `{"token":${JSON.stringify(response.id)},${split}${headText(response)},${response.body.slice(windowsAt)}}`;
}

function foundStats(token: string, response: TokenResponse): StatsResponse {
  if (response.kind === "stats") return response;
  throw notFound(token, response);
}

function foundBody(token: string, response: BodyResponse): FoundBody {
  if (response.kind === "body") return response;
  throw notFound(token, response);
}

function notFound(
  token: string,
  response: Exclude<TokenResponse | BodyResponse, { kind: "stats" } | { kind: "body" }>,
): ProblemError {
  if (response.kind === "ambiguous") return ambiguousToken(token, response);
  return response.kind === "unknown" ? unknownToken(token) : ownerAway(token);
}

const tooSlow = (timeoutMs: number): SwapstatsError =>
  new SwapstatsError(
    "unavailable",
    `No response within ${timeoutMs} ms; the service is busy or recovering. Try again.`,
    {
      retryable: true,
    },
  );
