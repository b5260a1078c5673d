/**
 * The one table from error to status, behind all doors. It is total: every code of the protocol has a row, and every
 * SwapstatsError of the layers below becomes one of these codes.
 */
import type { ProblemCode } from "@swapstats/protocol/problems.ts";
import type { ParameterError, ProblemDocument, TokenCandidate } from "@swapstats/protocol/schemas/problems.ts";
import type { Ambiguous } from "../ports/stats-bus.ts";
import { type ErrorCode, SwapstatsError } from "../shared/errors.ts";
import { printableCut } from "../shared/printable-text.ts";

type ProblemRow = {
  readonly status: number;
  readonly title: string;
  /** Seconds for the header Retry-After; undefined if waiting does not help. */
  readonly retryAfterSeconds: number | undefined;
};

const row = (status: number, title: string, retryAfterSeconds?: number): ProblemRow => ({
  status,
  title,
  retryAfterSeconds,
});

export const problemTable: Readonly<Record<ProblemCode, ProblemRow>> = {
  ambiguous_token: row(409, "The name stands for several tokens"),
  bad_message: row(400, "The message cannot be read"),
  bad_request: row(400, "The request cannot be read"),
  batch_too_large: row(413, "The batch has too many events"),
  cursor_expired: row(410, "The order of the cursor is no longer kept"),
  expectation_failed: row(417, "The expectation of the request cannot be met"),
  forbidden: row(403, "The credentials do not permit this"),
  headers_too_large: row(431, "The header of the request is too large"),
  history_off: row(404, "This service keeps no history, or does not replay it"),
  history_unsettled: row(400, "The instant is too recent for this call"),
  ingest_disabled: row(404, "This service takes no swaps over HTTP"),
  internal: row(500, "The service failed"),
  invalid_parameters: row(400, "Parameters break a rule"),
  log_full: row(503, "The log is full", 5),
  message_too_large: row(413, "The message is too large"),
  method_not_allowed: row(405, "The path has no such method"),
  misdirected_request: row(421, "The host is not one of this service"),
  no_event_accepted: row(422, "No event was accepted"),
  not_found: row(404, "There is nothing at this path"),
  not_ready: row(503, "The service is not ready", 1),
  not_subscribed: row(404, "The channel is not subscribed to"),
  origin_not_allowed: row(403, "The origin is not allowed"),
  overloaded: row(503, "Too many requests wait", 1),
  payload_too_large: row(413, "The body is too large"),
  rate_limited: row(429, "Too many requests", 1),
  request_timeout: row(408, "The request took too long to arrive"),
  shutting_down: row(503, "The service is shutting down", 5),
  storage_failed: row(503, "The swaps cannot be made durable", 5),
  too_many_connections: row(503, "Too many connections", 5),
  too_many_subscriptions: row(429, "Too many subscriptions", 1),
  unauthorized: row(401, "Credentials are needed, or are not valid"),
  unavailable: row(503, "The state does not respond", 1),
  unknown_channel: row(404, "There is no such channel"),
  unknown_token: row(404, "The token is not known"),
  unsupported_media_type: row(415, "The media type is not supported"),
  upgrade_required: row(426, "The path speaks WebSocket"),
  uri_too_long: row(414, "The address is too long"),
};

/** The protocol's code for each error of the layers below. Errors that no request can cause are failures of the service. */
const codeOfError: Readonly<Record<ErrorCode, ProblemCode>> = {
  bad_config: "internal",
  bad_request: "bad_request",
  checkpoint_conflict: "internal",
  checkpoint_damaged: "internal",
  checkpoint_incompatible: "internal",
  cursor_expired: "cursor_expired",
  data_folder_locked: "internal",
  internal: "internal",
  log_damaged: "internal",
  log_full: "log_full",
  not_found: "not_found",
  overloaded: "overloaded",
  records_dropped: "internal",
  storage_failed: "storage_failed",
  too_large: "batch_too_large",
  unauthorized: "unauthorized",
  unavailable: "unavailable",
  usage: "internal",
};

/** Members of a problem document that only some codes have. */
type ProblemExtras = {
  readonly candidates?: readonly TokenCandidate[];
  readonly more?: number;
  readonly errors?: readonly ParameterError[];
  readonly rejected?: readonly { readonly index: number; readonly code: string; readonly message: string }[];
  readonly accepted?: number;
  readonly reasons?: readonly string[];
  readonly latest_at?: number;
};

/** An error that has a code of the protocol. `message` says what is wrong, and what to do. */
export class ProblemError extends Error {
  readonly code: ProblemCode;
  readonly extras: ProblemExtras;
  /** Header fields of the response, in lower case. They replace those of the table. */
  readonly fields: Readonly<Record<string, string>>;

  constructor(
    code: ProblemCode,
    message: string,
    extras: ProblemExtras = {},
    cause?: unknown,
    fields: Readonly<Record<string, string>> = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "ProblemError";
    this.code = code;
    this.extras = extras;
    this.fields = fields;
  }
}

/** Returns the problem for an error of any kind. An internal error keeps its text in `cause` only. */
export function problemOf(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof SwapstatsError) {
    const code = codeOfError[error.code];
    if (code !== "internal") return new ProblemError(code, error.message, {}, error);
  }
  return new ProblemError("internal", "The service failed on this request; its log says why.", {}, error);
}

/** `what` names what was asked for. */
export const historyOff = (what: string): ProblemError =>
  new ProblemError(
    "history_off",
    `${what} needs a history, and this service keeps none. Set stores.history to embedded, clickhouse or postgres; what happens from then on is kept.`,
  );

/** A range whose end lies before its start. */
export const emptyRange = (): ProblemError =>
  new ProblemError("invalid_parameters", "from is later than to", {
    errors: [{ in: "query", name: "from", message: "must not be later than to" }],
  });

/** Sparklines of the past are not made. */
export function noPastSpark(place: "query" | "body"): ProblemError {
  const message = "cannot be asked for with at; ask for candles of the token";
  return new ProblemError("invalid_parameters", `spark ${message}`, {
    errors: [{ in: place, name: "spark", message }],
  });
}

export const unknownToken = (token: string): ProblemError =>
  new ProblemError(
    "unknown_token",
    `No swap of the token ${JSON.stringify(token)} has been seen. Give <chain_id>:<token>, a token's address, or a symbol.`,
  );

export function ambiguousToken(token: string, { candidates, more, isRanked }: Omit<Ambiguous, "kind">): ProblemError {
  const count = more === 0 ? `${candidates.length}` : `at least ${candidates.length + more}`;
  const largest = isRanked
    ? "prefer=largest takes the one with the most volume"
    : "which of them has the most volume is not known, for there are too many";
  return new ProblemError(
    "ambiguous_token",
    `${JSON.stringify(printableCut(token))} stands for ${count} tokens; ask for one of the ids in candidates (${largest}).`,
    more === 0 ? { candidates } : { candidates, more },
  );
}

export const ownerAway = (token: string): ProblemError =>
  new ProblemError(
    "unavailable",
    `The instance that owns the token ${JSON.stringify(token)} is away, and nothing is known of it here yet. Ask again.`,
  );

/** Returns the address where the documents describe a code. */
const problemType = (code: ProblemCode): string => `/docs#problem-${code}`;

/** Returns the document of RFC 9457 for a problem. `instance` is the requested path and query. */
export function problemDocument(problem: ProblemError, instance: string): ProblemDocument {
  const { status, title } = problemTable[problem.code];
  return {
    type: problemType(problem.code),
    title,
    status,
    detail: problem.message,
    code: problem.code,
    instance,
    ...problem.extras,
  };
}
