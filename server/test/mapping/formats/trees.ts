/** Decodes one value for tests, and shows it in plain form. */
import { inspect } from "node:util";
import { MalformedRecord, RecordCursor } from "../../../src/mapping/formats/record-cursor.ts";
import { isMembers, Span, type Tree } from "../../../src/mapping/formats/tree.ts";

/** Objects without prototypes, arrays, texts, numbers and bigints. */
function plain(value: Tree | undefined): unknown {
  if (value instanceof Span) return String(value);
  if (Array.isArray(value)) return value.map((item: Tree) => plain(item));
  if (!isMembers(value)) return value;
  const members = Object.create(null) as Record<string, unknown>;
  for (const [name, item] of value.entries()) {
    Object.defineProperty(members, name, { value: plain(item), enumerable: true, configurable: true, writable: true });
  }
  return members;
}

/** Decodes bytes amid others, so that a read beyond the end would find some. */
export function decoded(bytes: Uint8Array, read: (cursor: RecordCursor) => Tree): unknown {
  const amid = Buffer.concat([Buffer.from("aabb", "hex"), bytes, Buffer.from("0102030405060708090a", "hex")]);
  const cursor = new RecordCursor();
  cursor.begin(amid, 2, 2 + bytes.length);
  return plain(cursor.whole(read));
}

/** Returns the message of a record that cannot be read, or undefined. */
export function refusal(bytes: Uint8Array, read: (cursor: RecordCursor) => Tree): string | undefined {
  try {
    decoded(bytes, read);
    return undefined;
  } catch (error) {
    if (error instanceof MalformedRecord) return error.message;
    throw error;
  }
}

/** Returns a text in which every two different values differ: -0 and NaN, numbers and bigints. */
export function shown(value: unknown): string {
  return inspect(value, { compact: false, depth: null, maxArrayLength: null, maxStringLength: null }).replaceAll(
    "[Object: null prototype] ",
    "",
  );
}
