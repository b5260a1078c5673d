import { writeUtf8 } from "./utf8.ts";

const BACKSLASH = 0x5c;

/** Value of a hex digit; 16 for every other byte. */
const HEX_VALUE = new Uint8Array(256).fill(16);
for (let i = 0; i < 16; i++) {
  HEX_VALUE["0123456789abcdef".charCodeAt(i)] = i;
  HEX_VALUE["0123456789ABCDEF".charCodeAt(i)] = i;
}

const ESCAPED_BYTE = new Uint8Array(256);
for (const [letter, text] of Object.entries({ b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" })) {
  ESCAPED_BYTE[letter.charCodeAt(0)] = text.charCodeAt(0);
}
for (const text of '"\\/') ESCAPED_BYTE[text.charCodeAt(0)] = text.charCodeAt(0);

/** Returned instead of a position. */
const UNPAIRED_SURROGATE = -1;
const TOO_LONG = -2;

/**
 * Writes the string between the quotes at [start, end), which is known to be well formed, into `out` from `at` on, with escapes
 * resolved. Returns the position after it, or UNPAIRED_SURROGATE, or TOO_LONG when it would exceed `limit`, whichever comes
 * first. `out` needs 3 bytes of room after `limit`.
 */
export function resolveEscapes(
  buf: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  at: number,
  limit: number,
): number {
  let p = start;
  let o = at;
  while (p < end) {
    const c = buf[p];
    if (c !== BACKSLASH) {
      out[o++] = c;
      p++;
    } else if (buf[p + 1] !== 0x75) {
      out[o++] = ESCAPED_BYTE[buf[p + 1]];
      p += 2;
    } else {
      let unit = hex4(buf, p + 2);
      p += 6;
      if (unit >= 0xd800 && unit <= 0xdfff) {
        if (unit >= 0xdc00 || p + 6 > end || buf[p] !== BACKSLASH || buf[p + 1] !== 0x75) return UNPAIRED_SURROGATE;
        const low = hex4(buf, p + 2);
        if (low < 0xdc00 || low > 0xdfff) return UNPAIRED_SURROGATE;
        p += 6;
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
      }
      o = writeUtf8(out, o, unit);
    }
    if (o > limit) return TOO_LONG;
  }
  return o;
}

function hex4(buf: Uint8Array, p: number): number {
  return (
    (HEX_VALUE[buf[p]] << 12) | (HEX_VALUE[buf[p + 1]] << 8) | (HEX_VALUE[buf[p + 2]] << 4) | HEX_VALUE[buf[p + 3]]
  );
}

/** Whether the bytes are `0x` or `0X` and at least one hex digit. */
export function isHex(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 3 || bytes[start] !== 0x30 || (bytes[start + 1] | 0x20) !== 0x78) return false;
  for (let p = start + 2; p < end; p++) if (HEX_VALUE[bytes[p]] === 16) return false;
  return true;
}

/** Returns the position after `0x` or `0X` and the hex digits that follow; `start` if the bytes do not begin this way. */
export function behindHex(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 2 || bytes[start] !== 0x30 || (bytes[start + 1] | 0x20) !== 0x78) return start;
  let p = start + 2;
  while (p < end && HEX_VALUE[bytes[p]] !== 16) p++;
  return p;
}

/** Whether hex has no upper-case letter. */
export function isLowerHex(bytes: Uint8Array, start: number, end: number): boolean {
  for (let p = start; p < end; p++) if ((bytes[p] & 0x60) === 0x40) return false;
  return true;
}

/** Like `isHex`, four bytes at a time. The view contains the bytes from `start` to `end`. */
export function isHexInWords(view: DataView, start: number, end: number): boolean {
  const last = end - 4;
  // `0x` or `0X` as a little-endian word, and at least one word of digits.
  if (last < start + 2 || (view.getUint16(start, true) | 0x2000) !== 0x7830) return false;
  for (let p = start + 2; p < last; p += 4) if (!isHexWord(view.getInt32(p, true))) return false;
  return isHexWord(view.getInt32(last, true));
}

/** In each byte the high bit says whether it reaches a bound; two bounds make a range. */
function isHexWord(word: number): boolean {
  const lower = word | 0x20202020;
  const digits = (word + 0x50505050) & ~(word + 0x46464646);
  const letters = (lower + 0x1f1f1f1f) & ~(lower + 0x19191919);
  return ((digits | letters) & ~word & -0x7f7f7f80) === -0x7f7f7f80;
}
