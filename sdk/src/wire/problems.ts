/** Errors of the service. Made from the schemas of protocol/src by `npm run docs`. */

/** Code of an error, of HTTP and of live data. */
export type ProblemCode =
  | "ambiguous_token"
  | "bad_message"
  | "bad_request"
  | "batch_too_large"
  | "cursor_expired"
  | "expectation_failed"
  | "forbidden"
  | "headers_too_large"
  | "history_off"
  | "history_unsettled"
  | "ingest_disabled"
  | "internal"
  | "invalid_parameters"
  | "log_full"
  | "message_too_large"
  | "method_not_allowed"
  | "misdirected_request"
  | "no_event_accepted"
  | "not_found"
  | "not_ready"
  | "not_subscribed"
  | "origin_not_allowed"
  | "overloaded"
  | "payload_too_large"
  | "rate_limited"
  | "request_timeout"
  | "shutting_down"
  | "storage_failed"
  | "too_many_connections"
  | "too_many_subscriptions"
  | "unauthorized"
  | "unavailable"
  | "unknown_channel"
  | "unknown_token"
  | "unsupported_media_type"
  | "upgrade_required"
  | "uri_too_long";

/** One of the tokens that have a name in common. */
export type Candidate = {
  /** `<chain_id>:<token>`, canonical. */
  readonly id: string;
  readonly symbol?: string;
  readonly chain_id: number;
  /** Volume in `window`. */
  readonly volume_usd?: string;
  /** The longest window of at most a day. */
  readonly window?: string;
};

/** A parameter that breaks a rule. `name` is the parameter, or a JSON pointer into the body. */
export type ParameterError = {
  readonly in: "path" | "query" | "body" | "header";
  readonly name: string;
  readonly message: string;
};

/** An event that is rejected. */
export type EventError = {
  /** Index of the event in the body, from 0. */
  readonly index: number;
  readonly code: string;
  readonly message: string;
};

/** A problem document of RFC 9457. */
export type ProblemDocument = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** Cause of this problem and how to solve it. */
  readonly detail: string;
  readonly code: ProblemCode;
  readonly instance: string;
  /** Tokens with an ambiguous name, by descending volume. */
  readonly candidates?: readonly Candidate[];
  /** Lower bound for the number of further tokens with the name. */
  readonly more?: number;
  /** Every parameter that breaks a rule. */
  readonly errors?: readonly ParameterError[];
  readonly accepted?: number;
  readonly rejected?: readonly EventError[];
  readonly reasons?: readonly string[];
  /** Latest value of `at` that this call can use now, in ms since 1970. */
  readonly latest_at?: number;
};
