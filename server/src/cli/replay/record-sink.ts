/** Collects what a mapping makes of the records of a file. */

import { refusalText } from "../../codecs/refusal-text.ts";
import { SwapDecoder } from "../../codecs/swap-decoder.ts";
import { SwapEvent } from "../../engine/swaps/swap-event.ts";
import type { Mapping } from "../../mapping/language.ts";
import { mappedRefusalText } from "../../mapping/mapped-refusal-text.ts";
import type { MappedEvents } from "../../mapping/mapper.ts";
import { diagnose, eachHint } from "./diagnosis.ts";
import type { ReadCounter } from "./input.ts";
import type { Batch, RowFault } from "./rows.ts";

const LINE_FEED = 10;
const BATCH_BYTES = 256 * 1024;
const FAULTS_MAX = 1000;
/** Length of the part of its record that a fault keeps. */
const RAW_CHARS_MAX = 64 * 1024;

/** Takes what the records of a file become, in their order. */
export type RecordSink = {
  /** Whether the reader must pause, and let the owner of the sink empty it. */
  readonly isFull: boolean;
  /** The events of a record. `raw` returns the record as it is in the file. */
  take(row: number, events: MappedEvents, raw: () => string): void;
  /** A record that makes no events. */
  fault(fault: RowFault): void;
};

/** Makes batches of lines. An event that the decoder refuses is a fault of its record, which keeps the record as it is in the file. */
export class BatchSink implements RecordSink {
  readonly #file: number;
  readonly #counter: ReadCounter;
  /** Undefined: the columns are the fields, so messages need no place in a mapping. */
  readonly #mapping: Mapping | undefined;
  readonly #decoder = new SwapDecoder();
  readonly #event = new SwapEvent();
  #bytes = Buffer.allocUnsafe(BATCH_BYTES);
  #used = 0;
  #rows: number[] = [];
  #faults: RowFault[] = [];

  constructor(file: number, mapping: Mapping | undefined, counter: ReadCounter) {
    this.#file = file;
    this.#mapping = mapping;
    this.#counter = counter;
  }

  get isFull(): boolean {
    return this.#used >= BATCH_BYTES || this.#faults.length >= FAULTS_MAX;
  }

  get isEmpty(): boolean {
    return this.#rows.length + this.#faults.length === 0;
  }

  take(row: number, events: MappedEvents, raw: () => string): void {
    this.#counter.skipped += events.skipped;
    let start = 0;
    for (let index = 0; index < events.count; index++) {
      const end = events.ends[index] as number;
      const code = this.#decoder.decode(events.bytes, start, end, this.#event);
      if (code === undefined) this.#add(row, events.bytes, start, end);
      else this.#faults.push(this.#refused(row, code, events, index, start, end, raw));
      start = end;
    }
  }

  fault(fault: RowFault): void {
    this.#faults.push(fault);
  }

  /** Returns what was collected, and starts again. */
  empty(): Batch {
    const bytes = this.#bytes.subarray(0, this.#used);
    const batch = { file: this.#file, bytes, rows: this.#rows, faults: this.#faults };
    // The batch is valid until the next one is requested, so the bytes are used again.
    this.#used = 0;
    this.#rows = [];
    this.#faults = [];
    return batch;
  }

  #add(row: number, bytes: Uint8Array, start: number, end: number): void {
    const length = end - start + 1;
    if (this.#used + length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#used + length));
      this.#bytes.copy(larger, 0, 0, this.#used);
      this.#bytes = larger;
    }
    this.#bytes.set(bytes.subarray(start, end), this.#used);
    this.#used += length;
    this.#bytes[this.#used - 1] = LINE_FEED;
    this.#rows.push(row);
  }

  #refused(
    row: number,
    code: Parameters<typeof refusalText>[0],
    events: MappedEvents,
    index: number,
    start: number,
    end: number,
    raw: () => string,
  ): RowFault {
    if (!this.#counter.wantsText) return { row, code, value: "", message: "", raw: "" };
    const event = Buffer.from(events.bytes.buffer, events.bytes.byteOffset + start, end - start).toString();
    const { field, value, hint } = diagnose(code, event);
    const text = raw().slice(0, RAW_CHARS_MAX);
    const mapping = this.#mapping;
    const said =
      mapping === undefined
        ? refusalText(code, events.bytes, start, end)
        : mappedRefusalText(code, mapping, events, index);
    const advice =
      code === "missing_field" && mapping !== undefined && mapping.each === undefined ? eachHint(text) : hint;
    const message = advice === undefined ? said : `${said}; ${advice}`;
    return { row, code, ...(field === undefined ? {} : { field }), value, message, raw: text };
  }
}
