/**
 * Column mappings: how a row of a table becomes one or several swap events. docs/replay.md describes the file. It is read into a
 * list of fields for each event, which binding.ts binds to the columns of a table.
 */
import { readFileSync, statSync } from "node:fs";
import { parse as parseYaml } from "yaml";
import { SwapstatsError } from "../../shared/errors.ts";
import { didYouMean } from "../../shared/nearest.ts";
import { printableCut, printableText } from "../../shared/printable-text.ts";
import { FIELDS, type FieldSource, TIME_FORMS, type TimeForm } from "./cells.ts";

const SWAPS_PER_ROW_MAX = 64;
/** Largest mapping in bytes. The YAML parser takes a second for it in the worst case. */
export const MAPPING_BYTES_MAX = 64 * 1024;
/** Problems that are listed. */
const PROBLEMS_MAX = 20;
const KEYS = ["delimiter", "decimal", "columns", "swaps"];
const MEMBERS = ["column", "value", "time", "values"];
const ALIASES_MAX = 100;

export type Mapping = {
  /** Undefined: the header decides. */
  readonly delimiter: string | undefined;
  /** Column names of a table without a header. */
  readonly columns: readonly string[] | undefined;
  /** One list of fields for each swap of a row. */
  readonly swaps: readonly (readonly FieldSource[])[];
};

/** Reads a mapping file. Throws `not_found` or `bad_request`. */
export function readMapping(path: string): Mapping {
  const name = printableCut(path, 200);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) {
    const what = stat === undefined ? "does not exist" : "is not a file";
    throw new SwapstatsError("not_found", `the mapping ${name} ${what}; check the path`);
  }
  if (stat.size > MAPPING_BYTES_MAX) {
    throw new SwapstatsError(
      "bad_request",
      `the mapping ${name} has more than ${MAPPING_BYTES_MAX} bytes; is it the file of swaps?`,
    );
  }
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const message = `the mapping ${name} cannot be read (${(cause as Error).message}); check the permissions`;
    throw new SwapstatsError("not_found", message, { cause });
  }
  return parseMapping(text, name);
}

/** Parses the text of a mapping file. Throws `bad_request` with all problems. */
export function parseMapping(text: string, path: string): Mapping {
  const problems: string[] = [];
  const root = parseDocument(text, path);
  for (const key of Object.keys(root)) {
    if (!KEYS.includes(key))
      problems.push(`${key}: is not a key${didYouMean(key, KEYS)}; there are ${KEYS.join(", ")}`);
  }
  const { delimiter, decimal = ".", swaps: list } = root;
  if (
    delimiter !== undefined &&
    (typeof delimiter !== "string" || delimiter.length !== 1 || /["\r\n]/.test(delimiter))
  ) {
    problems.push('delimiter: must be one character, such as "," or "\\t"');
  }
  if (decimal !== "." && decimal !== ",") problems.push('decimal: must be "." or ","');
  const columns = parseColumns(root.columns, problems);
  if (!Array.isArray(list) || list.length === 0 || list.length > SWAPS_PER_ROW_MAX) {
    problems.push(`swaps: must be a list of 1 to ${SWAPS_PER_ROW_MAX} events that a row makes`);
  }
  const entries = (Array.isArray(list) ? list : []).slice(0, SWAPS_PER_ROW_MAX);
  const swaps = entries.map((entry, index) => parseSwap(entry, `swaps[${index}]`, decimal === ",", problems));
  if (problems.length > 0) throw mappingError(path, problems);
  return { delimiter: delimiter as string | undefined, columns, swaps };
}

function parseDocument(text: string, path: string): Record<string, unknown> {
  let root: unknown;
  try {
    // The cost of pretty errors is quadratic in their number.
    root = parseYaml(text, { maxAliasCount: ALIASES_MAX, logLevel: "error", prettyErrors: false });
  } catch (error) {
    const [why] = (error as Error).message.split("\n");
    const at = (error as { pos?: readonly number[] }).pos?.[0];
    const line = at === undefined ? "" : ` (line ${text.slice(0, at).split("\n").length})`;
    throw mappingError(path, [`is not valid YAML: ${printableText(why ?? "")}${line}`]);
  }
  if (!isRecord(root)) throw mappingError(path, ["must be a mapping with a list `swaps`"]);
  return root;
}

function parseColumns(columns: unknown, problems: string[]): readonly string[] | undefined {
  if (columns === undefined) return undefined;
  if (Array.isArray(columns) && columns.length > 0 && columns.every((column) => typeof column === "string"))
    return columns;
  problems.push("columns: must be a list of the names of all columns, for tables without a header");
  return undefined;
}

function parseSwap(entry: unknown, path: string, hasComma: boolean, problems: string[]): FieldSource[] {
  if (!isRecord(entry)) {
    problems.push(`${path}: must be a mapping from fields of a swap to columns`);
    return [];
  }
  return Object.entries(entry).flatMap(([name, source]) => {
    if (!Object.hasOwn(FIELDS, name)) {
      problems.push(`${path}.${name}: is not a field of a swap${didYouMean(name, Object.keys(FIELDS))}`);
      return [];
    }
    const field = parseField(name, source, hasComma);
    if (typeof field !== "string") return [field];
    problems.push(`${path}.${name}: ${field}`);
    return [];
  });
}

/** Returns the field, or its problem. */
function parseField(name: string, source: unknown, hasComma: boolean): FieldSource | string {
  const plain = { name, constant: undefined, time: undefined, values: undefined, hasComma };
  if (typeof source === "string") return { ...plain, column: source };
  if (!isRecord(source)) return "must be the name of a column, or a mapping with column or value";
  const unknown = Object.keys(source).find((key) => !MEMBERS.includes(key));
  if (unknown !== undefined) return `${unknown} is none of ${MEMBERS.join(", ")}${didYouMean(unknown, MEMBERS)}`;
  if ("value" in source) {
    if (Object.keys(source).length > 1) return "has a value, so it has nothing else";
    if (typeof source.value === "object" && source.value !== null)
      return "value must be a text, a number, true or false";
    return { ...plain, column: "", constant: JSON.stringify(source.value) };
  }
  if (typeof source.column !== "string") return "needs a column or a value";
  const time = source.time as TimeForm | undefined;
  if (time !== undefined && FIELDS[name] !== "time") return "is not a time, so it cannot have `time`";
  if (time !== undefined && !TIME_FORMS.includes(time)) {
    return `time is none of ${TIME_FORMS.join(", ")}${didYouMean(String(time), TIME_FORMS)}`;
  }
  if (source.values !== undefined && !isRecord(source.values)) return "values must be a mapping from cells to texts";
  const entries = Object.entries((source.values as Record<string, unknown> | undefined) ?? {});
  if (entries.some(([, text]) => typeof text === "object" && text !== null)) return "values must be texts";
  const values = source.values === undefined ? undefined : new Map(entries.map(([cell, text]) => [cell, String(text)]));
  return { ...plain, column: source.column, time, values };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function mappingError(path: string, problems: readonly string[]): SwapstatsError {
  const shown = problems.slice(0, PROBLEMS_MAX).map((problem) => `  ${printableCut(problem, 300)}`);
  if (problems.length > PROBLEMS_MAX) shown.push(`  and ${problems.length - PROBLEMS_MAX} more`);
  const message = `the mapping ${path} cannot be used (docs/replay.md describes it):\n${shown.join("\n")}`;
  return new SwapstatsError("bad_request", message);
}
