/**
 * The contract of a message system for the cluster: one subject for all instances, and one for each instance. Messages may be lost, repeated, delayed
 * and reordered; the users of this contract handle that. No message is kept for instances that are away.
 */

/** `connecting`: a connection is being tried; `connected`: messages go through. */
export type LinkState = "connected" | "disconnected" | "connecting";

/** The link as a circuit to the server, as metrics and status show it. */
export const CIRCUIT_OF: Readonly<Record<LinkState, "closed" | "half_open" | "open">> = {
  connected: "closed",
  connecting: "half_open",
  disconnected: "open",
};

export type TransportListener = {
  /** A message to this address, or to all (also one's own). The bytes are the listener's. */
  onMessage(bytes: Uint8Array): void;
  /** The state, or the reason for it, has changed. */
  onState(state: LinkState): void;
};

export type ClusterTransport = {
  /** Largest message, bytes; larger ones are cut before they come here. */
  readonly messageBytesMax: number;
  readonly state: LinkState;
  /** Why it is not connected, in a sentence for status. Undefined while it is connected. */
  readonly problem: string | undefined;
  /** Listens at this address (letters, digits, `-` and `_`) from now on, and again after each interruption, for ever. Never throws, never waits. */
  start(address: string, listener: TransportListener): void;
  /** Sends to all instances. The message is dropped silently while not connected, and when too much waits. */
  announce(bytes: Uint8Array): void;
  /** Sends to one address. Drops messages as `announce` does. */
  send(address: string, bytes: Uint8Array): void;
  /** Sends what waits, within a short time, and ends the connection. No listener is called afterwards. */
  close(): Promise<void>;
};
