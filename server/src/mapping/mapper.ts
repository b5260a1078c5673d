/**
 * The contract of a record mapper. It turns the record of a producer into canonical swap events, as JSON texts. Every way in uses it:
 * workers for the records of Kafka, the log thread for `POST /api/swaps?mapping=`, feeders, and `replay`. The caller decodes the events
 * with SwapDecoder, so their checks and codes are those of events that were sent in canonical form.
 */
import type { DeadLetterCode } from "../codecs/dead-letter-codes.ts";

/** One record: its value, and what is known about it. Absent members are absent values of `@...` references. */
export type MappedRecord = {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly key?: Uint8Array | undefined;
  /** Returns the value of the last header of this name. */
  readonly header?: ((name: string) => Uint8Array | undefined) | undefined;
  readonly timestampMs?: number | undefined;
  readonly partition?: number | undefined;
  readonly offset?: number | undefined;
  /** Number of the row or line in its file; in Kafka the offset. */
  readonly row?: number | undefined;
};

/** The events of one record, back to back in `bytes`. The mapper replaces `bytes` when it needs more room. */
export class MappedEvents {
  bytes: Uint8Array = new Uint8Array(4096);
  /** End of event i; it starts where event i - 1 ends. */
  ends: Uint32Array = new Uint32Array(16);
  count = 0;
  /** Index of the entry of `swaps` that made event i; for messages. */
  swapIndexes: Uint8Array = new Uint8Array(16);
  /** Swaps for which `when` did not hold. */
  skipped = 0;

  clear(): void {
    this.count = 0;
    this.skipped = 0;
  }
}

/** `schema_needed`: the record's schema must be loaded first, by `loadSchema`; nothing was mapped. */
export type MappingOutcome = undefined | DeadLetterCode | "schema_needed";

export type RecordMapper = {
  /** Whether key or headers of records are needed. */
  readonly needsEnvelope: boolean;
  /** Maps one record. Clears `events` first. Returns undefined on success, otherwise why the record cannot be read. */
  map(record: MappedRecord, events: MappedEvents): MappingOutcome;
  /**
   * Loads the schema that the last `map` needed. Rejects with a retryable SwapstatsError while the registry is away, and with the
   * signal's reason when aborted. A schema that does not exist resolves, and makes dead letters of its records.
   */
  loadSchema(signal: AbortSignal): Promise<void>;
  /** Explains the code of the last record, or of event `index` of it, which the decoder refused: the field, its value, and the place in the mapping. */
  refusalText(code: DeadLetterCode, record: MappedRecord, events: MappedEvents, index: number | undefined): string;
};
