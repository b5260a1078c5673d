/** What the WebSocket needs of the configuration, and every limit that is not configurable. */

import type { ChainAddresses } from "../../shared/token-id.ts";

/** The part of the program's configuration that this folder reads; has its shape. */
export type WebSocketConfig = {
  /** How the addresses of chains are written; undefined: hex as it comes. */
  readonly app?: { readonly chains: ChainAddresses };
  readonly api: {
    /** Allowed origins as a browser sends them; `*` allows all; empty: pages of this service alone. */
    readonly cors: readonly string[];
    readonly ws: {
      readonly coalesceMs: number;
      readonly maxConn: number;
      readonly maxSubscriptions: number;
      readonly maxMessageBytes: number;
      readonly maxMessagesPerSec: number;
      readonly messageBurst: number;
      readonly maxRows: number;
      readonly maxRowsTotal: number;
    };
  };
  readonly windows: {
    readonly clock: "live" | "event";
    /** In the order of the configuration. */
    readonly list: readonly { readonly name: string; readonly lengthMs: number; readonly stepMs: number }[];
  };
};

export type WebSocketLimits = {
  /** Bytes sent to a client for which no pong has come yet; nothing is sent beyond. */
  readonly inFlightBytesMax: number;
  /** Pings without a pong; while there are so many, nothing is sent. */
  readonly unansweredPingsMax: number;
  /** A longer message goes out as several frames of this size, so that one message cannot exceed the bytes in flight. */
  readonly fragmentBytesMax: number;
  /** A client to which nothing was sent for so long gets a heartbeat. */
  readonly heartbeatMs: number;
  /** A ping may stay unanswered for so long; then the client counts as dead. Longer than a minute: a client may stop reading that long. */
  readonly noPongMs: number;
  /** How often heartbeats and dead clients are looked for. */
  readonly sweepMs: number;
  /** A close frame may stay unanswered for so long; then the connection is cut. */
  readonly closeTimeoutMs: number;
  /** Patches of a topic that are kept to make one patch for a client that is behind; further behind it gets a snapshot. */
  readonly ringPatchesMax: number;
  /** Characters of these patches together. */
  readonly ringCharsMax: number;
  /** Bytes of patches and messages that all topics together keep beside their data. */
  readonly cachedBytesMax: number;
  /** Bytes of messages that clients have got a part of; beyond it those that began first are closed. */
  readonly begunBytesMax: number;
  /** Rows that are being opened for one client, and for all, at the same time. */
  readonly clientOpeningRowsMax: number;
  readonly openingRowsMax: number;
  /** Part of `api.ws.max_rows` that one client may open anew every second, after it has opened all of them once. */
  readonly reopenedPart: number;
  /** Tokens that no swap has named yet and that all clients together may wait for. */
  readonly pendingIdsMax: number;
  /** How many of them one question names, and how often it is asked. */
  readonly pendingIdsAskedMax: number;
  readonly pendingEveryMs: number;
  /** Characters of the address of a handshake, path and query. */
  readonly uriCharsMax: number;
  /** A flush gives the event loop back after about this time, and goes on in its next turn. */
  readonly flushSliceMs: number;
  /** After a flush at least so many times its duration passes before the next one: the rest of the thread is for others. */
  readonly flushPauseFactor: number;
  /** A topic's update may be so old, and still be sent as a snapshot to a new subscriber; an older one is asked for anew. */
  readonly snapshotAgeMsMax: number;
  /** How long the owner of a token may take to open a topic. */
  readonly openTimeoutMs: number;
  /** On shutdown clients are told to come back after this, and up to as much again at random, so that they do not come all at once. */
  readonly reconnectAfterMs: number;
};

export const WEBSOCKET_LIMITS: WebSocketLimits = {
  inFlightBytesMax: 64 * 1024,
  unansweredPingsMax: 2,
  fragmentBytesMax: 16 * 1024,
  heartbeatMs: 15_000,
  noPongMs: 120_000,
  sweepMs: 1_000,
  closeTimeoutMs: 1_000,
  ringPatchesMax: 64,
  ringCharsMax: 64 * 1024,
  cachedBytesMax: 64 * 1024 * 1024,
  begunBytesMax: 64 * 1024 * 1024,
  clientOpeningRowsMax: 100,
  openingRowsMax: 1_000,
  reopenedPart: 0.1,
  pendingIdsMax: 20_000,
  pendingIdsAskedMax: 2_000,
  pendingEveryMs: 250,
  uriCharsMax: 8 * 1024,
  flushSliceMs: 5,
  flushPauseFactor: 3,
  snapshotAgeMsMax: 1_000,
  openTimeoutMs: 10_000,
  reconnectAfterMs: 1_000,
};
