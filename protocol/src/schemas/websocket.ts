/**
 * Messages of the WebSocket at `/ws`, in the encoding `swapstats.v1.json`. Times are milliseconds since 1970. The server parses requests
 * with its own parser, because its errors are more helpful than those of a schema. A test compares the parser with these schemas.
 */
import { type Static, Type } from "typebox";
import { statsFields } from "../figures.ts";
import type { JsonObject } from "../json.ts";
import { messageLimits, requestLimits } from "../limits.ts";
import type { ScreenerRequest } from "../screener/schema.ts";
import { SparkRequest, SparkValues } from "../screener/spark-values.ts";
import { ChannelFigures } from "./figures.ts";
import { marketMembers } from "./market.ts";
import { Candidate, ProblemCode } from "./problems.ts";
import { Candle, Swap, tokenCounters } from "./tokens.ts";
import { count, optional, type ReadOnly, split, stale, timeMs, tokenId } from "./values.ts";

/** Id of a request, which its responses repeat. A string has at most 128 bytes of UTF-8. */
export const RequestId = Type.Union([
  Type.String({ maxLength: messageLimits.requestIdBytesMax }),
  Type.Integer({ minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER }),
]);
export type RequestId = Static<typeof RequestId>;

const channelNames = Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1 })]);
const names = (known: readonly string[], description: string) =>
  optional(Type.Union([Type.Array(Type.Enum([...known]), { minItems: 1, description }), Type.Null()]));
const optionalId = optional(Type.Union([RequestId, Type.Null()]));

/** The members are those of the body of `POST /api/screener`; the parser of queries checks them. */
export const ScreenerChannelQuery = Type.Unsafe<Omit<ScreenerRequest, "cursor">>(
  Type.Object({}, { description: "Query of a channel `screener`: the body of POST /api/screener, without cursor" }),
);

/** Options of channels at a service with these windows. Null has the meaning of an absent member. */
const channelOptions = (windows: readonly string[]) => ({
  windows: names(
    windows,
    "Windows of a token's data, by default all. Each row of an overview has these as `windows`; by default it has `stats`, the figures of the window of the ranking",
  ),
  fields: names(statsFields, "Figures of each window, by default all"),
  limit: optional(
    Type.Union([
      Type.Integer({
        minimum: 1,
        maximum: requestLimits.channelItemsMax,
        description: `Rows of an overview (${requestLimits.overviewDefault}, at most ${requestLimits.overviewMax}), candles (${requestLimits.channelCandlesDefault}, at most ${requestLimits.channelItemsMax}), or swaps of a snapshot (${requestLimits.channelSwapsDefault}, at most ${requestLimits.swapsMax})`,
      }),
      Type.Null(),
    ]),
  ),
  order: optional(
    Type.Union([Type.Enum(["asc", "desc"], { description: "Order of an overview, by default desc" }), Type.Null()]),
  ),
  conflate_ms: optional(
    Type.Union([
      Type.Integer({
        minimum: 0,
        maximum: messageLimits.conflateMsMax,
        description: "Shortest time between two updates, in ms",
      }),
      Type.Null(),
    ]),
  ),
  prefer: optional(
    Type.Union([
      Type.Enum(["refuse", "largest"], {
        description: "How to handle a symbol that stands for several tokens. The default is the setting `api.symbols`",
      }),
      Type.Null(),
    ]),
  ),
  checksum: optional(
    Type.Union([
      Type.Boolean({ description: "Whether heartbeats with checksums of the data are sent, every 10 seconds" }),
      Type.Null(),
    ]),
  ),
  spark: optional(
    Type.Union([
      SparkRequest,
      Type.String({ description: "The short form `<figure>:<window>:<points>`, such as `close:24h:24`" }),
      Type.Null(),
    ]),
  ),
  query: optional(Type.Union([ScreenerChannelQuery, Type.Null()])),
});

/** A channel with options of its own, which go before those of the whole request. */
const channelRequest = (windows: readonly string[]) =>
  Type.Object({ channel: Type.String(), ...channelOptions(windows) }, { additionalProperties: false });
