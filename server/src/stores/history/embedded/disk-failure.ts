/** Failures of a disk that is full, or that does not write for another reason. They pass, so a call that met one can be repeated. */
import { SwapstatsError } from "../../../shared/errors.ts";

/** Of SQLite. */
const FULL = 13;
const CANNOT_WRITE = 10;
/** Of the system. */
const CODES: readonly unknown[] = ["ENOSPC", "EDQUOT", "EIO"];

/** Returns a retryable `storage_failed` for such a failure, and another error as it is. */
export function diskFailure(error: unknown): unknown {
  const cause = error instanceof SwapstatsError && error.cause !== undefined ? error.cause : error;
  const { code, errcode = 0 } = cause as { code?: unknown; errcode?: number };
  const isOfDisk = CODES.includes(code) || [FULL, CANNOT_WRITE].includes(errcode & 0xff);
  if (!isOfDisk || !(error instanceof Error)) return error;
  const message = `The embedded history cannot be opened: ${error.message}. Free space on its disk; the service tries again.`;
  return new SwapstatsError("storage_failed", message, { cause: error, retryable: true });
}
