import { VALUE, type ValueTable } from "../value-table.ts";
import { ByteTexts } from "./byte-texts.ts";

const FIRST_VISIBLE = 0x21;
const LAST_VISIBLE = 0x7e;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Finds values whose bytes are their text as expressions see it: present, without escapes, without white space at an end, and no null
 * marker. Nearly all values are like this, and need no JavaScript string.
 */
export class DirectText {
  readonly #kinds: Uint8Array;
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  readonly #bytes: readonly Uint8Array[];
  readonly #nulls: ByteTexts<true>;
  /** The text that `find` found. */
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  #kind: number = VALUE.absent;

  constructor(values: ValueTable, nulls: readonly string[]) {
    this.#kinds = values.kinds;
    this.#starts = values.starts;
    this.#ends = values.ends;
    this.#bytes = values.bytes;
    this.#nulls = new ByteTexts(nulls.map((text) => [text, true]));
  }

  /** Whether the text is a null marker. */
  isNull(text: string): boolean {
    const bytes = Buffer.from(text);
    return this.#nulls.get(bytes, 0, bytes.length) !== undefined;
  }

  /** Returns false for every other value. */
  find(reference: number): boolean {
    const kind = this.#kinds[reference]!;
    if (kind !== VALUE.string && kind !== VALUE.number && kind !== VALUE.text) return false;
    const bytes = this.#bytes[reference]!;
    const start = this.#starts[reference]!;
    const end = this.#ends[reference]!;
    if (start >= end) return false;
    const first = bytes[start]!;
    const last = bytes[end - 1]!;
    if (first < FIRST_VISIBLE || first > LAST_VISIBLE || last < FIRST_VISIBLE || last > LAST_VISIBLE) return false;
    if (end - start <= this.#nulls.lengthMax && this.#nulls.get(bytes, start, end) !== undefined) return false;
    if (this.bytes !== bytes) this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.#kind = kind;
    return true;
  }

  /** Whether the text is the same between quotes in JSON. */
  get isJson(): boolean {
    if (this.#kind !== VALUE.text) return true;
    for (let p = this.start; p < this.end; p++) {
      const byte = this.bytes[p]!;
      if (byte < FIRST_VISIBLE - 1 || byte === QUOTE || byte === BACKSLASH) return false;
    }
    return true;
  }
}
