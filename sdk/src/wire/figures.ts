/** Figures of a token in a window. Made from the schemas of protocol/src by `npm run docs`. */

/** Name of a figure. */
export type StatsField =
  | "open_time"
  | "close_time"
  | "complete"
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
  | "traders_estimated"
  | "traders_error"
  | "first_trade_time"
  | "last_trade_time"
  | "previous";

/** Name of a figure by which tokens can be ranked. */
export type SortField =
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
  | "last_trade_time";

/** Name of a figure that `previous` also has. */
export type PreviousField =
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

/** Counts and volumes of a span. */
export type Volumes = {
  /** Swaps. */
  readonly trades: number;
  /** Swaps that bought the token. */
  readonly buys: number;
  /** Swaps that sold the token. */
  readonly sells: number;
  /** Dollars of all swaps. */
  readonly volume_usd: string;
  /** Dollars of the buys. */
  readonly buy_volume_usd: string;
  /** Dollars of the sells. */
  readonly sell_volume_usd: string;
  /** buy_volume_usd less sell_volume_usd. */
  readonly net_volume_usd: string;
  /** Tokens of all swaps. */
  readonly volume_token: string;
  /** Tokens of the buys. */
  readonly buy_volume_token: string;
  /** Tokens of the sells. */
  readonly sell_volume_token: string;
};

/** Figures of a token in a window. Figures without a value are absent. */
export type WindowFigures = {
  /** Start of what the figures cover, inclusive, in ms since 1970. */
  readonly open_time: number;
  /** End of what the figures cover, exclusive, in ms since 1970. */
  readonly close_time: number;
  /** Whether the service saw everything since open_time. */
  readonly complete: boolean;
  /** Swaps. */
  readonly trades?: number;
  /** Swaps that bought the token. */
  readonly buys?: number;
  /** Swaps that sold the token. */
  readonly sells?: number;
  /** Dollars of all swaps. */
  readonly volume_usd?: string;
  /** Dollars of the buys. */
  readonly buy_volume_usd?: string;
  /** Dollars of the sells. */
  readonly sell_volume_usd?: string;
  /** buy_volume_usd less sell_volume_usd. */
  readonly net_volume_usd?: string;
  /** Tokens of all swaps. */
  readonly volume_token?: string;
  /** Tokens of the buys. */
  readonly buy_volume_token?: string;
  /** Tokens of the sells. */
  readonly sell_volume_token?: string;
  /** Price of the first swap. */
  readonly open?: string;
  /** Highest price. */
  readonly high?: string;
  /** Lowest price. */
  readonly low?: string;
  /** Price of the last swap. */
  readonly close?: string;
  /** close less open. */
  readonly price_change?: string;
  /** price_change in percent of open. */
  readonly price_change_pct?: string;
  /** volume_usd / volume_token. */
  readonly vwap?: string;
  /** volume_usd / trades, rounded half to even. */
  readonly avg_trade_usd?: string;
  /** Unique wallets. */
  readonly traders?: number;
  /** Unique wallets that bought. */
  readonly buyers?: number;
  /** Unique wallets that sold. */
  readonly sellers?: number;
  /** Unique wallets are estimated, not counted. */
  readonly traders_estimated?: true;
  /** Relative standard error of the estimate. */
  readonly traders_error?: string;
  /** Time of the first swap, in ms since 1970. */
  readonly first_trade_time?: number;
  /** Time of the last swap, in ms since 1970. */
  readonly last_trade_time?: number;
  /** The same span before open_time. */
  readonly previous?: Volumes;
};

/** Figures in a channel: without the bounds of the window. */
export type ChannelFigures = {
  /** Whether the service saw everything since open_time. */
  readonly complete: boolean;
  /** Swaps. */
  readonly trades?: number;
  /** Swaps that bought the token. */
  readonly buys?: number;
  /** Swaps that sold the token. */
  readonly sells?: number;
  /** Dollars of all swaps. */
  readonly volume_usd?: string;
  /** Dollars of the buys. */
  readonly buy_volume_usd?: string;
  /** Dollars of the sells. */
  readonly sell_volume_usd?: string;
  /** buy_volume_usd less sell_volume_usd. */
  readonly net_volume_usd?: string;
  /** Tokens of all swaps. */
  readonly volume_token?: string;
  /** Tokens of the buys. */
  readonly buy_volume_token?: string;
  /** Tokens of the sells. */
  readonly sell_volume_token?: string;
  /** Price of the first swap. */
  readonly open?: string;
  /** Highest price. */
  readonly high?: string;
  /** Lowest price. */
  readonly low?: string;
  /** Price of the last swap. */
  readonly close?: string;
  /** close less open. */
  readonly price_change?: string;
  /** price_change in percent of open. */
  readonly price_change_pct?: string;
  /** volume_usd / volume_token. */
  readonly vwap?: string;
  /** volume_usd / trades, rounded half to even. */
  readonly avg_trade_usd?: string;
  /** Unique wallets. */
  readonly traders?: number;
  /** Unique wallets that bought. */
  readonly buyers?: number;
  /** Unique wallets that sold. */
  readonly sellers?: number;
  /** Unique wallets are estimated, not counted. */
  readonly traders_estimated?: true;
  /** Relative standard error of the estimate. */
  readonly traders_error?: string;
  /** Time of the first swap, in ms since 1970. */
  readonly first_trade_time?: number;
  /** Time of the last swap, in ms since 1970. */
  readonly last_trade_time?: number;
  /** The same span before open_time. */
  readonly previous?: Volumes;
};

