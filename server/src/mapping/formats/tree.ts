import { decimalText } from "./decimals.ts";

/**
 * The values of a record in a binary format, before a mapping takes fields out of them. Integers that a double cannot hold are bigint, and a
 * float of 32 bits has the shortest digits that identify it. Texts, bytes and decimals stay where they are, as spans: most records have more
 * of them than a mapping uses.
 */
export type Tree = null | boolean | number | bigint | string | Span | readonly Tree[] | Members;

/** How the bytes of a span are read. */
export const SPAN = {
  /** UTF-8, which was checked. */
  text: 0,
  /** The same, and it needs no escapes in JSON. */
  plain: 1,
  /** Any bytes, which are written as 0x and hex digits. */
  hex: 2,
  /** The unscaled value of a decimal in two's complement, the highest byte first. At most DECIMAL_BYTES_MAX bytes. */
  decimal: 3,
} as const;
type SpanForm = (typeof SPAN)[keyof typeof SPAN];

/** A range of bytes, mostly of the record. Valid as long as these bytes are. */
export class Span {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly form: SpanForm;
  /** Places of a decimal. */
  readonly scale: number;

  constructor(bytes: Uint8Array, start: number, end: number, form: SpanForm, scale: number) {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.form = form;
    this.scale = scale;
  }

  toString(): string {
    const bytes = Buffer.from(this.bytes.buffer, this.bytes.byteOffset + this.start, this.end - this.start);
    if (this.form === SPAN.text || this.form === SPAN.plain) return bytes.toString("utf8");
    const hex = bytes.toString("hex");
    if (this.form === SPAN.hex) return `0x${hex}`;
    return decimalText(hex === "" ? 0n : BigInt.asIntN(hex.length * 4, BigInt(`0x${hex}`)), this.scale);
  }
}

/** By byte: 1 for printable ASCII that needs no escape in JSON. */
export const IS_PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c ? 1 : 0,
);

/** Returns a span of a text that a schema knows, such as the name of an enum's value. */
export function spanOf(text: string): Span {
  const bytes = new TextEncoder().encode(text);
  const isPlain = bytes.every((byte) => IS_PLAIN[byte] === 1);
  return new Span(bytes, 0, bytes.length, isPlain ? SPAN.plain : SPAN.text, 0);
}

/** Members by name. Look-ups never reach a prototype. */
export type Members = RecordValue | ReadonlyMap<string, Tree>;

/** The names of a record type, which all its values share. */
export class Shape {
  readonly names: readonly string[];

  constructor(names: readonly string[]) {
    this.names = names;
  }

  /** Returns the index of a name, or, with `lower`, of the last name that is `lower` in lower case. */
  indexOf(name: string, lower: string | undefined): number | undefined {
    const exact = this.names.indexOf(name);
    if (exact !== -1) return exact;
    const alike = lower === undefined ? -1 : this.names.findLastIndex((other) => lowerCase(other) === lower);
    return alike === -1 ? undefined : alike;
  }
}

/** A record whose type is known: values[i] belongs to the name i of the shape. */
export class RecordValue {
  readonly shape: Shape;
  readonly values: (Tree | undefined)[];

  constructor(shape: Shape, values: (Tree | undefined)[]) {
    this.shape = shape;
    this.values = values;
  }

  *entries(): Generator<readonly [string, Tree]> {
    for (const [index, name] of this.shape.names.entries()) {
      const value = this.values[index];
      if (value !== undefined) yield [name, value];
    }
  }
}

/** Finds the member with a name; without one, where case is ignored, the last one whose name differs only in case. */
export class MemberStep {
  readonly #name: string;
  /** The name in lower case. Undefined: case is not ignored. */
  readonly #lower: string | undefined;
  /** The shape of the last record, and the index of the member there. Records of a stream mostly have one shape. */
  #shape: Shape | undefined;
  #index: number | undefined;

  constructor(name: string, ignoresCase: boolean) {
    this.#name = name;
    this.#lower = ignoresCase ? lowerCase(name) : undefined;
  }

  of(members: Members): Tree | undefined {
    if (members instanceof RecordValue) {
      const { shape } = members;
      if (shape !== this.#shape) {
        this.#shape = shape;
        this.#index = shape.indexOf(this.#name, this.#lower);
      }
      return this.#index === undefined ? undefined : members.values[this.#index];
    }
    const exact = members.get(this.#name);
    if (exact !== undefined || this.#lower === undefined) return exact;
    let found: Tree | undefined;
    for (const [other, value] of members.entries()) if (lowerCase(other) === this.#lower) found = value;
    return found;
  }
}

/** Changes ASCII letters alone. */
function lowerCase(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

export function isMembers(value: Tree | undefined): value is Members {
  return value instanceof RecordValue || value instanceof Map;
}

/** Returns the JSON text of a value. Numbers of any size keep all digits. */
export function jsonOf(value: Tree): string {
  if (typeof value === "string" || value instanceof Span) return JSON.stringify(String(value));
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map((item: Tree) => jsonOf(item)).join(",")}]`;
  const members = Array.from((value as Members).entries(), ([name, item]) => `${JSON.stringify(name)}:${jsonOf(item)}`);
  return `{${members.join(",")}}`;
}
