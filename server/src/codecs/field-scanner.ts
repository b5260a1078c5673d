import { KIND, SLOT_COUNT, SLOT_UNKNOWN } from "./event-fields.ts";
import { JOINT, JOINT_START, Joints } from "./joints.ts";
import { JsonCursor, STRING_ESCAPED } from "./json-cursor.ts";
import { slotOfName } from "./key-names.ts";
import { resolveEscapes } from "./string-text.ts";

/**
 * Results of a scan, four integers a slot: start and end of the value's text (of a string without its quotes), its kind,
 * and one that is not used. They hold for the slots of the scan's set alone.
 */
export const FIELD = { shift: 2, end: 1, kind: 2 } as const;
export const fieldTable = new Int32Array(SLOT_COUNT << FIELD.shift);
/** Values of slots of the kind integer. */
export const fieldValues = new Float64Array(SLOT_COUNT);

/** Results in place of a set. */
export const UNREADABLE = -1;
export const NOT_AN_OBJECT = -2;

// Whatever the hot loop touches is a constant of this very module: V8 then builds addresses and lengths of arrays into the
// code. As fields of an object, or as names imported, they are loaded and checked anew for every member, and the loop took
// 1.8 times as long. A thread decodes one record at a time, so one set for a thread is enough.
const FIELDS = fieldTable;
const VALUES = fieldValues;
const cursor = new JsonCursor({ lenientUtf8: false });
const joints = new Joints();
const JOINT_INTS = joints.ints;
const JOINT_DOUBLES = joints.doubles;
const START = JOINT_START;
const UNKNOWN = SLOT_UNKNOWN;
const { ints: INTS, doubles: DOUBLES, length: LENGTH, slot: SLOT_OF, isString: IS_STRING } = JOINT;
const { successor: SUCCESSOR, textInts: TEXT_INTS, textDoubles: TEXT_DOUBLES } = JOINT;
const { shift: FIELD_SHIFT, end: END, kind: KIND_AT } = FIELD;
const { absent: ABSENT, string: STRING, stringUpper: STRING_UPPER, integer: INTEGER } = KIND;
const POW10 = Float64Array.from({ length: 16 }, (_, exponent) => 10 ** exponent);
const QUOTE = 0x22;
/** Digits of an integer whose value is summed up while scanning; any such integer is exact in a double. */
const INTEGER_DIGITS_MAX = 15;
/** In place of a slot: the object ends here. */
const SLOT_END = -1;

let setOfMembers = 0;
let slotOfJoint = 0;

/**
 * Takes one JSON record apart. Gives the set of slots, as bits, that the record has a value for (null and the empty string
 * are none); what and where is in fieldTable then, the last of a repeated name. Or gives UNREADABLE where the record is not
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
  return setOfMembers;
}

/** The view of the buffer of the last scan. */
export function scannedView(): DataView {
  return cursor.view;
}

/**
 * From the opening brace to behind the closing one. This is the hot loop: what an ordinary member needs stands in it, since
 * calls cost more than their work, and calls are left for all else. Each `| 0` keeps a variable a plain machine integer.
 */
function scanMembers(buf: Uint8Array, view: DataView, open: number, endAt: number): number {
  const end = endAt | 0;
  const wordEnd = (end - 4) | 0;
  let joint = START;
  let set = 0;
  let p = open | 0;
  for (;;) {
    const expected = JOINT_INTS[(joint << INTS) + SUCCESSOR];
    const behind = expected < 0 ? -1 : behindJoint(view, expected, p, end) | 0;
    let slot = UNKNOWN;
    let isString = 0;
    if (behind >= 0) {
      joint = expected;
      p = behind;
      slot = JOINT_INTS[(joint << INTS) + SLOT_OF];
      isString = JOINT_INTS[(joint << INTS) + IS_STRING];
      if (isString === 0 && buf[p] <= QUOTE) {
        // White space that was not there the last time, or a string in place of what was none.
        p = cursor.whitespace(p, end) | 0;
        isString = buf[p] === QUOTE ? 1 : 0;
        p = (p + isString) | 0;
      }
    } else {
      if (p < end && buf[p] === 0x7d) {
        p = (p + 1) | 0;
        break;
      }
      const from = p;
      p = readJoint(buf, p, end, joint === START) | 0;
      slot = slotOfJoint | 0;
      if (p < 0 || slot === SLOT_END) break;
      isString = buf[p] === QUOTE ? 1 : 0;
      p = (p + isString) | 0;
      joint = joints.learn(joint, view, from, p - from, slot, isString === 1) | 0;
    }

    const field = slot << FIELD_SHIFT;
    const valueStart = p;
    let kind: number = STRING;
    FIELDS[field] = p;
    if (isString === 1) {
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
      else if ((p = cursor.string(valueStart, end) | 0) < 0) break;
      else kind = kindOfString(cursor.stringFlags) | 0;
      FIELDS[field + END] = p;
      if (p === valueStart) kind = ABSENT;
      p = (p + 1) | 0;
    } else {
      kind = INTEGER;
      p = behindInteger(buf, view, p, end, slot) | 0;
      if (p < 0) {
        p = cursor.value(valueStart, end, 1) | 0;
        if (p < 0) break;
        kind = kindOfByte(buf[valueStart]) | 0;
      }
      FIELDS[field + END] = p;
    }
    FIELDS[field + KIND_AT] = kind;
    set = kind === ABSENT ? set & ~(1 << slot) : set | (1 << slot);
  }
  setOfMembers = set;
  return p;
}

