/** What the cluster needs to know of this process: which partitions its workers answer for. */

/**
 * A partition that this process answers for. It is on the list from when its state has come up to the end that the log had at the
 * assignment, until it is revoked. `setOwned` is called before its worker stops to answer for it, and after it began to.
 */
export type OwnedPartition = {
  readonly partition: number;
  /** The fencing epoch as decimal digits. Higher ones replace lower ones. */
  readonly epoch: string;
  /** Index of the worker. */
  readonly worker: number;
};

/** Negative, 0 or positive as epoch a is below, equal to or above b. */
export function compareEpochs(a: string, b: string): number {
  if (a === b) return 0;
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : 1;
}
