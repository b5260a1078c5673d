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
   * Characters of a cursor. The longest one holds, in base64, an id of 139 bytes that JSON writes with six characters each, a value,
   * and the names of the ranking.
   */
  cursorMax: 2_048,
  /** Characters of a token in a path, a query or a channel, before percent-encoding. */
  tokenTextMax: 256,
} as const;

/** Limits of WebSocket messages. Those of connections, subscriptions, sizes and rates are the server's configuration. */
export const messageLimits = {
  /** Bytes of UTF-8 of the `id` of a request. */
  requestIdBytesMax: 128,
  conflateMsMax: 60_000,
  /** Channels that an error about a whole request names. */
  channelsInErrorMax: 100,
} as const;
