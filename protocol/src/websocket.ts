/** How a client connects to the WebSocket, and how a connection ends. */

/** The path of the upgrade request. */
export const webSocketPath = "/ws";
/** The supported sub-protocol. It is also used if a client names none. */
export const webSocketProtocol = "swapstats.v1.json";
/** Part of the interface, and not of this version. */
export const jsonPatchProtocol = "swapstats.v1.json-patch";

/** Close codes of the server. */
export const closeCodes = {
  /** The service shuts down. A message `shutdown` says when to reconnect. */
  goingAway: 1001,
  /** A frame breaks RFC 6455. */
  protocolError: 1002,
  /** A binary message: all messages are text. */
  unsupportedData: 1003,
  /** A text message that is not UTF-8. */
  invalidText: 1007,
  /** Too many messages, responses that are not read, or no response to pings. */
  policyViolation: 1008,
  /** A message longer than `api.ws.max_message_bytes`. */
  messageTooBig: 1009,
  /** The service failed; its log says why. */
  internalError: 1011,
} as const;
