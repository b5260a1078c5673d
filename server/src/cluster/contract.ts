/** What the bus between instances needs of this process: its own bus, its threads, and which partitions they answer for. */

import type { WorkerClient } from "../bus/worker-client.ts";
import type { StatsBus } from "../ports/stats-bus.ts";

/** A thread that owns partitions, as `WorkerClient` reaches it. */
export type WorkerPort = Pick<WorkerClient, "ask" | "open">;

/**
 * A partition that this process answers for. It is on the list from when its state has come up to what the log held at the
 * take-over, until it is let go; `setOwned` is called before its thread stops to answer for it, and after it began to.
 */
export type OwnedPartition = {
  readonly partition: number;
  /** The fencing epoch as decimal digits; higher ones replace lower ones. */
  readonly epoch: string;
  /** Index in `LocalPart.hosts`. */
  readonly host: number;
};

export type LocalPart = {
  /** Answers for the partitions of this process. It is asked alone where all that a question needs is here. */
  readonly bus: StatsBus;
  /** In an order that stays. A host answers for its partitions that are ready, whatever state the others are in. */
  readonly hosts: readonly WorkerPort[];
};

/** Negative, 0 or positive as epoch a is below, equal to or above b. */
export function compareEpochs(a: string, b: string): number {
  if (a === b) return 0;
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : 1;
}
