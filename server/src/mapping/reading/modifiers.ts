/** Modifiers of an expression: what is done to the value of its source, in the order of the members of Expression. */
import { isSeq } from "yaml";
import { didYouMean } from "../../shared/nearest.ts";
import type { DecimalSpelling, Expression, Replacement, Scale, TimeForm } from "../language.ts";
import { SCALE_MAX, VALUES_MAX } from "../limits.ts";
import type { FieldKind } from "../values/fields.ts";
import { checkReplacement } from "../values/replacements.ts";
import { timePattern } from "../values/time-patterns.ts";
import { TIME_FORM_ALIASES, TIME_FORMS } from "../values/times.ts";
import { zone } from "../values/zones.ts";
import { constantText, numberText, readConstant } from "./constants.ts";
import { booleanOf, type Entry, type MappingDocument, scalarText, textOf } from "./mapping-document.ts";
import type { ReferenceTable } from "./references.ts";

export const MODIFIERS = [
  ...["replace", "lower", "values", "otherwise", "decimal", "thousands", "scale", "negate", "abs", "time", "zone"],
  "default",
];

type Entries = ReadonlyMap<string, Entry>;
type Modifiers = Pick<
  Expression,
  "replace" | "isLower" | "values" | "otherwise" | "scale" | "isNegated" | "isAbsolute" | "time" | "default"
>;

/** Reads the modifiers of an expression whose value is used as `kind`. Problems are added to the document. */
export function readModifiers(
  document: MappingDocument,
  references: ReferenceTable,
  entries: Entries,
  kind: FieldKind,
): Modifiers {
  const constant = (name: string): string | undefined => {
    const entry = entries.get(name);
    return entry && readConstant(document, entry);
  };
  const isSet = (name: string): boolean => booleanOf(entries.get(name)?.node) === true;
  const values = entries.get("values");
  if (values === undefined && entries.has("otherwise"))
    document.problem(entries.get("otherwise") as Entry, "stands beside `values`, for all other values");
  return {
    replace: readReplacements(document, entries.get("replace")),
    isLower: isSet("lower"),
    values: values && readValues(document, values),
    otherwise: constant("otherwise"),
    scale: readScale(document, references, entries.get("scale")),
    isNegated: isSet("negate"),
    isAbsolute: isSet("abs"),
    time: readTime(document, entries, kind),
    // An empty default is none.
    default: constant("default") || undefined,
  };
}

/** Reads `decimal` and `thousands` of the mapping or of an expression. */
export function readSpelling(
  document: MappingDocument,
  entries: Entries,
  outer: DecimalSpelling | undefined,
): DecimalSpelling | undefined {
  const [decimal, thousands] = [entries.get("decimal"), entries.get("thousands")];
  if (decimal === undefined && thousands === undefined) return outer;
  const point = decimal === undefined ? (outer?.point ?? ".") : textOf(decimal.node);
  const group = thousands === undefined ? undefined : textOf(thousands.node);
  if (point !== "." && point !== ",") document.problem(decimal as Entry, 'must be "." or ","');
  if (thousands !== undefined && (group?.length !== 1 || /[0-9+-]/.test(group) || group === point)) {
    document.problem(
      thousands,
      'must be the one sign between thousands, such as ",", and differ from the decimal point',
    );
    return undefined;
  }
  if (point === "." && group === undefined) return undefined;
  return { point: point === "," ? "," : ".", thousands: group };
}

function readReplacements(document: MappingDocument, entry: Entry | undefined): Replacement[] {
  if (entry === undefined) return [];
  const must = "{pattern: REGULAR EXPRESSION, with: TEXT}";
  const items = isSeq(entry.node) ? (document.list(entry, `a list of ${must}`) ?? []) : [entry];
  return items.flatMap((item) => {
    const parts = document.entries(item, `${must}, or a list of such`);
    if (parts === undefined) return [];
    document.checkNames(parts, ["pattern", "with"], "pattern or with");
    const pattern = parts.get("pattern");
    const withEntry = parts.get("with");
    const text = textOf(pattern?.node);
    if (pattern === undefined || text === undefined || text === "") {
      document.problem(pattern ?? item, "needs a pattern: the regular expression as a text");
      return [];
    }
    const replacement = {
      pattern: text,
      replacement: withEntry === undefined ? "" : readConstant(document, withEntry),
    };
    const problem = checkReplacement(replacement);
    if (problem === undefined) return [replacement];
    document.problem(pattern, problem);
    return [];
  });
}

