/**
 * Patterns of times, such as `yyyy-MM-dd HH:mm:ss.SSS`, with the letters of Unicode (UTS 35), which luxon, Java and others use.
 * luxon itself was rejected: it takes 9 us for a value in UTC and 55 us in another zone, where this takes 2.5 us, it has no optional parts,
 * and it reads fractions through a double.
 */

import { TIME_OPTIONAL_PARTS_MAX, TIME_PATTERN_CHARS_MAX } from "../limits.ts";

/** A local time, or an instant with its offset from UTC if the text has one. All in milliseconds. */
type LocalTime = { readonly ms: number; readonly offsetMs: number | undefined };

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTH_NAMES = [
  ...["january", "february", "march", "april", "may", "june", "july", "august", "september", "october"],
  ...["november", "december"],
];
const DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun";
const DAY_NAMES = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday";

type Part = "year" | "shortYear" | "month" | "monthName" | "day" | "hour" | "hour12" | "minute" | "second";
type Token = { readonly pattern: string; readonly part: Part | "fraction" | "half" | "offset" | undefined };

const TOKENS: Readonly<Record<string, Token>> = {
  yyyy: { pattern: "([0-9]{4})", part: "year" },
  yy: { pattern: "([0-9]{2})", part: "shortYear" },
  MMMM: { pattern: `(${MONTH_NAMES.join("|")})`, part: "monthName" },
  MMM: { pattern: `(${MONTHS.join("|")})`, part: "monthName" },
  MM: { pattern: "([0-9]{2})", part: "month" },
  M: { pattern: "([0-9]{1,2})", part: "month" },
  dd: { pattern: "([0-9]{2})", part: "day" },
  d: { pattern: "([0-9]{1,2})", part: "day" },
  HH: { pattern: "([0-9]{2})", part: "hour" },
  H: { pattern: "([0-9]{1,2})", part: "hour" },
  hh: { pattern: "([0-9]{2})", part: "hour12" },
  h: { pattern: "([0-9]{1,2})", part: "hour12" },
  mm: { pattern: "([0-9]{2})", part: "minute" },
  m: { pattern: "([0-9]{1,2})", part: "minute" },
  ss: { pattern: "([0-9]{2})", part: "second" },
  s: { pattern: "([0-9]{1,2})", part: "second" },
  u: { pattern: "([0-9]{1,9})", part: "fraction" },
  a: { pattern: "(am|pm)", part: "half" },
  EEEE: { pattern: `(?:${DAY_NAMES})`, part: undefined },
  EEE: { pattern: `(?:${DAYS})`, part: undefined },
  Z: { pattern: "(z|[+-][0-9]{2}(?::?[0-9]{2})?)", part: "offset" },
  ZZ: { pattern: "(z|[+-][0-9]{2}:[0-9]{2})", part: "offset" },
  ZZZ: { pattern: "(z|[+-][0-9]{4})", part: "offset" },
};
/** Runs of one letter, quoted texts, and single other characters. */
const RUNS = /'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z]/gu;
const FRACTION_DIGITS_MAX = 9;

export class TimePattern {
  readonly #expression: RegExp;
  readonly #parts: readonly Token["part"][];

  constructor(expression: RegExp, parts: readonly Token["part"][]) {
    this.#expression = expression;
    this.#parts = parts;
  }

