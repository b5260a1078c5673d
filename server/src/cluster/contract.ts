/** The contract between the cluster and this process: the partitions that its workers serve. */

/**
 * A partition that this process serves. It is in the list from the time when its state has reached the end that the log had at the assignment,
 * until it is revoked. `setOwned` is called after its worker began to serve it, and before the worker stops.
 */
export type OwnedPartition = {
  readonly partition: number;
  /** The fencing epoch in decimal digits. Higher epochs replace lower ones. */
  readonly epoch: string;
  /** Index of the worker. */
  readonly worker: number;
};

/** Returns a number below, equal to or above 0 if epoch a is below, equal to or above b. */
export function compareEpochs(a: string, b: string): number {
  if (a === b) return 0;
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : 1;
}
