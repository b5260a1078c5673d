/**
 * A seeded generator of pseudo-random numbers: xoshiro128** 1.1 of David Blackman and Sebastiano Vigna
 * (https://prng.di.unimi.it/xoshiro128starstar.c, public domain), its state filled by the finaliser of MurmurHash3
 * (Austin Appleby, public domain) over a counter. 32-bit integers alone, so every machine draws the same numbers.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    this.#a = mix32(seed + 0x9e3779b9);
    this.#b = mix32(this.#a + 0x9e3779b9);
    this.#c = mix32(this.#b + 0x9e3779b9);
    // The all-zero state would draw zeros for ever.
    this.#d = mix32(this.#c + 0x9e3779b9) | 1;
  }

  /** Returns the generator in a given state, not all zero; for comparison with the reference program. */
  static ofState(a: number, b: number, c: number, d: number): Random {
    const random = new Random(0);
    random.#a = a;
    random.#b = b;
    random.#c = c;
    random.#d = d;
    return random;
  }

  /** Draws an integer from 0 to 2^32 - 1. */
  uint32(): number {
    const product = Math.imul(this.#b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** Draws a number from 0, below 1. */
  unit(): number {
    return this.uint32() / 4_294_967_296;
  }

  /** Draws an integer from 0, below `limit` (to 2^32); the bias is below limit / 2^32. */
  below(limit: number): number {
    return Math.floor(this.unit() * limit);
  }
}

/** The finaliser of MurmurHash3: a bijection of 32-bit integers in which every bit depends on all. */
export function mix32(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
