/** The members of one JSON object, for messages: its names, and how far it can be read. */
import { SLOT, SLOT_COUNT, SLOT_UNKNOWN } from "./event-fields.ts";
import { JsonCursor, STRING_ESCAPED } from "./json-cursor.ts";
import { slotOfName } from "./key-names.ts";
import { resolveEscapes } from "./string-text.ts";

export type Member = {
  readonly name: string;
  /** The first character of the value. */
  readonly first: string;
};

type ReadMembers = {
  /** The value of a name that a swap has, as written and cut; the last one of its name. */
  readonly given: (name: string) => string | undefined;
  /** The first members with other names. */
  readonly others: readonly Member[];
  /** Place at which the object is no longer JSON, and its member. Undefined when all bytes so far are JSON. */
  readonly broken: { readonly at: number; readonly where: string } | undefined;
};

/** Members with other names that are kept. Later ones are not decoded. */
const OTHERS_MAX = 8;
/** Names and values are cut to this length. Messages show less. */
const TEXT_BYTES_MAX = 300;
const QUOTE = 0x22;
const NAMES: readonly string[] = Object.keys(SLOT);
const cursor = new JsonCursor();

/** Reads the members of an object that begins at buf[start, end) after white space. The work grows only with its length. */
export function readMembers(buf: Uint8Array, start: number, end: number): ReadMembers {
  cursor.attach(buf);
  const starts = new Int32Array(SLOT_COUNT).fill(-1);
  const ends = new Int32Array(SLOT_COUNT);
  // Only requested texts are decoded: decoding took nine of ten microseconds.
  const given = (name: string): string | undefined => {
    const slot = (SLOT as Readonly<Record<string, number>>)[name] ?? SLOT_UNKNOWN;
    return starts[slot]! < 0 ? undefined : textOf(buf, starts[slot]!, ends[slot]!);
  };
  const others: Member[] = [];
  const broken = (at: number, where: string): ReadMembers => ({ given, others, broken: { at: at - start, where } });
  let p = cursor.whitespace(start, end);
  if (buf[p] !== 0x7b) return broken(p, "the beginning");
  let isFirst = true;
  let before = (): string => "the opening brace";
  for (;;) {
    p = cursor.whitespace(p + 1, end);
    if (p >= end) return broken(p, `what follows ${before()}: the record ends there`);
    if (buf[p] === 0x7d && isFirst) break;
    if (buf[p] !== QUOTE) return broken(p, `what follows ${before()}: a name in double quotes is expected`);
    const nameEnd = cursor.string(p + 1, end);
    if (nameEnd < 0) return broken(p, `the name that follows ${before()}`);
    const nameAt = p + 1;
    const slot = slotOf(buf, nameAt, nameEnd, (cursor.stringFlags & STRING_ESCAPED) !== 0);
    const valueAt = cursor.colon(nameEnd + 1, end);
    const name = (): string => NAMES[slot] ?? textOf(buf, nameAt, nameEnd);
    if (valueAt < 0 || valueAt >= end) return broken(nameEnd + 1, `what follows the name ${name()}`);
    const valueEnd = cursor.value(valueAt, end, 1);
    if (valueEnd < 0) return broken(valueAt, `the value of ${name()}`);
    if (slot !== SLOT_UNKNOWN) {
      starts[slot] = valueAt;
      ends[slot] = valueEnd;
    } else if (others.length < OTHERS_MAX) {
      others.push({ name: name(), first: String.fromCharCode(buf[valueAt]!) });
    }
    isFirst = false;
    before = (): string => `the value of ${name()}`;
    p = cursor.whitespace(valueEnd, end);
    if (p >= end) return broken(p, `what follows ${before()}: the record ends there`);
    if (buf[p] === 0x7d) break;
    if (buf[p] !== 0x2c) return broken(p, `what follows ${before()}: a comma or a closing brace is expected`);
  }
  const rest = cursor.whitespace(p + 1, end);
  return rest < end
    ? broken(rest, "what follows the object: one record is one object")
    : { given, others, broken: undefined };
}

function slotOf(buf: Uint8Array, start: number, end: number, isEscaped: boolean): number {
  if (!isEscaped) return slotOfName(buf, start, end);
  const name = new Uint8Array(end - start + 4);
  const nameEnd = resolveEscapes(buf, start, end, name, 0, name.length);
  return nameEnd < 0 ? SLOT_UNKNOWN : slotOfName(name, 0, nameEnd);
}

/** Decodes bytes as text, cut. Invalid UTF-8 becomes replacement characters. */
export function textOf(buf: Uint8Array, start: number, end: number): string {
  const cut = Math.min(end, start + TEXT_BYTES_MAX);
  const text = Buffer.from(buf.buffer, buf.byteOffset + start, cut - start).toString("utf8");
  return cut < end ? `${text}…` : text;
}
