/** The order of ids as JavaScript texts, compared by the bytes of the tokens without creating texts. */

/**
 * From here on UTF-8 and UTF-16 order differently: U+E000 to U+FFFF (0xEE, 0xEF) come after the characters that UTF-16 writes
 * with surrogates.
 */
const LEAD_PRIVATE = 0xee;
const LEAD_SURROGATES = 0xf0;

/** Compares valid UTF-8 in u8[a, aEnd) and u8[b, bEnd) by UTF-16 code units. */
export function compareAsText(u8: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): number {
  const length = Math.min(aEnd - a, bEnd - b);
  for (let i = 0; i < length; i++) {
    const x = u8[a + i];
    const y = u8[b + i];
    if (x === y) continue;
    const isSwapped = x >= LEAD_PRIVATE && y >= LEAD_PRIVATE && x >= LEAD_SURROGATES !== y >= LEAD_SURROGATES;
    return isSwapped ? y - x : x - y;
  }
  return aEnd - a - (bEnd - b);
}

/** Compares the ids of tokens of two different chains: the numbers as texts, each followed by a colon. */
export function compareChainTexts(a: number, b: number): number {
  const x = `${a}:`;
  const y = `${b}:`;
  return x < y ? -1 : x > y ? 1 : 0;
}
