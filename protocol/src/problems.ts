/** The closed list of error codes of every door: problem documents of HTTP, error messages of the WebSocket. */

export const problemCodes = [
  "ambiguous_token",
  "bad_message",
  "bad_request",
  "batch_too_large",
  "expectation_failed",
  "headers_too_large",
  "ingest_disabled",
  "internal",
  "invalid_parameters",
  "log_full",
  "message_too_large",
  "method_not_allowed",
  "misdirected_request",
  "no_event_accepted",
  "not_found",
  "not_implemented",
  "not_ready",
  "not_subscribed",
  "origin_not_allowed",
  "overloaded",
  "payload_too_large",
  "rate_limited",
  "request_timeout",
  "shutting_down",
  "storage_failed",
  "too_many_connections",
  "too_many_subscriptions",
  "unavailable",
  "unknown_channel",
  "unknown_token",
  "unsupported_media_type",
  "upgrade_required",
  "uri_too_long",
] as const;

export type ProblemCode = (typeof problemCodes)[number];

/** One parameter of a request that breaks a rule. */
export type ParameterError = {
  readonly in: "path" | "query" | "body" | "header";
  /** The parameter, or a JSON pointer into the body. */
  readonly name: string;
  readonly message: string;
};

/** One of the tokens that a name stands for. */
export type TokenCandidate = {
  readonly id: string;
  readonly symbol?: string;
  readonly chain_id: number;
  /** Volume in `window`, the longest window of the service of at most a day. */
  readonly volume_usd?: string;
  readonly window?: string;
};

/** A problem document of RFC 9457, media type `application/problem+json`. */
export type ProblemDocument = {
  /** Where the documents describe the problem, relative to the service. */
  readonly type: string;
  /** One short sentence for the code, always the same. */
  readonly title: string;
  /** The HTTP status. */
  readonly status: number;
  /** What is wrong this time, and what to do. */
  readonly detail: string;
  readonly code: ProblemCode;
  /** The path and query that were asked for. */
  readonly instance: string;
  /** With `ambiguous_token`: the tokens that the name stands for, the most volume first. */
  readonly candidates?: readonly TokenCandidate[];
  /** With `ambiguous_token`: how many more there are, at least; absent where all are listed. */
  readonly more?: number;
  /** With `invalid_parameters`: every parameter that breaks a rule. */
  readonly errors?: readonly ParameterError[];
  /** With `no_event_accepted`: what is wrong with each event, by its index from 0. */
  readonly rejected?: readonly { readonly index: number; readonly code: string; readonly message: string }[];
  /** With `no_event_accepted`: always 0. */
  readonly accepted?: number;
  /** With `not_ready`: what is missing. */
  readonly reasons?: readonly string[];
};
