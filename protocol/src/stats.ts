/** Names of the figures that the service keeps for a token in a window, and of what can be asked about them. */

/** Every figure of a window, in the order in which it is served. These are the values of the parameter `fields`. */
export const statsFields = [
  "open_time",
  "close_time",
  "complete",
  "trades",
  "buys",
  "sells",
  "volume_usd",
  "buy_volume_usd",
  "sell_volume_usd",
  "net_volume_usd",
  "volume_token",
  "buy_volume_token",
  "sell_volume_token",
  "open",
  "high",
  "low",
  "close",
  "price_change",
  "price_change_pct",
  "vwap",
  "traders",
  "buyers",
  "sellers",
  "traders_estimated",
  "traders_error",
  "first_trade_time",
  "last_trade_time",
  "previous",
] as const;

export type StatsField = (typeof statsFields)[number];

/** Figures that every answer holds, whatever `fields` says: what the others stand on. */
export const edgeFields = ["open_time", "close_time", "complete"] as const satisfies readonly StatsField[];

/** Figures by which tokens can be ranked: all that are numbers of the token, not of the window. */
export const sortFields = [
  "trades",
  "buys",
  "sells",
  "volume_usd",
  "buy_volume_usd",
  "sell_volume_usd",
  "net_volume_usd",
  "volume_token",
  "buy_volume_token",
  "sell_volume_token",
  "open",
  "high",
  "low",
  "close",
  "price_change",
  "price_change_pct",
  "vwap",
  "traders",
  "buyers",
  "sellers",
  "first_trade_time",
  "last_trade_time",
] as const satisfies readonly StatsField[];

export type SortField = (typeof sortFields)[number];

/** Figures of the window before, `[open_time - W, open_time)`. */
export const previousFields = [
  "trades",
  "buys",
  "sells",
  "volume_usd",
  "buy_volume_usd",
  "sell_volume_usd",
  "net_volume_usd",
  "volume_token",
  "buy_volume_token",
  "sell_volume_token",
] as const satisfies readonly StatsField[];

/** Counts and volumes of a span. */
export type Volumes = {
  trades: number;
  buys: number;
  sells: number;
  volume_usd: string;
  buy_volume_usd: string;
  sell_volume_usd: string;
  net_volume_usd: string;
  volume_token: string;
  buy_volume_token: string;
  sell_volume_token: string;
};

/** Figures of a token in a window. A figure without a value, or that was not asked for, is an absent key. */
export type WindowFigures = Partial<Volumes> & {
  open_time: number;
  close_time: number;
  complete: boolean;
  open?: string;
  high?: string;
  low?: string;
  close?: string;
  price_change?: string;
  price_change_pct?: string;
  vwap?: string;
  traders?: number;
  buyers?: number;
  sellers?: number;
  traders_estimated?: true;
  traders_error?: string;
  first_trade_time?: number;
  last_trade_time?: number;
  previous?: Volumes;
};

/** Intervals of candles and their length in milliseconds. */
export const candleIntervals = {
  "1s": 1_000,
  "5s": 5_000,
  "15s": 15_000,
  "1m": 60_000,
  "5m": 300_000,
  "15m": 900_000,
  "30m": 1_800_000,
  "1h": 3_600_000,
  "4h": 14_400_000,
  "1d": 86_400_000,
} as const;

export type CandleInterval = keyof typeof candleIntervals;

/** Limits that a client can meet; a server holds them and the documents name them. */
export const requestLimits = {
  /** Tokens of one `POST /api/tokens/stats`. */
  idsMax: 500,
  overviewDefault: 50,
  overviewMax: 500,
  candlesDefault: 500,
  candlesMax: 5_000,
  swapsDefault: 100,
  swapsMax: 100,
  deadLettersDefault: 100,
  deadLettersMax: 1_000,
  /**
   * Characters of a cursor. The longest is made of an id of 139 bytes that JSON writes with six characters each, a value, and the
   * names of the ranking, in base64.
   */
  cursorMax: 2_048,
  /** Characters of a token in a path, a query or a channel, before percent-encoding. */
  tokenTextMax: 256,
} as const;
