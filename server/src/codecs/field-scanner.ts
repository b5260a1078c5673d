import { fourDigits } from "./digits.ts";
import { KIND, SLOT_COUNT, SLOT_UNKNOWN } from "./event-fields.ts";
import { JOINT_INTS_SHIFT, JOINT_DOUBLES_SHIFT, JOINT_IS_STRING, JOINT_LENGTH, JOINT_SLOT, JOINT_START } from "./joints.ts";
import { JOINT_SUCCESSOR, JOINT_TEXT_DOUBLES, JOINT_TEXT_INTS, Joints } from "./joints.ts";
import { JsonCursor, STRING_ESCAPED } from "./json-cursor.ts";
import { slotOfName } from "./key-names.ts";
import { resolveEscapes } from "./string-text.ts";

/**
 * Results of a scan, four integers a slot: start and end of the value's text (of a string without its quotes), its kind,
 * and one that is not used. They hold for the slots of the scan's mask.
 */
export const FIELD_SHIFT = 2;
export const FIELD_END = 1;
export const FIELD_KIND = 2;
export const fieldTable = new Int32Array(SLOT_COUNT << FIELD_SHIFT);
/** Values of slots of the kind integer. */
export const fieldValues = new Float64Array(SLOT_COUNT);

/** Results in place of a mask. */
export const UNREADABLE = -1;
export const NOT_AN_OBJECT = -2;

// Everything that the loop touches is a constant of this module. V8 builds the addresses and lengths of such arrays into
// the code; as fields of an object they are loaded and checked anew for every member, which took 1.4 times as long. A
// thread decodes one record at a time, so one set per thread is enough.
const FIELDS = fieldTable;
const VALUES = fieldValues;
const cursor = new JsonCursor({ lenientUtf8: false });
const joints = new Joints();
const JOINT_INTS = joints.ints;
const JOINT_DOUBLES = joints.doubles;
const POW10 = Float64Array.from({ length: 16 }, (_, exponent) => 10 ** exponent);
const QUOTE = 0x22;
/** Digits of an integer whose value is summed up while scanning; any such integer is exact in a double. */
const INTEGER_DIGITS_MAX = 15;
/** In place of a slot: the object ends here. */
const SLOT_END = -1;

const INTS = JOINT_INTS_SHIFT, DOUBLES = JOINT_DOUBLES_SHIFT, IS_STRING = JOINT_IS_STRING, LENGTH = JOINT_LENGTH, SLOT_OF = JOINT_SLOT, SUCCESSOR = JOINT_SUCCESSOR, TEXT_DOUBLES = JOINT_TEXT_DOUBLES, TEXT_INTS = JOINT_TEXT_INTS, START=JOINT_START, UNKNOWN=SLOT_UNKNOWN, FIELD=FIELD_SHIFT, END=FIELD_END, KIND_AT=FIELD_KIND, ABSENT=KIND.absent, STRING=KIND.string, STRING_UPPER=KIND.stringUpper, STRING_ESC=KIND.stringEscaped, INTEGER=KIND.integer;
let maskOfMembers = 0;
let slotOfJoint = 0;

/**
 * Takes one JSON record apart. Gives the set of slots, as bits, that the record has a value for (null and the empty string
 * are none), having left what and where in fieldTable, the last of a repeated name; or UNREADABLE where the record is not
 * JSON, not UTF-8 or too deep, or NOT_AN_OBJECT for any other JSON.
 */
export function scanFields(buf: Uint8Array, start: number, end: number): number {
  cursor.attach(buf);
  let p = start < end && buf[start] > 0x20 ? start : cursor.whitespace(start, end);
  if (p >= end) return UNREADABLE;
  if (buf[p] !== 0x7b) {
    p = cursor.value(p, end, 0);
    return p >= 0 && cursor.whitespace(p, end) === end ? NOT_AN_OBJECT : UNREADABLE;
  }
  p = scanMembers(buf, cursor.view, p, end);
  if (p < 0 || (p !== end && cursor.whitespace(p, end) !== end)) return UNREADABLE;
  return maskOfMembers;
}

/**
 * From the opening brace to behind the closing one. This is the hot loop: what an ordinary member needs stands in it, since
 * calls cost more than their work, and calls are left for all else.
 */
