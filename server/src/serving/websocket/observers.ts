/** Logs and metrics of the WebSocket door. Its metrics have names that start with `swapstats_ws_`. */

/** Why a connection ended; the label of `ws_closed_total`. */
const closeReasons = [
  "client",
  "lost",
  "no_pong",
  "rate_limited",
  "answers_not_read",
  "too_slow",
  "message_too_large",
  "bad_frame",
  "internal",
  "shutting_down",
  "unauthorized",
  "replay_ended",
] as const;
export type CloseReason = (typeof closeReasons)[number];

export type WebSocketMetrics = {
  /** `ws_clients`: connections now. */
  clients(count: number): void;
  /** `ws_conflated_total`: updates that a newer one replaced before they were sent to a client. Called when the newer one is sent. */
  conflated(count: number): void;
  /** `ws_closed_total{reason}`. */
  closed(reason: CloseReason): void;
  /** `ws_push_lag_seconds`: from the as-of of the oldest patch of a write to the write. Called once per write. */
  pushLag(seconds: number): void;
};

/** The part of pino's logger that is used. */
export type WebSocketLogger = {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};
