/** Responses about tokens: statistics, rankings, candles and swaps. Made from the schemas of protocol/src by `npm run docs`. */
import type { StatsField, WindowFigures } from "./figures.ts";
import type { Candidate, ProblemCode } from "./problems.ts";

/** Length of a candle. */
export type CandleInterval = "1s" | "5s" | "15s" | "1m" | "5m" | "15m" | "30m" | "1h" | "4h" | "1d";

/** Length of a candle from the history. */
export type HistoryInterval = "1s" | "5s" | "15s" | "1m" | "5m" | "15m" | "30m" | "1h" | "4h" | "1d" | "1M";

/** How the token of a response was chosen. */
export type Chosen = {
  readonly by: "largest";
  /** Lower bound for the number of tokens with the name. */
  readonly of: number;
};

/** Values of a sparkline, the oldest first. null: the slice has no trade. */
export type SparkValues = readonly (string | number | null)[];

/** Statistics of a token. */
export type TokenStats = {
  /** `<chain_id>:<token>`, canonical. */
  readonly id: string;
  readonly symbol?: string;
  /** Present when other partitions also have swaps of the token: every figure then lacks those swaps. */
  readonly split?: true;
  /** Time for which the figures are computed, in ms since 1970. */
  readonly as_of: number;
  /** Event time before which an ordinary swap is late, in ms since 1970. */
  readonly watermark: number;
  /** Number of the partition's owner. Revisions of different epochs cannot be compared. */
  readonly epoch: string;
  /** Revision, which grows when any of the figures changes. */
  readonly rev: number;
  /** Age of the oldest stored swap that is not yet in the figures, in ms. */
  readonly lag_ms: number;
  /** Present while an owner is away: the response is then the last known one, with the as_of of that response. */
  readonly stale?: true;
  /** Present when the name stands for several tokens: how the token of this response was chosen. */
  readonly chosen?: Chosen;
  /** Swaps of the token that arrived too late to count. */
  readonly late: number;
  /** Removals of swaps of the token. */
  readonly removed: number;
  /** Removals that arrived too late. */
  readonly unresolved: number;
  /** Announcements that replaced another announcement of the same swap, which counted and was not removed. */
  readonly replaced: number;
  /** Removals that arrived before their announcement. */
  readonly removals_unmatched: number;
  readonly windows: { readonly [name: string]: WindowFigures };
};

/** An item without figures, with the reason. */
export type TokenError = {
  readonly id: string;
  readonly error: {
    readonly code: ProblemCode;
    readonly message: string;
    readonly candidates?: readonly Candidate[];
    readonly more?: number;
  };
};

/** Tokens, and what is wanted of them. */
export type TokensStatsRequest = {
  readonly ids: readonly string[];
  /** By default all; with `at` windows of any length. */
  readonly windows?: readonly string[] | undefined;
  readonly fields?: readonly StatsField[] | undefined;
  /** How to handle a name that stands for several tokens. `refuse`: 409 with the candidates. `largest`: the token with the most volume. The default is the setting `api.symbols`. */
  readonly prefer?: "refuse" | "largest" | undefined;
  /** A past instant: the response is the one of that instant, from the history: ms since 1970, or a time of RFC 3339. */
  readonly at?: number | string | undefined;
};

/** Statistics of several tokens, in the order of the request. */
export type TokensStats = {
  readonly as_of: number;
  readonly items: readonly (TokenStats | TokenError)[];
};

/** Statistics of a token in a shorter form. */
export type ShortStats = {
  /** `<chain_id>:<token>`, canonical. */
  readonly token: string;
  /** Present when other partitions also have swaps of the token: every figure then lacks those swaps. */
  readonly split?: true;
  /** Time for which the figures are computed, in ms since 1970. */
  readonly as_of: number;
  /** Event time before which an ordinary swap is late, in ms since 1970. */
  readonly watermark: number;
  /** Number of the partition's owner. Revisions of different epochs cannot be compared. */
  readonly epoch: string;
  /** Revision, which grows when any of the figures changes. */
  readonly rev: number;
  /** Age of the oldest stored swap that is not yet in the figures, in ms. */
  readonly lag_ms: number;
  /** Present while an owner is away: the response is then the last known one, with the as_of of that response. */
  readonly stale?: true;
  /** Present when the name stands for several tokens: how the token of this response was chosen. */
  readonly chosen?: Chosen;
  readonly windows: { readonly [name: string]: WindowFigures };
};

