/** The settings that the door of server-sent events needs of the configuration, and every limit of it that is not configurable. */

/** The part of the program's configuration that this folder reads; has its shape. */
export type SseConfig = {
  readonly api: { readonly ws: { readonly maxConn: number } };
};

export type SseLimits = {
  /** Bytes that are gathered for one write; a longer message is written alone. Nothing is written before the kernel took the last write. */
  readonly writeBytesMax: number;
  /** Bytes of writes that the kernel has not taken, of all streams; beyond it those that have waited longest are cut. */
  readonly unsentBytesMax: number;
  /** A client to which nothing was sent for this long gets a comment. */
  readonly commentMs: number;
  /** A client that has taken nothing for this long, while something waits for it, counts as dead. */
  readonly stalledMs: number;
  /** Interval of the checks. */
  readonly sweepMs: number;
  /** Time after which a client connects again, as the stream says at its beginning. */
  readonly retryMs: number;
  /** The same at shutdown, plus up to as much again at random, so that clients do not return all at once. */
  readonly reconnectAfterMs: number;
};

export const SSE_LIMITS: SseLimits = {
  writeBytesMax: 64 * 1024,
  unsentBytesMax: 64 * 1024 * 1024,
  commentMs: 15_000,
  stalledMs: 120_000,
  sweepMs: 1_000,
  retryMs: 2_000,
  reconnectAfterMs: 1_000,
};