export type ChannelRequest = Static<ReturnType<typeof channelRequest>>;

const subscribeRequest = (windows: readonly string[]) => {
  const channel = Type.Union([Type.String(), channelRequest(windows)]);
  return Type.Object(
    {
      subscribe: Type.Union([channel, Type.Array(channel, { minItems: 1 })]),
      id: optionalId,
      ...channelOptions(windows),
    },
    { additionalProperties: false },
  );
};
export type SubscribeRequest = Static<ReturnType<typeof subscribeRequest>>;

/** The channel continues from a position: `epoch` and `rev` of its last message. Its options are those that it was open with. */
const resumedChannel = (windows: readonly string[]) => {
  const channel = { channel: Type.String(), epoch: Type.String({ maxLength: messageLimits.epochCharsMax }) };
  const number = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
  const options = channelOptions(windows);
  return Type.Union([
    Type.Object({ ...channel, rev: number, ...options }, { additionalProperties: false }),
    Type.Object({ ...channel, seq: number, ...options }, { additionalProperties: false }),
  ]);
};
export type ResumedChannel = Static<ReturnType<typeof resumedChannel>>;

const resumeRequest = (windows: readonly string[]) => {
  const channel = resumedChannel(windows);
  return Type.Object(
    {
      resume: Type.Union([channel, Type.Array(channel, { minItems: 1 })]),
      id: optionalId,
      ...channelOptions(windows),
    },
    { additionalProperties: false },
  );
};
export type ResumeRequest = Static<ReturnType<typeof resumeRequest>>;

/** Changes an open channel, which goes on without a snapshot. */
const setRequest = (windows: readonly string[]) => {
  const { conflate_ms, checksum } = channelOptions(windows);
  const set = Type.Object({ channel: Type.String(), conflate_ms, checksum }, { additionalProperties: false });
  return Type.Object({ set, id: optionalId }, { additionalProperties: false });
};
export type SetRequest = Static<ReturnType<typeof setRequest>>;

/** While paused, no channel sends anything. After that each sends one message, if it has changed. */
const PauseRequest = Type.Object({ pause: Type.Boolean(), id: optionalId }, { additionalProperties: false });
export type PauseRequest = Static<typeof PauseRequest>;

/** Shows new credentials of the same subject before the old ones expire. Their scopes replace the old ones. */
const AuthRequest = Type.Object({ auth: Type.String(), id: optionalId }, { additionalProperties: false });
export type AuthRequest = Static<typeof AuthRequest>;

const UnsubscribeRequest = Type.Object({ unsubscribe: channelNames, id: optionalId }, { additionalProperties: false });
export type UnsubscribeRequest = Static<typeof UnsubscribeRequest>;

export const clientMessage = (windows: readonly string[]) =>
  Type.Union([
    subscribeRequest(windows),
    UnsubscribeRequest,
    resumeRequest(windows),
    setRequest(windows),
    PauseRequest,
    AuthRequest,
  ]);
export type ClientMessage =
  | SubscribeRequest
  | UnsubscribeRequest
  | ResumeRequest
  | SetRequest
  | PauseRequest
  | AuthRequest;

const symbol = optional(Type.String());
const figuresByWindow = Type.Record(Type.String(), ChannelFigures);

/** Data of a channel `token:<id>`. */
export const TokenData = Type.Object({ id: tokenId, symbol, split, ...tokenCounters, windows: figuresByWindow });
export type TokenData = Static<typeof TokenData>;

const order = Type.Array(Type.String(), { description: "Ids in the order of the ranking" });

/** Data of a channel `overview:<window>:<sort>`. `stats` is of the window of the ranking. Rows have `spark` if the request had it. */
export const OverviewData = Type.Object({
  order,
  rows: Type.Record(Type.String(), Type.Object({ symbol, split, stats: ChannelFigures, spark: optional(SparkValues) })),
});
export type OverviewData = Static<typeof OverviewData>;