function readValues(document: MappingDocument, entry: Entry): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  const parts = document.entries(entry, "a mapping from texts to texts") ?? new Map<string, Entry>();
  if (parts.size > VALUES_MAX) document.problem(entry, `has ${parts.size} entries; there are at most ${VALUES_MAX}`);
  for (const [name, part] of parts) values.set(name.trim(), readConstant(document, part));
  // `True: sell` and `1.0: sell` stand for the values true and 1 as well, unless these have entries of their own.
  for (const part of parts.values()) {
    const plain = constantText(part.key) ?? "";
    if (!values.has(plain)) values.set(plain, values.get((scalarText(part.key) ?? "").trim()) ?? "");
  }
  return values;
}

function readScale(document: MappingDocument, references: ReferenceTable, entry: Entry | undefined): Scale | undefined {
  if (entry === undefined) return undefined;
  const number = numberText(entry.node);
  const text = textOf(entry.node);
  if (text !== undefined) {
    try {
      return { of: "reference", reference: references.indexOf(text) };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      document.problem(entry, error.message);
      return undefined;
    }
  }
  const places = Number(number);
  if (number === undefined || !Number.isInteger(places) || Math.abs(places) > SCALE_MAX) {
    document.problem(
      entry,
      `must be a whole number of places from -${SCALE_MAX} to ${SCALE_MAX}, or the name of the member that has it`,
    );
    return undefined;
  }
  return { of: "constant", places };
}

function readTime(document: MappingDocument, entries: Entries, kind: FieldKind): TimeForm | undefined {
  const [time, zoneEntry] = [entries.get("time"), entries.get("zone")];
  const refuse = (entry: Entry, message: string): undefined => {
    document.problem(entry, message);
  };
  if (time === undefined) return zoneEntry && refuse(zoneEntry, "stands beside a pattern of `time`");
  if (kind !== "time") return refuse(time, "belongs to fields that are times: event_time, ts");
  const text = textOf(time.node);
  if (text === undefined)
    return refuse(time, `must be one of ${TIME_FORMS.join(", ")}, or a pattern such as yyyy-MM-dd HH:mm:ss`);
  const name = Object.hasOwn(TIME_FORM_ALIASES, text) ? TIME_FORM_ALIASES[text] : text;
  const form = TIME_FORMS.find((candidate) => candidate === name);
  if (form !== undefined) {
    if (zoneEntry !== undefined) refuse(zoneEntry, `stands beside a pattern of \`time\`; ${form} says the zone itself`);
    // The decoder reads RFC 3339 itself.
    return form === "rfc3339" ? undefined : { kind: form };
  }
  try {
    timePattern(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const hint = didYouMean(text, TIME_FORMS);
    if (hint !== "" || !text.includes("y"))
      return refuse(time, `is none of ${TIME_FORMS.join(", ")}${hint}, and no pattern such as yyyy-MM-dd HH:mm:ss`);
    return refuse(time, `${error.message}; a pattern is written like yyyy-MM-dd HH:mm:ss[.SSS]`);
  }
  const zoneName = zoneEntry === undefined ? "UTC" : textOf(zoneEntry.node);
  try {
    zone(zoneName ?? "");
  } catch {
    return refuse(
      zoneEntry as Entry,
      "must be the name of a time zone, such as Europe/Berlin, or an offset such as +02:00",
    );
  }
  return { kind: "pattern", pattern: text, zone: zoneName ?? "" };
}
