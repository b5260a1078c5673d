/**
 * Reads MessagePack (specification of 2017 with timestamps). The package `@msgpack/msgpack` was not taken for this: it makes the inexact
 * double of a float of 32 bits (0.10000000149011612 of 0.1), and objects with prototypes.
 */
import { instantText } from "./decimals.ts";
import type { RecordCursor } from "./record-cursor.ts";
import { Span, type Tree } from "./tree.ts";

const TIMESTAMP = -1;

/** Reads one value. */
export function readMsgpack(cursor: RecordCursor): Tree {
  const head = cursor.byte();
  if (head < 0x80) return head;
  if (head < 0x90) return readMap(cursor, head & 0x0f);
  if (head < 0xa0) return readArray(cursor, head & 0x0f);
  if (head < 0xc0) return cursor.text(head & 0x1f);
  if (head >= 0xe0) return head - 0x100;
  return readLong(cursor, head);
}

function readLong(cursor: RecordCursor, head: number): Tree {
  switch (head) {
    case 0xc0:
      return null;
    case 0xc2:
      return false;
    case 0xc3:
      return true;
    case 0xc4:
    case 0xc5:
    case 0xc6:
      return cursor.hex(bigEndian(cursor, 1 << (head - 0xc4)));
    case 0xc7:
    case 0xc8:
    case 0xc9:
      return readExtension(cursor, bigEndian(cursor, 1 << (head - 0xc7)));
    case 0xca:
      return cursor.float(false);
    case 0xcb:
      return cursor.double(false);
    case 0xcc:
    case 0xcd:
    case 0xce:
      return bigEndian(cursor, 1 << (head - 0xcc));
    case 0xcf:
      bigEndian64(cursor);
      return cursor.unsigned();
    case 0xd0:
    case 0xd1:
    case 0xd2:
      return cursor.bigEndian(1 << (head - 0xd0));
    case 0xd3:
      bigEndian64(cursor);
      return cursor.signed();
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return readExtension(cursor, 1 << (head - 0xd4));
    case 0xd9:
    case 0xda:
    case 0xdb:
      return cursor.text(bigEndian(cursor, 1 << (head - 0xd9)));
    case 0xdc:
    case 0xdd:
      return readArray(cursor, bigEndian(cursor, 2 << (head - 0xdc)));
    case 0xde:
    case 0xdf:
      return readMap(cursor, bigEndian(cursor, 2 << (head - 0xde)));
    default:
      return cursor.fail(`no value begins with the byte ${head.toString(16)}`);
  }
}

/** Reads an unsigned integer of 1, 2 or 4 bytes. */
function bigEndian(cursor: RecordCursor, bytes: number): number {
  let value = 0;
  for (let i = 0; i < bytes; i++) value = value * 256 + cursor.byte();
  return value;
}

function bigEndian64(cursor: RecordCursor): void {
  const high = bigEndian(cursor, 4);
  cursor.low = bigEndian(cursor, 4);
  cursor.high = high;
}

function readArray(cursor: RecordCursor, count: number): Tree {
  cursor.enter();
  // Each item has a byte or more, so the record's end stops a count that is not true.
  const values: Tree[] = [];
  for (let i = 0; i < count; i++) values.push(readMsgpack(cursor));
  cursor.depth--;
  return values;
}

/** Of a repeated name the last value counts. */
function readMap(cursor: RecordCursor, count: number): Tree {
  cursor.enter();
  const members = new Map<string, Tree>();
  for (let i = 0; i < count; i++) {
    const name = readMsgpack(cursor);
    if (typeof name === "object" && !(name instanceof Span)) cursor.fail("a name in a map is no text and no number");
    members.set(String(name), readMsgpack(cursor));
  }
  cursor.depth--;
  return members;
}

/** Returns RFC 3339 of a timestamp, and the bytes of any other extension. */
function readExtension(cursor: RecordCursor, length: number): Tree {
  const type = Number(cursor.bigEndian(1));
  if (type !== TIMESTAMP) return cursor.hex(length);
  if (length === 4) return instantText(bigEndian(cursor, 4), 0);
  if (length === 8) {
    const first = bigEndian(cursor, 4);
    return instantText((first & 3) * 4_294_967_296 + bigEndian(cursor, 4), first >>> 2);
  }
  if (length !== 12) cursor.fail(`a timestamp has ${length} bytes`);
  const nanos = bigEndian(cursor, 4);
  bigEndian64(cursor);
  return instantText(cursor.signed(), nanos);
}
