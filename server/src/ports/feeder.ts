/**
 * The contract of a feeder: a queue without positions that can be read again, a socket, or a generator. It takes swaps from somewhere
 * and hands them over to `IngestPort`, which writes them to the log of this service. The log is then the source.
 *
 * A feeder **acknowledges** to where it took them from when the port has resolved: the swaps are durable, and those that the port
 * rejected are invalid for good. What was not acknowledged has to come again after a restart; copies do no harm, because the state
 * recognises them. sources/feeders/hand-over.ts holds the retries: a feeder calls it instead of the port.
 */
import type { IngestPort } from "./intake.ts";

export type FeederEvents = {
  /** Something failed; `retrying`: the same is tried again. */
  readonly onProblem: (error: unknown, retrying: boolean) => void;
};

export type Feeder = {
  /** Begins to hand over; called once. Rejects with `bad_config` or `unavailable` where it cannot begin. */
  start(port: IngestPort): Promise<void>;
  /**
   * Takes nothing more, and resolves when nothing is under way at the port: what it has resolved by then is acknowledged, and nothing
   * else is. Never rejects. Called once or more, also without a start.
   */
  stop(): Promise<void>;
};
