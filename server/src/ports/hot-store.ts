/**
 * The contract of a hot store. It holds the newest figures for readers that use another server than this service. It is written behind the
 * stream, contains only data that can be recomputed, and is never read back.
 */

/** A text under a key that replaces an earlier one. */
export type HotValue = {
  /** Key without the prefix of the installation. */
  readonly key: string;
  /** JSON text that begins with the members as_of, epoch and rev, with the values below. */
  readonly text: string;
  /** Epoch of the owner, in decimal digits. */
  readonly epoch: string;
  readonly rev: number;
  readonly asOf: number;
};

/** `refused`: the stored value is of a later owner, or a later value of the same owner. */
export type HotOutcome = "written" | "refused";

export type HotStore = {
  /** Changes when earlier values may be lost. All values must then be written again. */
  readonly generation: number;
  /**
   * Writes each value atomically, unless the stored value of its key is newer by epoch, revision or as-of, in this order. A value expires
   * after `ttlMs`. Resolves with the outcomes in the order of the values. Resolves with undefined when `generation` is no longer that of
   * the store: any value that was written so far, these included, may then be lost. Rejects with `storage_failed` when a value could not
   * be written; others may have been written.
   */
  write(values: readonly HotValue[], ttlMs: number, generation: number): Promise<readonly HotOutcome[] | undefined>;
  /** Ends pending calls. */
  close(): Promise<void>;
};
