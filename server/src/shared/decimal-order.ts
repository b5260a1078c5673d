/**
 * Order of served figures without rounding. Figures are compared as doubles first; only where these are too near to
 * decide do the decimal strings, which are exact, say which is greater.
 */

/** Doubles of figures lie within this relative distance of the exact value, with room to spare. */
const NEAR = 1e-12;

/** True when the doubles leave open which of the exact figures is greater. Zero is exact: a figure is 0 or it is not. */
export function isNear(a: number, b: number): boolean {
  if (a === b) return a !== 0;
  return Math.abs(a - b) <= NEAR * Math.max(Math.abs(a), Math.abs(b));
}

/** Negative, 0 or positive, as a is below, equal to or above b; both are decimals without exponent, as served. */
export function compareDecimals(a: string, b: string): number {
  if (a === b) return 0;
  const aNegative = a.startsWith("-");
  const bNegative = b.startsWith("-");
  if (aNegative !== bNegative) return aNegative ? -1 : 1;
  return aNegative ? compareMagnitudes(b.slice(1), a.slice(1)) : compareMagnitudes(a, b);
}

function compareMagnitudes(a: string, b: string): number {
  const aWhole = wholeDigits(a);
  const bWhole = wholeDigits(b);
  if (aWhole !== bWhole) return aWhole - bWhole;
  // With as many digits before the point, text order is the order of value: the point is at one place, and a number
  // that ends first is the smaller one because needless zeros are not served.
  return a < b ? -1 : a > b ? 1 : 0;
}

function wholeDigits(text: string): number {
  const point = text.indexOf(".");
  return point === -1 ? text.length : point;
}
