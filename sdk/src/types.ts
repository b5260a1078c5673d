/** The client and its live stores, as programs use them. */
import type { ClientError } from "./client-error.ts";
import type { CandlesData, MarketData, OverviewData, ScreenerData, TokenData } from "./wire/data.ts";
import type { SortField, StatsField } from "./wire/figures.ts";
import type { HttpCalls } from "./wire/operations.ts";
import type { ScreenerRequest, SparkRequest } from "./wire/screener.ts";
import type { CandleInterval, Swap } from "./wire/tokens.ts";

export type ClientOptions = {
  /** Address of the service, http(s), with its path prefix if it has one. */
  readonly url: string;
  /**
   * A JSON Web Token or an API key, or a function that returns one. The function is called again before the token expires and after it was
   * refused.
   */
  readonly token?: string | (() => Promise<string>) | undefined;
  /** Whether the data is verified by checksums, which the service sends every ten seconds. By default false. */
  readonly checksum?: boolean | undefined;
  /** `auto`: WebSocket, and server-sent events where that does not pass. The default. */
  readonly transport?: TransportOption | undefined;
  /**
   * The market of the past instead of the live one, as if this were then. It needs a WebSocket. When the session ends, stores have the error
   * `replay_ended`, and the client is `offline`. After a lost connection another session continues where the last one was.
   */
  readonly replay?: ReplayOptions | undefined;
  /** For tests, and for platforms that lack one. */
  readonly fetch?: typeof fetch | undefined;
  readonly webSocket?: typeof WebSocket | undefined;
};

/** The past, from a replay session of the service. */
export type ReplayOptions = {
  /** Where the clock begins: ms since 1970, a time of RFC 3339, or a Date. */
  readonly at: number | string | Date;
  /** Seconds of the past in a second, above 0 and at most 3600; by default 1. */
  readonly speed?: number | undefined;
};

export type TransportOption = "auto" | "websocket" | "sse";

/**
 * `connecting`: there was no connection yet. `live`: data comes as it changes. `stale`: the connection was lost, or the page is hidden; what stores
 * show gets old. `offline`: connecting failed; the client goes on trying.
 */
export type ClientStatus = "connecting" | "live" | "stale" | "offline";

type Pace = {
  /** At most one update in this time, in ms, 0 to 60000. */
  readonly conflateMs?: number | undefined;
  /** Whether the data of this channel is verified by checksums. By default as the client is. */
  readonly checksum?: boolean | undefined;
};
type Selection = {
  /** Names of windows; by default all. */
  readonly windows?: readonly string[] | undefined;
  /** Names of figures; by default all. */
  readonly fields?: readonly StatsField[] | undefined;
};

export type TokenOptions = Selection & Pace;
export type OverviewOptions = Selection &
  Pace & {
    /** The window and the figure of the ranking. */
    readonly window: string;
    readonly sort: SortField;
    readonly order?: "asc" | "desc" | undefined;
    /** Rows, 1 to 500, by default 50. */
    readonly limit?: number | undefined;
    /** A sparkline of each row. */
    readonly spark?: SparkRequest | undefined;
  };
/** The body of `POST /api/screener`. */
export type ScreenerQuery = Omit<ScreenerRequest, "cursor">;
export type ScreenerOptions = Pace;
export type CandlesOptions = Pace & {
  /** The newest candles, 1 to 1000, by default 100. */
  readonly limit?: number | undefined;
};
export type SwapsOptions = {
  /** The newest swaps, 1 to 100, by default 20. */
  readonly limit?: number | undefined;
};
export type MarketOptions = Pick<Selection, "windows"> & Pace;

export type LiveSwap = Swap & {
  /** Number of the change by which the swap came. The swaps of a snapshot have the number of the snapshot. */
  readonly seq: number;
  /** Present when the swap no longer counts. */
  readonly removed?: true;
};

/** The newest swaps of a token, newest first. Those that were removed lately are among them. */
export type LiveSwapsData = { readonly items: readonly LiveSwap[] };

/** Live data as it is read from the service. Equal channels with equal options share one subscription. */
export type LiveChannels = {
  /** `id`: `<chain_id>:<token>`, an address, or a symbol. */
  token(id: string, options?: TokenOptions): LiveStore<TokenData>;
  /** With `windows` each row has `windows` instead of `stats`: these, and the window of the ranking. */
  overview(options: OverviewOptions & { readonly windows: readonly string[] }): LiveStore<ScreenerData>;
  overview(options: OverviewOptions): LiveStore<OverviewData>;
  screener(query: ScreenerQuery, options?: ScreenerOptions): LiveStore<ScreenerData>;
  candles(id: string, interval: CandleInterval, options?: CandlesOptions): LiveStore<CandlesData>;
  swaps(id: string, options?: SwapsOptions): LiveStore<LiveSwapsData>;
  market(options?: MarketOptions): LiveStore<MarketData>;
};

export type Client = LiveChannels & {
  /** A typed call for every operation of the service. */
  readonly http: HttpCalls;
  readonly status: ClientStatus;
  /** Calls the listener at each change of the status, until the returned function is called. */
  onStatus(listener: (status: ClientStatus) => void): () => void;
  /** Calls the listener for each message in both directions, until the returned function is called. */
  inspect(listener: (frame: Frame) => void): () => void;
  /** Ends everything: no timer, listener or connection remains. Closes all stores. */
  close(): void;
};

/** A message that was sent or received. Credentials are hidden. */
export type Frame = {
  readonly direction: "in" | "out";
  /** Unix milliseconds. */
  readonly atMs: number;
  /** Length of the message in UTF-8. */
  readonly bytes: number;
  readonly channel?: string | undefined;
  /** The `type` of a message of the service; the action of a request, such as `subscribe`. */
  readonly kind: string;
  /** The revision, or the number of the last item. */
  readonly rev?: number | undefined;
  /** At most 65,536 characters. */
  readonly text: string;
  readonly message: unknown;
};

export type StoreMeta = {
  /** The canonical name. */
  readonly channel: string;
  readonly epoch: string;
  /** The revision; of swaps, the number of the newest change. */
  readonly rev: number;
  /** Unix milliseconds. */
  readonly asOf: number;
  readonly watermark: number | undefined;
  readonly lagMs: number;
  readonly stale: boolean;
  /** Unix milliseconds at which the last message of the channel came. */
  readonly receivedAtMs: number;
};

/** Live data of one channel. */
export type LiveStore<T> = AsyncIterable<T> & {
  /** Undefined before the first data. Immutable: a new object only when something changed, and unchanged parts keep their identity. */
  readonly current: T | undefined;
  /** Undefined before the first data. */
  readonly meta: StoreMeta | undefined;
  /** Whether `current` may be out of date: no connection, or the owner of the data is away. */
  readonly stale: boolean;
  /** The last problem, until data comes again. The store goes on trying where that can help. */
  readonly error: ClientError | undefined;
  /** Resolves with the first data. Rejects with ClientError on a problem that stays, and when the store is closed. */
  readonly ready: Promise<T>;
  /** Whether the token is one that no swap has named yet. */
  readonly pending: boolean;
  /**
   * Calls the listener at once with `current`, then after every change of `current`, `stale`, `error` or `pending`, until the returned function is called.
   * Errors of a listener are reported and disturb no other listener.
   */
  subscribe(listener: (value: T | undefined) => void): () => void;
  /** Ends this store. The channel is unsubscribed when its last store is closed. */
  close(): void;
};
