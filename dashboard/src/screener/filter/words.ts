/** A filter in a few words, for the bar above the table. */
import { chainName } from "../model/chains.ts";
import { type Field, findField } from "../model/fields.ts";
import type { Draft, DraftComparison, Match } from "./draft.ts";
import { operatorSigns } from "./operators.ts";

export const matchLabels: Readonly<Record<Match, string>> = {
  all: "all of",
  any: "any of",
  "not-all": "not all of",
  none: "none of",
};

/** Returns a part of a filter as a short text, such as `Volume 5m ≥ $10k`. */
export function wordsOf(draft: Draft): string {
  if (draft.kind === "comparison") return comparisonWords(draft);
  const joint = draft.match === "all" || draft.match === "not-all" ? " and " : " or ";
  const inner = draft.parts
    .map((part) => (part.kind === "group" && part.parts.length > 1 ? `(${wordsOf(part)})` : wordsOf(part)))
    .join(joint);
  return draft.match === "none" || draft.match === "not-all" ? `not (${inner})` : inner;
}

function comparisonWords({ field: name, window, op, text, to, isNot }: DraftComparison): string {
  const field = findField(name) as Field;
  const prefix = isNot ? "not " : "";
  if (field.kind === "flag") return `${prefix}${field.label} ${window}${text === "true" ? "" : " = no"}`;
  const subject = [field.label, window].filter(Boolean).join(" ");
  const value = valueWords(field, text);
  const values = op === "between" ? `${value} to ${valueWords(field, to)}` : value;
  return `${prefix}${subject} ${operatorSigns[op]} ${values === "" ? "…" : values}`;
}

function valueWords(field: Field, text: string): string {
  if (field.name === "chain_id") {
    const names = text.split(/[,;]/).map((one) => (/^ *[0-9]+ *$/.test(one) ? chainName(Number(one)) : one.trim()));
    return names.join(", ");
  }
  if (text.trim() === "") return "";
  if (field.kind === "percent") return `${text.trim().replace(/%$/, "")} %`;
  const isMoney = field.kind === "usd" || field.kind === "price";
  return isMoney && /^[0-9.]/.test(text.trim()) ? `$${shortNumber(text.trim())}` : text.trim();
}

/** Shortens whole thousands, millions and billions, which loses nothing. Other texts stay. */
function shortNumber(text: string): string {
  for (const [zeros, unit] of [
    [9, "B"],
    [6, "M"],
    [3, "k"],
  ] as const) {
    const short = new RegExp(`^([0-9]+)0{${zeros}}$`).exec(text);
    if (short !== null) return `${short[1]}${unit}`;
  }
  return text;
}
