/** Tracks the arrival of the oldest waiting record, from which the lag of responses is computed. */
import type { SharedClock } from "../bus/shared-clock.ts";
import type { PartitionReader } from "../ports/source.ts";

export class WaitingRecords {
  readonly #reader: Pick<PartitionReader, "knownEnd" | "arrivalFrom">;
  readonly #clock: Pick<SharedClock, "wallMs">;
  /** Undefined while no record is known to wait. */
  #oldestMs: number | undefined;

  constructor(reader: Pick<PartitionReader, "knownEnd" | "arrivalFrom">, clock: Pick<SharedClock, "wallMs">) {
    this.#reader = reader;
    this.#clock = clock;
  }

  /** Returns the arrival of the oldest record at or behind `offset`, in ms; 0 when there is none. */
  oldestFrom(offset: number): number {
    if (offset >= this.#reader.knownEnd) {
      this.#oldestMs = undefined;
      return 0;
    }
    return this.#fromLog(offset);
  }

  /** Notes the arrival of the last record that was applied. A record behind it is not older, and its arrival is not known yet. */
  noteApplied(arrivalMs: number): void {
    this.#oldestMs = arrivalMs;
  }

  /** Returns the age in ms of the oldest record in the log at or behind `offset`, while there is no state. */
  ageFrom(offset: number): number {
    return Math.max(0, this.#clock.wallMs() - this.#fromLog(offset));
  }

  /** Drops everything that is known. */
  reset(): void {
    this.#oldestMs = undefined;
  }

  /** The age of a record with an unknown arrival counts from now on. */
  #fromLog(offset: number): number {
    this.#oldestMs ??= this.#reader.arrivalFrom(offset) ?? this.#clock.wallMs();
    return this.#oldestMs;
  }
}
