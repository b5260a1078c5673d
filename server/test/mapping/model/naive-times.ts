/** Times for the model: local times are searched in the output of Intl, not computed. */
import type { TimeForm } from "../../../src/mapping/language.ts";
import { fractionOf } from "./fractions.ts";

const QUARTER_MS = 900_000;
const UNITS_PER_MS = {
  seconds: [1000n, 1n],
  milliseconds: [1n, 1n],
  microseconds: [1n, 1000n],
  nanoseconds: [1n, 1_000_000n],
} as const;

export function naiveTime(text: string, form: TimeForm): string {
  if (form.kind === "utc") {
    const match = /^(\d{4}-\d\d-\d\d)[ Tt](\d\d:\d\d:\d\d(\.\d+)?)( ?(UTC|GMT|Z|z|\+00|\+0000|\+00:00))?$/.exec(text);
    return match === null ? text : `${match[1]}T${match[2]}Z`;
  }
  if (form.kind === "pattern") return patternTime(text, form.pattern, form.zone);
  const number = fractionOf(text);
  if (number === undefined || number.top < 0n) return text;
  const [factor, divisor] = UNITS_PER_MS[form.kind];
  return String((number.top * factor) / (number.bottom * divisor));
}

/** The model knows patterns of the letters y M d H m s S in runs of fixed length, and signs between them. */
function patternTime(text: string, pattern: string, zone: string): string {
  const found: Record<string, string> = {};
  if (text.length !== pattern.length) return text;
  for (const [index, letter] of [...pattern].entries()) {
    const sign = text[index] ?? "";
    if (!/[a-zA-Z]/.test(letter)) {
      if (sign !== letter) return text;
    } else if (!"yMdHmsS".includes(letter)) throw new Error(`the model does not know ${letter} in patterns`);
    else if (!/[0-9]/.test(sign)) return text;
    else found[letter] = (found[letter] ?? "") + sign;
  }
  const number = (letter: string): number => Number(found[letter] ?? "0");
  const ms = Number((found["S"] ?? "").padEnd(3, "0").slice(0, 3));
  const local = Date.UTC(number("y"), number("M") - 1, number("d"), number("H"), number("m"), number("s"), ms);
  const back = new Date(local).toISOString();
  const given = `${found["y"]}-${found["M"]}-${found["d"]}T${found["H"] ?? "00"}:${found["m"] ?? "00"}:${found["s"] ?? "00"}`;
  if (!back.startsWith(given)) return text;
  return String(naiveInstant(local, zone));
}

/** Returns the first instant with this local time. If there is none, the time before the gap went on. */
export function naiveInstant(localMs: number, zone: string): number {
  const format = new Intl.DateTimeFormat("sv-SE", {
    ...{ timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" },
    ...{ hour: "2-digit", minute: "2-digit", second: "2-digit" },
  });
  const localOf = (ms: number): number => Date.parse(`${format.format(ms).replace(" ", "T")}Z`) + (ms % 1000);
  for (let ms = localMs - 100 * QUARTER_MS; ms <= localMs + 100 * QUARTER_MS; ms += QUARTER_MS) {
    if (localOf(ms) === localMs) return ms;
  }
  const before = localMs - 96 * QUARTER_MS;
  return localMs - (localOf(before) - before);
}
