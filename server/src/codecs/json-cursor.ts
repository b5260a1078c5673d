import { DEPTH_MAX } from "./limits.ts";
import { utf8SequenceBytes } from "./utf8.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Bits of `stringFlags`. */
const STRING_UPPER = 1;
export const STRING_ESCAPED = 2;

/** The bytes after a backslash that stand for one character, except `u`. */
const SIMPLE_ESCAPE = new Uint8Array(256);
for (const c of '"\\/bfnrt') SIMPLE_ESCAPE[c.charCodeAt(0)] = 1;

const HEX_DIGIT = new Uint8Array(256);
for (const c of "0123456789abcdefABCDEF") HEX_DIGIT[c.charCodeAt(0)] = 1;

/**
 * Walks over JSON text in bytes and checks it as JSON.parse would, without creating values. Every method takes a position and
 * returns the position after what it read, or -1 where the text breaks the grammar of JSON, is not valid UTF-8 inside a string,
 * or is nested too deep. Nothing at or after `end` is read.
 *
 * Strings are read four bytes at a time: a word is free of quotes, backslashes, control and non-ASCII bytes when no high bit is
 * left in the sum of tests below. Reading byte by byte through a table took 1.6 times as long.
 */
export class JsonCursor {
  buf: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.buf.buffer);
  /** Flags of the string that was read last. */
  stringFlags = 0;
  /** Container at each depth: 1 for an object, 0 for an array. */
  readonly #containers = new Uint8Array(DEPTH_MAX + 1);

  /** Sets the buffer; must be called first. Cheap when the buffer is the same as before. */
  attach(buf: Uint8Array): void {
    if (buf === this.buf) return;
    this.buf = buf;
    this.view = new DataView(buf.buffer, buf.byteOffset, buf.byteLength);
  }

  whitespace(p: number, end: number): number {
    const buf = this.buf;
    while (p < end) {
      const c = buf[p];
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break;
      p++;
    }
    return p;
  }

  /** Reads from the position after the opening quote to the closing quote itself. */
  string(p: number, end: number): number {
    const view = this.view;
    const wordEnd = end - 4;
    let upper = 0;
    while (p <= wordEnd) {
      const w = view.getInt32(p, true);
      const stop = (w | ((w ^ 0x02020202) - 0x21212121) | ((w ^ 0x5c5c5c5c) - 0x01010101)) & -0x7f7f7f80;
      if (stop === 0) {
        upper |= w & ~(w << 1);
        p += 4;
        continue;
      }
      const lowest = stop & -stop;
      upper |= w & ~(w << 1) & (lowest - 1);
      p += (31 - Math.clz32(lowest)) >> 3;
      if (this.buf[p] === QUOTE) {
        this.stringFlags = (upper & 0x40404040) === 0 ? 0 : STRING_UPPER;
        return p;
      }
      break;
    }
    return this.#stringSlowly(p, end, (upper & 0x40404040) === 0 ? 0 : STRING_UPPER);
  }

  /** Reads the rest of a string with an escape or a non-ASCII byte in it, or near the end of the bytes. */
  #stringSlowly(p: number, end: number, flags: number): number {
    const buf = this.buf;
    while (p < end) {
      const c = buf[p];
      if (c === QUOTE) {
        this.stringFlags = flags;
        return p;
      }
      if (c === BACKSLASH) {
        flags |= STRING_ESCAPED;
        p = this.#escape(p + 1, end);
        if (p < 0) return -1;
      } else if (c < 0x20) {
        return -1;
      } else if (c < 0x80) {
        if ((c & 0x60) === 0x40) flags |= STRING_UPPER;
        p++;
      } else {
        const bytes = utf8SequenceBytes(buf, p, end);
        if (bytes === 0) return -1;
        p += bytes;
      }
    }
    return -1;
  }

  #escape(p: number, end: number): number {
    const buf = this.buf;
    if (p >= end) return -1;
    if (SIMPLE_ESCAPE[buf[p]] === 1) return p + 1;
    if (buf[p] !== 0x75 || p + 5 > end) return -1;
    for (let i = 1; i <= 4; i++) if (HEX_DIGIT[buf[p + i]] === 0) return -1;
    return p + 5;
  }

  number(p: number, end: number): number {
    const buf = this.buf;
    if (p < end && buf[p] === 0x2d) p++;
    if (p >= end) return -1;
    if (buf[p] === 0x30) p++;
    else if ((p = this.#digits(p, end)) < 0) return -1;
    if (p < end && buf[p] === 0x2e) {
      p = this.#digits(p + 1, end);
      if (p < 0) return -1;
    }
    if (p < end && (buf[p] | 0x20) === 0x65) {
      p++;
      if (p < end && (buf[p] === 0x2b || buf[p] === 0x2d)) p++;
      p = this.#digits(p, end);
    }
    return p;
  }

  /** Reads one digit or more. */
  #digits(p: number, end: number): number {
    const buf = this.buf;
    const start = p;
    while (p < end && (buf[p] - 0x30) >>> 0 <= 9) p++;
    return p === start ? -1 : p;
  }

  /** Reads `true`, `false` or `null`. */
  literal(p: number, end: number): number {
    const view = this.view;
    if (p + 4 > end) return -1;
    const w = view.getInt32(p, true);
    if (w === 0x65757274 || w === 0x6c6c756e) return p + 4;
    if (p + 5 > end || this.buf[p] !== 0x66) return -1;
    return view.getInt32(p + 1, true) === 0x65736c61 ? p + 5 : -1;
  }

  /** Reads any value, from its first byte. `depth` is the number of containers around it. */
  value(p: number, end: number, depth: number): number {
    if (p >= end) return -1;
    const c = this.buf[p];
    if (c === QUOTE) {
      p = this.string(p + 1, end);
      return p < 0 ? -1 : p + 1;
    }
    if (c === 0x7b || c === 0x5b) return this.#container(p, end, depth);
    return c === 0x2d || (c >= 0x30 && c <= 0x39) ? this.number(p, end) : this.literal(p, end);
  }

  /** Reads an object or an array with all its contents, without recursion: hostile input cannot exhaust the stack. */
  #container(p: number, end: number, outerDepth: number): number {
    const buf = this.buf;
    const containers = this.#containers;
    let depth = outerDepth;
    for (;;) {
      // At the first byte of a value.
      const c = p < end ? buf[p] : 0;
      if (c === 0x7b || c === 0x5b) {
        if (++depth > DEPTH_MAX) return -1;
        containers[depth] = c === 0x7b ? 1 : 0;
        p = this.whitespace(p + 1, end);
        if (p >= end) return -1;
        if (buf[p] !== (c === 0x7b ? 0x7d : 0x5d)) {
          if (c === 0x7b && (p = this.#memberName(p, end)) < 0) return -1;
          continue;
        }
        p++;
        depth--;
      } else {
        p = this.value(p, end, depth);
        if (p < 0) return -1;
      }
      // After a value: close the containers that end here, until another value follows.
      for (;;) {
        if (depth === outerDepth) return p;
        p = this.whitespace(p, end);
        if (p >= end) return -1;
        const closes = containers[depth] === 1 ? 0x7d : 0x5d;
        if (buf[p] === 0x2c) break;
        if (buf[p] !== closes) return -1;
        p++;
        depth--;
      }
      p = this.whitespace(p + 1, end);
      if (containers[depth] === 1 && (p = this.#memberName(p, end)) < 0) return -1;
    }
  }

  /** Reads `"name" :` and the white space around the colon. */
  #memberName(p: number, end: number): number {
    if (p >= end || this.buf[p] !== QUOTE) return -1;
    p = this.string(p + 1, end);
    if (p < 0) return -1;
    return this.colon(p + 1, end);
  }

  /** Reads a colon with white space around it. */
  colon(p: number, end: number): number {
    p = this.whitespace(p, end);
    if (p >= end || this.buf[p] !== 0x3a) return -1;
    return this.whitespace(p + 1, end);
  }
}
