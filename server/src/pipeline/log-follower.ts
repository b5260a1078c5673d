/**
 * Reads the log from a position on. A retryable error is retried until it passes. Damage is read several times before it is accepted, because
 * skipped records stay skipped. It then becomes a gap, which the caller reports. Records that the reader dropped under pressure become a
 * gap at once.
 */
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import type { PartitionReader, RecordBatch } from "../ports/source.ts";
import { SwapstatsError } from "../shared/errors.ts";

/** Bytes of records in one read: some tens of milliseconds of work. */
const READ_BYTES_MAX = 1024 * 1024;
const DAMAGE_READS = 3;
/** The pause is constant and not a backoff, because lag grows during it, and a reader of a remote log has its own backoff. */
const RETRY_MS = 200;
/**
 * Reads of damage are spaced by pauses once in this time, and repeated at once in between. A bad page of the log's index can damage a
 * thousand small batches; with 400 ms of pauses for each, the log was read at 100 records a second.
 */
const DAMAGE_WAIT_EVERY_MS = 10_000;

/** Offsets [from, to) that are lost, and a sentence that says so. */
export type LogGap = { readonly from: number; readonly to: number; readonly sentence: string };

export class LogFollower {
  readonly #partition: number;
  readonly #reader: PartitionReader;
  #problem: string | undefined;
  #isPatient = true;
  #patientAtMs = Number.NEGATIVE_INFINITY;

  constructor(partition: number, reader: PartitionReader) {
    this.#partition = partition;
    this.#reader = reader;
  }

  /** Why the latest read failed. Undefined when it succeeded. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /**
   * Returns the next records at the position, or the gap there; waits for either. `onIdle` is called when there is neither yet.
   * Rejects when aborted, and on errors that are neither retryable nor skippable.
   */
  async next(position: number, signal: AbortSignal, onIdle: () => void): Promise<RecordBatch | LogGap> {
    for (let reads = 1; ; reads++) {
      try {
        const reading = this.#reader.read(position, READ_BYTES_MAX, signal);
        // A read that takes longer than a turn has found no records, so none waits.
        if (await isPendingAfterTurn(reading)) onIdle();
        const batch = await reading;
        this.#problem = undefined;
        return batch;
      } catch (error) {
        if (!(error instanceof SwapstatsError) || signal.aborted) throw error;
        if (error.code === "records_dropped") return this.#gap(position, error, "were left out");
        this.#problem = error.message;
        const isDamage = error.code === "log_damaged";
        if (!isDamage && !error.retryable) throw error;
        if (isDamage && reads >= DAMAGE_READS) return this.#gap(position, error, "are lost");
        if (!isDamage || this.#waitsForDamage(reads)) await pause(RETRY_MS, undefined, { signal });
      }
    }
  }

  /** Returns whether to pause before damage is read again: between all reads of the first damaged batch in a while. */
  #waitsForDamage(reads: number): boolean {
    if (reads === 1) {
      const nowMs = performance.now();
      this.#isPatient = nowMs - this.#patientAtMs >= DAMAGE_WAIT_EVERY_MS;
      if (this.#isPatient) this.#patientAtMs = nowMs;
    }
    return this.#isPatient;
  }

  #gap(from: number, cause: SwapstatsError, what: string): LogGap {
    const to = this.#reader.resumeAfter(from);
    if (to <= from) throw cause;
    this.#problem = undefined;
    const sentence =
      `The records from offset ${from} to ${to - 1} of partition ${this.#partition} ${what}, and windows are incomplete ` +
      `until the stream fills them: ${cause.message}`;
    return { from, to, sentence };
  }
}

function isPendingAfterTurn(promise: Promise<unknown>): Promise<boolean> {
  const settled = (): boolean => false;
  return Promise.race([promise.then(settled, settled), nextTurn(true)]);
}
