/** Messages of the WebSocket at `/ws`, in the encoding `swapstats.v1.json`. Times are milliseconds since 1970. */

import type { WindowFigures } from "./figures.ts";
import type { JsonObject } from "./merge-patch.ts";
import type { ProblemCode, TokenCandidate } from "./problems.ts";

export const webSocketPath = "/ws";
/** The sub-protocol that is spoken, also where a client names none. */
export const webSocketProtocol = "swapstats.v1.json";
/** Named in the interface, and not part of this version. */
export const jsonPatchProtocol = "swapstats.v1.json-patch";

/** Limits that a client can meet; those of connections, subscriptions, sizes and rates are the server's configuration. */
export const messageLimits = {
  /** Bytes of UTF-8 of the `id` of a request. */
  requestIdBytesMax: 128,
  conflateMsMax: 60_000,
  /** Channels that an error about a whole request names. */
  channelsInErrorMax: 100,
} as const;

/** Close codes that the server uses, and when. */
export const closeCodes = {
  /** The service is going away; a message `shutdown` says when to come back. */
  goingAway: 1001,
  /** A frame breaks RFC 6455. */
  protocolError: 1002,
  /** A binary message: all messages are text. */
  unsupportedData: 1003,
  /** A text message that is not UTF-8. */
  invalidText: 1007,
  /** More messages than allowed, answers that are not read, or no answer to pings. */
  policyViolation: 1008,
  /** A message longer than `api.ws.max_message_bytes`. */
  messageTooBig: 1009,
  /** The service failed; its log says why. */
  internalError: 1011,
} as const;

/** Echoed in the answers to a request. */
export type RequestId = string | number;

/**
 * `windows`: those that a token's data has; absent: all. A row of an overview has them as `windows`; absent: `stats` of the one that it is
 * ranked by. `fields`: the figures of each window; absent: all. `limit`: rows of an overview; absent: 50.
 */
export type SubscribeRequest = {
  subscribe: string | string[];
  id?: RequestId;
  windows?: string[];
  fields?: string[];
  limit?: number;
  conflate_ms?: number;
  /** What becomes of a symbol that stands for several tokens; absent: as `api.symbols` says. */
  prefer?: "refuse" | "largest";
};
export type UnsubscribeRequest = { unsubscribe: string | string[]; id?: RequestId };
export type ClientMessage = SubscribeRequest | UnsubscribeRequest;

/** Figures of a window without its edges, which follow from as_of and the window's step. */
export type ChannelFigures = Omit<WindowFigures, "open_time" | "close_time">;

/** Data of a channel `token:<id>`. */
export type TokenData = {
  id: string;
  symbol?: string;
  /** As in the answer of HTTP. */
  split?: true;
  late: number;
  removed: number;
  unresolved: number;
  replaced: number;
  removals_unmatched: number;
  windows: Record<string, ChannelFigures>;
};
/** Data of a channel `overview:<window>:<sort>`; `order` holds ids, best first. `stats` is of the window that is ranked by. */
export type OverviewData = {
  order: string[];
  rows: Record<string, { symbol?: string; split?: true; stats: ChannelFigures }>;
};
/** The same where the request had `windows`. */
export type OverviewWindowsData = {
  order: string[];
  rows: Record<string, { symbol?: string; split?: true; windows: Record<string, ChannelFigures> }>;
};

export type SubscribedMessage = {
  type: "subscribed";
  id?: RequestId;
  /** Canonical names; every later message of a channel uses its canonical name. */
  channels: string[];
  /** The canonical channel of each name that was asked for and is open now. Subscribe again by it, since a symbol may change its token. */
  names: Record<string, string>;
  /** Those of `channels` whose token no swap has named yet: their snapshot comes with the first one. Absent: there are none. */
  pending?: string[];
  windows: Record<string, { length_ms: number; step_ms: number }>;
};
/** Sent only where the request had an `id`. */
export type UnsubscribedMessage = { type: "unsubscribed"; id: RequestId; channels: string[] };

type Revision = {
  channel: string;
  epoch: string;
  rev: number;
  as_of: number;
  /** Absent for an overview. */
  watermark?: number;
  lag_ms: number;
  /** Only while an owner is away: the data is the last known. A message that says so may repeat a revision, with an empty patch. */
  stale?: true;
};
export type SnapshotMessage = Revision & { type: "snapshot"; data: TokenData | OverviewData | OverviewWindowsData };
/** `patch` is a merge patch (RFC 7396) that applies to the data of `prev_rev`, which is the revision sent last. */
export type PatchMessage = Revision & { type: "patch"; prev_rev: number; patch: JsonObject };

export type ErrorMessage = {
  type: "error";
  /** Absent where the request had none, or could not be read. */
  id?: RequestId;
  code: ProblemCode;
  message: string;
  /** The channel as the request named it: the one that is meant, or the only one of a request that is refused as a whole. */
  channel?: string;
  /** The channels of a request of several that is refused as a whole; the first 100 of them. */
  channels?: string[];
  /** With `ambiguous_token`: the tokens that the name stands for, the most volume first. */
  candidates?: readonly TokenCandidate[];
  /** With `ambiguous_token`: how many more there are, at least; absent where all are listed. */
  more?: number;
};
/** Sent when nothing else was for a while. */
export type HeartbeatMessage = { type: "heartbeat"; time: number };
export type ShutdownMessage = { type: "shutdown"; reconnect_after_ms: number };

export type ServerMessage =
  | SubscribedMessage
  | UnsubscribedMessage
  | SnapshotMessage
  | PatchMessage
  | ErrorMessage
  | HeartbeatMessage
  | ShutdownMessage;
