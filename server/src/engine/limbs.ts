/** Exact sums in limbs of base 10^15, within an array of doubles. */
import { LIMB } from "./decimal.ts";

const MIDDLE = 1;
const HIGHEST = 2;

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
  let b = f64[at + MIDDLE] + sign * l1;
  if (a >= LIMB) {
    a -= LIMB;
    b += 1;
  } else if (a < 0) {
    a += LIMB;
    b -= 1;
  }
  f64[at] = a;
  if (limbs === 2) {
    f64[at + MIDDLE] = b;
    return;
  }
  let c = f64[at + HIGHEST] + sign * l2;
  if (b >= LIMB) {
    b -= LIMB;
    c += 1;
  } else if (b < 0) {
    b += LIMB;
    c -= 1;
  }
  f64[at + MIDDLE] = b;
  f64[at + HIGHEST] = c;
}

/** sum += addend of two limbs; for sums that only grow. */
export function addTwo(f64: Float64Array, at: number, l0: number, l1: number): void {
  const a = f64[at] + l0;
  f64[at] = a >= LIMB ? a - LIMB : a;
  f64[at + MIDDLE] += l1 + (a >= LIMB ? 1 : 0);
}

/** sum += addend of three limbs; for sums that only grow. */
export function addThree(f64: Float64Array, at: number, l0: number, l1: number, l2: number): void {
  const a = f64[at] + l0;
  const b = f64[at + MIDDLE] + l1 + (a >= LIMB ? 1 : 0);
  f64[at] = a >= LIMB ? a - LIMB : a;
  f64[at + MIDDLE] = b >= LIMB ? b - LIMB : b;
  f64[at + HIGHEST] += l2 + (b >= LIMB ? 1 : 0);
}
