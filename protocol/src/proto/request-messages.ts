/**
 * Requests of the service `swapstats.v1.StatsService`, and those of its responses that HTTP does not answer in the same form. The schemas
 * name the members as HTTP and the WebSocket do, so a request can be handed to the parsers of those.
 */
import { Type } from "typebox";
import { messageLimits } from "../limits.ts";
import { SwapEvent } from "../schemas/ingest.ts";
import { TokenStats, TokensStats } from "../schemas/tokens.ts";
import { optional, refTo, uint32 } from "../schemas/values.ts";
import { SparkRequest } from "../screener/spark-values.ts";
import { choiceOf, messageOf, oneOf, withPast } from "./message.ts";

const text = (description: string) => Type.String({ description });
const texts = (description: string) => optional(Type.Array(Type.String(), { description }));
const uint64 = (description: string) => Type.Integer({ minimum: 0, description });

const token = text("`<chain_id>:<token>`, an address on any chain, or a symbol");
const windows = texts("Windows of the response, by default all");
const fields = texts("Figures of the response, by default all");
const prefer = optional(text("`refuse` or `largest`: how to handle a name that stands for several tokens"));
const limit = optional(uint32);
const order = optional(text("`asc` or `desc`, by default `desc`"));
const cursor = optional(text("`next_cursor` of the previous response"));

const at = optional(
  uint64(
    "A past instant, in ms since 1970; needs a history. Windows may then have any length, such as 7d, where a token is named",
  ),
);
const span = { from: optional(uint64("Start, inclusive, in ms since 1970")), to: optional(uint64("End, exclusive")) };

const spark = optional(refTo("SparkRequest", SparkRequest));

const ResumePosition = Type.Object({
  epoch: text("Epoch of the last message of the channel"),
  rev: optional(uint64("Revision of the last snapshot or patch")),
  seq: optional(uint64("Sequence number of the last message of a `swaps` channel")),
});
const ChannelRequest = Type.Object({
  channel: text(
    "`token:<id>`, `overview:<window>:<sort>`, `candles:<id>:<interval>`, `swaps:<id>`, `screener`, `market`",
  ),
  windows,
  fields,
  limit,
  order,
  conflate_ms: optional(
    Type.Integer({
      minimum: 0,
      maximum: messageLimits.conflateMsMax,
      description: "Shortest time between two updates",
    }),
  ),
  prefer,
  query: optional(refTo("ScreenRequest", Type.Object({}))),
  checksum: optional(Type.Boolean({ description: "Heartbeats then carry a checksum of the data" })),
  from: optional(refTo("ResumePosition", ResumePosition)),
  spark,
});

const requests = [
  messageOf(
    "GetStatsRequest",
    "Asks for the statistics of a token.",
    Type.Object({ id: token, windows, fields, prefer, at }),
    { id: 1, windows: 2, fields: 3, prefer: 4, at: 5 },
  ),
  messageOf(
    "BatchGetStatsRequest",
    "Asks for the statistics of several tokens.",
    Type.Object({ ids: Type.Array(token), windows, fields, prefer, at }),
    { ids: 1, windows: 2, fields: 3, prefer: 4, at: 5 },
  ),
  messageOf(
    "GetOverviewRequest",
    "Asks for a ranking of tokens.",
    Type.Object({
      window: optional(text("Window of the figures")),
      windows,
      fields,
      sort: optional(text("Figure")),
      order,
      limit,
      cursor,
      spark,
      at,
    }),
    { window: 1, windows: 2, fields: 3, sort: 4, order: 5, limit: 6, cursor: 7, spark: 8, at: 9 },
  ),
  messageOf(
    "GetCandlesRequest",
    "Asks for candles of a token.",
    Type.Object({
      ...{ id: token, interval: optional(text("Length of a candle, by default `1m`")) },
      ...{ ...span, limit, prefer, cursor },
    }),
    { id: 1, interval: 2, from: 3, to: 4, limit: 5, prefer: 6, cursor: 7 },
  ),
  messageOf(
    "ListSwapsRequest",
    "Asks for swaps of a token, the newest without further fields. Pages, spans and an order of time need a history.",
    Type.Object({ id: token, limit, prefer, ...span, order, cursor }),
    { id: 1, limit: 2, prefer: 3, from: 4, to: 5, order: 6, cursor: 7 },
  ),
  messageOf(
    "SubscribeRequest",
    "Opens channels. The stream ends when the client cancels it.",
    Type.Object({ channels: Type.Array(refTo("ChannelRequest", ChannelRequest)) }),
    { channels: 1 },
  ),
  messageOf("ChannelRequest", "A channel with its options. Absent options have their defaults.", ChannelRequest, {
    ...{ channel: 1, windows: 2, fields: 3, limit: 4, order: 5, conflate_ms: 6, prefer: 7, query: 8, checksum: 9 },
    from: { number: 10, message: "ResumePosition", doc: "Resumes the channel behind this message" },
    spark: 11,
  }),
  messageOf("ResumePosition", "The last message of a channel that the client has.", ResumePosition, {
    ...{ epoch: 1, rev: 2, seq: 3 },
  }),
  messageOf(
    "IngestRequest",
    "Swaps of a producer. The responses repeat the sequence number.",
    Type.Object({
      sequence: uint64("Number of the request, which grows"),
      swaps: Type.Array(refTo("SwapEvent", SwapEvent)),
    }),
    { sequence: 1, swaps: 2 },
  ),
  messageOf("SwapEvent", "A swap as a producer sends it.", SwapEvent, {
    ...{ chain_id: 1, tx_hash: 2, log_index: 3, tx_index: 4, event_id: 5, token: 6, token_symbol: 7, pool: 8, who: 9 },
    ...{ side: 10, amount_token: { number: 11, type: "string" }, amount_usd: { number: 12, type: "string" } },
    ...{ price_usd: { number: 13, type: "string" }, block_number: 15, block_hash: 16, revision: 17 },
    event_time: { number: 14, type: "uint64", doc: "Milliseconds since 1970" },
    ...{ removed: 18, schema_version: 19 },
  }),
];

const responses = [
  messageOf("GetStatsResponse", "Statistics of a token.", Type.Object({ stats: refTo("TokenStats", TokenStats) }), {
    stats: 1,
  }),
  messageOf("BatchGetStatsResponse", "One item for each token of the request, in its order.", withPast(TokensStats), {
    as_of: 1,
    items: { number: 2, message: "BatchItem" },
    history_complete: 3,
  }),
  oneOf("BatchItem", "Statistics of a token, or the reason why there are none.", [
    choiceOf("result", "stats", 1, "TokenStats"),
    choiceOf("result", "error", 2, "TokenError"),
  ]),
  messageOf(
    "IngestResponse",
    "Sent when all accepted swaps of the request are durable, in the order of the requests.",
    Type.Object({ sequence: uint64("That of the request"), result: refTo("Ingested", Type.Object({})) }),
    { sequence: 1, result: 2 },
  ),
];

export const serviceMessages = [...requests, ...responses];
