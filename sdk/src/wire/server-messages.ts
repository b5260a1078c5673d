/** Messages of the service over the WebSocket and in event streams. Made from the schemas of protocol/src by `npm run docs`. */
import type { RequestId } from "./client-messages.ts";
import type { CandlesData, MarketData, OverviewData, ScreenerData, SwapsData, TokenData } from "./data.ts";
import type { JsonObject } from "./json.ts";
import type { Candidate, ProblemCode } from "./problems.ts";

/** A swap that began or ceased to count. */
export type SwapChange = {
  /** Whether the swap counts now, or no longer does. */
  readonly action: "applied" | "removed";
  readonly chain_id: number;
  readonly tx_hash: string;
  readonly log_index: number;
  readonly tx_index?: number;
  readonly event_id: string;
  readonly token: string;
  readonly token_symbol?: string;
  readonly pool?: string;
  readonly who?: string;
  readonly side: "buy" | "sell";
  readonly amount_token: string;
  readonly amount_usd: string;
  readonly price_usd?: string;
  /** Time of the swap, in ms since 1970. */
  readonly event_time: number;
  readonly block_number?: number;
  readonly block_hash?: string;
  readonly revision?: number;
};

/** Response to `subscribe` and `resume`. */
export type SubscribedMessage = {
  readonly type: "subscribed";
  readonly id?: RequestId;
  /** Canonical names of the channels that are open, in the order of the request. Every later message of a channel uses its canonical name. */
  readonly channels: readonly string[];
  /** Present in the response to resume. For each of the channels: whether it continues from the given position; otherwise it starts with a snapshot. */
  readonly recovered?: readonly boolean[];
  /** The canonical channel of each requested name that is open. Use it to subscribe again, because a symbol may later stand for another token. */
  readonly names: { readonly [name: string]: string };
  /** Channels of tokens that no swap has named yet. Their snapshot comes with the first swap. Absent when there are none. */
  readonly pending?: readonly string[];
  readonly windows: { readonly [name: string]: {
    readonly length_ms: number;
    readonly step_ms: number;
  } };
};

/** Response to `unsubscribe` with an `id`. */
export type UnsubscribedMessage = {
  readonly type: "unsubscribed";
  readonly id: RequestId;
  readonly channels: readonly string[];
};

/** Response to `set` with an `id`. */
export type SetMessage = {
  readonly type: "set";
  readonly id: RequestId;
  readonly channel: string;
};

/** Response to `pause` with an `id`. */
export type PausedMessage = {
  readonly type: "paused";
  readonly id: RequestId;
  readonly paused: boolean;
};

/** The whole data of a channel. */
export type SnapshotMessage = {
  readonly type: "snapshot";
  readonly channel: string;
  readonly epoch: string;
  readonly rev: number;
  /** Of a channel `swaps:<id>`: number of its newest change. It is also the revision. */
  readonly seq?: number;
  readonly as_of: number;
  /** Absent for an overview and the market. */
  readonly watermark?: number;
  readonly lag_ms: number;
  /** Present while an owner is away: the response is then the last known one, with the as_of of that response. */
  readonly stale?: true;
  readonly data: TokenData | OverviewData | ScreenerData | CandlesData | MarketData | SwapsData;
};

/** `patch` is a merge patch (RFC 7396) of the data of `prev_rev`. */
export type PatchMessage = {
  readonly type: "patch";
  readonly channel: string;
  readonly epoch: string;
  readonly rev: number;
  readonly prev_rev: number;
  readonly as_of: number;
  /** Absent for an overview and the market. */
  readonly watermark?: number;
  readonly lag_ms: number;
  /** Present while an owner is away: the response is then the last known one, with the as_of of that response. */
  readonly stale?: true;
  readonly patch: JsonObject;
};

/** Swaps that began or ceased to count, in the order of the log. */
export type SwapsMessage = {
  readonly type: "swaps";
  readonly channel: string;
  readonly epoch: string;
  /** Number of the last item. Each item has the next number. */
  readonly seq: number;
  readonly items: readonly SwapChange[];
  /** Items that were left out before these, because the client was too far behind. */
  readonly skipped: number;
};

/** A request that failed, or a channel that ended. */
export type ErrorMessage = {
  readonly type: "error";
  readonly id?: RequestId;
  readonly code: ProblemCode;
  readonly message: string;
  /** The channel that the error concerns, as the request named it. */
  readonly channel?: string;
  /** Channels of a refused request that named several. */
  readonly channels?: readonly string[];
  /** With `ambiguous_token`: the tokens with the name, by descending volume. */
  readonly candidates?: readonly Candidate[];
  /** With `ambiguous_token`: lower bound for the number of further tokens. Absent when there are none. */
  readonly more?: number;
};

/** Sent when no other message was sent for a while. */
export type HeartbeatMessage = {
  readonly type: "heartbeat";
  readonly time: number;
};

/** `crc32` is that of the canonical JSON of the data of `rev`. */
export type ChecksumMessage = {
  readonly type: "heartbeat";
  readonly channel: string;
  readonly epoch: string;
  readonly rev: number;
  readonly crc32: number;
};

/** The service shuts down. */
export type ShutdownMessage = {
  readonly type: "shutdown";
  readonly reconnect_after_ms: number;
};

/** The credentials of the connection expire soon. */
export type AuthExpiringMessage = {
  readonly type: "auth_expiring";
  /** Time at which the connection is closed, in ms since 1970. */
  readonly at: number;
};

/** Response to `auth` with an `id`. */
export type AuthenticatedMessage = {
  readonly type: "authenticated";
  readonly id: RequestId;
  /** Time at which the credentials expire, in ms since 1970. */
  readonly expires_at?: number;
};

/** The clock of a connection with `at` begins, or its session ends. */
export type ReplayMessage = {
  readonly type: "replay";
  readonly state: "playing" | "ended";
  /** Time of the session's clock, in ms since 1970. */
  readonly as_of: number;
  /** Seconds of the past in a second. Present when the clock begins. */
  readonly speed?: number;
  /** Present when the session ends. */
  readonly reason?: 
    | "end_of_history"
    | "too_many_swaps"
    | "too_much_memory"
    | "time_limit"
    | "idle"
    | "failed";
  /** Present when the session ends: why, in a sentence. */
  readonly message?: string;
};

/** A message of the service. */
export type ServerMessage =
  | SubscribedMessage
  | UnsubscribedMessage
  | SetMessage
  | PausedMessage
  | SnapshotMessage
  | PatchMessage
  | SwapsMessage
  | ErrorMessage
  | HeartbeatMessage
  | ChecksumMessage
  | ShutdownMessage
  | AuthExpiringMessage
  | AuthenticatedMessage
  | ReplayMessage;
