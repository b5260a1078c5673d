/** Finds parts of a JSON text without changing a byte of them: a number keeps its digits. */
import { JsonCursor } from "../../codecs/json-cursor.ts";
import type { JsonPath } from "../../config/keys/feeders/json-paths.ts";

/** Bytes [start, end). */
type JsonPart = { readonly start: number; readonly end: number };

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const OPEN_BRACE = 0x7b;

/** A JSON text in bytes. */
export class JsonText {
  readonly #bytes: Uint8Array;
  readonly #cursor = new JsonCursor();
  /** Undefined: the bytes are not one JSON value. */
  readonly root: JsonPart | undefined;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#cursor.attach(bytes);
    const first = this.#cursor.whitespace(start, end);
    const last = this.#cursor.value(first, end, 0);
    const isOne = last >= 0 && this.#cursor.whitespace(last, end) === end;
    this.root = isOne ? { start: first, end: last } : undefined;
  }

  /** Returns the value at a path. Of a repeated name the last value counts. */
  find(path: JsonPath, from: JsonPart | undefined = this.root): JsonPart | undefined {
    let part = from;
    for (const step of path) {
      if (part === undefined) return undefined;
      part = typeof step === "number" ? this.elements(part)?.[step] : this.#member(part, step);
    }
    return part;
  }

  /** Returns the elements of a list. Undefined: it is none. */
  elements({ start, end }: JsonPart): JsonPart[] | undefined {
    if (this.#bytes[start] !== OPEN_BRACKET) return undefined;
    const parts: JsonPart[] = [];
    const cursor = this.#cursor;
    for (let at = cursor.whitespace(start + 1, end); at < end - 1; ) {
      const valueEnd = cursor.value(at, end, 0);
      parts.push({ start: at, end: valueEnd });
      at = this.#next(valueEnd, end);
    }
    return parts;
  }

  /** Returns a text, or the digits of a number. Undefined: something else, or empty. */
  scalar({ start, end }: JsonPart): string | undefined {
    const first = this.#bytes[start] ?? 0;
    const text = Buffer.from(this.#bytes.subarray(start, end)).toString();
    if (first === QUOTE) return (JSON.parse(text) as string) || undefined;
    return first === 0x2d || (first >= 0x30 && first <= 0x39) ? text : undefined;
  }

  #member({ start, end }: JsonPart, name: string): JsonPart | undefined {
    if (this.#bytes[start] !== OPEN_BRACE) return undefined;
    const cursor = this.#cursor;
    let found: JsonPart | undefined;
    for (let at = cursor.whitespace(start + 1, end); at < end - 1; ) {
      const nameEnd = cursor.value(at, end, 0);
      const own = this.scalar({ start: at, end: nameEnd }) ?? "";
      const valueStart = cursor.colon(nameEnd, end);
      const valueEnd = cursor.value(valueStart, end, 0);
      if (own === name) found = { start: valueStart, end: valueEnd };
      at = this.#next(valueEnd, end);
    }
    return found;
  }

  /** Returns the position behind a comma, or the end. The text was checked. */
  #next(at: number, end: number): number {
    const after = this.#cursor.whitespace(at, end);
    return this.#bytes[after] === COMMA ? this.#cursor.whitespace(after + 1, end) : end;
  }
}
