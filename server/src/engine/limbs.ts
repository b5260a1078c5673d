/** Exact sums in limbs of base 10^15, within an array of doubles. */
import { LIMB } from "./decimal.ts";

/** sum += sign x addend, in normalised limbs; the highest limb is unbounded (below 2^53 by the limits of events). */
export function addLimbs(
  f64: Float64Array,
  at: number,
  limbs: 2 | 3,
  sign: 1 | -1,
  l0: number,
  l1: number,
  l2: number,
): void {
  let a = f64[at] + sign * l0;
  let b = f64[at + 1] + sign * l1;
  if (a >= LIMB) {
    a -= LIMB;
    b += 1;
  } else if (a < 0) {
    a += LIMB;
    b -= 1;
  }
  f64[at] = a;
  if (limbs === 2) {
    f64[at + 1] = b;
    return;
  }
  let c = f64[at + 2] + sign * l2;
  if (b >= LIMB) {
    b -= LIMB;
    c += 1;
  } else if (b < 0) {
    b += LIMB;
    c -= 1;
  }
  f64[at + 1] = b;
  f64[at + 2] = c;
}
