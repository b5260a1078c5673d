/**
 * Maps the records of a batch to canonical events and applies these, in slices of a few milliseconds. All events of a record are applied in one
 * slice. What a record became is kept for the redo (kept-records.ts).
 *
 * A record has at most one dead letter, whatever the number of its events that were refused: the letter holds the whole record, so one for
 * each event would repeat a record of a megabyte ten thousand times. Its code is that of the first refused event, and its message
 * names the first few. The counters count each refused event.
 */
import type { DeadLetterCode } from "../../codecs/dead-letter-codes.ts";
import { MappedEvents, type MappedRecord, type RecordMapper } from "../../mapping/mapper.ts";
import type { MappingNumbers } from "../../observability/partition-metrics.ts";
import type { RecordBatch } from "../../ports/source.ts";
import { arrivalOf } from "../arrivals.ts";
import type { KeepLetter } from "../batch-applier.ts";
import type { EventApplier } from "../event-applier.ts";
import { CurrentRecord } from "./current-record.ts";
import { KeptRecords, type Refusal } from "./kept-records.ts";

/** Refused events that a message explains. */
const EXPLAINED_MAX = 3;
/** Events between two looks at the clock: some tens of microseconds. A record that makes none counts as one. */
const EVENTS_PER_LOOK = 32;
/** Kept records are added to the redo beyond this size, so that a delta fits into one part of a store although records make many events. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024;

/** The part of the redo that takes mapped records. */
type MappedRedo = { add(batch: RecordBatch, isMapped: true): void };

export class MappedApplier {
  readonly #mapper: RecordMapper;
  readonly #applier: EventApplier;
  readonly #keepLetter: KeepLetter;
  readonly #record: CurrentRecord;
  readonly #events = new MappedEvents();
  readonly #kept = new KeptRecords();
  /** Index of the first record that is kept. */
  #keptFrom = 0;
  /** Refused events of the record. */
  readonly #refused: { readonly code: DeadLetterCode; readonly event: number }[] = [];
  #needsSchema = false;
  #records = 0;
  #skipped = 0;

  constructor(mapper: RecordMapper, applier: EventApplier, keepLetter: KeepLetter) {
    this.#mapper = mapper;
    this.#applier = applier;
    this.#keepLetter = keepLetter;
    this.#record = new CurrentRecord(mapper.needsEnvelope);
  }

  /** See `EventApplier`. */
  get decoderFallbacks(): number {
    return this.#applier.decoderFallbacks;
  }

  /** Since the partition was taken over. */
  get numbers(): MappingNumbers {
    return { records: this.#records, skipped: this.#skipped };
  }

  /** Whether the record at the index that `applySlice` returned waits for `loadSchema`. */
  get needsSchema(): boolean {
    return this.#needsSchema;
  }

  /** See `RecordMapper`. */
  async loadSchema(signal: AbortSignal): Promise<void> {
    await this.#mapper.loadSchema(signal);
    this.#needsSchema = false;
  }

  /** Whether `keep` should be called within the batch. */
  get isKeepDue(): boolean {
    return this.#needsSchema || this.#kept.payload.length >= KEPT_BYTES_MAX;
  }

  /**
   * Applies records from index `from` on for about `sliceMs`. Returns the index behind the last one. It ends earlier when `isKeepDue`; nothing of the
   * record at the index was applied then.
   */
  applySlice(batch: RecordBatch, from: number, sliceMs: number): number {
    const { payload, ends, count } = batch;
    const endMs = performance.now() + sliceMs;
    if (this.#kept.count === 0) this.#keptFrom = from;
    this.#record.partition = batch.partition;
    let start = from === 0 ? 0 : (ends[from - 1] as number);
    let untilLook = EVENTS_PER_LOOK;
    for (let i = from; i < count; i++) {
      const end = ends[i] as number;
      this.#record.set(payload, start, end, batch.baseOffset + i, arrivalOf(batch, i));
      if (!this.#applyRecord(this.#record)) {
        this.#needsSchema = true;
        return i;
      }
      start = end;
      if (this.isKeepDue) return i + 1;
      untilLook -= Math.max(1, this.#events.count);
      if (untilLook > 0) continue;
      if (performance.now() >= endMs) return i + 1;
      untilLook = EVENTS_PER_LOOK;
    }
    return count;
  }

  /** Adds the records of the batch that were applied since the last call to the redo. */
  keep(batch: RecordBatch, redo: MappedRedo): void {
    const { count, payload, ends } = this.#kept;
    if (count === 0) return;
    const { partition, arrivalsMs } = batch;
    const baseOffset = batch.baseOffset + this.#keptFrom;
    const arrivals =
      typeof arrivalsMs === "number" ? arrivalsMs : arrivalsMs.subarray(this.#keptFrom, this.#keptFrom + count);
    redo.add(
      { partition, baseOffset, nextOffset: baseOffset + count, count, payload, ends, arrivalsMs: arrivals },
      true,
    );
    this.#kept.clear();
  }

  /** Returns false when the record's schema must be loaded first; nothing was applied then. */
  #applyRecord(record: CurrentRecord): boolean {
    const outcome = this.#mapper.map(record, this.#events);
    if (outcome === "schema_needed") return false;
    this.#records++;
    const refusal = outcome === undefined ? this.#applyEvents(record) : this.#unreadable(outcome, record);
    this.#kept.add(this.#events, refusal);
    if (refusal !== undefined) {
      const { code, message, bytes, start, end } = refusal;
      const { partition, offset, timestampMs: arrival } = record;
      this.#keepLetter({ code, message, partition, offset, arrival }, bytes, start, end);
    }
    return true;
  }

  #unreadable(code: DeadLetterCode, record: CurrentRecord): Refusal {
    this.#applier.deadLetter(code);
    const message = this.#mapper.refusalText(code, record, this.#events, undefined);
    return { isUnreadable: true, code, message, bytes: record.bytes, start: record.start, end: record.end };
  }

  #applyEvents(record: CurrentRecord): Refusal | undefined {
    const { bytes, ends, count, skipped } = this.#events;
    this.#skipped += skipped;
    this.#refused.length = 0;
    for (let i = 0, start = 0; i < count; i++) {
      const end = ends[i] as number;
      const code = this.#applier.apply(bytes, start, end, record.timestampMs, record.offset, i);
      if (code !== undefined) this.#refused.push({ code, event: i });
      start = end;
    }
    this.#applier.release();
    const first = this.#refused[0];
    if (first === undefined) return undefined;
    const message = this.#refusalText(record);
    return {
      isUnreadable: false,
      code: first.code,
      message,
      bytes: record.bytes,
      start: record.start,
      end: record.end,
    };
  }

  #refusalText(record: MappedRecord): string {
    const texts = this.#refused.slice(0, EXPLAINED_MAX).map(({ code, event }) => {
      const text = this.#mapper.refusalText(code, record, this.#events, event);
      return this.#events.count === 1 ? text : `swap ${event} of ${this.#events.count}: ${code}: ${text}`;
    });
    const more = this.#refused.length - texts.length;
    return more === 0 ? texts.join("; ") : `${texts.join("; ")}; and ${more} more`;
  }
}
