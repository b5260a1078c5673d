/** Queries of the screener, and its responses. Made from the schemas of protocol/src by `npm run docs`. */
import type { StatsField, WindowFigures } from "./figures.ts";
import type { SparkValues } from "./tokens.ts";

/** Name by which the screener sorts. */
export type ScreenerField =
  | "trades"
  | "buys"
  | "sells"
  | "volume_usd"
  | "buy_volume_usd"
  | "sell_volume_usd"
  | "net_volume_usd"
  | "volume_token"
  | "buy_volume_token"
  | "sell_volume_token"
  | "open"
  | "high"
  | "low"
  | "close"
  | "price_change"
  | "price_change_pct"
  | "vwap"
  | "avg_trade_usd"
  | "traders"
  | "buyers"
  | "sellers"
  | "first_trade_time"
  | "last_trade_time"
  | "complete"
  | "traders_estimated"
  | "traders_error"
  | "previous.trades"
  | "previous.buys"
  | "previous.sells"
  | "previous.volume_usd"
  | "previous.buy_volume_usd"
  | "previous.sell_volume_usd"
  | "previous.net_volume_usd"
  | "previous.volume_token"
  | "previous.buy_volume_token"
  | "previous.sell_volume_token"
  | "change.trades"
  | "change.buys"
  | "change.sells"
  | "change.volume_usd"
  | "change.buy_volume_usd"
  | "change.sell_volume_usd"
  | "change.net_volume_usd"
  | "change.volume_token"
  | "change.buy_volume_token"
  | "change.sell_volume_token"
  | "chain_id"
  | "first_seen"
  | "late"
  | "removed"
  | "token"
  | "symbol";

/** Name of a number that has a window. */
export type WindowField =
  | "trades"
  | "buys"
  | "sells"
  | "volume_usd"
  | "buy_volume_usd"
  | "sell_volume_usd"
  | "net_volume_usd"
  | "volume_token"
  | "buy_volume_token"
  | "sell_volume_token"
  | "open"
  | "high"
  | "low"
  | "close"
  | "price_change"
  | "price_change_pct"
  | "vwap"
  | "avg_trade_usd"
  | "traders"
  | "buyers"
  | "sellers"
  | "first_trade_time"
  | "last_trade_time"
  | "traders_error"
  | "previous.trades"
  | "previous.buys"
  | "previous.sells"
  | "previous.volume_usd"
  | "previous.buy_volume_usd"
  | "previous.sell_volume_usd"
  | "previous.net_volume_usd"
  | "previous.volume_token"
  | "previous.buy_volume_token"
  | "previous.sell_volume_token"
  | "change.trades"
  | "change.buys"
  | "change.sells"
  | "change.volume_usd"
  | "change.buy_volume_usd"
  | "change.sell_volume_usd"
  | "change.net_volume_usd"
  | "change.volume_token"
  | "change.buy_volume_token"
  | "change.sell_volume_token";

/** Name of a flag that has a window. */
export type FlagField = "complete" | "traders_estimated";

/** Name of a number of the token itself. */
export type TokenField = "chain_id" | "first_seen" | "late" | "removed";

/** Name of a text of the token itself. */
export type TextField = "token" | "symbol";

/** Compares a number that has a window. */
export type WindowComparison = {
  readonly field: WindowField;
  /** Window of the figure. */
  readonly window: string;
  readonly gt?: number | string | undefined;
  readonly gte?: number | string | undefined;
  readonly lt?: number | string | undefined;
  readonly lte?: number | string | undefined;
  readonly eq?: number | string | undefined;
  readonly ne?: number | string | undefined;
  readonly in?: readonly (number | string)[] | undefined;
  /** The lowest and the highest value. */
  readonly between?: readonly (number | string)[] | undefined;
};

/** Compares a flag that has a window. */
export type FlagComparison = {
  readonly field: FlagField;
  /** Window of the figure. */
  readonly window: string;
  readonly eq?: boolean | undefined;
  readonly ne?: boolean | undefined;
};

/** Compares a number of the token itself. */
export type TokenComparison = {
  readonly field: TokenField;
  readonly gt?: number | string | undefined;
  readonly gte?: number | string | undefined;
  readonly lt?: number | string | undefined;
  readonly lte?: number | string | undefined;
  readonly eq?: number | string | undefined;
  readonly ne?: number | string | undefined;
  readonly in?: readonly (number | string)[] | undefined;
  /** The lowest and the highest value. */
  readonly between?: readonly (number | string)[] | undefined;
};

/** Compares a text of the token itself, without case. */
export type TextComparison = {
  readonly field: TextField;
  readonly eq?: string | undefined;
  readonly ne?: string | undefined;
  readonly in?: readonly string[] | undefined;
  readonly contains?: string | undefined;
  readonly prefix?: string | undefined;
};

