/**
 * Hashes of text from outside, keyed with a secret. Senders choose the names of tokens, wallets and transactions; they must not be
 * able to choose names that share a slot, because a table in which all names collide takes time in the square of their number.
 *
 * The function is HalfSipHash-1-3 of Aumasson and Bernstein ("SipHash: a fast short-input PRF", 2012; the 32-bit form is
 * the one of the Linux kernel's hash tables): every byte goes in, and without the key nothing is known of the outputs.
 * Rejected: SipHash-1-3 itself, which needs 64-bit words that JavaScript has only as BigInt; and universal hashing by
 * multiplying (Lemire and Kaser, 2014), which is provable but took 45 ns for an address of 42 bytes. This one takes 29 ns
 * there and 37 ns for a transaction hash of 66. It reads words through a DataView: assembling each word from four bytes
 * took 39 and 53 ns.
 */

import { ByteView } from "./byte-view.ts";

/** The secret of a partition, two words of 32 bits; random when the partition is created, and kept in its image. */
export type HashSeed = readonly [number, number];

const NOTHING = new DataView(new ArrayBuffer(0));

export class KeyedHash {
  readonly #k0: number;
  readonly #k1: number;
  readonly #view = new ByteView();

  /** Hashes of different purposes are independent of each other, although they share one secret. */
  constructor(seed: HashSeed, purpose: number) {
    this.#k0 = halfSipHash(NOTHING, 0, 0, seed[0] | 0, seed[1] | 0, purpose, 0);
    this.#k1 = halfSipHash(NOTHING, 0, 0, seed[0] | 0, seed[1] | 0, purpose, 1);
  }

  /** Returns 30 bits, a small integer of the runtime, of a byte range (up to 247 bytes) after two words. */
  hash(bytes: Uint8Array, start: number, end: number, a: number, b: number): number {
    return halfSipHash(this.#view.of(bytes), start, end, this.#k0, this.#k1, a, b) >>> 2;
  }

  /** Returns 32 bits of a byte range. */
  hash32(bytes: Uint8Array, start: number, end: number): number {
    return halfSipHash(this.#view.of(bytes), start, end, this.#k0, this.#k1, 0, 0) >>> 0;
  }
}

/**
 * HalfSipHash-1-3 over the words a and b and then the bytes. The round is written out three times: a function returns one value,
 * so a shared round would keep the four words of state in memory and took twice as long. So did one loop with conditions.
 */
function halfSipHash(view: DataView, start: number, end: number, k0: number, k1: number, a: number, b: number): number {
  let v0 = k0 | 0;
  let v1 = k1 | 0;
  let v2 = k0 ^ 0x6c796765;
  let v3 = k1 ^ 0x74656462;
  for (let i = 0; i < 2; i++) {
    const m = i === 0 ? a | 0 : b | 0;
    v3 ^= m;
    v0 = (v0 + v1) | 0;
    v1 = (v1 << 5) | (v1 >>> 27);
    v1 ^= v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = (v3 << 8) | (v3 >>> 24);
    v3 ^= v2;
    v0 = (v0 + v3) | 0;
    v3 = (v3 << 7) | (v3 >>> 25);
    v3 ^= v0;
    v2 = (v2 + v1) | 0;
    v1 = (v1 << 13) | (v1 >>> 19);
    v1 ^= v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= m;
  }
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const m = view.getInt32(at, true);
    v3 ^= m;
    v0 = (v0 + v1) | 0;
    v1 = (v1 << 5) | (v1 >>> 27);
    v1 ^= v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = (v3 << 8) | (v3 >>> 24);
    v3 ^= v2;
    v0 = (v0 + v3) | 0;
    v3 = (v3 << 7) | (v3 >>> 25);
    v3 ^= v0;
    v2 = (v2 + v1) | 0;
    v1 = (v1 << 13) | (v1 >>> 19);
    v1 ^= v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= m;
  }
  let m = (end - start + 8) << 24;
  for (let shift = 0; at < end; at++, shift += 8) m |= view.getUint8(at) << shift;
  // The last word, and three rounds to finish.
  for (let i = 0; i < 4; i++) {
    v3 ^= m;
    v0 = (v0 + v1) | 0;
    v1 = (v1 << 5) | (v1 >>> 27);
    v1 ^= v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = (v3 << 8) | (v3 >>> 24);
    v3 ^= v2;
    v0 = (v0 + v3) | 0;
    v3 = (v3 << 7) | (v3 >>> 25);
    v3 ^= v0;
    v2 = (v2 + v1) | 0;
    v1 = (v1 << 13) | (v1 >>> 19);
    v1 ^= v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= m;
    m = 0;
    if (i === 0) v2 ^= 0xff;
  }
  return v1 ^ v3;
}
