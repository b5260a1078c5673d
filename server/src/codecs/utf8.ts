/**
 * Returns the length of the valid UTF-8 sequence that begins with the non-ASCII byte at p, or 0 if there is none: no over-long
 * forms, no surrogates, nothing above U+10FFFF, nothing that `end` cuts (Unicode 15, table 3-7).
 */
export function utf8SequenceBytes(buf: Uint8Array, p: number, end: number): number {
  const lead = buf[p];
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const bytes = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (p + bytes > end) return 0;
  const second = buf[p + 1];
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return 0;
  for (let i = 2; i < bytes; i++) if ((buf[p + i] & 0xc0) !== 0x80) return 0;
  return bytes;
}

export function isUtf8(buf: Uint8Array, start: number, end: number): boolean {
  let p = start;
  while (p < end) {
    if (buf[p] < 0x80) {
      p++;
      continue;
    }
    const bytes = utf8SequenceBytes(buf, p, end);
    if (bytes === 0) return false;
    p += bytes;
  }
  return true;
}

/** Writes one code point (no surrogate) and returns the position after it. */
export function writeUtf8(out: Uint8Array, at: number, codePoint: number): number {
  if (codePoint < 0x80) {
    out[at] = codePoint;
    return at + 1;
  }
  if (codePoint < 0x800) {
    out[at] = 0xc0 | (codePoint >> 6);
    out[at + 1] = 0x80 | (codePoint & 0x3f);
    return at + 2;
  }
  if (codePoint < 0x10000) {
    out[at] = 0xe0 | (codePoint >> 12);
    out[at + 1] = 0x80 | ((codePoint >> 6) & 0x3f);
    out[at + 2] = 0x80 | (codePoint & 0x3f);
    return at + 3;
  }
  out[at] = 0xf0 | (codePoint >> 18);
  out[at + 1] = 0x80 | ((codePoint >> 12) & 0x3f);
  out[at + 2] = 0x80 | ((codePoint >> 6) & 0x3f);
  out[at + 3] = 0x80 | (codePoint & 0x3f);
  return at + 4;
}
