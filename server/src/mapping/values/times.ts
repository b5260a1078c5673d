/** Times of producers in the forms that the decoder reads: integer milliseconds since 1970, or RFC 3339. */
import type { TimeForm } from "../language.ts";
import { type Decimal, parseDecimal, scaleDown } from "./decimals.ts";
import { type TimePattern, timePattern } from "./time-patterns.ts";
import { zone } from "./zones.ts";

/** Other names of the forms. */
export const TIME_FORM_ALIASES: Readonly<Record<string, string>> = {
  s: "seconds",
  ms: "milliseconds",
  us: "microseconds",
  ns: "nanoseconds",
};
export const TIME_FORMS = ["rfc3339", "utc", "seconds", "milliseconds", "microseconds", "nanoseconds"] as const;

/** Power of ten that divides a count of the unit to give milliseconds. */
const UNIT_SHIFT = { seconds: -3, milliseconds: 0, microseconds: 3, nanoseconds: 6 } as const;
/** `2023-08-08 17:13:59.000 UTC`, with or without the fraction and the zone. It is always UTC. */
const UTC =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2})[ Tt]([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?) ?(?:UTC|GMT|[Zz]|\+00(?::?00)?)?$/;
/** Without leading zeros, so that the digits can stay as they are. */
const COUNT = /^[1-9][0-9]{0,18}$/;

/** Returns the time, cut to milliseconds. A text that does not have the form is returned as it is. */
export function convertTime(text: string, form: TimeForm): string {
  switch (form.kind) {
    case "utc": {
      const match = UTC.exec(text);
      return match === null ? text : `${match[1]}T${match[2]}Z`;
    }
    case "pattern": {
      const local = patternOf(form.pattern).read(text);
      if (local === undefined) return text;
      return String(local.offsetMs === undefined ? zone(form.zone).instantOf(local.ms) : local.ms - local.offsetMs);
    }
    default:
      return COUNT.test(text) ? shiftedCount(text, UNIT_SHIFT[form.kind]) : convertNumber(text, UNIT_SHIFT[form.kind]);
  }
}

/** The usual count of digits, without arithmetic. */
function shiftedCount(digits: string, shift: number): string {
  if (shift <= 0) return digits + "0".repeat(-shift);
  return digits.length <= shift ? "0" : digits.slice(0, -shift);
}

function convertNumber(text: string, shift: number): string {
  const number = parseDecimal(text);
  if (number === undefined || number.mantissa < 0n) return text;
  return whole(scaleDown(number, shift)).toString();
}

/** Cuts the fraction of a number that is not negative. */
function whole({ mantissa, places }: Decimal): bigint {
  return mantissa / 10n ** BigInt(places);
}

/** A mapping has few patterns, and all of them were read from it. */
const PATTERNS = new Map<string, TimePattern>();

function patternOf(text: string): TimePattern {
  let pattern = PATTERNS.get(text);
  if (pattern === undefined) {
    pattern = timePattern(text);
    PATTERNS.set(text, pattern);
  }
  return pattern;
}
