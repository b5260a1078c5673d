/**
 * The contract of a feeder: a queue without replayable positions, a socket, or a generator. It receives swaps and hands them over to
 * `IngestPort`, which writes them to the log of this service. The log is then the source.
 *
 * A feeder **acknowledges** swaps to their sender when the port has resolved. The accepted swaps are durable then, and the rejected ones
 * will never be valid. The sender must repeat unacknowledged swaps after a restart. Copies do no harm, because the state recognises them.
 * sources/feeders/hand-over.ts does the retries: a feeder calls it instead of the port.
 */
import type { IngestPort } from "./intake.ts";

export type FeederEvents = {
  /** Called when an operation failed. `retrying`: the feeder retries it. */
  readonly onProblem: (error: unknown, retrying: boolean) => void;
};

export type Feeder = {
  /** Begins to hand swaps over. Called once. Rejects with `bad_config` or `unavailable` when it cannot begin. */
  start(port: IngestPort): Promise<void>;
  /**
   * Stops receiving, and resolves when no call of the port is pending. Exactly the swaps whose call has resolved are acknowledged. Never
   * rejects. May be called several times, also without a start.
   */
  stop(): Promise<void>;
};