/** A row of a ranking. */
export type OverviewItem = {
  /** `<chain_id>:<token>`, canonical. */
  readonly id: string;
  readonly symbol?: string;
  /** Present when other partitions also have swaps of the token: every figure then lacks those swaps. */
  readonly split?: true;
  /** Revision, which grows when any of the figures changes. */
  readonly rev: number;
  readonly stats?: WindowFigures;
  readonly windows?: { readonly [name: string]: WindowFigures };
  /** Values of the sparkline, the oldest first. null: the slice has none. */
  readonly spark?: SparkValues;
};

/** All tokens, ranked by a figure. */
export type Overview = {
  /** Time for which the figures are computed, in ms since 1970. */
  readonly as_of: number;
  /** Number of the partition's owner. Revisions of different epochs cannot be compared. */
  readonly epoch: string;
  /** Revision, which grows when any of the figures changes. */
  readonly rev: number;
  readonly window: string;
  readonly sort: StatsField;
  readonly order: "asc" | "desc";
  readonly items: readonly OverviewItem[];
  /** Value of `cursor` for the following tokens. Absent at the end. */
  readonly next_cursor?: string;
  /** Present while an owner is away: the response is then the last known one, with the as_of of that response. */
  readonly stale?: true;
};

/** Tokens that a search found. */
export type FoundTokens = {
  /** Time for which the figures are computed, in ms since 1970. */
  readonly as_of: number;
  /** Tokens whose id, address or symbol begins with the text, then tokens whose symbol holds it elsewhere; in both, the most volume first. */
  readonly items: readonly Candidate[];
  /** Present while an owner is away: its tokens are missing. */
  readonly stale?: true;
};

/** A candle. Prices are absent where nothing was traded. */
export type Candle = {
  /** Start of the candle, in ms since 1970. */
  readonly open_time: number;
  readonly open?: string;
  readonly high?: string;
  readonly low?: string;
  readonly close?: string;
  readonly volume_usd: string;
  readonly volume_token: string;
  readonly trades: number;
  readonly buys: number;
  readonly sells: number;
  /** False while the candle is open, and when the service did not see all of its swaps. */
  readonly complete: boolean;
};

/** Candles of a token, in ascending order of time. */
export type Candles = {
  readonly id: string;
  readonly interval: string;
  readonly split?: true;
  readonly available_from?: number;
  /** Present when the name stands for several tokens: how the token of this response was chosen. */
  readonly chosen?: Chosen;
  /** Reason why the range is empty, if it is known. */
  readonly note?: string;
  /** Present while an owner is away: the response is then the last known one, with the as_of of that response. */
  readonly stale?: true;
  /** False when the history does not reach back to the beginning of the response, or has a gap in it: swaps may be missing. */
  readonly history_complete?: boolean;
  readonly items: readonly Candle[];
  /** Value of `cursor` for the candles before these, in the history. */
  readonly next_cursor?: string;
};

/** A swap that counts in the figures. */
export type Swap = {
  readonly chain_id: number;
  readonly tx_hash: string;
  readonly log_index: number;
  readonly tx_index?: number;
  readonly event_id: string;
  readonly token: string;
  readonly token_symbol?: string;
  readonly pool?: string;
  readonly who?: string;
  readonly side: "buy" | "sell";
  readonly amount_token: string;
  readonly amount_usd: string;
  readonly price_usd?: string;
  /** Time of the swap, in ms since 1970. */
  readonly event_time: number;
  readonly block_number?: number;
  readonly block_hash?: string;
  readonly revision?: number;
};

/** Swaps of a token, by default the newest first. */
export type Swaps = {
  readonly id: string;
  readonly split?: true;
  readonly available_from?: number;
  /** Present when the name stands for several tokens: how the token of this response was chosen. */
  readonly chosen?: Chosen;
  /** Present while an owner is away: the response is then the last known one, with the as_of of that response. */
  readonly stale?: true;
  /** False when the history does not reach back to the beginning of the response, or has a gap in it: swaps may be missing. */
  readonly history_complete?: boolean;
  readonly items: readonly Swap[];
  /** Value of `cursor` for the following items. Absent at the end. */
  readonly next_cursor?: string;
};

