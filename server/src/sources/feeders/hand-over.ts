/** Hands swaps over to the log until they are durable, with pauses that grow while the log cannot take them. */
import type { FeederEvents } from "../../ports/feeder.ts";
import type { IngestPort, IngestResult } from "../../ports/intake.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { type BackoffLimits, backoffMs } from "../../shared/retry.ts";
import { WakeableTimer } from "../../shared/wakeable-timer.ts";

/** A log that is full has room again after the next checkpoint, some seconds later. */
const BACKOFF: BackoffLimits = { firstMs: 200, longestMs: 5_000 };
/** No retry helps against these: the bytes are not swaps, or more of them than one body may hold. */
const FINAL: readonly string[] = ["bad_request", "too_large"];

type HandedOver =
  /** Every swap of the body is durable or can never be valid. The feeder acknowledges it. */
  | { readonly kind: "taken"; readonly result: IngestResult }
  /** The body as a whole is refused, and would be refused again. The feeder checks the error and acknowledges it. */
  | { readonly kind: "refused"; readonly error: SwapstatsError }
  /** Stopped before the body was durable. The feeder does not acknowledge it. */
  | { readonly kind: "stopped" };

/**
 * Hands one body over: a JSON object, an array, or NDJSON, within the limits of `IngestPort`. Retries until the log has it, or the
 * signal aborts. `onProblem` is called for each failure. Never rejects. The bytes are copied, and belong to the caller again when it has
 * resolved.
 */
export async function handOver(
  port: IngestPort,
  body: Uint8Array,
  { onProblem }: FeederEvents,
  signal: AbortSignal,
): Promise<HandedOver> {
  const timer = new WakeableTimer();
  const wake = (): void => timer.wake();
  signal.addEventListener("abort", wake);
  try {
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        // The port takes the buffer away, so each attempt gets a copy.
        return { kind: "taken", result: await port.ingest(body.slice()) };
      } catch (error) {
        const isFinal = error instanceof SwapstatsError && FINAL.includes(error.code);
        if (!signal.aborted) onProblem(error, !isFinal);
        if (isFinal) return { kind: "refused", error };
      }
      if (!signal.aborted) await timer.pause(backoffMs(BACKOFF, failures));
    }
    return { kind: "stopped" };
  } finally {
    signal.removeEventListener("abort", wake);
  }
}
