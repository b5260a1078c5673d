/**
 * The one error class of the service. `code` is from a closed set. `retryable` says whether the same call may succeed later. The message
 * says what is wrong, where, and what to do.
 */
export type ErrorCode =
  | "bad_config"
  | "bad_request"
  | "checkpoint_conflict"
  | "checkpoint_damaged"
  | "checkpoint_incompatible"
  | "cursor_expired"
  | "data_folder_locked"
  | "internal"
  | "log_damaged"
  | "log_full"
  | "not_found"
  | "overloaded"
  | "records_dropped"
  | "storage_failed"
  | "too_large"
  | "unauthorized"
  | "unavailable"
  | "usage";

export class SwapstatsError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; retryable?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "SwapstatsError";
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}
