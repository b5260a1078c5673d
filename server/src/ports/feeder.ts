/**
 * The contract of a feeder: it brings swaps from elsewhere (a file, a table, a chain, a generator) and hands them over to `IngestPort`,
 * which writes them to the log of this service. The log is then the source.
 *
 * A feeder goes on, or **acknowledges** swaps to their sender, when the port has resolved. The accepted swaps are durable then, and the
 * rejected ones will never be valid. Swaps that were not acknowledged come again after a restart. Copies do no harm, because the state
 * recognises them. sources/feeders/hand-over.ts does the retries: a feeder calls it instead of the port.
 */
import type { FeederStatus as Status } from "@swapstats/protocol/schemas/service.ts";
import type { IngestPort } from "./intake.ts";

export type FeederStatus = Readonly<Status>;

/** A record of a feeder that was refused, at least in part. */
export type FeederLetter = {
  /** Name of the feeder. */
  readonly feeder: string;
  /** Number of the record: 1 for the first one that the feeder read. The same record has the same number after a crash. */
  readonly record: number;
  readonly code: string;
  readonly message: string;
  /** The record's own bytes, valid during the call. */
  readonly raw: Uint8Array;
};

export type FeederEvents = {
  /** Called when an operation failed. `retrying`: the feeder retries it. */
  readonly onProblem: (error: unknown, retrying: boolean) => void;
};

export type Feeder = {
  /** Begins to hand swaps over. Called once. Rejects with `bad_config` or `unavailable` when it cannot begin. */
  start(port: IngestPort): Promise<void>;
  /**
   * Stops reading, and resolves when no call of the port is pending. Exactly the swaps whose call has resolved are acknowledged. Never
   * rejects. May be called several times, also without a start.
   */
  stop(): Promise<void>;
};