/** The position behind the joint if the bytes at p are that one, else -1. */
function behindJoint(view: DataView, joint: number, p: number, end: number): number {
  const length = JOINT_INTS[(joint << INTS) + LENGTH];
  if (p + length > end) return -1;
  if (length < 8) return behindShortJoint(view, joint, p, length);
  const last = (p + length - 8) | 0;
  let text = (joint << DOUBLES) + TEXT_DOUBLES;
  let at = p;
  while (at < last && view.getFloat64(at, true) === JOINT_DOUBLES[text]) {
    at = (at + 8) | 0;
    text = (text + 1) | 0;
  }
  return at >= last && view.getFloat64(last, true) === JOINT_DOUBLES[text] ? last + 8 : -1;
}

function behindShortJoint(view: DataView, joint: number, p: number, length: number): number {
  const text = (joint << INTS) + TEXT_INTS;
  if (JOINT_INTS[text] !== view.getInt32(p, true)) return -1;
  return JOINT_INTS[text + 1] === view.getInt32(p + length - 4, true) ? p + length : -1;
}

/**
 * Sums up the digits at p, four at a time, into the value of the slot, and gives the position behind them; -1 if they are not
 * all of a number, or too many to be exact. The bytes are taken as four small integers in one word, little end first: a
 * byte is a digit if neither it nor it plus 0x76 reaches 0x80. Fewer than four are moved up, which puts zeros before them.
 */
function behindInteger(buf: Uint8Array, view: DataView, start: number, end: number, slot: number): number {
  const wordEnd = (end - 4) | 0;
  let p = start | 0;
  let value = 0;
  let count = 4;
  while (count === 4 && p <= wordEnd) {
    let digits = view.getInt32(p, true) ^ 0x30303030;
    const stop = (digits | (digits + 0x76767676)) & -0x7f7f7f80;
    if (stop !== 0) {
      count = (31 - Math.clz32(stop & -stop)) >> 3;
      if (count === 0) break;
      digits <<= 32 - 8 * count;
    }
    const pairs = (digits * 10 + (digits >>> 8)) & 0xff00ff;
    value = value * POW10[count] + ((pairs & 0xff) * 100 + (pairs >>> 16));
    p = (p + count) | 0;
  }
  VALUES[slot] = value;
  if (p === start || p >= end || (buf[p] !== 0x2c && buf[p] !== 0x7d)) return -1;
  return p - start > INTEGER_DIGITS_MAX || (buf[start] === 0x30 && p !== start + 1) ? -1 : p;
}

/**
 * Reads what stands before a value, opening brace or comma, name, colon and white space, leaves the name's slot in
 * slotOfJoint, and gives the position of the value's first byte. At the end of the object the slot is SLOT_END, and the
 * position is behind the brace.
 */
function readJoint(buf: Uint8Array, from: number, end: number, isFirst: boolean): number {
  let p = cursor.whitespace(from, end);
  if (p >= end) return -1;
  slotOfJoint = SLOT_END;
  if (buf[p] === 0x7d && !isFirst) return p + 1;
  if (buf[p] !== (isFirst ? 0x7b : 0x2c)) return -1;
  p = cursor.whitespace(p + 1, end);
  if (p >= end) return -1;
  if (buf[p] === 0x7d && isFirst) return p + 1;
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
  return nameEnd < 0 ? SLOT_UNKNOWN : slotOfName(name, 0, nameEnd);
}

function kindOfString(flags: number): number {
  return flags >= STRING_ESCAPED ? KIND.stringEscaped : STRING + flags;
}

/** Of a value that is no string. */
function kindOfByte(first: number): number {
  if (first === 0x7b || first === 0x5b) return KIND.nested;
  if (first === 0x74) return KIND.true;
  if (first === 0x66) return KIND.false;
  return first === 0x6e ? ABSENT : KIND.number;
}
