import type { Expression } from "../language.ts";
import { isDigits } from "./decimal-writers.ts";
import type { DirectText } from "./direct-text.ts";
import type { EventBytes, FastWriter, Piece } from "./event-bytes.ts";
import { isOnly } from "./modifiers.ts";

const ZERO = 0x30;
const HYPHEN = 0x2d;
const POINT = 0x2e;
const COLON = 0x3a;
const QUOTE = 0x22;
const LETTER_T = 0x54;
const LETTER_Z = 0x5a;
/** Digits of an integer, and of milliseconds, that are written as numbers. */
const INTEGER_DIGITS_MAX = 20;
const TIME_DIGITS_MAX = 15;
/** Bytes of `2026-01-01T00:00:00`, and of its date. */
const SECONDS_BYTES = 19;
const DATE_BYTES = 10;
/** Zeros that a count of the unit gets to be milliseconds; negative: digits that it loses. */
const UNIT_ZEROS = { seconds: 3, milliseconds: 0, microseconds: -3, nanoseconds: -6 } as const;

/** For an integer of digits without zeros before it. */
export function integerWriter(head: Piece, reference: number, texts: DirectText): FastWriter {
  return (out) => {
    if (!texts.find(reference) || !isInteger(texts, INTEGER_DIGITS_MAX)) return false;
    out.range(head, texts.bytes, texts.start, texts.end);
    return true;
  };
}

/** Returns the fast writer of a time: for counts of a unit, RFC 3339 as it is, and `2026-01-01 00:00:00` in UTC. */
export function timeWriter(
  expression: Expression,
  head: Piece,
  reference: number,
  texts: DirectText,
): FastWriter | undefined {
  if (!isOnly(expression, ["time"])) return undefined;
  const { time } = expression;
  if (time === undefined)
    return (out) => texts.find(reference) && (writeCount(out, head, texts, 0) || writeRfc3339(out, head, texts));
  if (time.kind === "utc") return (out) => texts.find(reference) && writeUtc(out, head, texts);
  if (time.kind === "pattern") return undefined;
  const zeros = UNIT_ZEROS[time.kind];
  return (out) => texts.find(reference) && writeCount(out, head, texts, zeros);
}

function isInteger({ bytes, start, end }: DirectText, digitsMax: number): boolean {
  return end - start <= digitsMax && (bytes[start] !== ZERO || end - start === 1) && isDigits(bytes, start, end);
}

function writeCount(out: EventBytes, head: Piece, texts: DirectText, zeros: number): boolean {
  const { bytes, start, end } = texts;
  const digits = end - start + zeros;
  if (
    bytes[start] === ZERO ||
    digits < 1 ||
    digits > TIME_DIGITS_MAX ||
    !isInteger(texts, TIME_DIGITS_MAX - Math.min(0, zeros))
  )
    return false;
  out.range(head, bytes, start, Math.min(end, end + zeros));
  for (let i = 0; i < zeros; i++) out.bytes[out.at++] = ZERO;
  return true;
}

function writeRfc3339(out: EventBytes, head: Piece, texts: DirectText): boolean {
  const { bytes, start, end } = texts;
  if (end - start <= SECONDS_BYTES || bytes[start + 4] !== HYPHEN || !texts.isJson) return false;
  out.quotedRange(head, bytes, start, end);
  return true;
}

/** `2026-01-01 00:00:00`, with or without a fraction and a `Z`. */
function writeUtc(out: EventBytes, head: Piece, { bytes, start, end }: DirectText): boolean {
  if (end - start < SECONDS_BYTES) return false;
  const separator = bytes[start + DATE_BYTES]!;
  if (separator !== 0x20 && (separator | 0x20) !== (LETTER_T | 0x20)) return false;
  let zoneAt = start + SECONDS_BYTES;
  if (zoneAt < end && bytes[zoneAt] === POINT) {
    zoneAt++;
    while (zoneAt < end && isDigits(bytes, zoneAt, zoneAt + 1)) zoneAt++;
    if (zoneAt === start + SECONDS_BYTES + 1) return false;
  }
  const hasZone = zoneAt === end - 1 && (bytes[zoneAt]! | 0x20) === (LETTER_Z | 0x20);
  if ((zoneAt !== end && !hasZone) || !isDateAndTime(bytes, start)) return false;
  out.piece(head);
  out.room(end - start + 3);
  out.bytes[out.at++] = QUOTE;
  const at = out.at;
  for (let p = start; p < zoneAt; p++) out.bytes[out.at++] = bytes[p]!;
  out.bytes[at + DATE_BYTES] = LETTER_T;
  out.bytes[out.at++] = LETTER_Z;
  out.bytes[out.at++] = QUOTE;
  return true;
}

function isDateAndTime(bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < SECONDS_BYTES; i++) {
    const byte = bytes[start + i]!;
    if (i === DATE_BYTES) continue;
    const sign = i === 4 || i === 7 ? HYPHEN : i === 13 || i === 16 ? COLON : 0;
    if (sign === 0 ? byte < ZERO || byte > 0x39 : byte !== sign) return false;
  }
  return true;
}
