/**
 * Frames of messages: a header line `swapstats/<format> <sender> <number> <part> <parts>`, then the content. Content that is larger than a message
 * of the message system is cut into parts. Incomplete messages are dropped. Every bound is small enough that a faulty sender cannot fill the memory.
 */
import type { Format } from "./protocol.ts";

export const MESSAGE_BYTES_MAX = 32 * 2 ** 20;
/** Largest number of incomplete messages. */
const PARTIAL_MESSAGES_MAX = 64;
const PARTIAL_BYTES_MAX = 64 * 2 ** 20;
const HEADER_BYTES_MAX = 512;
const HEADER = /^swapstats\/([0-9]{1,9}) ([A-Za-z0-9_-]{1,300}) ([0-9]{1,16}) ([0-9]{1,6}) ([0-9]{1,6})$/;
const NEWLINE = 0x0a;

export function cutFrames(format: number, from: string, number: number, content: Buffer, bytesMax: number): Buffer[] {
  const roomBytes = bytesMax - HEADER_BYTES_MAX;
  const parts = Math.max(1, Math.ceil(content.length / roomBytes));
  return Array.from({ length: parts }, (_, part) => {
    const header = Buffer.from(`swapstats/${format} ${from} ${number} ${part} ${parts}\n`);
    return Buffer.concat([header, content.subarray(part * roomBytes, (part + 1) * roomBytes)]);
  });
}

type Received =
  | { readonly kind: "message"; readonly from: string; readonly format: Format; readonly content: Buffer }
  /** A message of a format that this version cannot read. */
  | { readonly kind: "foreign"; readonly from: string; readonly format: number };

type Partial = { parts: (Buffer | undefined)[]; missing: number; bytes: number };

export class FrameReader {
  readonly #newest: Format;
  /** Incomplete messages by sender and number, oldest first. */
  readonly #partials = new Map<string, Partial>();
  #bytes = 0;

  /** Reads the formats from 1 to `newest`. */
  constructor(newest: Format) {
    this.#newest = newest;
  }

  /** Returns the message when it is complete. Returns undefined while parts are missing, and for bytes that are not a message. */
  take(bytes: Uint8Array): Received | undefined {
    const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const end = frame.subarray(0, HEADER_BYTES_MAX).indexOf(NEWLINE);
    const header = end === -1 ? null : HEADER.exec(frame.toString("latin1", 0, end));
    if (header === null) return undefined;
    const [, given, from, number, part, parts] = header as unknown as [string, string, string, string, string, string];
    const format = Number(given);
    if (format < 1 || format > this.#newest) return { kind: "foreign", from, format };
    const payload = frame.subarray(end + 1);
    const content = parts === "1" ? payload : this.#collect(`${from} ${number}`, Number(part), Number(parts), payload);
    return content === undefined ? undefined : { kind: "message", from, format: format as Format, content };
  }

  #collect(key: string, part: number, parts: number, payload: Buffer): Buffer | undefined {
    if (part >= parts || parts * payload.length > 2 * MESSAGE_BYTES_MAX) return undefined;
    let partial = this.#partials.get(key);
    if (partial === undefined) {
      partial = { parts: new Array<Buffer | undefined>(parts).fill(undefined), missing: parts, bytes: 0 };
      this.#partials.set(key, partial);
    }
    if (partial.parts.length !== parts || partial.parts[part] !== undefined) return undefined;
    partial.parts[part] = payload;
    partial.missing -= 1;
    partial.bytes += payload.length;
    this.#bytes += payload.length;
    if (partial.missing === 0) {
      this.#forget(key, partial);
      return Buffer.concat(partial.parts as Buffer[]);
    }
    for (const [oldKey, old] of this.#partials) {
      if (this.#partials.size <= PARTIAL_MESSAGES_MAX && this.#bytes <= PARTIAL_BYTES_MAX) break;
      this.#forget(oldKey, old);
    }
    return undefined;
  }

  #forget(key: string, partial: Partial): void {
    this.#partials.delete(key);
    this.#bytes -= partial.bytes;
  }
}
