/**
 * Makes foreign text safe for terminals, logs and error messages. Every text that a producer, a client or a file has written passes through
 * here before a person sees it. An escape sequence in a token's name would otherwise move the cursor, rename the window or hide a line, and
 * a line feed would forge a log line.
 */

/** Longest quotation of a foreign value in an error message, in code points. */
export const QUOTED_LENGTH_MAX = 64;

/**
 * Control characters, format characters (including those that reverse the direction of writing), line and paragraph separators, unpaired
 * surrogates, and private-use characters.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu;

/** Returns the text with each unsafe character replaced by `?`. Its length in code points stays the same. */
export function printableText(text: string): string {
  return text.replaceAll(UNSAFE, "?");
}

/** The same for text of several lines that the program itself has written. Its line feeds stay. */
export function printableLines(text: string): string {
  return text.split("\n").map(printableText).join("\n");
}

/**
 * Returns JSON text, or lines of it, with each unsafe character as a JSON escape. The result is safe on a terminal and parses to the same
 * values. JSON text contains no such character outside strings, except line feeds, which stay.
 */
export function printableJson(json: string): string {
  return json.replaceAll(UNSAFE, (character) => (character === "\n" ? character : escaped(character)));
}

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}

/** Returns the first `lengthMax` code points of the printable text. If the text was cut, the last one is `…`. */
export function printableCut(text: string, lengthMax: number = QUOTED_LENGTH_MAX): string {
  // A slice of twice as many UTF-16 units contains enough code points, so a text of megabytes costs nothing.
  const head = Array.from(printableText(text.slice(0, 2 * lengthMax + 2)));
  if (head.length <= lengthMax && text.length <= 2 * lengthMax + 2) return head.join("");
  return `${head.slice(0, lengthMax - 1).join("")}…`;
}
