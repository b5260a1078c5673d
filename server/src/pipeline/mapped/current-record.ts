/** The record that is being mapped. One object serves all records of a stream, so that no record makes one. */
import { RecordEnvelope } from "../../mapping/formats/envelope.ts";
import type { MappedRecord } from "../../mapping/mapper.ts";

export class CurrentRecord implements MappedRecord {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  partition = 0;
  offset = 0;
  timestampMs = 0;
  readonly #envelope: RecordEnvelope | undefined;
  readonly header: ((name: string) => Uint8Array | undefined) | undefined;

  /** With envelopes a record's bytes begin with its key and end with its headers; see `RecordEnvelope`. */
  constructor(hasEnvelope: boolean) {
    this.#envelope = hasEnvelope ? new RecordEnvelope() : undefined;
    this.header = this.#envelope?.header;
  }

  /** In a topic rows are numbered by their offsets. */
  get row(): number {
    return this.offset;
  }

  get key(): Uint8Array | undefined {
    return this.#envelope?.key;
  }

  /** Takes the record in bytes[start, end) at this position. Throws RangeError when these bytes are no envelope. */
  set(bytes: Uint8Array, start: number, end: number, offset: number, arrivalMs: number): void {
    this.bytes = bytes;
    this.offset = offset;
    this.timestampMs = arrivalMs;
    this.start = start;
    this.end = end;
    if (this.#envelope === undefined) return;
    this.#envelope.read(bytes, start, end);
    this.start = this.#envelope.valueStart;
    this.end = this.#envelope.valueEnd;
  }
}
