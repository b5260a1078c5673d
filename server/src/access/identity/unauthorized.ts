/** The one error of credentials that are not valid. The message says why, and repeats nothing of them. */
import { SwapstatsError } from "../../shared/errors.ts";

export function unauthorized(message: string, cause?: unknown): SwapstatsError {
  return new SwapstatsError("unauthorized", message, cause === undefined ? {} : { cause });
}
