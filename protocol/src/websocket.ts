/** How a client connects to the WebSocket, and how a connection ends. */

/** The path of the upgrade request. */
export const webSocketPath = "/ws";
/** Messages in JSON with merge patches (RFC 7396). It is also used if a client names no sub-protocol. */
export const webSocketProtocol = "swapstats.v1.json";
/** Messages in JSON; `patch` holds operations of RFC 6902. */
export const jsonPatchProtocol = "swapstats.v1.json-patch";
/** Messages of the server are binary: `SubscribeResponse` of swapstats/v1/stats.proto. Requests are JSON. */
export const protobufProtocol = "swapstats.v1.protobuf";
/**
 * The same encodings with several messages in one: each message of the server is a list of messages, in protobuf a `SubscribeBatch`. Requests are as
 * in the others.
 */
export const webSocketBatchProtocol = `${webSocketProtocol}.batch` as const;
export const jsonPatchBatchProtocol = `${jsonPatchProtocol}.batch` as const;
export const protobufBatchProtocol = `${protobufProtocol}.batch` as const;
/** The sub-protocols, by which a client chooses an encoding. */
export const encodingProtocols = [
  webSocketProtocol,
  jsonPatchProtocol,
  protobufProtocol,
  webSocketBatchProtocol,
  jsonPatchBatchProtocol,
  protobufBatchProtocol,
] as const;
export type EncodingProtocol = (typeof encodingProtocols)[number];

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
  /** The session of a connection with `at` ended. A message `replay` says why. */
  replayEnded: 4410,
  /** The credentials of the connection expired or were revoked. A message `auth_expiring` comes a minute before they expire. */
  unauthorized: 4401,
} as const;
