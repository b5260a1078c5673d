/**
 * Pauses between attempts, for all loops that retry. A pause doubles with each consecutive failure up to a limit. Jitter keeps many
 * instances from returning to a server at the same moment.
 *
 * `retrying` is for a few attempts of one call. A loop that must stop at once counts its failures and takes its pauses from `backoffMs`:
 * the retry policy of cockatiel 4.0 waits for the end of a pause even when its signal is aborted.
 */
import { ExponentialBackoff, halfJitterGenerator, handleWhen, type RetryPolicy, retry } from "cockatiel";

export type BackoffLimits = {
  /** The pause after the first failure. */
  readonly firstMs: number;
  readonly longestMs: number;
};

/** Returns the pause in ms after this many consecutive failures, 1 or more: between half of the doubled pause and the whole of it. */
export function backoffMs(limits: BackoffLimits, failures: number): number {
  return halfJitterGenerator(failures - 1, optionsOf(limits))[0];
}

/** Repeats a call up to `retries` times after its first failure, while `isPassing` holds for the error. */
export function retrying(limits: BackoffLimits, retries: number, isPassing: (error: unknown) => boolean): RetryPolicy {
  const backoff = new ExponentialBackoff(optionsOf(limits));
  return retry(
    handleWhen((error) => isPassing(error)),
    { maxAttempts: retries, backoff },
  );
}

const optionsOf = ({ firstMs, longestMs }: BackoffLimits) => ({
  generator: halfJitterGenerator,
  initialDelay: firstMs,
  maxDelay: longestMs,
  exponent: 2,
});