/** A comparison, or `and`, `or` and `not` of filters. */
export type ScreenerFilter =
  | {
    readonly and: readonly ScreenerFilter[];
  }
  | {
    readonly or: readonly ScreenerFilter[];
  }
  | {
    readonly not: ScreenerFilter;
  }
  | WindowComparison
  | FlagComparison
  | TokenComparison
  | TextComparison;

/** A figure to sort by, by default descending. */
export type ScreenerSort = {
  readonly field: ScreenerField;
  readonly window?: string | undefined;
  readonly order?: "asc" | "desc" | undefined;
};

/** A sparkline of each row. */
export type SparkRequest = {
  readonly field: 
    | "close"
    | "trades"
    | "buys"
    | "sells"
    | "volume_usd"
    | "buy_volume_usd"
    | "sell_volume_usd"
    | "net_volume_usd"
    | "volume_token"
    | "buy_volume_token"
    | "sell_volume_token";
  readonly window: string;
  readonly points: number;
};

/** A query of the screener. */
export type ScreenerRequest = {
  readonly filter?: ScreenerFilter | undefined;
  /** By default volume_usd of 5m, or of the first window. */
  readonly sort?: readonly ScreenerSort[] | undefined;
  readonly limit?: number | undefined;
  /** Windows of each row, by default those that filter and sort name. */
  readonly windows?: readonly string[] | undefined;
  /** Figures of each window, by default all. open_time, close_time and complete are always included. */
  readonly fields?: readonly StatsField[] | undefined;
  /** A sparkline of each row. */
  readonly spark?: SparkRequest | undefined;
  /** `next_cursor` of the previous response, with the same filter and sort. */
  readonly cursor?: string | undefined;
  /** A past instant: the response is the one of that instant, from the history: ms since 1970, or a time of RFC 3339. */
  readonly at?: number | string | undefined;
};

/** A row of a response of the screener. */
export type ScreenerItem = {
  /** `<chain_id>:<token>`, canonical. */
  readonly id: string;
  readonly symbol?: string;
  /** Present when other partitions also have swaps of the token: every figure then lacks those swaps. */
  readonly split?: true;
  /** Revision of the token. */
  readonly rev: number;
  readonly windows: { readonly [name: string]: WindowFigures };
  /** Values of the sparkline, the oldest first. null: the slice has none. */
  readonly spark?: SparkValues;
};

/** The tokens that match, in the order of the query. */
export type ScreenerResponse = {
  /** Time for which the figures are computed, in ms since 1970. */
  readonly as_of: number;
  readonly epoch: string;
  readonly rev: number;
  readonly items: readonly ScreenerItem[];
  /** Value of `cursor` for the following tokens, for 60 s. Absent at the end. */
  readonly next_cursor?: string;
  /** Present while an owner is away: the response is then the last known one, with the as_of of that response. */
  readonly stale?: true;
};

/** Kind of the values of a field. */
export type ValueKind = "decimal" | "integer" | "time" | "flag" | "text";

/** What filters compare and sort by, with the kind of its values. All but the last six need a window. */
export const screenerFields: Readonly<Record<ScreenerField, ValueKind>> = {
  "trades": "integer",
  "buys": "integer",
  "sells": "integer",
  "volume_usd": "decimal",
  "buy_volume_usd": "decimal",
  "sell_volume_usd": "decimal",
  "net_volume_usd": "decimal",
  "volume_token": "decimal",
  "buy_volume_token": "decimal",
  "sell_volume_token": "decimal",
  "open": "decimal",
  "high": "decimal",
  "low": "decimal",
  "close": "decimal",
  "price_change": "decimal",
  "price_change_pct": "decimal",
  "vwap": "decimal",
  "avg_trade_usd": "decimal",
  "traders": "integer",
  "buyers": "integer",
  "sellers": "integer",
  "first_trade_time": "time",
  "last_trade_time": "time",
  "complete": "flag",
  "traders_estimated": "flag",
  "traders_error": "decimal",
  "previous.trades": "integer",
  "previous.buys": "integer",
  "previous.sells": "integer",
  "previous.volume_usd": "decimal",
  "previous.buy_volume_usd": "decimal",
  "previous.sell_volume_usd": "decimal",
  "previous.net_volume_usd": "decimal",
  "previous.volume_token": "decimal",
  "previous.buy_volume_token": "decimal",
  "previous.sell_volume_token": "decimal",
  "change.trades": "decimal",
  "change.buys": "decimal",
  "change.sells": "decimal",
  "change.volume_usd": "decimal",
  "change.buy_volume_usd": "decimal",
  "change.sell_volume_usd": "decimal",
  "change.net_volume_usd": "decimal",
  "change.volume_token": "decimal",
  "change.buy_volume_token": "decimal",
  "change.sell_volume_token": "decimal",
  "chain_id": "integer",
  "first_seen": "time",
  "late": "integer",
  "removed": "integer",
  "token": "text",
  "symbol": "text",
};
