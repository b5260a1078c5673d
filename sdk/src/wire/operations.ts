/** Calls of the HTTP API. Made from the schemas of protocol/src by `npm run docs`. */
import type { CallOptions } from "../call-options.ts";
import type { SortField, StatsField } from "./figures.ts";
import type { JsonObject } from "./json.ts";
import type { Market } from "./market.ts";
import type { ScreenerRequest, ScreenerResponse } from "./screener.ts";
import type { DeadLetters, Health, Index, Ingested, MintedToken, Ready, Status, SwapEvent, Ticket, TokenBody } from "./service.ts";
import type { Audit, Candles, FoundTokens, HistoryInterval, Overview, PastOverview, PastScreener, PastStats, PastTokensStats, ShortStats, Swaps, TokenStats, TokensStats, TokensStatsRequest } from "./tokens.ts";

/** Parameters of `tokenStats`. */
export type TokenStatsQuery = {
  /** Windows of the response, by default all; with `at` of any length, such as 7d,90s. */
  readonly windows?: readonly string[] | undefined;
  /** Figures of the response, by default all. `open_time`, `close_time` and `complete` are always included. */
  readonly fields?: readonly StatsField[] | undefined;
  /** How to handle a name that stands for several tokens. `refuse`: 409 with the candidates. `largest`: the token with the most volume. The default is the setting `api.symbols`. */
  readonly prefer?: "refuse" | "largest" | undefined;
  /** A past instant: the response is the one of that instant, from the history: ms since 1970 or a time of RFC 3339, such as 2026-01-31T12:00:00Z. */
  readonly at?: string | undefined;
};

/** Parameters of `shortStats`. */
export type ShortStatsQuery = {
  /** `<chain_id>:<token>`, a token's address on any chain, or a symbol. */
  readonly token: string;
  /** Windows of the response, by default all. */
  readonly windows?: readonly string[] | undefined;
  /** Figures of the response, by default all. `open_time`, `close_time` and `complete` are always included. */
  readonly fields?: readonly StatsField[] | undefined;
  /** How to handle a name that stands for several tokens. `refuse`: 409 with the candidates. `largest`: the token with the most volume. The default is the setting `api.symbols`. */
  readonly prefer?: "refuse" | "largest" | undefined;
};

/** Parameters of `candles`. */
export type CandlesQuery = {
  /** Length of a candle. `1M` (a calendar month in UTC) needs a history. */
  readonly interval?: HistoryInterval | undefined;
  /** Start, inclusive: ms since 1970, such as 1760000000000, or 0. */
  readonly from?: number | undefined;
  /** End, exclusive: ms since 1970, such as 1760000000000, or 0. */
  readonly to?: number | undefined;
  /** Largest number of candles. */
  readonly limit?: number | undefined;
  /** `next_cursor` of the previous response; the response then has the candles before those. */
  readonly cursor?: string | undefined;
  /** How to handle a name that stands for several tokens. `refuse`: 409 with the candidates. `largest`: the token with the most volume. The default is the setting `api.symbols`. */
  readonly prefer?: "refuse" | "largest" | undefined;
};

/** Parameters of `swaps`. */
export type SwapsQuery = {
  /** Start, inclusive; needs a history: ms since 1970, such as 1760000000000, or 0. */
  readonly from?: number | undefined;
  /** End, exclusive; needs a history: ms since 1970, such as 1760000000000, or 0. */
  readonly to?: number | undefined;
  /** Order of time, by default `desc`; needs a history. */
  readonly order?: "asc" | "desc" | undefined;
  /** Largest number of swaps; more than 100 need a history. */
  readonly limit?: number | undefined;
  /** `next_cursor` of the previous response; the response then has the following swaps. */
  readonly cursor?: string | undefined;
  /** How to handle a name that stands for several tokens. `refuse`: 409 with the candidates. `largest`: the token with the most volume. The default is the setting `api.symbols`. */
  readonly prefer?: "refuse" | "largest" | undefined;
};

/** Parameters of `audit`. */
export type AuditQuery = {
  /** Window that is computed again, of any length. */
  readonly window?: string | undefined;
  /** A past instant: the response is the one of that instant, from the history: ms since 1970 or a time of RFC 3339, such as 2026-01-31T12:00:00Z. */
  readonly at?: string | undefined;
  /** How to handle a name that stands for several tokens. `refuse`: 409 with the candidates. `largest`: the token with the most volume. The default is the setting `api.symbols`. */
  readonly prefer?: "refuse" | "largest" | undefined;
};

