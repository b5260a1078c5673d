/**
 * Messages of the WebSocket at `/ws`, in the encoding `swapstats.v1.json`. Times are milliseconds since 1970. The server parses requests
 * with its own parser, because its errors are more helpful than those of a schema. A test compares the parser with these schemas.
 */
import { type Static, Type } from "typebox";
import { statsFields } from "../figures.ts";
import { messageLimits, requestLimits } from "../limits.ts";
import type { JsonObject } from "../merge-patch.ts";
import { ChannelFigures } from "./figures.ts";
import { Candidate, ProblemCode } from "./problems.ts";
import { tokenCounters } from "./tokens.ts";
import { count, optional, type ReadOnly, split, stale, tokenId } from "./values.ts";

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

/** A subscription at a service with these windows. Null has the meaning of an absent member. */
const subscribeRequest = (windows: readonly string[]) =>
  Type.Object(
    {
      subscribe: channelNames,
      id: optionalId,
      windows: names(
        windows,
        "Windows of a token's data, by default all. Each row of an overview has these as `windows`; by default it has `stats`, the figures of the window of the ranking",
      ),
      fields: names(statsFields, "Figures of each window, by default all"),
      limit: optional(
        Type.Union([
          Type.Integer({ minimum: 1, maximum: requestLimits.overviewMax, description: "Rows of an overview" }),
          Type.Null(),
        ]),
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
            description:
              "How to handle a symbol that stands for several tokens. The default is the setting `api.symbols`",
          }),
          Type.Null(),
        ]),
      ),
    },
    { additionalProperties: false },
  );
export type SubscribeRequest = Static<ReturnType<typeof subscribeRequest>>;

const UnsubscribeRequest = Type.Object({ unsubscribe: channelNames, id: optionalId }, { additionalProperties: false });
export type UnsubscribeRequest = Static<typeof UnsubscribeRequest>;

export const clientMessage = (windows: readonly string[]) =>
  Type.Union([subscribeRequest(windows), UnsubscribeRequest]);
export type ClientMessage = SubscribeRequest | UnsubscribeRequest;

const symbol = optional(Type.String());
const figuresByWindow = Type.Record(Type.String(), ChannelFigures);

/** Data of a channel `token:<id>`. */
export const TokenData = Type.Object({ id: tokenId, symbol, split, ...tokenCounters, windows: figuresByWindow });
export type TokenData = Static<typeof TokenData>;

const order = Type.Array(Type.String(), { description: "Ids in the order of the ranking" });

/** Data of a channel `overview:<window>:<sort>`. `stats` is of the window of the ranking. */
export const OverviewData = Type.Object({
  order,
  rows: Type.Record(Type.String(), Type.Object({ symbol, split, stats: ChannelFigures })),
});
export type OverviewData = Static<typeof OverviewData>;

/** Data of a channel `overview:<window>:<sort>` when the request had `windows`. */
const OverviewWindowsData = Type.Object({
  order,
  rows: Type.Record(Type.String(), Type.Object({ symbol, split, windows: figuresByWindow })),
});
export type OverviewWindowsData = Static<typeof OverviewWindowsData>;

export const SubscribedMessage = Type.Object({
  type: Type.Literal("subscribed"),
  id: optional(RequestId),
  channels: Type.Array(Type.String(), {
    description: "Canonical names of the channels. Every later message of a channel uses its canonical name",
  }),
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

const revision = {
  channel: Type.String(),
  epoch: Type.String(),
  rev: count(),
};
const standing = {
  as_of: Type.Integer(),
  watermark: optional(Type.Integer({ description: "Absent for an overview" })),
  lag_ms: count(),
  stale,
};

export const SnapshotMessage = Type.Object({
  type: Type.Literal("snapshot"),
  ...revision,
  ...standing,
  data: Type.Union([TokenData, OverviewData, OverviewWindowsData]),
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

const ShutdownMessage = Type.Object({ type: Type.Literal("shutdown"), reconnect_after_ms: count() });
export type ShutdownMessage = Static<typeof ShutdownMessage>;

export const ServerMessage = Type.Union([
  SubscribedMessage,
  UnsubscribedMessage,
  SnapshotMessage,
  PatchMessage,
  ErrorMessage,
  HeartbeatMessage,
  ShutdownMessage,
]);
export type ServerMessage = Static<typeof ServerMessage>;
