/** The instant of the past that the address names, and its forms in controls. */

/** Undefined `atMs`: the present is shown. */
type AsOf = {
  readonly atMs: number | undefined /** What is wrong with the address. */;
  readonly problem?: string;
};

const NO_INSTANT: AsOf = { atMs: undefined };
/** Milliseconds since 1970, or a time of RFC 3339, as the service takes them. */
const FORM = /^(?:\d{12,15}|\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d{2}:\d{2}))$/;
const SHOWN_CHARS_MAX = 40;

/** Reads the parameter `at` of an address. What cannot be read, and the future, give the present with a sentence. */
export function readAsOf(params: URLSearchParams, nowMs: number): AsOf {
  const text = params.get("at");
  if (text === null || text === "") return NO_INSTANT;
  const atMs = FORM.test(text) ? (/^\d+$/.test(text) ? Number(text) : Date.parse(text)) : Number.NaN;
  if (Number.isNaN(atMs))
    return { atMs: undefined, problem: `"${text.slice(0, SHOWN_CHARS_MAX)}" is no date and time.` };
  if (atMs > nowMs) return { atMs: undefined, problem: `${instantText(atMs)} lies in the future.` };
  return { atMs };
}

/** Returns the instant in the form of the page's address: `2026-11-29T12:00:00Z`. */
export const instantText = (atMs: number): string => new Date(atMs).toISOString().replace(".000Z", "Z");

const two = (value: number): string => String(value).padStart(2, "0");

/** Returns the value of a field for date and time, on the clock of the reader: `2026-11-29T13:00:00`. */
export function fieldText(atMs: number): string {
  const time = new Date(atMs);
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-");
  return `${date}T${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/** Returns the instant of a field's value, or undefined while it is incomplete. */
export function instantOfField(text: string): number | undefined {
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : atMs;
}
