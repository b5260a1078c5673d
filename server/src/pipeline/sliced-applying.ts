/** Applies batches in slices of a few milliseconds, between which readers of the state have their turn. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { RecordBatch } from "../ports/source.ts";
import type { BatchApplier } from "./batch-applier.ts";
import type { DeadLetterBuffer } from "./dead-letter-buffer.ts";
import type { MappedApplier } from "./mapped/mapped-applier.ts";
import type { ThreadShare } from "./thread-share.ts";

type SlicedApplyingOptions = {
  readonly deadLetters: DeadLetterBuffer;
  readonly share: ThreadShare;
  readonly signal: AbortSignal;
  /** Called after each slice, with the index behind the last applied record. */
  readonly onSlice: (batch: RecordBatch, done: number) => void;
};

export class SlicedApplying {
  readonly #options: SlicedApplyingOptions;
  /** Time for which records were applied since the last turn of readers. */
  #appliedMs = 0;

  constructor(options: SlicedApplyingOptions) {
    this.#options = options;
  }

  /**
   * Applies the records from index `from` on to the end of the batch, or until the redo must take them (`MappedApplier.isKeepDue`). Returns the index
   * behind the last one, and the seconds without the readers' turns. Rejects when aborted.
   */
  async run(
    applier: BatchApplier | MappedApplier,
    batch: RecordBatch,
    from: number,
  ): Promise<{ readonly done: number; readonly seconds: number }> {
    const { deadLetters, share, onSlice } = this.#options;
    let done = from;
    let seconds = 0;
    do {
      if (deadLetters.isFull) await this.#unlessStopped(deadLetters.room());
      const endApplying = share.beginApplying();
      try {
        const startedMs = performance.now();
        done = applier.applySlice(batch, done, share.applySliceMs);
        const tookMs = performance.now() - startedMs;
        share.noteApplied(tookMs);
        this.#appliedMs += tookMs;
        seconds += tookMs / 1000;
        onSlice(batch, done);
        await this.#turnOfReaders(done < batch.count);
      } finally {
        endApplying();
      }
    } while (done < batch.count && !applier.isKeepDue);
    return { done, seconds };
  }

  /** Gives readers their turn within a batch, and after small batches that together make a slice. */
  async #turnOfReaders(isWithinBatch: boolean): Promise<void> {
    if (!isWithinBatch && this.#appliedMs < this.#options.share.applySliceMs) return;
    this.#appliedMs = 0;
    await nextTurn();
  }

  /** Resolves with the promise; rejects when the partition is stopped meanwhile. */
  async #unlessStopped(promise: Promise<void>): Promise<void> {
    const { signal } = this.#options;
    const stopped = Promise.withResolvers<never>();
    const stop = (): void => stopped.reject(signal.reason);
    signal.addEventListener("abort", stop);
    try {
      signal.throwIfAborted();
      await Promise.race([promise, stopped.promise]);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }
}
