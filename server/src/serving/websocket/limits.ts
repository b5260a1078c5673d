/** The settings that the WebSocket door needs of the configuration, and every limit of it that is not configurable. */

/** The part of the program's configuration that this folder reads; has its shape. */
export type WebSocketConfig = {
  readonly api: {
    /** Allowed origins as a browser sends them; `*` allows all; empty: pages of this service alone. */
    readonly cors: readonly string[];
    readonly ws: {
      readonly compression: boolean;
      readonly maxConn: number;
      readonly maxSubscriptions: number;
      readonly maxMessageBytes: number;
      readonly maxMessagesPerSec: number;
      readonly messageBurst: number;
    };
  };
};

export type WebSocketLimits = {
  /** Bytes sent to a client for which no pong has come yet; nothing is sent beyond. At least `pingBytes` and a fragment together. */
  readonly inFlightBytesMax: number;
  /** A write to a client that replies promptly ends with a ping if this many bytes were sent since the ping before, or this time has passed. */
  readonly pingBytes: number;
  readonly pingMs: number;
  /** A pong later than this is late. Nothing is sent while one is, and each write to such a client ends with a ping. */
  readonly latePongMs: number;
  /** Pings without a pong of a client that is not prompt; at this number nothing is sent. */
  readonly unansweredPingsMax: number;
  /** A longer message goes out as several frames of this size, so that one message cannot exceed the bytes in flight. */
  readonly fragmentBytesMax: number;
  /** Bytes of a frame with several messages. A longer message is alone in its list. */
  readonly batchBytesMax: number;
  /** A client to which nothing was sent for this long gets a heartbeat. */
  readonly heartbeatMs: number;
  /** A client with a ping unanswered for this long counts as dead. Longer than a minute: a client may stop reading that long. */
  readonly noPongMs: number;
  /** Interval of the checks for due heartbeats and dead clients. */
  readonly sweepMs: number;
  /** A connection with a close frame unanswered for this long is cut. */
  readonly closeTimeoutMs: number;
  /** Bytes of messages that clients have received a part of; beyond it the clients that began first are closed. */
  readonly begunBytesMax: number;
  /** Characters of the path and query of a handshake. */
  readonly uriCharsMax: number;
  /** On shutdown clients are told to reconnect after this, plus up to as much again at random, so that they do not return all at once. */
  readonly reconnectAfterMs: number;
};

export const WEBSOCKET_LIMITS: WebSocketLimits = {
  inFlightBytesMax: 64 * 1024,
  pingBytes: 16 * 1024,
  pingMs: 500,
  latePongMs: 400,
  unansweredPingsMax: 2,
  fragmentBytesMax: 16 * 1024,
  batchBytesMax: 16 * 1024,
  heartbeatMs: 15_000,
  noPongMs: 120_000,
  sweepMs: 1_000,
  closeTimeoutMs: 1_000,
  begunBytesMax: 64 * 1024 * 1024,
  uriCharsMax: 8 * 1024,
  reconnectAfterMs: 1_000,
};