  /** Returns undefined if the text does not have the pattern, or names a date or time that does not exist. */
  read(text: string): LocalTime | undefined {
    const match = this.#expression.exec(text);
    if (match === null) return undefined;
    const at = { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0, fractionMs: 0, half: "" };
    let offsetMs: number | undefined;
    for (const [index, part] of this.#parts.entries()) {
      const found = match[index + 1];
      if (found === undefined) continue;
      if (part === "offset") offsetMs = offsetOf(found);
      else if (part === "half") at.half = found.toLowerCase();
      else if (part === "fraction") at.fractionMs = Number(found.padEnd(3, "0").slice(0, 3));
      else if (part === "monthName") at.month = MONTHS.indexOf(found.slice(0, 3).toLowerCase()) + 1;
      else if (part === "shortYear") at.year = Number(found) + (Number(found) < 70 ? 2000 : 1900);
      else if (part === "hour12") at.hour = Number(found) >= 1 && Number(found) <= 12 ? Number(found) % 12 : 99;
      else if (part !== undefined) at[part] = Number(found);
    }
    if (at.half === "pm") at.hour += 12;
    const { year, month, day, hour, minute, second } = at;
    if (hour > 23 || minute > 59 || second > 59 || Number.isNaN(offsetMs)) return undefined;
    const date = new Date(0);
    const midnight = date.setUTCFullYear(year, month - 1, day);
    if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
    return { ms: midnight + ((hour * 60 + minute) * 60 + second) * 1000 + at.fractionMs, offsetMs };
  }
}

function offsetOf(text: string): number {
  if (text.toLowerCase() === "z") return 0;
  const digits = text.slice(1).replace(":", "").padEnd(4, "0");
  const [hours, minutes] = [Number(digits.slice(0, 2)), Number(digits.slice(2))];
  if (hours > 23 || minutes > 59) return Number.NaN;
  const offset = (hours * 60 + minutes) * 60_000;
  return text.startsWith("-") ? -offset : offset;
}

/**
 * Returns the pattern. `[.SSS]` is optional. Throws a RangeError that says what is wrong with it. The time of a match is bounded: no part
 * repeats without bound, each unit of time occurs once, and few parts are optional.
 */
export function timePattern(text: string): TimePattern {
  const parts: Token["part"][] = [];
  let expression = "";
  let open = 0;
  let optional = 0;
  if (text.length > TIME_PATTERN_CHARS_MAX)
    throw new RangeError(`has ${text.length} characters; a pattern has at most ${TIME_PATTERN_CHARS_MAX}`);
  for (const [run, quoted, letter] of text.matchAll(RUNS)) {
    if (quoted !== undefined) expression += RegExp.escape(quoted === "" ? "'" : quoted.replaceAll("''", "'"));
    else if (run === "[") [expression, open, optional] = [`${expression}(?:`, open + 1, optional + 1];
    else if (run === "]" && open-- > 0) expression += ")?";
    else if (run === "]") throw new RangeError("has ] without [");
    else if (run === "'") throw new RangeError("has a quotation mark without its end");
    else if (letter === undefined || (run === "T" && letter === "T")) expression += RegExp.escape(run);
    else {
      const token = tokenOf(run);
      if (token === undefined)
        throw new RangeError(`has ${run}, which is no part of a time; put other text into '...'`);
      if (token.part !== undefined && parts.some((part) => unitOf(part) === unitOf(token.part)))
        throw new RangeError(`has the ${unitOf(token.part)} twice`);
      expression += token.pattern;
      if (token.part !== undefined) parts.push(token.part);
    }
  }
  if (open > 0) throw new RangeError("has [ without ]");
  if (optional > TIME_OPTIONAL_PARTS_MAX)
    throw new RangeError(`has ${optional} optional parts; there are at most ${TIME_OPTIONAL_PARTS_MAX}`);
  for (const needed of ["year", "month", "day"]) {
    if (!parts.some((part) => unitOf(part) === needed)) throw new RangeError(`has no ${needed}`);
  }
  const isHalved = parts.includes("hour12");
  if (isHalved !== parts.includes("half")) throw new RangeError("must have h and a together, or H alone");
  return new TimePattern(new RegExp(`^${expression}$`, "i"), parts);
}

function tokenOf(run: string): Token | undefined {
  if (/^S+$/.test(run) && run.length <= FRACTION_DIGITS_MAX)
    return { pattern: `([0-9]{${run.length}})`, part: "fraction" };
  return Object.hasOwn(TOKENS, run) ? TOKENS[run] : undefined;
}

/** The unit of time of a part, which a pattern has once. */
function unitOf(part: Token["part"]): string {
  if (part === "shortYear") return "year";
  if (part === "monthName") return "month";
  return part === "hour12" ? "hour" : (part ?? "");
}
