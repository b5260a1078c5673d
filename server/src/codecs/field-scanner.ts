import { KIND, SLOT_COUNT, SLOT_UNKNOWN } from "./event-fields.ts";
import { JOINT, JOINT_START, Joints } from "./joints.ts";
import { JsonCursor, STRING_ESCAPED } from "./json-cursor.ts";
import { slotOfName } from "./key-names.ts";
import { resolveEscapes } from "./string-text.ts";

/**
 * Results of a scan, four integers per slot: start and end of the value's text (of a string without its quotes), its kind, and
 * one unused. They are valid only for the slots of the scan's set.
 */
export const FIELD = { shift: 2, end: 1, kind: 2 } as const;
export const fieldTable = new Int32Array(SLOT_COUNT << FIELD.shift);
/** Values of the slots of kind integer. */
export const fieldValues = new Float64Array(SLOT_COUNT);

/** Results instead of a set. */
export const UNREADABLE = -1;
const NOT_AN_OBJECT = -2;

// Everything that the hot loop uses is a constant of this module: V8 then compiles addresses and lengths of arrays into the
// code. Fields of an object and imported names are loaded and checked again for every member; imports alone made the scan take
// 1.3 times as long. A thread decodes one record at a time, so one set per thread is enough.
const FIELDS = fieldTable;
const VALUES = fieldValues;
const cursor = new JsonCursor();
const joints = new Joints();
const JOINT_INTS = joints.ints;
const JOINT_DOUBLES = joints.doubles;
const START = JOINT_START;
const { ints: INTS, doubles: DOUBLES, length: LENGTH, slot: SLOT_OF, isString: IS_STRING } = JOINT;
const { successor: SUCCESSOR, textInts: TEXT_INTS, textDoubles: TEXT_DOUBLES } = JOINT;
const { shift: FIELD_SHIFT, end: END, kind: KIND_AT } = FIELD;
const { absent: ABSENT, string: STRING, stringUpper: STRING_UPPER, integer: INTEGER, true: TRUE, false: FALSE } = KIND;
const POW10 = Float64Array.from({ length: 16 }, (_, exponent) => 10 ** exponent);
const QUOTE = 0x22;
const COMMA = 0x2c;
const CLOSE = 0x7d;
const A = 0x61;
/** `true` and the beginning of `false`, as little-endian words. */
const WORD_TRUE = 0x65757274;
const WORD_FALS = 0x736c6166;
/** Most digits of an integer whose value is summed up during the scan. Such an integer is exact in a double. */
const INTEGER_DIGITS_MAX = 15;
/** Instead of a slot: the object ends here. */
const SLOT_END = -1;

let setOfMembers = 0;
let jointBefore = 0;
let slotOfJoint = 0;

/**
 * Scans one JSON record. Returns the set of slots, as bits, for which the record has a value (null and the empty string are
 * none); fieldTable then holds kind and position of each, the last of a repeated name. Returns UNREADABLE if the record is not
 * JSON, not UTF-8 or too deep, and NOT_AN_OBJECT for any other JSON.
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

/** View of the buffer of the last scan. */
export function scannedView(): DataView {
  return cursor.view;
}

/** Scans from the opening brace to the position after the closing one. */
function scanMembers(buf: Uint8Array, view: DataView, open: number, end: number): number {
  jointBefore = START;
  setOfMembers = 0;
  let p = open;
  for (;;) {
    p = scanPlainMembers(view, p, end, buf.length);
    if (p < end && buf[p] === 0x7d) return p + 1;
    p = scanMember(buf, view, p, end);
    if (p < 0 || slotOfJoint === SLOT_END) return p;
  }
}

/**
 * Scans members as long as they are in plain form, as nearly all are: an expected joint, followed by a string without escapes,
 * in ASCII and not empty, or an integer without sign and exponent, or a boolean. Returns the position where that ends.
 *
 * This is the hot loop. It calls only functions that V8 inlines, because after a call it would check the view again at each
 * access, and each `| 0` keeps a variable a machine integer. A word of a string is free of quotes, backslashes, control and
 * non-ASCII bytes when the sum of tests leaves no high bit. Of the remaining bytes only upper-case letters and a few signs lack
 * bit 0x20.
 */
function scanPlainMembers(view: DataView, from: number, endAt: number, viewEnd: number): number {
  const end = endAt | 0;
  const wordEnd = (viewEnd - 4) | 0;
  const doubleEnd = (end - 8) | 0;
  let joint = jointBefore | 0;
  let set = setOfMembers | 0;
  let p = from | 0;
  for (;;) {
    const expected = JOINT_INTS[(joint << INTS) + SUCCESSOR];
    if (expected < 0) break;
    const length = JOINT_INTS[(expected << INTS) + LENGTH];
    const last = (p + length - 8) | 0;
    if (length < 8 || last > doubleEnd) break;
    let text = (expected << DOUBLES) + TEXT_DOUBLES;
    let at = p;
    while (at < last && view.getFloat64(at, true) === JOINT_DOUBLES[text]) {
      at = (at + 8) | 0;
      text = (text + 1) | 0;
    }
    if (at < last || view.getFloat64(last, true) !== JOINT_DOUBLES[text]) break;

    const slot = JOINT_INTS[(expected << INTS) + SLOT_OF];
    const start = (last + 8) | 0;
    let kind = 0;
    at = start;
    if (JOINT_INTS[(expected << INTS) + IS_STRING] === 1) {
      let word = -1;
      let common = -1;
      let stop = 0;
      while (stop === 0 && at <= wordEnd) {
        common &= word;
        word = view.getInt32(at, true);
        stop = (word | ((word ^ 0x02020202) - 0x21212121) | ((word ^ 0x5c5c5c5c) - 0x01010101)) & -0x7f7f7f80;
        at = (at + 4) | 0;
      }
      const lowest = stop & -stop;
      const bit = 24 - (Math.clz32(lowest) & 24);
      at = (at - 4 + (bit >> 3)) | 0;
      if (((word >>> bit) & 0xff) !== QUOTE || stop === 0 || at === start || at >= end) break;
      kind = (common & (word | -lowest) & 0x20202020) === 0x20202020 ? STRING : STRING_UPPER;
      p = (at + 1) | 0;
    } else {
      at = behindPlainValue(view, start, wordEnd, slot) | 0;
      if (at < 0 || at >= end) break;
      kind = view.getUint8(start) < A ? INTEGER : at - start === 4 ? TRUE : FALSE;
      p = at;
    }
    joint = expected;
    set |= 1 << slot;
    FIELDS[slot << FIELD_SHIFT] = start;
    FIELDS[(slot << FIELD_SHIFT) + END] = at;
    FIELDS[(slot << FIELD_SHIFT) + KIND_AT] = kind;
  }
  jointBefore = joint;
  setOfMembers = set;
  return p;
}