/** Parameters of `overview`. */
export type OverviewQuery = {
  /** Window of the figures. */
  readonly window?: string | undefined;
  /** Each row then has `windows`, with the figures of these windows and of `window`, instead of `stats`. */
  readonly windows?: readonly string[] | undefined;
  /** Figures of each row, by default all. `open_time`, `close_time` and `complete` are always included. */
  readonly fields?: readonly StatsField[] | undefined;
  /** `<figure>:<window>:<points>`, such as `close:24h:24`: each row then has `spark`, values over that window. */
  readonly spark?: string | undefined;
  /** Figure by which tokens are ranked. */
  readonly sort?: SortField | undefined;
  /** Order of the ranking. */
  readonly order?: "asc" | "desc" | undefined;
  /** Largest number of tokens. */
  readonly limit?: number | undefined;
  /** `next_cursor` of the previous response; the response then has the following tokens. */
  readonly cursor?: string | undefined;
  /** A past instant: the response is the one of that instant, from the history: ms since 1970 or a time of RFC 3339, such as 2026-01-31T12:00:00Z. */
  readonly at?: string | undefined;
};

/** Parameters of `search`. */
export type SearchQuery = {
  /** The beginning of an id, an address or a symbol, or a part of a symbol, without case. */
  readonly query: string;
  /** Only tokens of this chain. */
  readonly chain_id?: number | undefined;
  /** Largest number of tokens. */
  readonly limit?: number | undefined;
};

/** Parameters of `market`. */
export type MarketQuery = {
  /** Windows of the response, by default all. */
  readonly windows?: readonly string[] | undefined;
};

/** Parameters of `stream`. */
export type StreamQuery = {
  /** Channels, separated by commas, at most 100: those of the WebSocket. Or a list in JSON, as `subscribe` and `resume` of the WebSocket have it: each channel with options and a position of its own. */
  readonly channels: string;
  /** Windows of the response, by default all. */
  readonly windows?: readonly string[] | undefined;
  /** Figures of the response, by default all. `open_time`, `close_time` and `complete` are always included. */
  readonly fields?: readonly StatsField[] | undefined;
  /** How to handle a name that stands for several tokens. `refuse`: 409 with the candidates. `largest`: the token with the most volume. The default is the setting `api.symbols`. */
  readonly prefer?: "refuse" | "largest" | undefined;
  /** Largest number of items of a channel. */
  readonly limit?: number | undefined;
  /** Shortest time between two messages of a channel, in milliseconds. */
  readonly conflate_ms?: number | undefined;
  /** Order of rankings. */
  readonly order?: "asc" | "desc" | undefined;
  /** Sparkline of each row of overviews and of the screener: `<figure>:<window>:<points>`. */
  readonly spark?: string | undefined;
  /** Whether heartbeats with checksums of the data are sent. */
  readonly checksum?: "true" | "false" | undefined;
  /** JSON of the query of the channel `screener`, as `POST /api/screener` has it. */
  readonly query?: string | undefined;
  /** `id` of the last event that the client has. The stream continues behind it. The header `Last-Event-ID`, which browsers send, goes before it. */
  readonly last_event_id?: string | undefined;
};

/** Parameters of `ingest`. */
export type IngestQuery = {
  /** Name of a mapping of the service (`ingest.mappings`). The body then holds records in the mapping's format, whatever its media type. */
  readonly mapping?: string | undefined;
};

/** Parameters of `deadLetters`. */
export type DeadLettersQuery = {
  /** Largest number of records. */
  readonly limit?: number | undefined;
};