/** Data of a channel `overview:<window>:<sort>` when the request had `windows`, and of a screener channel. */
export const OverviewWindowsData = Type.Object({
  order,
  rows: Type.Record(
    Type.String(),
    Type.Object({ symbol, split, windows: figuresByWindow, spark: optional(SparkValues) }),
  ),
});
export type OverviewWindowsData = Static<typeof OverviewWindowsData>;

/** Data of a channel `candles:<id>:<interval>`: its newest candles by `open_time`. */
export const CandlesData = Type.Object({
  id: tokenId,
  interval: Type.String(),
  split,
  items: Type.Record(Type.String(), Candle),
});
export type CandlesData = Static<typeof CandlesData>;

/** Data of a snapshot of a channel `swaps:<id>`: its newest swaps that count, newest first. */
export const SwapsData = Type.Object({ items: Type.Array(Swap) });
export type SwapsData = Static<typeof SwapsData>;

/** Data of the channel `market`. */
export const MarketData = Type.Object(marketMembers);
export type MarketData = Static<typeof MarketData>;

export const SubscribedMessage = Type.Object({
  type: Type.Literal("subscribed"),
  id: optional(RequestId),
  channels: Type.Array(Type.String(), {
    description:
      "Canonical names of the channels that are open, in the order of the request. Every later message of a channel uses its canonical name",
  }),
  recovered: optional(
    Type.Array(Type.Boolean(), {
      description:
        "Present in the response to resume. For each of the channels: whether it continues from the given position; otherwise it starts with a snapshot",
    }),
  ),
  names: Type.Record(Type.String(), Type.String(), {
    description:
      "The canonical channel of each requested name that is open. Use it to subscribe again, because a symbol may later stand for another token",
  }),
  pending: optional(
    Type.Array(Type.String(), {
      description:
        "Channels of tokens that no swap has named yet. Their snapshot comes with the first swap. Absent when there are none",
    }),
  ),
  windows: Type.Record(Type.String(), Type.Object({ length_ms: count(), step_ms: count() })),
});
export type SubscribedMessage = Static<typeof SubscribedMessage>;

/** Sent only if the request had an `id`. */
export const UnsubscribedMessage = Type.Object({
  type: Type.Literal("unsubscribed"),
  id: RequestId,
  channels: Type.Array(Type.String()),
});
export type UnsubscribedMessage = Static<typeof UnsubscribedMessage>;

/** Sent only if the request had an `id`. */
export const SetMessage = Type.Object({ type: Type.Literal("set"), id: RequestId, channel: Type.String() });
export type SetMessage = Static<typeof SetMessage>;

/** Sent only if the request had an `id`. */
export const PausedMessage = Type.Object({ type: Type.Literal("paused"), id: RequestId, paused: Type.Boolean() });
export type PausedMessage = Static<typeof PausedMessage>;

const revision = {
  channel: Type.String(),
  epoch: Type.String(),
  rev: count(),
};
const standing = {
  as_of: Type.Integer(),
  watermark: optional(Type.Integer({ description: "Absent for an overview and the market" })),
  lag_ms: count(),
  stale,
};

export const SnapshotMessage = Type.Object({
  type: Type.Literal("snapshot"),
  ...revision,
  seq: optional(count("Of a channel `swaps:<id>`: number of its newest change. It is also the revision")),
  ...standing,
  data: Type.Union([TokenData, OverviewData, OverviewWindowsData, CandlesData, MarketData, SwapsData]),
});
export type SnapshotMessage = Static<typeof SnapshotMessage>;

/** `patch` is a merge patch (RFC 7396) of the data of `prev_rev`, which is the revision that was sent last. */
export const PatchMessage = Type.Object({
  type: Type.Literal("patch"),
  ...revision,
  prev_rev: count(),
  ...standing,
  patch: Type.Unsafe<JsonObject>(Type.Object({}, { additionalProperties: true })),
});
export type PatchMessage = Static<typeof PatchMessage>;

