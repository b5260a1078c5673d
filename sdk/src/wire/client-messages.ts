/** Messages of the client over the WebSocket. Made from the schemas of protocol/src by `npm run docs`. */
import type { StatsField } from "./figures.ts";
import type { ScreenerRequest, SparkRequest } from "./screener.ts";

/** Id of a request, which its responses repeat. */
export type RequestId = string | number;

/** A channel with options of its own. */
export type ChannelRequest = {
  readonly channel: string;
  /** Windows of a token's data, by default all. Each row of an overview has these as `windows`; by default it has `stats`, the figures of the window of the ranking. */
  readonly windows?: readonly string[] | null | undefined;
  /** Figures of each window, by default all. */
  readonly fields?: readonly StatsField[] | null | undefined;
  /** Rows of an overview (50, at most 500), candles (100, at most 1000), or swaps of a snapshot (20, at most 100) */
  readonly limit?: number | null | undefined;
  /** Order of an overview, by default desc. */
  readonly order?: "asc" | "desc" | null | undefined;
  /** Shortest time between two updates, in ms. */
  readonly conflate_ms?: number | null | undefined;
  /** How to handle a symbol that stands for several tokens. The default is the setting `api.symbols`. */
  readonly prefer?: "refuse" | "largest" | null | undefined;
  /** Whether heartbeats with checksums of the data are sent, every 10 seconds. */
  readonly checksum?: boolean | null | undefined;
  /** A sparkline of each row. */
  readonly spark?: SparkRequest | string | null | undefined;
  /** Query of a channel `screener`: the body of POST /api/screener, without cursor. */
  readonly query?: Omit<ScreenerRequest, "cursor"> | null | undefined;
};

/** Opens channels. */
export type SubscribeRequest = {
  readonly subscribe: string | ChannelRequest | readonly (string | ChannelRequest)[];
  readonly id?: RequestId | null | undefined;
  /** Windows of a token's data, by default all. Each row of an overview has these as `windows`; by default it has `stats`, the figures of the window of the ranking. */
  readonly windows?: readonly string[] | null | undefined;
  /** Figures of each window, by default all. */
  readonly fields?: readonly StatsField[] | null | undefined;
  /** Rows of an overview (50, at most 500), candles (100, at most 1000), or swaps of a snapshot (20, at most 100) */
  readonly limit?: number | null | undefined;
  /** Order of an overview, by default desc. */
  readonly order?: "asc" | "desc" | null | undefined;
  /** Shortest time between two updates, in ms. */
  readonly conflate_ms?: number | null | undefined;
  /** How to handle a symbol that stands for several tokens. The default is the setting `api.symbols`. */
  readonly prefer?: "refuse" | "largest" | null | undefined;
  /** Whether heartbeats with checksums of the data are sent, every 10 seconds. */
  readonly checksum?: boolean | null | undefined;
  /** A sparkline of each row. */
  readonly spark?: SparkRequest | string | null | undefined;
  /** Query of a channel `screener`: the body of POST /api/screener, without cursor. */
  readonly query?: Omit<ScreenerRequest, "cursor"> | null | undefined;
};

/** Closes channels. */
export type UnsubscribeRequest = {
  readonly unsubscribe: string | readonly string[];
  readonly id?: RequestId | null | undefined;
};

