import { MappedEvents } from "../mapper.ts";

const QUOTE = 0x22;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
/** Bytes of one UTF-16 unit in UTF-8. */
const UNIT_BYTES_MAX = 3;
/** Room that is always left: quotes, a brace, and the bytes that a copy by words writes behind its end. */
const SLACK_BYTES = 16;

/**
 * Bytes of a text that is written often, eight in a double. The last one is filled up with zeros. UTF-8 never forms a NaN, whose bits would
 * not be kept: after a byte of 0xf0 or more there is none of 0x7f or 0xff.
 */
export type Piece = { readonly words: Float64Array; readonly length: number };

export function pieceOf(text: string): Piece {
  const bytes = new TextEncoder().encode(text);
  const padded = new Uint8Array(8 * Math.ceil(bytes.length / 8));
  padded.set(bytes);
  const view = viewOf(padded);
  const words = Float64Array.from({ length: padded.length / 8 }, (_, i) => view.getFloat64(8 * i, true));
  return { words, length: bytes.length };
}

/** Comma, name and colon of a member. */
export function headOf(name: string): Piece {
  return pieceOf(`,${JSON.stringify(name)}:`);
}

/** Writes a member. Returns false, and writes nothing, for values that it does not know. */
export type FastWriter = (out: EventBytes) => boolean;

/**
 * Writes the JSON of events into MappedEvents. An event is begun, then its members are written, then it is ended. Each member begins with
 * a comma; that of the first one becomes the opening brace.
 */
export class EventBytes {
  /** `at` is where the next byte goes. Whoever writes into `bytes` makes room first. */
  bytes: Uint8Array;
  at = 0;
  #events = new MappedEvents();
  #view: DataView;
  #start = 0;
  /** Bytes of the record, from which ranges are copied by words. */
  #record: Uint8Array;
  #recordView: DataView;

  constructor() {
    this.bytes = this.#events.bytes;
    this.#view = viewOf(this.bytes);
    this.#record = this.bytes;
    this.#recordView = this.#view;
  }

  /** Continues behind the last event of `events`. Most values are ranges of `record`. */
  begin(events: MappedEvents, record: Uint8Array): void {
    this.#events = events;
    if (events.bytes !== this.bytes) {
      this.bytes = events.bytes;
      this.#view = viewOf(events.bytes);
    }
    if (record !== this.#record) {
      this.#record = record;
      this.#recordView = viewOf(record);
    }
    this.#start = events.count === 0 ? 0 : (events.ends[events.count - 1] as number);
    this.at = this.#start;
  }

  /** Bytes of the event so far. */
  get length(): number {
    return this.at - this.#start;
  }

  /** Makes room for `count` bytes, and a few more. */
  room(count: number): void {
    if (this.at + count + SLACK_BYTES > this.bytes.length) this.#grow(count);
  }

  #grow(count: number): void {
    const grown = new Uint8Array(Math.max(2 * this.bytes.length, this.at + count + SLACK_BYTES));
    grown.set(this.bytes.subarray(0, this.at));
    this.bytes = grown;
    this.#view = viewOf(grown);
    this.#events.bytes = grown;
  }

  piece(piece: Piece): void {
    this.room(piece.length);
    this.#copyPiece(piece);
  }

  #copyPiece({ words, length }: Piece): void {
    const view = this.#view;
    let at = this.at | 0;
    for (let i = 0; i < words.length; i++) {
      view.setFloat64(at, words[i]!, true);
      at += 8;
    }
    this.at += length;
  }

  /** Writes a member whose value is a range of bytes. */
  range(head: Piece, bytes: Uint8Array, start: number, end: number): void {
    this.room(head.length + end - start);
    this.#copyPiece(head);
    this.#copy(bytes, start, end);
  }

  /** The same with quotes around it. */
  quotedRange(head: Piece, bytes: Uint8Array, start: number, end: number): void {
    this.room(head.length + end - start);
    this.#copyPiece(head);
    this.bytes[this.at++] = QUOTE;
    this.#copy(bytes, start, end);
    this.bytes[this.at++] = QUOTE;
  }

  /** Writes a member whose value is this JSON. */
  json(head: Piece, value: string): void {
    this.piece(head);
    this.room(UNIT_BYTES_MAX * value.length);
    const { buffer, byteOffset, length } = this.bytes;
    this.at += Buffer.from(buffer, byteOffset, length).write(value, this.at, "utf8");
  }

  /** Ends the event, which entry `swap` of the mapping made. */
  end(swap: number): void {
    this.room(0);
    if (this.at === this.#start) this.at++;
    this.bytes[this.#start] = OPEN_OBJECT;
    this.bytes[this.at++] = CLOSE_OBJECT;
    const events = this.#events;
    if (events.count === events.ends.length) growIndexes(events);
    events.ends[events.count] = this.at;
    events.swapIndexes[events.count] = swap;
    events.count++;
    this.#start = this.at;
  }

  #copy(bytes: Uint8Array, start: number, end: number): void {
    const out = this.#view;
    let at = this.at | 0;
    let p = start | 0;
    if (bytes === this.#record) {
      const record = this.#recordView;
      const doubleEnd = (end - 8) | 0;
      for (; p <= doubleEnd; p = (p + 8) | 0, at = (at + 8) | 0) out.setFloat64(at, record.getFloat64(p, true), true);
      const wordEnd = (end - 4) | 0;
      for (; p <= wordEnd; p = (p + 4) | 0, at = (at + 4) | 0) out.setInt32(at, record.getInt32(p, true), true);
    }
    for (; p < end; p++, at++) this.bytes[at] = bytes[p]!;
    this.at += end - start;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function growIndexes(events: MappedEvents): void {
  const ends = new Uint32Array(2 * events.ends.length);
  ends.set(events.ends);
  events.ends = ends;
  const swapIndexes = new Uint8Array(2 * events.swapIndexes.length);
  swapIndexes.set(events.swapIndexes);
  events.swapIndexes = swapIndexes;
}
