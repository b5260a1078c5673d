import type { Random } from "./random.ts";

/**
 * Draws ranks 0 to count - 1 with probability proportional to 1 / (rank + 1)^exponent, in constant time a draw, by the
 * alias method (A. J. Walker 1977; tables as in M. D. Vose 1991).
 */
export class Zipf {
  readonly #keep: Float64Array;
  readonly #alias: Uint32Array;

  constructor(count: number, exponent: number) {
    const weights = Float64Array.from({ length: count }, (_, rank) => (rank + 1) ** -exponent);
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const keep = weights.map((weight) => (weight * count) / sum);
    const alias = Uint32Array.from({ length: count }, (_, rank) => rank);
    const small: number[] = [];
    const large: number[] = [];
    keep.forEach((share, rank) => {
      (share < 1 ? small : large).push(rank);
    });
    while (small.length > 0 && large.length > 0) {
      const poor = small.pop() as number;
      const rich = large.pop() as number;
      alias[poor] = rich;
      keep[rich] = (keep[rich] as number) - (1 - (keep[poor] as number));
      ((keep[rich] as number) < 1 ? small : large).push(rich);
    }
    // Ranks that rounding left over keep their own slot.
    for (const rank of [...small, ...large]) keep[rank] = 1;
    this.#keep = keep;
    this.#alias = alias;
  }

  draw(random: Random): number {
    const scaled = random.unit() * this.#keep.length;
    const slot = Math.floor(scaled);
    return scaled - slot < (this.#keep[slot] as number) ? slot : (this.#alias[slot] as number);
  }
}
