import { JOINTS_MAX } from "./limits.ts";

/**
 * Layout of the table: each joint has 128 bytes, four integers and then its text. Given are the sizes in integers and in
 * doubles, as shifts; the places of the integers; and where the text begins, in integers and in doubles.
 */
export const JOINT = {
  ints: 5,
  doubles: 4,
  length: 0,
  slot: 1,
  /** 1 where a string follows. */
  isString: 2,
  /** The joint that last followed this one, or NO_JOINT. */
  successor: 3,
  textInts: 4,
  textDoubles: 2,
} as const;

const NO_JOINT = -1;
/** The state before the first joint of a record. Only joints with the opening brace follow it. */
export const JOINT_START = JOINTS_MAX;
/** The state after a joint that is not remembered. */
const JOINT_LOST = JOINTS_MAX + 1;

const JOINT_BYTES = 4 << JOINT.ints;
const TEXT_BYTES_MIN = 4;
const TEXT_BYTES_MAX = JOINT_BYTES - 4 * JOINT.textInts;
const BUCKETS = 1024;
/** Texts that are made to collide are not remembered beyond this many. */
const PROBES_MAX = 8;

/**
 * A joint is the text between two values of a record, such as `,"token":"`: comma, name, colon, white space as the producer
 * writes it, and the opening quote if a string follows. A producer writes all records alike. Each joint therefore remembers the
 * joint that followed it the last time, and the next record is only compared with that one, instead of being parsed. Equal
 * bytes have equal meaning: a joint that was parsed once need not be parsed again.
 *
 * A text of 8 bytes or more is compared as doubles, 8 bytes at a time; the last 8 bytes overlap earlier ones if the length
 * requires it. ASCII bytes never form a NaN or a zero, so equal doubles are equal bytes. Shorter texts are compared as their
 * first and last 4 bytes.
 */
export class Joints {
  readonly doubles: Float64Array;
  readonly ints: Int32Array;
  readonly #buckets = new Int32Array(BUCKETS).fill(NO_JOINT);
  #count = 0;

  constructor() {
    const table = new ArrayBuffer((JOINTS_MAX + 2) * JOINT_BYTES);
    this.doubles = new Float64Array(table);
    this.ints = new Int32Array(table);
    this.#forget();
  }

  /**
   * Remembers that the joint of `length` bytes at `at`, which leads to a value of `slot`, followed `previous`. Returns its
   * number, or JOINT_LOST for one that cannot be remembered.
   */
  learn(previous: number, view: DataView, at: number, length: number, slot: number, isString: boolean): number {
    if (length < TEXT_BYTES_MIN || length > TEXT_BYTES_MAX) return JOINT_LOST;
    if (this.#count === JOINTS_MAX) {
      this.#forget();
      return JOINT_LOST;
    }
    let bucket = hashOf(view, at, length);
    let joint = this.#buckets[bucket];
    for (let probes = 0; joint !== NO_JOINT; joint = this.#buckets[bucket]) {
      if (this.#isJoint(joint, view, at, length)) break;
      if (++probes === PROBES_MAX) return JOINT_LOST;
      bucket = (bucket + 1) & (BUCKETS - 1);
    }
    if (joint === NO_JOINT) {
      joint = this.#count++;
      this.#buckets[bucket] = joint;
      const meta = joint << JOINT.ints;
      this.ints[meta + JOINT.length] = length;
      this.ints[meta + JOINT.slot] = slot;
      this.ints[meta + JOINT.isString] = isString ? 1 : 0;
      this.ints[meta + JOINT.successor] = NO_JOINT;
      this.#keepText(joint, view, at, length);
    }
    this.ints[(previous << JOINT.ints) + JOINT.successor] = joint;
    return joint;
  }

  #keepText(joint: number, view: DataView, at: number, length: number): void {
    if (length < 8) {
      const text = (joint << JOINT.ints) + JOINT.textInts;
      this.ints[text] = view.getInt32(at, true);
      this.ints[text + 1] = view.getInt32(at + length - 4, true);
      return;
    }
    let text = (joint << JOINT.doubles) + JOINT.textDoubles;
    for (let p = 0; p < length - 8; p += 8) this.doubles[text++] = view.getFloat64(at + p, true);
    this.doubles[text] = view.getFloat64(at + length - 8, true);
  }

  #isJoint(joint: number, view: DataView, at: number, length: number): boolean {
    if (this.ints[(joint << JOINT.ints) + JOINT.length] !== length) return false;
    if (length < 8) {
      const text = (joint << JOINT.ints) + JOINT.textInts;
      if (this.ints[text] !== view.getInt32(at, true)) return false;
      return this.ints[text + 1] === view.getInt32(at + length - 4, true);
    }
    let text = (joint << JOINT.doubles) + JOINT.textDoubles;
    for (let p = 0; p < length - 8; p += 8) if (this.doubles[text++] !== view.getFloat64(at + p, true)) return false;
    return this.doubles[text] === view.getFloat64(at + length - 8, true);
  }

  /** A producer that invents names must not fill the table for good: a full table is cleared. */
  #forget(): void {
    this.#count = 0;
    this.#buckets.fill(NO_JOINT);
    for (const state of [JOINT_START, JOINT_LOST]) {
      this.ints[(state << JOINT.ints) + JOINT.successor] = NO_JOINT;
    }
  }
}

function hashOf(view: DataView, at: number, length: number): number {
  const first = view.getInt32(at, true);
  const middle = view.getInt32(at + ((length - 4) >> 1), true);
  const last = view.getInt32(at + length - 4, true);
  return Math.imul(Math.imul(Math.imul(first, 31) ^ middle, 0x9e3779b1) ^ last ^ length, 0x85ebca6b) >>> 22;
}
