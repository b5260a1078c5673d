/** Errors as they cross a thread's port or a message between instances, where an object of a class does not survive. */
import { type ErrorCode, SwapstatsError } from "./errors.ts";

export type WireError = { readonly code: ErrorCode; readonly message: string; readonly retryable: boolean };

/**
 * Returns the error without its class. An error that is no SwapstatsError becomes `internal`, with `unexpected` as its message, or with its stack
 * where that is undefined. A stack stays within the process.
 */
export function toWire(error: unknown, unexpected?: string): WireError {
  if (error instanceof SwapstatsError) {
    const { code, message, retryable } = error;
    return { code, message, retryable };
  }
  const message = unexpected ?? (error instanceof Error ? (error.stack ?? error.message) : String(error));
  return { code: "internal", message, retryable: false };
}

export function fromWire({ code, message, retryable }: WireError): SwapstatsError {
  return new SwapstatsError(code, message, { retryable });
}