/** Statistics of a token as of a past instant. */
export type PastStats = {
  /** `<chain_id>:<token>`, canonical. */
  readonly id: string;
  /** Symbol of the token at that instant. */
  readonly symbol?: string;
  /** The instant that `at` names, in ms since 1970. */
  readonly as_of: number;
  /** Present when the name stands for several tokens: how the token of this response was chosen. */
  readonly chosen?: Chosen;
  /** False when the history does not reach back to the beginning of the response, or has a gap in it: swaps may be missing. */
  readonly history_complete: boolean;
  readonly windows: { readonly [name: string]: WindowFigures };
};

/** Statistics of several tokens as of a past instant. */
export type PastTokensStats = {
  /** The instant that `at` names, in ms since 1970. */
  readonly as_of: number;
  /** False when the history does not reach back to the beginning of the response, or has a gap in it: swaps may be missing. */
  readonly history_complete: boolean;
  readonly items: readonly (PastStats | TokenError)[];
};

/** All tokens, ranked by a figure as of a past instant. */
export type PastOverview = {
  /** The instant that `at` names, in ms since 1970. */
  readonly as_of: number;
  /** False when the history does not reach back to the beginning of the response, or has a gap in it: swaps may be missing. */
  readonly history_complete: boolean;
  readonly window: string;
  readonly sort: StatsField;
  readonly order: "asc" | "desc";
  readonly items: readonly {
    /** `<chain_id>:<token>`, canonical. */
    readonly id: string;
    /** Symbol of the token at that instant. */
    readonly symbol?: string;
    /** Values of the sparkline, the oldest first. null: the slice has none. */
    readonly spark?: SparkValues;
    readonly stats?: WindowFigures;
    readonly windows?: { readonly [name: string]: WindowFigures };
  }[];
  /** Value of `cursor` for the following items. Absent at the end. */
  readonly next_cursor?: string;
};

/** The tokens that matched at a past instant. */
export type PastScreener = {
  /** The instant that `at` names, in ms since 1970. */
  readonly as_of: number;
  /** False when the history does not reach back to the beginning of the response, or has a gap in it: swaps may be missing. */
  readonly history_complete: boolean;
  readonly items: readonly {
    /** `<chain_id>:<token>`, canonical. */
    readonly id: string;
    /** Symbol of the token at that instant. */
    readonly symbol?: string;
    /** Values of the sparkline, the oldest first. null: the slice has none. */
    readonly spark?: SparkValues;
    readonly windows: { readonly [name: string]: WindowFigures };
  }[];
  /** Value of `cursor` for the following items. Absent at the end. */
  readonly next_cursor?: string;
};

/** Served figures of a window, against their recomputation. */
export type Audit = {
  /** `<chain_id>:<token>`, canonical. */
  readonly id: string;
  readonly symbol?: string;
  readonly window: string;
  /** Time for which both are computed, in ms since 1970. */
  readonly as_of: number;
  /** Start of the span that was read, inclusive: of the window, or of `previous` where that is served, in ms since 1970. */
  readonly from: number;
  /** End of that span, exclusive, in ms since 1970. */
  readonly to: number;
  /** Swaps that were added up. */
  readonly rows: number;
  /** False when the history does not reach back to the beginning of the response, or has a gap in it: swaps may be missing. */
  readonly history_complete: boolean;
  readonly served: WindowFigures;
  readonly recomputed: WindowFigures;
  /** Figures that differ. Empty: the audit has passed. */
  readonly differences: readonly {
    /** Name of the figure; members of `previous` as `previous.<name>`. */
    readonly field: string;
    /** The figure as text. Absent: it has no value. */
    readonly served?: string;
    /** The figure as text. Absent: it has no value. */
    readonly recomputed?: string;
  }[];
  /** Share by which estimated numbers of wallets may differ from the count; a multiple of `traders_error`. Present when they are estimated. */
  readonly estimate_tolerance?: string;
};

/** Lengths of candles in milliseconds. A service has those that its windows allow. */
export const candleIntervals: Readonly<Record<CandleInterval, number>> = {
  "1s": 1000,
  "5s": 5000,
  "15s": 15000,
  "1m": 60000,
  "5m": 300000,
  "15m": 900000,
  "30m": 1800000,
  "1h": 3600000,
  "4h": 14400000,
  "1d": 86400000,
};
