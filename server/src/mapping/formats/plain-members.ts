import { JOINT, JOINT_START, Joints } from "../../codecs/joints.ts";
import { VALUE } from "../value-table.ts";

const { ints: INTS, doubles: DOUBLES, length: LENGTH, slot: TARGET, isString: IS_STRING } = JOINT;
const { successor: SUCCESSOR, textInts: TEXT_INTS, textDoubles: TEXT_DOUBLES } = JOINT;
const { string: STRING, number: NUMBER, true: TRUE, false: FALSE, null: NULL } = VALUE;
const QUOTE = 0x22;
const POINT = 0x2e;
const ZERO = 0x30;
const HYPHEN = 0x2d;
const PLUS = 0x2b;
const EXPONENT = 0x65;
/** The literals as little-endian words, `false` without its last letter. */
const WORD_TRUE = 0x65757274;
const WORD_FALS = 0x736c6166;
const WORD_NULL = 0x6c6c756e;
/** Digits of a byte: neither it nor it plus 0x76 reaches 0x80. */
const HIGH_BITS = -0x7f7f7f80;

/** Target of a member that no reference names. A target of 0 or more is the slot of the member's value. */
export const SKIPPED = -1;
/** This and lower ones are targets that need more than a slot. */
export const COMPLEX = -2;

/** Where values are noted: entry `base + slot` of each array. */
export type Notes = {
  kinds: Uint8Array;
  starts: Int32Array;
  ends: Int32Array;
  base: number;
};

/**
 * Scans the members of one kind of object as long as they follow one another as they did the last time and have plain values: strings in
 * ASCII without escapes, numbers, literals. The method is that of codecs/field-scanner.ts, which explains it.
 */
export class PlainMembers {
  readonly #joints = new Joints();
  /** The joint before the current value. */
  #joint: number = JOINT_START;
  /** Position of a value that is not plain, whose joint was recognised. -1: the joint was not. */
  valueAt = -1;

  begin(): void {
    this.#joint = JOINT_START;
  }

  /** Target of the value at `valueAt`. */
  get target(): number {
    return this.#joints.ints[(this.#joint << INTS) + TARGET]!;
  }

  /** Remembers the text from `from` to the value at `valueAt`, or behind its quote. */
  learn(view: DataView, from: number, valueAt: number, target: number): void {
    const isString = view.getUint8(valueAt) === QUOTE;
    const length = valueAt - from + (isString ? 1 : 0);
    this.#joint = this.#joints.learn(this.#joint, view, from, length, target, isString);
  }

  /** Returns the position behind the last plain member; at a value that is not plain, `valueAt` is set. Reads nothing at or after `viewEnd`. */
  scan(view: DataView, from: number, endAt: number, viewEnd: number, notes: Notes): number {
    const { ints, doubles } = this.#joints;
    const { kinds, starts, ends } = notes;
    const base = notes.base | 0;
    const end = endAt | 0;
    const wordEnd = (viewEnd - 4) | 0;
    let joint = this.#joint | 0;
    let p = from | 0;
    let valueAt = -1;
    for (;;) {
      const expected = ints[(joint << INTS) + SUCCESSOR]!;
      if (expected < 0) break;
      const length = ints[(expected << INTS) + LENGTH]!;
      const start = (p + length) | 0;
      if (start > end) break;
      let at = p;
      if (length < 8) {
        const text = (expected << INTS) + TEXT_INTS;
        if (ints[text] !== view.getInt32(p, true)) break;
        if (ints[text + 1] !== view.getInt32(start - 4, true)) break;
      } else {
        const last = (start - 8) | 0;
        let text = (expected << DOUBLES) + TEXT_DOUBLES;
        while (at < last && view.getFloat64(at, true) === doubles[text]) {
          at = (at + 8) | 0;
          text = (text + 1) | 0;
        }
        if (at < last || view.getFloat64(last, true) !== doubles[text]) break;
      }

      joint = expected;
      const target = ints[(expected << INTS) + TARGET]!;
      let kind: number = STRING;
      at = start;
      if (ints[(expected << INTS) + IS_STRING] === 1) {
        valueAt = (start - 1) | 0;
        if (target <= COMPLEX) break;
        let word = 0;
        let stop = 0;
        while (stop === 0 && at <= wordEnd) {
          word = view.getInt32(at, true);
          stop = (word | ((word ^ 0x02020202) - 0x21212121) | ((word ^ 0x5c5c5c5c) - 0x01010101)) & HIGH_BITS;
          at = (at + 4) | 0;
        }
        const bit = 24 - (Math.clz32(stop & -stop) & 24);
        at = (at - 4 + (bit >> 3)) | 0;
        if (((word >>> bit) & 0xff) !== QUOTE || stop === 0 || at >= end) break;
        p = (at + 1) | 0;
      } else {
        valueAt = start;
        if (target <= COMPLEX) break;
        at = behindPlainValue(view, start, wordEnd) | 0;
        if (at < 0 || at >= end) break;
        const first = view.getUint8(start);
        kind = first <= 0x39 ? NUMBER : first === 0x74 ? TRUE : first === 0x66 ? FALSE : NULL;
        p = at;
      }
      valueAt = -1;
      if (target < 0) continue;
      kinds[base + target] = kind;
      starts[base + target] = start;
      ends[base + target] = at;
    }
    this.#joint = joint;
    this.valueAt = valueAt;
    return p;
  }
}

/** Returns the position behind the number or literal at `begin`; -1 for anything else. */
function behindPlainValue(view: DataView, begin: number, wordEnd: number): number {
  if (begin > wordEnd) return -1;
  const start = view.getUint8(begin) === HYPHEN ? (begin + 1) | 0 : begin;
  let p = behindDigits(view, start, wordEnd) | 0;
  if (p > wordEnd) return -1;
  if (p === start) {
    if (start !== begin) return -1;
    const word = view.getInt32(p, true);
    if (word === WORD_TRUE || word === WORD_NULL) return p + 4;
    return word === WORD_FALS && p < wordEnd && view.getUint8(p + 4) === 0x65 ? p + 5 : -1;
  }
  if (p - start > 1 && view.getUint8(start) === ZERO) return -1;
  if (view.getUint8(p) === POINT) {
    const point = p;
    p = behindDigits(view, point + 1, wordEnd) | 0;
    if (p === point + 1 || p > wordEnd) return -1;
  }
  return (view.getUint8(p) | 0x20) === EXPONENT ? behindExponent(view, p + 1, wordEnd) : p;
}

function behindExponent(view: DataView, start: number, wordEnd: number): number {
  if (start > wordEnd) return -1;
  const sign = view.getUint8(start);
  const from = sign === HYPHEN || sign === PLUS ? start + 1 : start;
  const p = behindDigits(view, from, wordEnd);
  return p === from || p > wordEnd ? -1 : p;
}

/** A result beyond `wordEnd` says nothing. */
function behindDigits(view: DataView, start: number, wordEnd: number): number {
  let p = start | 0;
  while (p <= wordEnd) {
    const digits = view.getInt32(p, true) ^ 0x30303030;
    const stop = (digits | (digits + 0x76767676)) & HIGH_BITS;
    if (stop !== 0) return p + ((31 - Math.clz32(stop & -stop)) >> 3);
    p = (p + 4) | 0;
  }
  return wordEnd + 1;
}
