/** Reads the records that a redo names by their offsets again, from the log that keeps them. */
import type { LogRange, RecordBatch } from "../../ports/source.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { isAnotherLog } from "./log-position.ts";
import type { Manifest, RedoDelta } from "./manifest.ts";
import type { OffsetSpan } from "./redo-writer.ts";
import type { RestorableEngine, RestoreOptions } from "./restore-options.ts";

type ReadLog = RestoreOptions<RestorableEngine>["readLog"];

/** Returns the first delta whose records the log does not have any more. None from `unreadableFrom` on can be read. */
export function firstLost(
  deltas: readonly RedoDelta[],
  manifest: Manifest,
  range: LogRange,
  unreadableFrom: number,
): RedoDelta | undefined {
  const isOther = isAnotherLog(manifest, range);
  return deltas.find(({ log, to }) => {
    if (log === undefined) return false;
    return isOther || log.from < range.startOffset || to > range.endOffset || to > unreadableFrom;
  });
}

export class LogReadBack {
  readonly #readLog: ReadLog;
  /** Where the last read began. */
  #position = 0;
  #unreadableFrom = Number.POSITIVE_INFINITY;

  constructor(readLog: ReadLog) {
    this.#readLog = readLog;
  }

  /** First offset that could not be read. */
  get unreadableFrom(): number {
    return this.#unreadableFrom;
  }

  /** Yields the records of these offsets, in batches. Rejects as `RestoreOptions.readLog` does. */
  async *read({ from, to }: OffsetSpan): AsyncGenerator<RecordBatch> {
    for (let position = from; position < to; ) {
      this.#position = position;
      const batch = await this.#readLog(position);
      position = batch.nextOffset;
      const count = Math.min(batch.count, Math.max(0, to - batch.baseOffset));
      if (count === batch.count) yield batch;
      else yield { ...batch, count, nextOffset: to };
    }
  }

  /** Notes that a read failed because records are lost. Returns false for any other error. */
  noteFailure(error: unknown): boolean {
    const isLost = error instanceof SwapstatsError && error.code === "log_damaged";
    if (!isLost || this.#position >= this.#unreadableFrom) return false;
    this.#unreadableFrom = this.#position;
    return true;
  }
}
