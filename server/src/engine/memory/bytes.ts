/** Numbers and texts in bytes: reading and writing numbers of several bytes, mixing, comparing, UTF-8. */

/** The little-endian word of the four bytes from `at` on, signed. */
export function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

/** The little-endian number of the seven bytes from `at` on. */
export function sevenBytesAt(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
  return low + (bytes[at + 4] | (bytes[at + 5] << 8) | (bytes[at + 6] << 16)) * 2 ** 32;
}

/** Writes an integer below 2^53 as seven bytes, the lowest first. */
export function putSevenBytes(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / 2 ** 32);
  const low = (value - high * 2 ** 32) >>> 0;
  bytes[at] = low & 0xff;
  bytes[at + 1] = (low >>> 8) & 0xff;
  bytes[at + 2] = (low >>> 16) & 0xff;
  bytes[at + 3] = low >>> 24;
  bytes[at + 4] = high & 0xff;
  bytes[at + 5] = (high >>> 8) & 0xff;
  bytes[at + 6] = high >>> 16;
}

/** The little-endian number of the three bytes from `at` on. */
export function threeBytesAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
}

export function putThreeBytes(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
}

/** Final avalanche of MurmurHash3 (public domain): a bijection of 32-bit words. */
export function mix32(value: number): number {
  let h = value;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Compares byte ranges of one length. Words are read through views: assembled from four bytes each, the comparison takes twice as long. */
export function equalBytes(a: DataView, aStart: number, b: DataView, bStart: number, length: number): boolean {
  const wordsEnd = aStart + length - 4;
  const end = aStart + length;
  let p = aStart;
  let q = bStart;
  for (; p <= wordsEnd; p += 4, q += 4) {
    if (a.getInt32(p, true) !== b.getInt32(q, true)) return false;
  }
  for (; p < end; p++, q++) {
    if (a.getUint8(p) !== b.getUint8(q)) return false;
  }
  return true;
}

/** Compares byte ranges as unsigned bytes: negative, zero or positive. */
export function compareBytes(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  const aLength = aEnd - aStart;
  const bLength = bEnd - bStart;
  const length = aLength < bLength ? aLength : bLength;
  for (let i = 0; i < length; i++) {
    const d = a[aStart + i] - b[bStart + i];
    if (d !== 0) return d;
  }
  return aLength - bLength;
}

/** Decodes valid UTF-8 (the decoder has checked it). */
export function utf8ToString(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let i = start; i < end; ) {
    const b = bytes[i];
    if (b < 0x80) {
      text += String.fromCharCode(b);
      i += 1;
    } else if (b < 0xe0) {
      text += String.fromCharCode(((b & 0x1f) << 6) | (bytes[i + 1] & 0x3f));
      i += 2;
    } else if (b < 0xf0) {
      text += String.fromCharCode(((b & 0x0f) << 12) | ((bytes[i + 1] & 0x3f) << 6) | (bytes[i + 2] & 0x3f));
      i += 3;
    } else {
      text += String.fromCodePoint(
        ((b & 0x07) << 18) | ((bytes[i + 1] & 0x3f) << 12) | ((bytes[i + 2] & 0x3f) << 6) | (bytes[i + 3] & 0x3f),
      );
      i += 4;
    }
  }
  return text;
}

/** Encodes a string as UTF-8. A lone surrogate becomes U+FFFD. */
export function stringToUtf8(text: string): Uint8Array {
  const out: number[] = [];
  for (const char of text) {
    let c = char.codePointAt(0) ?? 0;
    if (c >= 0xd800 && c <= 0xdfff) c = 0xfffd;
    if (c < 0x80) out.push(c);
    else if (c < 0x800) out.push(0xc0 | (c >> 6), 0x80 | (c & 0x3f));
    else if (c < 0x10000) out.push(0xe0 | (c >> 12), 0x80 | ((c >> 6) & 0x3f), 0x80 | (c & 0x3f));
    else out.push(0xf0 | (c >> 18), 0x80 | ((c >> 12) & 0x3f), 0x80 | ((c >> 6) & 0x3f), 0x80 | (c & 0x3f));
  }
  return Uint8Array.from(out);
}