/** Form of a figure: `usd` has at most 6 decimal places, `amount` 18, `price` 15 significant digits, `percent` 6 places. */
export type FigureKind =
  | "flag"
  | "mark"
  | "time"
  | "count"
  | "usd"
  | "amount"
  | "price"
  | "percent"
  | "share"
  | "span";

/** What a program needs to show a figure. */
export type Figure = {
  readonly kind: FigureKind;
  /** Short title. */
  readonly label: string;
  /** True: tokens can be ranked by it. */
  readonly sorts?: true;
  /** True: `previous` also has it. */
  readonly inPrevious?: true;
  /** One line for people. */
  readonly doc: string;
};

/** All figures, in the order in which they are served. */
export const figures: Readonly<Record<StatsField, Figure>> = {
  open_time: { kind: "time", label: "open_time", doc: "Start of what the figures cover, inclusive" },
  close_time: { kind: "time", label: "close_time", doc: "End of what the figures cover, exclusive" },
  complete: { kind: "flag", label: "complete", doc: "Whether the service saw everything since open_time" },
  trades: { kind: "count", label: "trades", sorts: true, inPrevious: true, doc: "Swaps" },
  buys: { kind: "count", label: "buys", sorts: true, inPrevious: true, doc: "Swaps that bought the token" },
  sells: { kind: "count", label: "sells", sorts: true, inPrevious: true, doc: "Swaps that sold the token" },
  volume_usd: { kind: "usd", label: "volume $", sorts: true, inPrevious: true, doc: "Dollars of all swaps" },
  buy_volume_usd: { kind: "usd", label: "buy_volume_usd", sorts: true, inPrevious: true, doc: "Dollars of the buys" },
  sell_volume_usd: { kind: "usd", label: "sell_volume_usd", sorts: true, inPrevious: true, doc: "Dollars of the sells" },
  net_volume_usd: { kind: "usd", label: "net $", sorts: true, inPrevious: true, doc: "buy_volume_usd less sell_volume_usd" },
  volume_token: { kind: "amount", label: "volume_token", sorts: true, inPrevious: true, doc: "Tokens of all swaps" },
  buy_volume_token: { kind: "amount", label: "buy_volume_token", sorts: true, inPrevious: true, doc: "Tokens of the buys" },
  sell_volume_token: { kind: "amount", label: "sell_volume_token", sorts: true, inPrevious: true, doc: "Tokens of the sells" },
  open: { kind: "price", label: "open", sorts: true, doc: "Price of the first swap" },
  high: { kind: "price", label: "high", sorts: true, doc: "Highest price" },
  low: { kind: "price", label: "low", sorts: true, doc: "Lowest price" },
  close: { kind: "price", label: "close", sorts: true, doc: "Price of the last swap" },
  price_change: { kind: "price", label: "price_change", sorts: true, doc: "close less open" },
  price_change_pct: { kind: "percent", label: "change", sorts: true, doc: "price_change in percent of open" },
  vwap: { kind: "price", label: "vwap", sorts: true, doc: "volume_usd / volume_token" },
  avg_trade_usd: { kind: "usd", label: "avg_trade_usd", sorts: true, doc: "volume_usd / trades, rounded half to even" },
  traders: { kind: "count", label: "traders", sorts: true, doc: "Unique wallets" },
  buyers: { kind: "count", label: "buyers", sorts: true, doc: "Unique wallets that bought" },
  sellers: { kind: "count", label: "sellers", sorts: true, doc: "Unique wallets that sold" },
  traders_estimated: { kind: "mark", label: "traders_estimated", doc: "Unique wallets are estimated, not counted" },
  traders_error: { kind: "share", label: "traders_error", doc: "Relative standard error of the estimate" },
  first_trade_time: { kind: "time", label: "first_trade_time", sorts: true, doc: "Time of the first swap" },
  last_trade_time: { kind: "time", label: "last_trade_time", sorts: true, doc: "Time of the last swap" },
  previous: { kind: "span", label: "previous", doc: "The same span before open_time" },
};
