/**
 * The frame that Confluent's serializers put before a record: the byte 0 and the id of the schema in four bytes, the highest first. Behind
 * it stand, for Protobuf, the indexes that name the message within the schema.
 */
import type { RecordCursor } from "./record-cursor.ts";

export const FRAME_BYTES = 5;
/** Messages within each other. */
const INDEXES_MAX = 32;

export function hasFrame(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start >= FRAME_BYTES && bytes[start] === 0;
}

/** Reads the frame, and returns the id of the schema. */
export function readFrame(cursor: RecordCursor): number {
  if (!hasFrame(cursor.bytes, cursor.at, cursor.end)) {
    cursor.fail("it has no frame of a schema registry, and the mapping names no `schema`");
  }
  cursor.skip(1);
  let id = 0;
  for (let i = 1; i < FRAME_BYTES; i++) id = id * 256 + cursor.byte();
  return id;
}

/** Reads the indexes of a Protobuf message, behind the frame. The usual `[0]` is the single byte 0. */
export function readMessageIndexes(cursor: RecordCursor): readonly number[] {
  const count = Number(cursor.zigzag());
  if (count === 0) return [0];
  if (!(count > 0 && count <= INDEXES_MAX)) cursor.fail(`the frame announces ${count} indexes of a message`);
  return Array.from({ length: count }, () => Number(cursor.zigzag()));
}