function scanMembers(buf: Uint8Array, view: DataView, open: number, end: number): number {
  const wordEnd = end - 4;
  let joint = START;
  let mask = 0;
  let p = open;
  for (;;) {
    const expected = JOINT_INTS[(joint << INTS) + SUCCESSOR];
    const behind = expected < 0 ? -1 : behindJoint(view, expected, p, end);
    let slot = UNKNOWN;
    let isString = false;
    if (behind >= 0) {
      joint = expected;
      p = behind;
      slot = JOINT_INTS[(joint << INTS) + SLOT_OF];
      isString = JOINT_INTS[(joint << INTS) + IS_STRING] === 1;
    } else {
      const from = p;
      p = readJoint(buf, p, end);
      slot = slotOfJoint;
      if (p < 0 || slot === SLOT_END) break;
      isString = buf[p] === QUOTE;
      if (isString) p++;
      joint = joints.learn(joint, view, from, p - from, slot, isString);
    }

    const field = slot << FIELD;
    const valueStart = p;
    let kind: number = ABSENT;
    FIELDS[field] = p;
    if (isString) {
      let upper = 0;
      let stop = 0;
      for (; p <= wordEnd; p = (p + 4) | 0) {
        const w = view.getInt32(p, true);
        stop = (w | ((w ^ 0x02020202) - 0x21212121) | ((w ^ 0x5c5c5c5c) - 0x01010101)) & -0x7f7f7f80;
        upper |= w & ~(w << 1);
        if (stop !== 0) break;
      }
      p = (p + ((31 - Math.clz32(stop & -stop)) >> 3)) | 0;
      if (stop !== 0 && buf[p] === QUOTE) kind = (upper & 0x40404040) === 0 ? STRING : STRING_UPPER;
      else if ((p = cursor.string(valueStart, end)) < 0) break;
      else kind = kindOfString(cursor.stringFlags);
      if (p === valueStart) kind = ABSENT;
      FIELDS[field + END] = p;
      p = (p + 1) | 0;
    } else {
      let value = 0;
      let count = 4;
      while (count === 4 && p <= wordEnd) {
        const packed = fourDigits(view, p);
        count = packed >> 16;
        value = value * POW10[count] + (packed & 0xffff);
        p = (p + count) | 0;
      }
      if (isWholeInteger(buf, valueStart, p, end)) {
        kind = INTEGER;
        VALUES[slot] = value;
      } else {
        p = cursor.value(valueStart, end, 1);
        if (p < 0) break;
        kind = kindOfByte(buf[valueStart]);
      }
      FIELDS[field + END] = p;
    }
    FIELDS[field + KIND_AT] = kind;
    mask = kind === ABSENT ? mask & ~(1 << slot) : mask | (1 << slot);
  }
  maskOfMembers = mask;
  return p;
}

/** The position behind the joint, if the bytes at p are that one, else -1. */
function behindJoint(view: DataView, joint: number, p: number, end: number): number {
  const length = JOINT_INTS[(joint << INTS) + LENGTH];
  if (p + length > end) return -1;
  if (length < 8) {
    const text = (joint << INTS) + TEXT_INTS;
    const isSame =
      JOINT_INTS[text] === view.getInt32(p, true) && JOINT_INTS[text + 1] === view.getInt32(p + length - 4, true);
    return isSame ? p + length : -1;
  }
  const last = (p + length - 8) | 0;
  let text = (joint << DOUBLES) + TEXT_DOUBLES;
  while (p < last && view.getFloat64(p, true) === JOINT_DOUBLES[text]) {
    p = (p + 8) | 0;
    text = (text + 1) | 0;
  }
  return p >= last && view.getFloat64(last, true) === JOINT_DOUBLES[text] ? last + 8 : -1;
}

/** Whether the digits at [start, p) are all of a number, and one that is exact as summed up. */
function isWholeInteger(buf: Uint8Array, start: number, p: number, end: number): boolean {
  if (p === start || p >= end || (buf[p] !== 0x2c && buf[p] !== 0x7d)) return false;
  return p - start <= INTEGER_DIGITS_MAX && (buf[start] !== 0x30 || p === start + 1);
}

/**
 * Reads what stands before a value, opening brace or comma, name, colon and white space, leaves the name's slot in
 * slotOfJoint, and gives the position of the value's first byte. At the end of the object the slot is SLOT_END, and the
 * position is behind the brace.
 */
function readJoint(buf: Uint8Array, from: number, end: number): number {
  let p = cursor.whitespace(from, end);
  if (p >= end) return -1;
  const first = buf[p];
  slotOfJoint = SLOT_END;
  if (first === 0x7d) return p + 1;
  if (first !== 0x2c && first !== 0x7b) return -1;
  p = cursor.whitespace(p + 1, end);
  if (p >= end) return -1;
  if (first === 0x7b && buf[p] === 0x7d) return p + 1;
  if (buf[p] !== QUOTE) return -1;
  const close = cursor.string(p + 1, end);
  if (close < 0) return -1;
  const isEscaped = (cursor.stringFlags & STRING_ESCAPED) !== 0;
  slotOfJoint = isEscaped ? slotOfEscapedName(buf, p + 1, close) : slotOfName(buf, p + 1, close);
  p = cursor.colon(close + 1, end);
  return p < end ? p : -1;
}

function slotOfEscapedName(buf: Uint8Array, start: number, end: number): number {
  const name = new Uint8Array(end - start + 4);
  const nameEnd = resolveEscapes(buf, start, end, name, 0, name.length);
  return nameEnd < 0 ? UNKNOWN : slotOfName(name, 0, nameEnd);
}

function kindOfString(flags: number): number {
  return flags >= STRING_ESCAPED ? STRING_ESC : STRING + flags;
}

/** Of a value that is no string. */
function kindOfByte(first: number): number {
  if (first === 0x7b || first === 0x5b) return KIND.nested;
  if (first === 0x74) return KIND.true;
  if (first === 0x66) return KIND.false;
  return first === 0x6e ? ABSENT : KIND.number;
}
