/** Orders served figures by their exact decimal strings, without rounding. */

/** Returns a negative number, 0 or a positive number as a is below, equal to or above b. Both are decimals without exponent, as served. */
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
  // With equally many digits before the point, text order is value order. Trailing zeros are not served, so the shorter of two texts with a
  // common beginning is the smaller number.
  return a < b ? -1 : a > b ? 1 : 0;
}

function wholeDigits(text: string): number {
  const point = text.indexOf(".");
  return point === -1 ? text.length : point;
}
