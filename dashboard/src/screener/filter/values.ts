/** Values of comparisons as people write them: `10k`, `$1,500`, `5%`, `base`, `2026-01-31 14:00`, `30m ago`. */
import { chainByName } from "../model/chains.ts";
import type { Field } from "../model/fields.ts";
import { queryLimits } from "../model/query.ts";
import { windowMs } from "../model/windows.ts";

export type FilterValue = string | number | boolean;
type ReadValue = { readonly value: FilterValue } | { readonly error: string };

const NUMBER = /^([+-]?)\$?([0-9][0-9 ,_]*|[0-9]*)(?:\.([0-9]*))?([kmbt]?)%?$/i;
const SHIFTS: Readonly<Record<string, number>> = { "": 0, k: 3, m: 6, b: 9, t: 12 };

/** Returns a number as an exact decimal text, or undefined if the text is no number. `1.5k` is `1500`. */
export function readDecimal(text: string): string | undefined {
  const [all, sign = "", whole = "", fraction = "", suffix = ""] = NUMBER.exec(text.trim()) ?? [];
  if (all === undefined || whole + fraction === "" || !isGrouped(whole)) return undefined;
  const shift = SHIFTS[suffix.toLowerCase()] ?? 0;
  const digits = whole.replace(/[^0-9]/g, "") + fraction.padEnd(shift, "0");
  const point = digits.length - Math.max(0, fraction.length - shift);
  const left = digits.slice(0, point).replace(/^0+(?=.)/, "") || "0";
  const right = digits.slice(point).replace(/0+$/, "");
  const value = right === "" ? left : `${left}.${right}`;
  return sign === "-" && value !== "0" ? `-${value}` : value;
}

/** A comma stands between groups of three digits. `1,5` may mean one and a half, so it is not read. */
const isGrouped = (whole: string): boolean => !/,/.test(whole) || /^[0-9]{1,3}(,[0-9]{3})+$/.test(whole);

/** Reads one value of a field. `nowMs` is the time to which `30m ago` refers. The error is a sentence. */
export function readValue(field: Field, text: string, nowMs: number): ReadValue {
  const trimmed = text.trim();
  if (trimmed.length > queryLimits.valueCharsMax) {
    return { error: `A value has at most ${queryLimits.valueCharsMax} characters.` };
  }
  if (field.kind === "flag") return { value: trimmed === "true" };
  if (field.kind === "text") return { value: trimmed };
  if (field.kind === "time") return readTime(trimmed, nowMs);
  if (field.name === "chain_id") {
    const chainId = chainByName(trimmed) ?? (/^[0-9]+$/.test(trimmed) ? Number(trimmed) : undefined);
    return chainId === undefined
      ? { error: `"${trimmed}" is no chain. Write its number, such as 8453, or a name such as Base.` }
      : { value: chainId };
  }
  const value = readDecimal(trimmed);
  if (value === undefined) return { error: `"${trimmed}" is no number. Write one such as ${exampleOf(field)}.` };
  if (value.length > queryLimits.valueCharsMax) return { error: "The number has too many digits." };
  return { value };
}

const TIME_MS_MIN = 100_000_000_000;

function readTime(text: string, nowMs: number): ReadValue {
  const ago = windowMs(/^([0-9]+ ?[smhd]) ago$/.exec(text)?.[1]?.replace(" ", "") ?? "");
  if (!Number.isNaN(ago)) return { value: nowMs - ago };
  if (/^[0-9]+$/.test(text) && Number(text) >= TIME_MS_MIN) return { value: Number(text) };
  const [all, day = "", time = "00:00"] =
    /^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[ T]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?))?(?: ?UTC|Z)?$/i.exec(text) ?? [];
  const ms = all === undefined ? Number.NaN : Date.parse(`${day}T${time}Z`);
  if (!Number.isNaN(ms)) return { value: ms };
  return { error: `"${text}" is no time. Write one such as 2026-01-31 14:00 (UTC) or 30m ago.` };
}

/** Returns a value as a person would write it. Reading it gives the value again. */
export function valueText(field: Field, value: unknown): string {
  if (field.kind !== "time" || typeof value !== "number" || value % 1_000 !== 0) return String(value);
  const [day, time] = new Date(value).toISOString().split(/[T.]/) as [string, string];
  return `${day} ${time}`;
}

/** Returns an example for the empty input of a field. */
export function exampleOf({ kind, name }: Field): string {
  if (name === "chain_id") return "Base, 1";
  const examples = {
    usd: "10k",
    price: "0.05",
    percent: "5",
    time: "30m ago",
    text: "pepe",
    count: "100",
    amount: "1.5m",
  };
  return examples[kind as keyof typeof examples] ?? "10";
}
