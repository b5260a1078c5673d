/**
 * The naive model of a mapping over one JSON record: JSON.parse that keeps the texts of numbers, and plain lookups. It judges the program
 * in property tests.
 */
import { ALL_ELEMENTS, type Mapping, type PathStep, type Reference } from "../../../src/mapping/language.ts";
import { type NaiveLookup, naiveHolds, naiveValue } from "./naive-values.ts";

/** What is known about a record besides its value. */
export type NaiveRecord = {
  readonly text: string;
  readonly key?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly timestampMs?: number | undefined;
  readonly partition?: number | undefined;
  readonly offset?: number | undefined;
  readonly row?: number | undefined;
};

type NaiveOutcome = {
  /** JSON texts of the events, each with the index of its entry of `swaps`. */
  readonly events: readonly { readonly json: string; readonly swap: number }[];
  readonly skipped: number;
};

/** A JSON number as it is written. */
class NumberText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const keepNumbers = ((_key: string, value: unknown, context?: { source?: string }): unknown =>
  typeof value === "number" ? new NumberText(context?.source ?? "") : value) as (
  key: string,
  value: unknown,
) => unknown;

/** A path into an array begins with an index or with all elements. */
const ARRAY_STEPS = ["number", "symbol"];
const KINDS: Readonly<Record<string, string>> = {
  ...{ chain_id: "integer", log_index: "integer", tx_index: "integer", transaction_index: "integer" },
  ...{ block_number: "integer", revision: "integer", schema_version: "integer", removed: "boolean" },
  ...{ amount_token: "decimal", amount: "decimal", amount_usd: "decimal", usd: "decimal", price_usd: "decimal" },
  ...{ event_time: "time", ts: "time" },
};

/** Maps a record that is one JSON value. Undefined if it is no object, and no array of elements. */
export function mapNaively(mapping: Mapping, record: NaiveRecord): NaiveOutcome | undefined {
  const root: unknown = JSON.parse(record.text, keepNumbers);
  if (!isNested(root) || (Array.isArray(root) && !ARRAY_STEPS.includes(typeof mapping.each?.[0]))) return undefined;
  const elements =
    mapping.each === undefined ? [{ value: root, enclosing: [] }] : elementsOf(root, mapping.each, mapping.ignoresCase);
  const events: { json: string; swap: number }[] = [];
  let skipped = 0;
  for (const element of elements) {
    const rawValue = (index: number): unknown =>
      referenceValue(mapping, mapping.references[index] as Reference, record, root, element);
    const lookup: NaiveLookup = (index) => {
      const text = textOf(rawValue(index))?.trim();
      return text === undefined || text === "" || mapping.nulls.includes(text) ? undefined : text;
    };
    const isWanted = mapping.when === undefined || naiveHolds(mapping.when, lookup);
    for (const [swap, { when, fields }] of mapping.swaps.entries()) {
      if (!isWanted || (when !== undefined && !naiveHolds(when, lookup))) {
        skipped++;
        continue;
      }
      const members = fields.flatMap(({ name, expression }) => {
        const text = naiveValue(expression, lookup);
        const raw = expression.source.kind === "reference" ? rawValue(expression.source.reference) : undefined;
        // An object or array stays what it is, so that the decoder refuses the field.
        const json = isNested(raw) ? compactJson(raw) : fieldJson(KINDS[name] ?? "text", text);
        return json === undefined ? [] : [`${JSON.stringify(name)}:${json}`];
      });
      events.push({ json: `{${members.join(",")}}`, swap });
    }
  }
  return { events, skipped };
}

/** `enclosing` are the values that each wildcard of the path named on the way. */
type Element = { readonly value: unknown; readonly enclosing: readonly unknown[] };

/** All elements of a value that is no array are the value itself; null has none. */
function elementsOf(root: unknown, path: readonly PathStep[], ignoresCase: boolean): Element[] {
  let found: Element[] = [{ value: root, enclosing: [] }];
  for (const step of path) {
    if (step === ALL_ELEMENTS) {
      found = found.flatMap(({ value, enclosing }) => {
        const items: unknown[] = Array.isArray(value) ? value : value === null ? [] : [value];
        return items.map((item) => ({ value: item, enclosing: [...enclosing, item] }));
      });
    } else {
      found = found
        .map(({ value, enclosing }) => ({ value: child(value, step, ignoresCase), enclosing }))
        .filter(({ value }) => value !== undefined);
    }
  }
  return found;
}

function child(value: unknown, step: string | number, ignoresCase: boolean): unknown {
  if (typeof step === "number") return Array.isArray(value) ? value[step] : undefined;
  if (!isNested(value) || Array.isArray(value)) return undefined;
  const alike = (name: string): boolean => ignoresCase && asciiLower(name) === asciiLower(step);
  const own = Object.entries(value);
  return (own.find(([name]) => name === step) ?? own.find(([name]) => alike(name)))?.[1];
}

function isNested(value: unknown): value is object {
  return typeof value === "object" && value !== null && !(value instanceof NumberText);
}

const asciiLower = (text: string): string => text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());

function referenceValue(
  { ignoresCase }: Mapping,
  reference: Reference,
  record: NaiveRecord,
  root: unknown,
  { value: element, enclosing }: Element,
): unknown {
  const walk = (from: unknown, steps: readonly (string | number)[]): unknown =>
    steps.reduce((value, step) => child(value, step, ignoresCase), from);
  switch (reference.of) {
    case "element": {
      const whole = child(element, reference.name, ignoresCase);
      return whole === undefined ? walk(element, reference.steps) : whole;
    }
    case "record":
      return walk(root, reference.steps);
    case "enclosing":
      return walk(enclosing[reference.level], reference.steps);
    case "header":
      return record.headers?.[reference.header];
    case "key":
      return record.key;
    case "timestamp":
      return record.timestampMs?.toString();
    default:
      return record[reference.of]?.toString();
  }
}

function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  return compactJson(value);
}

/** JSON without spaces, and with numbers as they were written. */
function compactJson(value: unknown): string {
  if (value instanceof NumberText) return value.text;
  if (Array.isArray(value)) return `[${value.map(compactJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, member]) => `${JSON.stringify(name)}:${compactJson(member)}`)
    .join(",")}}`;
}

function fieldJson(kind: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const isHex = /^0x[0-9a-f]{1,64}$/i.test(text);
  const integer = /^0*([0-9]+?)(\.0+)?$/.exec(text);
  if (kind === "integer" && isHex) return String(BigInt(text));
  if (kind === "integer" && /^[0-9]{1,20}(\.0+)?$/.test(text)) return integer?.[1] ?? "";
  if (kind === "time" && /^[0-9]{1,15}(\.0+)?$/.test(text)) return integer?.[1] ?? "";
  if (kind === "decimal" && isHex) return String(BigInt(text));
  if (kind === "decimal" && /^-?(0|[1-9][0-9]*)(\.[0-9]+)?$/.test(text)) return text;
  if (kind === "boolean" && /^(true|t|1|yes)$/i.test(text)) return "true";
  if (kind === "boolean" && /^(false|f|0|no)$/i.test(text)) return "false";
  return JSON.stringify(text);
}

/** Returns the event with its members in order, and decimals as texts: the program may write either. */
export function comparableEvent(json: string): string {
  const event = JSON.parse(json, keepNumbers) as Readonly<Record<string, unknown>>;
  const members = Object.entries(event).map(([name, value]) => {
    const isDecimal = KINDS[name] === "decimal" && value instanceof NumberText;
    return `${name}:${isDecimal ? JSON.stringify(value.text) : compactJson(value)}`;
  });
  return members.toSorted().join(",");
}
