/** What the WebSocket needs of the configuration, and every limit that is not configurable. */

/** The part of the program's configuration that this folder reads; has its shape. */
export type WebSocketConfig = {
  readonly api: {
    /** Allowed origins as a browser sends them; `*` allows all; empty: pages of this service alone. */
    readonly cors: readonly string[];
    readonly ws: {
      readonly coalesceMs: number;
      readonly maxConn: number;
      readonly maxSubscriptions: number;
      readonly maxMessageBytes: number;
      readonly maxMessagesPerSec: number;
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
  closeTimeoutMs: 3_000,
  ringPatchesMax: 64,
  ringCharsMax: 64 * 1024,
  snapshotAgeMsMax: 1_000,
  openTimeoutMs: 10_000,
  reconnectAfterMs: 1_000,
};