/** A call for every operation of the OpenAPI document. */
export type HttpCalls = {
  /** Statistics of a token: `GET /api/tokens/{id}/stats`, as of a past instant. */
  tokenStats(id: string, query: TokenStatsQuery & { at: string }, options?: CallOptions): Promise<PastStats>;
  /** Statistics of a token: `GET /api/tokens/{id}/stats`. */
  tokenStats(id: string, query?: TokenStatsQuery, options?: CallOptions): Promise<TokenStats>;
  /** Statistics of up to 500 tokens: `POST /api/tokens/stats`, as of a past instant. */
  tokensStats(body: TokensStatsRequest & { at: number | string }, options?: CallOptions): Promise<PastTokensStats>;
  /** Statistics of up to 500 tokens: `POST /api/tokens/stats`. */
  tokensStats(body: TokensStatsRequest, options?: CallOptions): Promise<TokensStats>;
  /** Statistics of a token, in a shorter form: `GET /stats`. */
  shortStats(query: ShortStatsQuery, options?: CallOptions): Promise<ShortStats>;
  /** Candles of a token: `GET /api/tokens/{id}/candles`. */
  candles(id: string, query?: CandlesQuery, options?: CallOptions): Promise<Candles>;
  /** Swaps of a token: `GET /api/tokens/{id}/swaps`. */
  swaps(id: string, query?: SwapsQuery, options?: CallOptions): Promise<Swaps>;
  /** A window of a token, added up again from its swaps: `GET /api/audit/{id}`. */
  audit(id: string, query?: AuditQuery, options?: CallOptions): Promise<Audit>;
  /** All tokens, ranked by a figure: `GET /api/overview`, as of a past instant. */
  overview(query: OverviewQuery & { at: string }, options?: CallOptions): Promise<PastOverview>;
  /** All tokens, ranked by a figure: `GET /api/overview`. */
  overview(query?: OverviewQuery, options?: CallOptions): Promise<Overview>;
  /** Tokens that match a filter, in an order of your own: `POST /api/screener`, as of a past instant. */
  screener(body: ScreenerRequest & { at: number | string }, options?: CallOptions): Promise<PastScreener>;
  /** Tokens that match a filter, in an order of your own: `POST /api/screener`. */
  screener(body: ScreenerRequest, options?: CallOptions): Promise<ScreenerResponse>;
  /** Tokens by the beginning of their id, address or symbol, or by a part of their symbol: `GET /api/tokens`. */
  search(query: SearchQuery, options?: CallOptions): Promise<FoundTokens>;
  /** Sums over all tokens, whole and by chain: `GET /api/market`. */
  market(query?: MarketQuery, options?: CallOptions): Promise<Market>;
  /** Live data as server-sent events: `GET /api/stream`. */
  stream(query: StreamQuery, options?: CallOptions): Promise<ReadableStream<Uint8Array>>;
  /** Send swaps: `POST /api/swaps`. */
  ingest(body: SwapEvent | readonly SwapEvent[] | string, query?: IngestQuery, options?: CallOptions): Promise<Ingested>;
  /** Records that were not applied, with reasons: `GET /api/dead-letters`. */
  deadLetters(query?: DeadLettersQuery, options?: CallOptions): Promise<DeadLetters>;
  /** A ticket for a WebSocket or an event stream: `POST /api/auth/ticket`. */
  authTicket(options?: CallOptions): Promise<Ticket>;
  /** A token for development: `POST /api/auth/token`. */
  authToken(body: TokenBody, options?: CallOptions): Promise<MintedToken>;
  /** Status of ingestion: `GET /api/status`. */
  status(options?: CallOptions): Promise<Status>;
  /** Whether the process responds: `GET /healthz`. */
  healthz(options?: CallOptions): Promise<Health>;
  /** Whether the service is ready for traffic: `GET /readyz`. */
  readyz(options?: CallOptions): Promise<Ready>;
  /** The OpenAPI 3.1 document of this API: `GET /openapi.json`. */
  openapi(options?: CallOptions): Promise<JsonObject>;
  /** The AsyncAPI 3.0 document of the WebSocket: `GET /asyncapi.json`. */
  asyncapi(options?: CallOptions): Promise<JsonObject>;
  /** Documentation of this API as a web page: `GET /docs`. */
  docs(options?: CallOptions): Promise<string>;
  /** The dashboard for browsers, an index of the service for others: `GET /`. */
  index(options?: CallOptions): Promise<Index>;
};

/** What a call sends and accepts. */
export type Operation = {
  readonly method: "GET" | "POST";
  /** Parameters stand as `{name}`. */
  readonly path: string;
  /** Media type of the response. */
  readonly accept: string;
  /** True: it changes nothing, and is repeated when that can help. */
  readonly repeats?: true;
  readonly body?: true;
  readonly query?: true;
};

/** All calls. */
export const operations: Readonly<Record<keyof HttpCalls, Operation>> = {
  tokenStats: { method: "GET", path: "/api/tokens/{id}/stats", accept: "application/json", repeats: true, query: true },
  tokensStats: { method: "POST", path: "/api/tokens/stats", accept: "application/json", repeats: true, body: true },
  shortStats: { method: "GET", path: "/stats", accept: "application/json", repeats: true, query: true },
  candles: { method: "GET", path: "/api/tokens/{id}/candles", accept: "application/json", repeats: true, query: true },
  swaps: { method: "GET", path: "/api/tokens/{id}/swaps", accept: "application/json", repeats: true, query: true },
  audit: { method: "GET", path: "/api/audit/{id}", accept: "application/json", repeats: true, query: true },
  overview: { method: "GET", path: "/api/overview", accept: "application/json", repeats: true, query: true },
  screener: { method: "POST", path: "/api/screener", accept: "application/json", repeats: true, body: true },
  search: { method: "GET", path: "/api/tokens", accept: "application/json", repeats: true, query: true },
  market: { method: "GET", path: "/api/market", accept: "application/json", repeats: true, query: true },
  stream: { method: "GET", path: "/api/stream", accept: "text/event-stream", repeats: true, query: true },
  ingest: { method: "POST", path: "/api/swaps", accept: "application/json", body: true, query: true },
  deadLetters: { method: "GET", path: "/api/dead-letters", accept: "application/json", repeats: true, query: true },
  authTicket: { method: "POST", path: "/api/auth/ticket", accept: "application/json" },
  authToken: { method: "POST", path: "/api/auth/token", accept: "application/json", body: true },
  status: { method: "GET", path: "/api/status", accept: "application/json", repeats: true },
  healthz: { method: "GET", path: "/healthz", accept: "application/json" },
  readyz: { method: "GET", path: "/readyz", accept: "application/json" },
  openapi: { method: "GET", path: "/openapi.json", accept: "application/json", repeats: true },
  asyncapi: { method: "GET", path: "/asyncapi.json", accept: "application/json", repeats: true },
  docs: { method: "GET", path: "/docs", accept: "text/html", repeats: true },
  index: { method: "GET", path: "/", accept: "application/json", repeats: true },
};
