/** Responses about tokens: statistics, rankings, candles and swaps. */
import { type Static, Type } from "typebox";
import { statsFields } from "../figures.ts";
import { SparkValues } from "../screener/spark-values.ts";
import { WindowFigures } from "./figures.ts";
import { Candidate, ProblemCode } from "./problems.ts";
import {
  chosen,
  count,
  decimal,
  historyComplete,
  nextCursor,
  optional,
  refTo,
  split,
  stale,
  timeMs,
  tokenId,
  uint32,
} from "./values.ts";

const standing = {
  as_of: timeMs("Time for which the figures are computed"),
  watermark: Type.Integer({ description: "Event time before which an ordinary swap is late, in ms since 1970" }),
  epoch: Type.String({
    description: "Number of the partition's owner. Revisions of different epochs cannot be compared",
  }),
  rev: count("Revision, which grows when any of the figures changes"),
  lag_ms: count("Age of the oldest stored swap that is not yet in the figures, in ms"),
  stale,
  chosen,
};
const figuresRef = refTo("WindowFigures", WindowFigures);
const windowsByName = Type.Record(Type.String(), figuresRef);

/** Counters of a token since its first swap. */
export const tokenCounters = {
  late: count("Swaps of the token that arrived too late to count"),
  removed: count("Removals of swaps of the token"),
  unresolved: count("Removals that arrived too late"),
  replaced: count(
    "Announcements that replaced another announcement of the same swap, which counted and was not removed",
  ),
  removals_unmatched: count("Removals that arrived before their announcement"),
};

/** `GET /api/tokens/{id}/stats`. */
export const TokenStats = Type.Object({
  id: tokenId,
  symbol: optional(Type.String()),
  split,
  ...standing,
  ...tokenCounters,
  windows: windowsByName,
});
export type TokenStats = Static<typeof TokenStats>;

/** An item of `POST /api/tokens/stats` without figures, with the reason. */
export const TokenError = Type.Object({
  id: Type.String(),
  error: Type.Object({
    code: ProblemCode,
    message: Type.String(),
    candidates: optional(Type.Array(refTo("Candidate", Candidate))),
    more: optional(count()),
  }),
});
export type TokenError = Static<typeof TokenError>;

/** `POST /api/tokens/stats`. */
export const TokensStats = Type.Object({
  as_of: Type.Integer(),
  items: Type.Array(Type.Union([refTo("TokenStats", TokenStats), refTo("TokenError", TokenError)])),
});
export type TokensStats = Static<typeof TokensStats>;

/** `GET /stats?token=`. */
export const ShortStats = Type.Object({ token: tokenId, split, ...standing, windows: windowsByName });
export type ShortStats = Static<typeof ShortStats>;

/** `GET /api/overview`. */
export const Overview = Type.Object({
  as_of: standing.as_of,
  epoch: standing.epoch,
  rev: standing.rev,
  window: Type.String(),
  sort: Type.Enum([...statsFields]),
  order: Type.Enum(["asc", "desc"]),
  items: Type.Array(
    Type.Object(
      {
        id: tokenId,
        symbol: optional(Type.String()),
        split,
        rev: standing.rev,
        stats: optional(figuresRef),
        windows: optional(windowsByName),
        spark: optional(SparkValues),
      },
      {
        description:
          "A row has `stats`, the figures of the window of the ranking. With `windows=` it has `windows` instead, the figures by window",
      },
    ),
  ),
  next_cursor: optional(Type.String({ description: "Value of `cursor` for the following tokens. Absent at the end" })),
  stale,
});
export type Overview = Static<typeof Overview>;

/** `GET /api/tokens`. */
export const FoundTokens = Type.Object({
  as_of: standing.as_of,
  items: Type.Array(refTo("Candidate", Candidate), {
    description:
      "Tokens whose id, address or symbol begins with the text, then tokens whose symbol holds it elsewhere; in both, the most volume first",
  }),
  stale: optional(Type.Literal(true, { description: "Present while an owner is away: its tokens are missing" })),
});

export const Candle = Type.Object({
  open_time: timeMs("Start of the candle"),
  open: optional(decimal()),
  high: optional(decimal()),
  low: optional(decimal()),
  close: optional(decimal()),
  volume_usd: decimal(),
  volume_token: decimal(),
  trades: count(),
  buys: count(),
  sells: count(),
  complete: Type.Boolean({
    description: "False while the candle is open, and when the service did not see all of its swaps",
  }),
});
export type Candle = Static<typeof Candle>;

/** `GET /api/tokens/{id}/candles`. */
export const Candles = Type.Object({
  id: Type.String(),
  interval: Type.String(),
  split: optional(Type.Literal(true)),
  available_from: optional(Type.Integer()),
  chosen,
  note: optional(Type.String({ description: "Reason why the range is empty, if it is known" })),
  stale,
  history_complete: optional(historyComplete),
  items: Type.Array(refTo("Candle", Candle)),
  next_cursor: optional(Type.String({ description: "Value of `cursor` for the candles before these, in the history" })),
});
export type Candles = Static<typeof Candles>;

/** A swap that counts in the figures. */
export const Swap = Type.Object({
  chain_id: uint32,
  tx_hash: Type.String(),
  log_index: uint32,
  tx_index: optional(uint32),
  event_id: Type.String(),
  token: Type.String(),
  token_symbol: optional(Type.String()),
  pool: optional(Type.String()),
  who: optional(Type.String()),
  side: Type.Enum(["buy", "sell"]),
  amount_token: decimal(),
  amount_usd: decimal(),
  price_usd: optional(decimal()),
  event_time: timeMs("Time of the swap"),
  block_number: optional(count()),
  block_hash: optional(Type.String()),
  revision: optional(count()),
});
export type Swap = Static<typeof Swap>;

/** `GET /api/tokens/{id}/swaps`. */
export const Swaps = Type.Object({
  id: Type.String(),
  split: optional(Type.Literal(true)),
  available_from: optional(Type.Integer()),
  chosen,
  stale,
  history_complete: optional(historyComplete),
  items: Type.Array(refTo("Swap", Swap)),
  next_cursor: nextCursor,
});
export type Swaps = Static<typeof Swaps>;
