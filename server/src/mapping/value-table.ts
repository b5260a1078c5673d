/**
 * The values of a mapping's references for one element of a record. The reader of a format fills the table, and expressions read it. A
 * value is a range of bytes and its kind; no text is made before something needs it.
 */

/** Kinds of values. */
export const VALUE = {
  /** Not in the record. */
  absent: 0,
  /** UTF-8 as it is. It may contain quotes, backslashes and control characters. */
  text: 1,
  /** The bytes between the quotes of a JSON string without escapes. */
  string: 2,
  /** The bytes between the quotes of a JSON string with escapes. */
  escaped: 3,
  /** The text of a JSON number. */
  number: 4,
  true: 5,
  false: 6,
  /** The JSON text of an object or an array. */
  nested: 7,
  /** Expressions see it as absent. */
  null: 8,
} as const;
export type ValueKind = (typeof VALUE)[keyof typeof VALUE];

const NO_BYTES = new Uint8Array(0);
/** Bytes of one UTF-16 unit in UTF-8. */
const UNIT_BYTES_MAX = 3;
const FIRST_OWN_BYTES = 1024;

export class ValueTable {
  /** By reference. `bytes`, `starts` and `ends` are valid only for kinds with a text. */
  readonly kinds: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly bytes: Uint8Array[];
  /** Texts that are not in the record, back to back. */
  #own: Buffer = Buffer.allocUnsafe(FIRST_OWN_BYTES);
  #ownEnd = 0;

  constructor(references: number) {
    this.kinds = new Uint8Array(references);
    this.starts = new Int32Array(references);
    this.ends = new Int32Array(references);
    this.bytes = new Array<Uint8Array>(references).fill(NO_BYTES);
  }

  /** Makes all values absent. */
  clear(): void {
    // Faster than fill for the few references that mappings have.
    for (let i = 0; i < this.kinds.length; i++) this.kinds[i] = VALUE.absent;
    this.#ownEnd = 0;
  }

  set(reference: number, kind: ValueKind, bytes: Uint8Array, start: number, end: number): void {
    this.kinds[reference] = kind;
    this.bytes[reference] = bytes;
    this.starts[reference] = start;
    this.ends[reference] = end;
  }

  /** Sets a value that the record does not contain as text, such as a number of a binary format. For kinds text, number and nested. */
  setOwn(reference: number, kind: ValueKind, text: string): void {
    const start = this.beginOwn(text.length * UNIT_BYTES_MAX);
    this.endOwn(reference, kind, start, start + this.#own.write(text, start, "utf8"));
  }

  /** Makes room for such a value. Its caller writes it into `own`, from the returned position on, and then calls `endOwn`. */
  beginOwn(room: number): number {
    // Values that were set before keep the old buffer.
    if (this.#ownEnd + room > this.#own.length) {
      this.#own = Buffer.allocUnsafe(Math.max(2 * this.#own.length, room));
      this.#ownEnd = 0;
    }
    return this.#ownEnd;
  }

  get own(): Uint8Array {
    return this.#own;
  }

  endOwn(reference: number, kind: ValueKind, start: number, end: number): void {
    this.#ownEnd = end;
    this.set(reference, kind, this.#own, start, end);
  }

  isAbsent(reference: number): boolean {
    return this.kinds[reference] === VALUE.absent || this.kinds[reference] === VALUE.null;
  }

  /** Returns the length of the value's text; 0 for a value without one. */
  byteLength(reference: number): number {
    const kind = this.kinds[reference];
    if (this.isAbsent(reference) || kind === VALUE.true || kind === VALUE.false) return 0;
    return (this.ends[reference] as number) - (this.starts[reference] as number);
  }

  /** Returns the value as text: of a string its characters, of a number its digits as written, of an object or array its JSON. */
  text(reference: number): string | undefined {
    const kind = this.kinds[reference];
    if (this.isAbsent(reference)) return undefined;
    if (kind === VALUE.true) return "true";
    if (kind === VALUE.false) return "false";
    const bytes = this.bytes[reference] as Uint8Array;
    const start = this.starts[reference] as number;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, (this.ends[reference] as number) - start).toString(
      "utf8",
    );
    return kind === VALUE.escaped ? (JSON.parse(`"${text}"`) as string) : text;
  }
}
