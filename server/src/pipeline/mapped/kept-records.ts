/**
 * Mapped records as the redo keeps them: the events that were made of them, and not the producer's bytes. A restore therefore needs neither the
 * mapping nor the registry, and a mapping that was changed meanwhile cannot change what was already counted. The first byte of a record
 * tells its form:
 *
 *   {   its one event
 *   [   none or several events: u32 count, u32 end of each in what follows, then the events back to back
 *   !   a record with a dead letter: u32 bytes of its events, of the message and of the code, then these three, then the beginning of the
 *       producer's bytes. The events are in one of the forms above. A record that could not be read has 0 bytes of them
 *
 * Numbers are little endian. Lengths are used rather than a JSON array, because what a mapping makes need not be sound JSON.
 */
import { type DeadLetterCode, isDeadLetterCode } from "../../codecs/dead-letter-codes.ts";
import type { MappedEvents } from "../../mapping/mapper.ts";
import { DEAD_LETTER_RAW_BYTES_MAX } from "../../stores/dead-letter-store.ts";

const ONE = 0x7b;
const LIST = 0x5b;
const REFUSED = 0x21;
const NUMBER_BYTES = 4;
/** The first byte and the count. */
const LIST_HEAD_BYTES = 1 + NUMBER_BYTES;
/** The first byte and three lengths. */
const REFUSED_HEAD_BYTES = 1 + 3 * NUMBER_BYTES;
const INITIAL_BYTES = 64 * 1024;
/** A buffer that grew beyond this is not kept for the next batch. */
const REUSED_BYTES_MAX = 8 * 1024 * 1024;

/** Why a record has a dead letter, and where its bytes are. */
export type Refusal = {
  /** Whether the record could not be read at all, and has no events. */
  readonly isUnreadable: boolean;
  readonly code: DeadLetterCode;
  readonly message: string;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
};

/** The kept forms of consecutive records, back to back. */
export class KeptRecords {
  #bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  #end = 0;
  #ends = new Uint32Array(64);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The forms of all records. Valid until the next `add` or `clear`. */
  get payload(): Uint8Array {
    return this.#bytes.subarray(0, this.#end);
  }

  /** End of the form of record i in `payload`. Valid until the next `add` or `clear`. */
  get ends(): Uint32Array {
    return this.#ends.subarray(0, this.#count);
  }

  clear(): void {
    if (this.#bytes.length > REUSED_BYTES_MAX) this.#bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
    this.#end = 0;
    this.#count = 0;
  }

  /** Adds a record. Undefined `refusal`: it has no dead letter. The events of an unreadable record are ignored. */
  add(events: MappedEvents, refusal: Refusal | undefined): void {
    if (refusal === undefined) this.#addEvents(events);
    else this.#addRefused(events, refusal);
    if (this.#count === this.#ends.length) {
      const grown = new Uint32Array(this.#count * 4);
      grown.set(this.#ends);
      this.#ends = grown;
    }
    this.#ends[this.#count++] = this.#end;
  }

  #addEvents({ bytes, ends, count }: MappedEvents): void {
    const length = count === 0 ? 0 : (ends[count - 1] as number);
    if (count !== 1 || bytes[0] !== ONE) {
      this.#reserve(LIST_HEAD_BYTES + count * NUMBER_BYTES);
      this.#bytes[this.#end] = LIST;
      this.#bytes.writeUInt32LE(count, this.#end + 1);
      this.#end += LIST_HEAD_BYTES;
      for (let i = 0; i < count; i++) this.#end = this.#bytes.writeUInt32LE(ends[i] as number, this.#end);
    }
    this.#append(bytes, 0, length);
  }

  #addRefused(events: MappedEvents, { isUnreadable, code, message, bytes, start, end }: Refusal): void {
    const headAt = this.#end;
    this.#reserve(REFUSED_HEAD_BYTES);
    this.#end += REFUSED_HEAD_BYTES;
    if (!isUnreadable) this.#addEvents(events);
    const eventBytes = this.#end - headAt - REFUSED_HEAD_BYTES;
    const text = Buffer.from(message);
    const name = Buffer.from(code);
    this.#append(text, 0, text.length);
    this.#append(name, 0, name.length);
    this.#append(bytes, start, Math.min(end, start + DEAD_LETTER_RAW_BYTES_MAX));
    this.#bytes[headAt] = REFUSED;
    this.#bytes.writeUInt32LE(eventBytes, headAt + 1);
    this.#bytes.writeUInt32LE(text.length, headAt + 1 + NUMBER_BYTES);
    this.#bytes.writeUInt32LE(name.length, headAt + 1 + 2 * NUMBER_BYTES);
  }

  #append(bytes: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    this.#bytes.set(bytes.subarray(start, end), this.#end);
    this.#end += end - start;
  }

  #reserve(more: number): void {
    if (this.#end + more <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#end + more, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#end);
    this.#bytes = grown;
  }
}

/**
 * Reads the record in bytes[start, end): calls `apply` with the place of each of its events, and returns its refusal. Throws RangeError
 * when `KeptRecords` did not write it.
 */
export function readKept(
  bytes: Buffer,
  start: number,
  end: number,
  apply: (start: number, end: number) => void,
): Refusal | undefined {
  if (bytes[start] !== REFUSED) {
    readEvents(bytes, start, end, apply);
    return undefined;
  }
  const eventsAt = start + REFUSED_HEAD_BYTES;
  const messageAt = eventsAt + bytes.readUInt32LE(start + 1);
  const codeAt = messageAt + bytes.readUInt32LE(start + 1 + NUMBER_BYTES);
  const rawAt = codeAt + bytes.readUInt32LE(start + 1 + 2 * NUMBER_BYTES);
  const code = bytes.toString("utf8", codeAt, rawAt);
  if (rawAt > end || !isDeadLetterCode(code)) throw unknownForm(start);
  const isUnreadable = messageAt === eventsAt;
  if (!isUnreadable) readEvents(bytes, eventsAt, messageAt, apply);
  return { isUnreadable, code, message: bytes.toString("utf8", messageAt, codeAt), bytes, start: rawAt, end };
}

function readEvents(bytes: Buffer, start: number, end: number, apply: (start: number, end: number) => void): void {
  if (bytes[start] === ONE) {
    apply(start, end);
    return;
  }
  if (bytes[start] !== LIST) throw unknownForm(start);
  const count = bytes.readUInt32LE(start + 1);
  const eventsAt = start + LIST_HEAD_BYTES + count * NUMBER_BYTES;
  let from = eventsAt;
  for (let i = 0; i < count; i++) {
    const to = eventsAt + bytes.readUInt32LE(start + LIST_HEAD_BYTES + i * NUMBER_BYTES);
    if (to < from || to > end) throw unknownForm(start);
    apply(from, to);
    from = to;
  }
  if (from !== end) throw unknownForm(start);
}

function unknownForm(at: number): RangeError {
  return new RangeError(`a kept record at byte ${at} does not fit`);
}
