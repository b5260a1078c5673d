/** Limits of requests and messages, and the intervals of candles. Servers enforce the limits, and the documents state them. */

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

/** Intervals of candles from the history. `1M` is a calendar month in UTC. */
export const historyIntervals = [...(Object.keys(candleIntervals) as CandleInterval[]), "1M"] as const;
export type HistoryInterval = (typeof historyIntervals)[number];

export const requestLimits = {
  /** Tokens of one `POST /api/tokens/stats`. */
  idsMax: 500,
  overviewDefault: 50,
  overviewMax: 500,
  /** Items of a channel of any kind; a kind may allow fewer. */
  channelItemsMax: 1_000,
  channelCandlesDefault: 100,
  channelSwapsDefault: 20,
  searchDefault: 20,
  searchMax: 100,
  /** Characters of the text of a search. */
  searchTextMax: 128,
  candlesDefault: 500,
  candlesMax: 5_000,
  swapsDefault: 100,
  /** Swaps of memory. */
  swapsMax: 100,
  /** Swaps of a page from the history. */
  swapsPageMax: 1_000,
  /** Windows of a request with `at`, which may have any length. */
  pastWindowsMax: 16,
  deadLettersDefault: 100,
  deadLettersMax: 1_000,
  /**
   * Characters of a cursor. The longest one holds, in base64, an id of 139 bytes that JSON writes with six characters each, a value,
   * and the names of the ranking.
   */
  cursorMax: 2_048,
  /** Characters of a token in a path, a query or a channel, before percent-encoding. */
  tokenTextMax: 256,
} as const;

/** Limits of a query of the screener. */
export const screenerLimits = {
  /** Comparisons of a filter. */
  leavesMax: 64,
  /** Levels of a filter. A single comparison is one level. */
  depthMax: 8,
  /** Values of `in`. */
  valuesMax: 100,
  sortsMax: 4,
  rowsDefault: 50,
  rowsMax: 500,
  /** Characters of a decimal, and of a text to compare with. */
  valueCharsMax: 128,
  /** Characters of a cursor, which names the orders that the owners of tokens keep. */
  cursorMax: 8_192,
  /** Time for which the order of a query is kept for its cursors. */
  orderKeptMs: 60_000,
  /** Orders that an owner of tokens keeps at most. */
  ordersMax: 1_000,
  /** Values of a sparkline. */
  pointsMin: 2,
  pointsMax: 100,
  /** Mistakes that a response lists. */
  errorsMax: 10,
} as const;

/** Limits of a WebSocket with `at`. How many there may be, and how large, is the server's configuration. */
export const replayLimits = {
  /** Seconds of the past in a second. */
  speedMax: 3_600,
  /** A session without an open channel ends after this time. */
  idleMs: 300_000,
} as const;

/** Limits of WebSocket messages. Those of connections, subscriptions, sizes and rates are the server's configuration. */
export const messageLimits = {
  /** Bytes of UTF-8 of the `id` of a request. */
  requestIdBytesMax: 128,
  conflateMsMax: 60_000,
  /** Characters of an epoch in a request. */
  epochCharsMax: 128,
  /** Channels of one stream of server-sent events. Every event has the position of the whole stream, 8 bytes for each channel. */
  streamChannelsMax: 100,
  /** Channels that an error about a whole request names. */
  channelsInErrorMax: 100,
} as const;
