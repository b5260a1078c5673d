/** Finds the field and the value that made a record a dead letter, for messages. */
import type { DeadLetterCode } from "../../codecs/dead-letter-codes.ts";
import { FIELDS_OF, REQUIRED_FIELDS } from "../../codecs/refusal-text.ts";

const NAME_LENGTH_MAX = 64;

type Diagnosis = {
  readonly field: string | undefined;
  /** The value of the field, or the start of the record when the fault is not in one field. Empty: the field is missing. */
  readonly value: string;
  /** Describes the value, and says what to do. */
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
    return "it has commas between thousands; remove them";
  }
  if (/^[-+]?[0-9.' ]*,[0-9]+$/.test(value)) {
    return 'it seems to have a decimal comma; write a point, or say `decimal: ","` in the mapping';
  }
  if (/^[$€£¥]|[$€£¥]$/.test(value)) return "it has a currency sign; remove it";
  return undefined;
}

function listHint(record: Record<string, unknown>): string | undefined {
  const name = listIn(record);
  if (name === undefined) return undefined;
  return `${name} is a list: if it contains the swaps, extract them with jq -c '.${name}[]'`;
}

/** Returns a hint for a record that a mapping found nothing in, because it is the response of an API around the rows. */
export function eachHint(raw: string): string | undefined {
  const record = parsed(raw);
  const name = record === undefined || Array.isArray(record) ? undefined : listIn(record);
  if (name === undefined) return undefined;
  const step = /^[A-Za-z_][A-Za-z0-9_-]*$/.test(name) ? `.${name}` : `['${name}']`;
  return `${name} is a list: if it contains the swaps, write \`each: $${step}[*]\` in the mapping`;
}

/** Detects the response of an API around the rows, instead of a row. */
function listIn(record: Record<string, unknown>): string | undefined {
  const list = Object.entries(record).find(([, value]) => Array.isArray(value) && typeof value[0] === "object");
  return list?.[0].slice(0, NAME_LENGTH_MAX);
}
