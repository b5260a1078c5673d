/** The order of ids, as texts compare in JavaScript, from the bytes of the tokens: nothing is made for a comparison. */

/** From here on UTF-8 and UTF-16 order differently: U+E000 to U+FFFF (0xEE, 0xEF) stand behind what UTF-16 writes with surrogates. */
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

/** Compares the ids of tokens of two different chains: the numbers as texts, each with the colon behind it. */
export function compareChainTexts(a: number, b: number): number {
  const x = `${a}:`;
  const y = `${b}:`;
  return x < y ? -1 : x > y ? 1 : 0;
}
