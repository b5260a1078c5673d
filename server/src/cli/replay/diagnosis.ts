/** Which field of a record made it a dead letter, and with what value: for people, who know the code alone otherwise. */
import type { DeadLetterCode } from "../../codecs/dead-letter-codes.ts";
import { FIELDS_OF, REQUIRED_FIELDS } from "../../codecs/refusal-text.ts";

const NAME_LENGTH_MAX = 64;

type Diagnosis = {
  readonly field: string | undefined;
  /** The field's value, or the beginning of the record where no field is at fault; empty: it is missing. */
  readonly value: string;
  /** What the value looks like, and what to do. */
  readonly hint: string | undefined;
};

export function diagnose(code: string, raw: string): Diagnosis {
  const record = parsed(raw);
  const names = FIELDS_OF[code as DeadLetterCode];
  if (record === undefined || (code !== "missing_field" && names === undefined)) {
    return { field: undefined, value: raw, hint: undefined };
  }
  if (code === "missing_field") {
    const missing = REQUIRED_FIELDS.find((fields) => fields.every((field) => isAbsent(record[field])));
    return { field: missing?.[0], value: missing === undefined ? raw : "", hint: listHint(record) };
  }
  const field = names?.find((name) => !isAbsent(record[name])) ?? names?.[0];
  const value = field === undefined ? raw : textOf(record[field]);
  return { field, value, hint: numberHint(code, value) };
}

function parsed(raw: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(raw);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

function numberHint(code: string, value: string): string | undefined {
  if (!/^bad_(amount|price)/.test(code)) return undefined;
  if (/^[-+]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$/.test(value) && !/^[0-9]+,[0-9]{3}$/.test(value)) {
    return "it has commas between thousands; write it without them";
  }
  if (/^[-+]?[0-9.' ]*,[0-9]+$/.test(value)) {
    return 'it seems to have a decimal comma; write a point, or say `decimal: ","` in the mapping';
  }
  if (/^[$€£¥]|[$€£¥]$/.test(value)) return "it has a sign of a currency; leave that out";
  return undefined;
}

/** An answer of an API around the rows, rather than a row. */
function listHint(record: Record<string, unknown>): string | undefined {
  const list = Object.entries(record).find(([, value]) => Array.isArray(value) && typeof value[0] === "object");
  if (list === undefined) return undefined;
  const name = list[0].slice(0, NAME_LENGTH_MAX);
  return `${name} is a list: if it holds the swaps, take them out with jq -c '.${name}[]'`;
}
