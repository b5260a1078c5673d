/** Metrics of doors whose streams go one way. */

/** Why a stream ended. `stalled`: nothing was taken for too long. `too_slow`: what waits for all clients is too much. */
export type StreamCloseReason = "client" | "stalled" | "too_slow" | "expired" | "shutting_down";

export type StreamMetrics = {
  /** Streams now. */
  clients(count: number): void;
  /** Updates that a newer one replaced before they were sent. */
  conflated(count: number): void;
  closed(reason: StreamCloseReason): void;
  /** From the as-of of the oldest patch of a write to the write. */
  pushLag(seconds: number): void;
};
