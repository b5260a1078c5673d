/** The checksum of data: CRC-32 of its canonical JSON, whose members are sorted by the code units of their names, without spaces. */
import { canonicalJson } from "../wire/canonical-json.ts";
import type { Json } from "../wire/json.ts";

const POLYNOMIAL = 0xedb88320;
const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? POLYNOMIAL : 0);
  return value;
});

/** Objects and arrays down to this depth are cut into their members: a row of a list is one step. */
const DEPTH = 2;
const encoder = new TextEncoder();

/** Returns an integer from 0 to 2^32 - 1. */
export function checksumOf(data: unknown): number {
  const steps = checksumSteps(data);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Computes the checksum in steps, so that a caller can pause between them. The data must not change meanwhile. */
export function* checksumSteps(data: unknown): Generator<void, number> {
  let crc = -1;
  for (const piece of pieces(data as Json, DEPTH)) {
    for (const byte of encoder.encode(piece)) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 255] as number);
    yield;
  }
  return ~crc >>> 0;
}

/** Yields the canonical JSON in pieces. */
function* pieces(value: Json, depth: number): Generator<string> {
  if (depth === 0 || typeof value !== "object" || value === null) {
    yield canonicalJson(value);
    return;
  }
  const isArray = Array.isArray(value);
  const keys = isArray ? [...value.keys()] : Object.keys(value).sort();
  let before = isArray ? "[" : "{";
  for (const key of keys) {
    yield isArray ? before : `${before}${JSON.stringify(key)}:`;
    yield* pieces((value as { readonly [key: string | number]: Json })[key] as Json, depth - 1);
    before = ",";
  }
  yield `${keys.length === 0 ? before : ""}${isArray ? "]" : "}"}`;
}