/**
 * Returns the position after the integer, `true` or `false` at `start`, or -1 for anything else. The value of an integer is set
 * in VALUES. Digits are read four at a time, as four small integers in one little-endian word: a byte is a digit if neither it
 * nor it plus 0x76 reaches 0x80. Fewer than four are shifted up, which puts zeros before them.
 */
function behindPlainValue(view: DataView, start: number, wordEnd: number, slot: number): number {
  let p = start | 0;
  let value = 0;
  let count = 4;
  let word = 0;
  while (count === 4 && p <= wordEnd) {
    word = view.getInt32(p, true);
    let digits = word ^ 0x30303030;
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
  const digitCount = (p - start) | 0;
  if (digitCount === 0) return behindLiteral(view, start, wordEnd, word) | 0;
  const next = (word >>> (8 * count)) & 0xff;
  if (count === 4 || digitCount > INTEGER_DIGITS_MAX || (next !== COMMA && next !== CLOSE)) return -1;
  if (digitCount > 1 && value < POW10[digitCount - 1]) return -1;
  VALUES[slot] = value;
  return p;
}

function behindLiteral(view: DataView, start: number, wordEnd: number, word: number): number {
  if (word === WORD_TRUE) return start + 4;
  return word === WORD_FALS && start < wordEnd && view.getUint8(start + 4) === 0x65 ? start + 5 : -1;
}

/** Scans one member of any form, or the end of the object. */
function scanMember(buf: Uint8Array, view: DataView, from: number, end: number): number {
  const expected = JOINT_INTS[(jointBefore << INTS) + SUCCESSOR];
  let p = expected < 0 ? -1 : behindJoint(view, expected, from, end);
  let isString = false;
  if (p >= 0) {
    jointBefore = expected;
    slotOfJoint = JOINT_INTS[(expected << INTS) + SLOT_OF];
    isString = JOINT_INTS[(expected << INTS) + IS_STRING] === 1;
    // White space that was not there the last time, or a string where another kind of value was expected.
    if (!isString && buf[p] <= QUOTE) {
      p = cursor.whitespace(p, end);
      isString = p < end && buf[p] === QUOTE;
      if (isString) p++;
    }
  } else {
    p = readJoint(buf, from, end, jointBefore === START);
    if (p < 0 || slotOfJoint === SLOT_END) return p;
    isString = buf[p] === QUOTE;
    if (isString) p++;
    jointBefore = joints.learn(jointBefore, view, from, p - from, slotOfJoint, isString);
  }
  const slot = slotOfJoint;
  const field = slot << FIELD_SHIFT;
  const after = isString ? cursor.string(p, end) : cursor.value(p, end, 1);
  if (after < 0) return -1;
  let kind = isString ? kindOfString(cursor.stringFlags) : kindOfByte(buf[p]);
  if (isString && after === p) kind = ABSENT;
  if (kind === KIND.number && takeInteger(buf, p, after, slot)) kind = INTEGER;
  FIELDS[field] = p;
  FIELDS[field + END] = after;
  FIELDS[field + KIND_AT] = kind;
  setOfMembers = kind === ABSENT ? setOfMembers & ~(1 << slot) : setOfMembers | (1 << slot);
  return isString ? after + 1 : after;
}

/** Whether a JSON number consists of digits only, and few enough. Its value is then set in VALUES. */
function takeInteger(buf: Uint8Array, start: number, end: number, slot: number): boolean {
  if (end - start > INTEGER_DIGITS_MAX) return false;
  let value = 0;
  for (let p = start; p < end; p++) {
    const digit = buf[p] - 0x30;
    if (digit < 0 || digit > 9) return false;
    value = value * 10 + digit;
  }
  VALUES[slot] = value;
  return true;
}

/** Returns the position after the joint if the bytes at p are that joint, else -1. */
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
 * Reads the text before a value: opening brace or comma, name, colon and white space. Sets slotOfJoint to the name's slot, and
 * returns the position of the value's first byte. At the end of the object the slot is SLOT_END, and the position is after the
 * brace.
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

/** Returns the kind of a value that is no string. */
function kindOfByte(first: number): number {
  if (first === 0x7b || first === 0x5b) return KIND.nested;
  if (first === 0x74) return KIND.true;
  if (first === 0x66) return KIND.false;
  return first === 0x6e ? ABSENT : KIND.number;
}