/** A channel that continues from a position: `epoch` and `rev`, or `seq`, of its last message. */
export type ResumedChannel =
  | {
    readonly channel: string;
    readonly epoch: string;
    readonly rev: number;
    /** Windows of a token's data, by default all. Each row of an overview has these as `windows`; by default it has `stats`, the figures of the window of the ranking. */
    readonly windows?: readonly string[] | null | undefined;
    /** Figures of each window, by default all. */
    readonly fields?: readonly StatsField[] | null | undefined;
    /** Rows of an overview (50, at most 500), candles (100, at most 1000), or swaps of a snapshot (20, at most 100) */
    readonly limit?: number | null | undefined;
    /** Order of an overview, by default desc. */
    readonly order?: "asc" | "desc" | null | undefined;
    /** Shortest time between two updates, in ms. */
    readonly conflate_ms?: number | null | undefined;
    /** How to handle a symbol that stands for several tokens. The default is the setting `api.symbols`. */
    readonly prefer?: "refuse" | "largest" | null | undefined;
    /** Whether heartbeats with checksums of the data are sent, every 10 seconds. */
    readonly checksum?: boolean | null | undefined;
    /** A sparkline of each row. */
    readonly spark?: SparkRequest | string | null | undefined;
    /** Query of a channel `screener`: the body of POST /api/screener, without cursor. */
    readonly query?: Omit<ScreenerRequest, "cursor"> | null | undefined;
  }
  | {
    readonly channel: string;
    readonly epoch: string;
    readonly seq: number;
    /** Windows of a token's data, by default all. Each row of an overview has these as `windows`; by default it has `stats`, the figures of the window of the ranking. */
    readonly windows?: readonly string[] | null | undefined;
    /** Figures of each window, by default all. */
    readonly fields?: readonly StatsField[] | null | undefined;
    /** Rows of an overview (50, at most 500), candles (100, at most 1000), or swaps of a snapshot (20, at most 100) */
    readonly limit?: number | null | undefined;
    /** Order of an overview, by default desc. */
    readonly order?: "asc" | "desc" | null | undefined;
    /** Shortest time between two updates, in ms. */
    readonly conflate_ms?: number | null | undefined;
    /** How to handle a symbol that stands for several tokens. The default is the setting `api.symbols`. */
    readonly prefer?: "refuse" | "largest" | null | undefined;
    /** Whether heartbeats with checksums of the data are sent, every 10 seconds. */
    readonly checksum?: boolean | null | undefined;
    /** A sparkline of each row. */
    readonly spark?: SparkRequest | string | null | undefined;
    /** Query of a channel `screener`: the body of POST /api/screener, without cursor. */
    readonly query?: Omit<ScreenerRequest, "cursor"> | null | undefined;
  };

/** Opens channels from positions. */
export type ResumeRequest = {
  readonly resume: ResumedChannel | readonly ResumedChannel[];
  readonly id?: RequestId | null | undefined;
  /** Windows of a token's data, by default all. Each row of an overview has these as `windows`; by default it has `stats`, the figures of the window of the ranking. */
  readonly windows?: readonly string[] | null | undefined;
  /** Figures of each window, by default all. */
  readonly fields?: readonly StatsField[] | null | undefined;
  /** Rows of an overview (50, at most 500), candles (100, at most 1000), or swaps of a snapshot (20, at most 100) */
  readonly limit?: number | null | undefined;
  /** Order of an overview, by default desc. */
  readonly order?: "asc" | "desc" | null | undefined;
  /** Shortest time between two updates, in ms. */
  readonly conflate_ms?: number | null | undefined;
  /** How to handle a symbol that stands for several tokens. The default is the setting `api.symbols`. */
  readonly prefer?: "refuse" | "largest" | null | undefined;
  /** Whether heartbeats with checksums of the data are sent, every 10 seconds. */
  readonly checksum?: boolean | null | undefined;
  /** A sparkline of each row. */
  readonly spark?: SparkRequest | string | null | undefined;
  /** Query of a channel `screener`: the body of POST /api/screener, without cursor. */
  readonly query?: Omit<ScreenerRequest, "cursor"> | null | undefined;
};

/** Changes an open channel, which goes on without a snapshot. */
export type SetRequest = {
  readonly set: {
    readonly channel: string;
    /** Shortest time between two updates, in ms. */
    readonly conflate_ms?: number | null | undefined;
    /** Whether heartbeats with checksums of the data are sent, every 10 seconds. */
    readonly checksum?: boolean | null | undefined;
  };
  readonly id?: RequestId | null | undefined;
};

/** While paused, no channel sends anything. */
export type PauseRequest = {
  readonly pause: boolean;
  readonly id?: RequestId | null | undefined;
};

/** Shows new credentials of the same subject. */
export type AuthRequest = {
  readonly auth: string;
  readonly id?: RequestId | null | undefined;
};

/** A message of the client. */
export type ClientMessage =
  | SubscribeRequest
  | UnsubscribeRequest
  | ResumeRequest
  | SetRequest
  | PauseRequest
  | AuthRequest;
