/**
 * Finds the events of a request body. A body is one JSON object, a JSON array of events, or NDJSON. Its first character and
 * what follows the first object decide which. Only boundaries are searched here, by counting brackets outside strings: errors
 * inside an event are found by the decoder and cost only that event.
 *
 * A body that is cut inside its only object or its array cannot be read as a whole; a cut line of NDJSON costs that line. A
 * leading byte order mark is skipped. Blank lines of NDJSON do not count; \r\n ends a line as \n does.
 */
import { SwapstatsError } from "../shared/errors.ts";
import { foreignFormat } from "./foreign-formats.ts";

/** Event i of a body is body[starts[i], ends[i]). */
export type EventRanges = { readonly count: number; readonly starts: Uint32Array; readonly ends: Uint32Array };

const QUOTE = 34;
const COMMA = 44;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const LINE_FEED = 10;
const FIRST_ROOM = 64;

function isSpace(byte: number): boolean {
  return byte === 32 || byte === LINE_FEED || byte === 13 || byte === 9;
}

function skipSpace(body: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && isSpace(body[at])) at += 1;
  return at;
}

/** Returns the position after the closing quote of a string that opens at `from`, or -1 when it never closes. */
function stringEnd(body: Uint8Array, from: number): number {
  let at = from + 1;
  for (;;) {
    const quote = body.indexOf(QUOTE, at);
    if (quote < 0) return -1;
    let slashes = 0;
    while (body[quote - 1 - slashes] === BACKSLASH && quote - 1 - slashes > from) slashes += 1;
    if (slashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}

/**
 * Returns the position after the value that begins at `from`: a balanced object or array, a string, or anything up to a comma
 * or bracket. -1: no end.
 */
function valueEnd(body: Uint8Array, from: number): number {
  let depth = 0;
  let at = from;
  while (at < body.length) {
    const byte = body[at];
    if (byte === QUOTE) {
      at = stringEnd(body, at);
      if (at < 0) return -1;
      if (depth === 0) return at;
      continue;
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (byte === COMMA || isSpace(byte))) return at;
    at += 1;
  }
  return -1;
}

class RangeList {
  count = 0;
  readonly #countMax: number;
  #starts = new Uint32Array(FIRST_ROOM);
  #ends = new Uint32Array(FIRST_ROOM);

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  push(start: number, end: number): void {
    if (this.count === this.#countMax) {
      const message = `the body holds more than ${this.#countMax} events; send them in several requests`;
      throw new SwapstatsError("too_large", message);
    }
    if (this.count === this.#starts.length) {
      this.#starts = grown(this.#starts);
      this.#ends = grown(this.#ends);
    }
    this.#starts[this.count] = start;
    this.#ends[this.count] = end;
    this.count += 1;
  }

  ranges(): EventRanges {
    return { count: this.count, starts: this.#starts, ends: this.#ends };
  }
}

function grown(values: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(values.length * 4);
  larger.set(values);
  return larger;
}

function unreadable(what: string, at: number): SwapstatsError {
  return new SwapstatsError(
    "bad_request",
    `the body is neither one JSON object, nor a JSON array of them, nor NDJSON: ${what} at byte ${at}`,
  );
}

function splitArray(body: Uint8Array, open: number, list: RangeList): void {
  let at = skipSpace(body, open + 1, body.length);
  while (body[at] !== CLOSE_BRACKET || list.count > 0) {
    const end = valueEnd(body, at);
    if (end < 0) throw unreadable("an element that does not end", at);
    if (end === at) throw unreadable("an element is missing", at);
    list.push(at, end);
    at = skipSpace(body, end, body.length);
    if (at === body.length) throw unreadable("the array does not end", at);
    if (body[at] === CLOSE_BRACKET) break;
    if (body[at] !== COMMA) throw unreadable("a comma is missing", at);
    at = skipSpace(body, at + 1, body.length);
  }
  const rest = skipSpace(body, at + 1, body.length);
  if (rest < body.length) throw unreadable("there is more behind the array", rest);
}

function splitLines(body: Uint8Array, from: number, list: RangeList): void {
  for (let at = from; at < body.length; ) {
    const feed = body.indexOf(LINE_FEED, at);
    const lineEnd = feed < 0 ? body.length : feed;
    const start = skipSpace(body, at, lineEnd);
    if (start < lineEnd) {
      let end = lineEnd;
      while (isSpace(body[end - 1])) end -= 1;
      list.push(start, end);
    }
    at = lineEnd + 1;
  }
}

/**
 * Whether a later line begins with an object: then the first one is a damaged line of NDJSON. The search continues after the
 * blank lines that were skipped; scanning each of them again took 13 s for 160,000 of them.
 */
function hasObjectLine(body: Uint8Array, from: number): boolean {
  let feed = body.indexOf(LINE_FEED, from);
  while (feed >= 0) {
    const start = skipSpace(body, feed + 1, body.length);
    if (body[start] === OPEN_BRACE) return true;
    feed = start < body.length ? body.indexOf(LINE_FEED, start) : -1;
  }
  return false;
}

/**
 * Splits a body into at most eventsMax events. Throws `bad_request` when the body as a whole cannot be read, `too_large` when
 * it has more events.
 */
export function splitBody(body: Uint8Array, eventsMax: number): EventRanges {
  const hasMark = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;
  const first = skipSpace(body, hasMark ? 3 : 0, body.length);
  if (first === body.length) throw unreadable("nothing", first);
  const list = new RangeList(eventsMax);
  if (body[first] === OPEN_BRACKET) {
    splitArray(body, first, list);
    return list.ranges();
  }
  if (body[first] === OPEN_BRACE) {
    const end = valueEnd(body, first);
    if (end > 0 && skipSpace(body, end, body.length) === body.length) {
      list.push(first, end);
      return list.ranges();
    }
    // Lines are decoded one by one, but nothing is known of an object that was cut.
    if (end < 0 && !hasObjectLine(body, first)) throw unreadable("an object that does not end", first);
  } else if (!hasObjectLine(body, first)) {
    const looks = foreignFormat(body, 0, body.length);
    throw unreadable(looks === undefined ? "something else" : `something else (${looks})`, first);
  }
  splitLines(body, first, list);
  return list.ranges();
}
