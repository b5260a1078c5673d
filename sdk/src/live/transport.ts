/** A connection that carries messages: a WebSocket or a stream of server-sent events. */
import type { ClientError } from "../client-error.ts";

export type Transport = {
  /** Sends a request. A stream of events cannot; its requests are in its opening. */
  send(text: string): void;
  /** Ends the connection. No event comes afterwards. */
  close(): void;
};

/** Called by a transport, in this order: `onOpen` at most once, `onText` and `onAlive` any number of times, `onLost` once unless it was closed. */
export type TransportEvents = {
  onOpen(): void;
  onText(text: string): void;
  /** Something came that is no message. */
  onAlive(): void;
  /** `code`: of the close frame, 0 without one. `error`: the service's answer, if it gave one. */
  onLost(code: number, error: ClientError | undefined): void;
};