/** Swaps of a channel `swaps:<id>` that began or ceased to count, in the order of the log. */
export const SwapsMessage = Type.Object({
  type: Type.Literal("swaps"),
  channel: Type.String(),
  epoch: Type.String(),
  seq: count("Number of the last item. Each item has the next number"),
  items: Type.Array(
    Type.Object({
      action: Type.Enum(["applied", "removed"], { description: "Whether the swap counts now, or no longer does" }),
      ...Swap.properties,
    }),
  ),
  skipped: count("Items that were left out before these, because the client was too far behind"),
});
export type SwapsMessage = Static<typeof SwapsMessage>;

export const ErrorMessage = Type.Object({
  type: Type.Literal("error"),
  id: optional(RequestId),
  code: ProblemCode,
  message: Type.String(),
  channel: optional(
    Type.String({
      description: "The channel that the error concerns, as the request named it",
    }),
  ),
  channels: optional(
    Type.Array(Type.String(), {
      maxItems: messageLimits.channelsInErrorMax,
      description: "Channels of a refused request that named several",
    }),
  ),
  candidates: optional(
    Type.Array(Candidate, { description: "With `ambiguous_token`: the tokens with the name, by descending volume" }),
  ),
  more: optional(
    count("With `ambiguous_token`: lower bound for the number of further tokens. Absent when there are none"),
  ),
});
export type ErrorMessage = ReadOnly<Static<typeof ErrorMessage>>;

/** Sent when no other message was sent for a while. */
const HeartbeatMessage = Type.Object({ type: Type.Literal("heartbeat"), time: Type.Integer() });
export type HeartbeatMessage = Static<typeof HeartbeatMessage>;

/** `crc32` is the CRC-32 of the canonical JSON text, in UTF-8, of the data of `rev`, which was sent before: members sorted by code units, no spaces. */
export const ChecksumMessage = Type.Object({
  type: Type.Literal("heartbeat"),
  ...revision,
  crc32: Type.Integer({ minimum: 0, maximum: 2 ** 32 - 1 }),
});
export type ChecksumMessage = Static<typeof ChecksumMessage>;

const ShutdownMessage = Type.Object({ type: Type.Literal("shutdown"), reconnect_after_ms: count() });
export type ShutdownMessage = Static<typeof ShutdownMessage>;

/** Sent a minute before the credentials of the connection expire. A request `auth` with a new token prevents the end. */
const AuthExpiringMessage = Type.Object({
  type: Type.Literal("auth_expiring"),
  at: timeMs("Time at which the connection is closed"),
});

/** Response to `auth`, sent only if the request had an `id`. */
export const AuthenticatedMessage = Type.Object({
  type: Type.Literal("authenticated"),
  id: RequestId,
  expires_at: optional(timeMs("Time at which the credentials expire")),
});
export type AuthenticatedMessage = Static<typeof AuthenticatedMessage>;

/**
 * Of a connection with `at`: its clock begins, which is before any other message of a channel, or the session ends, and the connection is closed.
 */
export const ReplayMessage = Type.Object({
  type: Type.Literal("replay"),
  state: Type.Enum(["playing", "ended"]),
  as_of: timeMs("Time of the session's clock"),
  speed: optional(Type.Number({ description: "Seconds of the past in a second. Present when the clock begins" })),
  reason: optional(
    Type.Enum(["end_of_history", "too_many_swaps", "too_much_memory", "time_limit", "idle", "failed"], {
      description: "Present when the session ends",
    }),
  ),
  message: optional(Type.String({ description: "Present when the session ends: why, in a sentence" })),
});
export type ReplayMessage = Static<typeof ReplayMessage>;

export const ServerMessage = Type.Union([
  SubscribedMessage,
  UnsubscribedMessage,
  SetMessage,
  PausedMessage,
  SnapshotMessage,
  PatchMessage,
  SwapsMessage,
  ErrorMessage,
  HeartbeatMessage,
  ChecksumMessage,
  ShutdownMessage,
  AuthExpiringMessage,
  AuthenticatedMessage,
  ReplayMessage,
]);
export type ServerMessage = Static<typeof ServerMessage>;
