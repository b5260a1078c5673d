/**
 * Where the newest figures are put for readers that ask another server than this service. It is written behind the stream, holds nothing
 * that cannot be made again, and is never read back.
 */

/** A text under a key that replaces an earlier one. */
export type HotValue = {
  /** Without the prefix of the installation. */
  readonly key: string;
  /** JSON that begins with the members as_of, epoch and rev, which are those below. */
  readonly text: string;
  /** The owner's, in decimal digits. */
  readonly epoch: string;
  readonly rev: number;
  readonly asOf: number;
};

/** `refused`: what stands there is of a later owner, or later of the same one. */
export type HotOutcome = "written" | "refused";

export type HotStore = {
  /** Changes when what was written before may be gone; then all of it has to be written again. */
  readonly generation: number;
  /**
   * Writes each value that is not older, by epoch, revision and as-of, than what stands under its key, in a step of its own that
   * nothing comes between; it ends by itself after `ttlMs`. Resolves with what became of each, in their order, or with undefined when
   * `generation` is no longer that of the store: then nothing is sure of what was written before, of these or of others. Rejects with
   * `storage_failed` when any could not be written; others may have been.
   */
  write(values: readonly HotValue[], ttlMs: number, generation: number): Promise<readonly HotOutcome[] | undefined>;
  /** Ends calls that are under way. */
  close(): Promise<void>;
};
