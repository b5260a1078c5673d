/** Finds the columns of a table that a mapping names. */

import { REQUIRED_FIELDS } from "../../codecs/refusal-text.ts";
import { ALL_ELEMENTS, type Expression, type Mapping, type Reference, type Source } from "../../mapping/language.ts";
import { parseMapping } from "../../mapping/reading/read-mapping.ts";
import { FIELDS } from "../../mapping/values/fields.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { didYouMean } from "../../shared/nearest.ts";
import { printableCut } from "../../shared/printable-text.ts";

/** Columns that a message lists. */
const COLUMNS_SHOWN = 40;

/**
 * Returns the mapping of a table whose columns are named like the fields of the event. Throws `bad_request` if they are not, or a
 * required field has no column.
 */
export function mappingOfHeader(header: readonly string[], name: string): Mapping {
  const swap: Record<string, string> = {};
  for (const column of header) {
    const field = column.toLowerCase().replaceAll(" ", "_");
    if (Object.hasOwn(FIELDS, field)) swap[field] = column;
  }
  const lacking = REQUIRED_FIELDS.filter((names) => !names.some((field) => Object.hasOwn(swap, field)));
  if (lacking.length === 0) return parseMapping(JSON.stringify({ swaps: [swap] }), name);
  const fields = lacking.map(([first]) => first).join(", ");
  const what =
    lacking.length === REQUIRED_FIELDS.length || Object.keys(swap).length < 3
      ? "is a table whose columns are not named like the fields of a swap (token, side, tx_hash, event_time, ...)"
      : `is a table without a column named ${fields}`;
  const advice = "map its columns with --map FILE.yaml (docs/mapping.md; `swapstats mapping guess` proposes one)";
  throw new SwapstatsError("bad_request", `${name} ${what}; ${advice}. Its columns are ${columnsText(header)}`);
}

/** Returns how many columns of a mapping are in the header. */
export function columnsFound(mapping: Mapping, header: readonly string[]): number {
  return mapping.references.filter((reference) => indexOf(header, columnOf(reference)) !== -1).length;
}

/**
 * Returns the column of each reference of the mapping; -1 for one that is no column. Throws `bad_request` with the columns that are
 * missing or occur twice. A column may be missing where the mapping has another value: in `first`, with a default, or in conditions.
 */
export function bindColumns(mapping: Mapping, header: readonly string[], name: string): number[] {
  checkEach(mapping, name);
  const columns = mapping.references.map((reference) => indexOf(header, columnOf(reference)));
  const missing = new Set<string>();
  const lacks = (reference: number): boolean => {
    const column = columnOf(mapping.references[reference] as Reference);
    return column !== undefined && columns[reference] === -1;
  };
  for (const { fields } of mapping.swaps) {
    for (const { expression } of fields) {
      for (const reference of neededBy(expression, lacks)) {
        missing.add(columnOf(mapping.references[reference] as Reference) as string);
      }
    }
  }
  if (missing.size > 0) throw missingColumns([...missing], header, name);
  const doubled = columns.flatMap((column) =>
    column !== -1 && header.indexOf(header[column] as string, column + 1) !== -1 ? [header[column] as string] : [],
  );
  if (doubled.length > 0) {
    const names = [...new Set(doubled)].map((column) => printableCut(column)).join(", ");
    throw new SwapstatsError("bad_request", `${name} has two columns named ${names}; rename one of them in its header`);
  }
  return columns;
}

/** A row is one element. `$[*]` stands for the record itself where it is no list. */
function checkEach({ each }: Mapping, name: string): void {
  if (each === undefined || each.every((step) => step === ALL_ELEMENTS)) return;
  throw new SwapstatsError(
    "bad_request",
    `${name} is a table, whose rows have no lists; remove \`each\` from the mapping`,
  );
}

/** Returns the missing references without which the expression has no value. */
function neededBy(expression: Expression, lacks: (reference: number) => boolean): number[] {
  if (expression.default !== undefined) return [];
  const { source, scale } = expression;
  const ofScale = scale?.of === "reference" && lacks(scale.reference) ? [scale.reference] : [];
  return [...ofScale, ...neededBySource(source, lacks)];
}

function neededBySource(source: Source, lacks: (reference: number) => boolean): number[] {
  switch (source.kind) {
    case "reference":
      return lacks(source.reference) ? [source.reference] : [];
    case "constant":
      return [];
    case "first":
    case "hash": {
      const needed = source.of.map((part) => neededBy(part, lacks));
      return needed.some((references) => references.length === 0) ? [] : needed.flat();
    }
    case "subtract":
    case "divide":
      return [source.left, source.right].flatMap((part) => neededBy(part, lacks));
    case "sign":
      return neededBy(source.of, lacks);
    case "choose": {
      const parts = [
        ...source.cases.map(({ result }) => result),
        ...(source.otherwise === undefined ? [] : [source.otherwise]),
      ];
      const needed = parts.map((part) => neededBy(part, lacks));
      return needed.some((references) => references.length === 0) ? [] : needed.flat();
    }
    default:
      return source.of.flatMap((part) => neededBy(part, lacks));
  }
}

/** Returns the name of the column. Undefined: the reference is about the record. */
function columnOf(reference: Reference): string | undefined {
  if (reference.of === "element") return reference.name;
  // A row is its own element of `$[*]`.
  return reference.of === "record" || reference.of === "enclosing" ? reference.steps.join(".") : undefined;
}

/** Returns the column with the name. Otherwise the only column that differs in case alone. */
function indexOf(header: readonly string[], column: string | undefined): number {
  if (column === undefined) return -1;
  const exact = header.indexOf(column.trim());
  if (exact !== -1) return exact;
  const lower = column.trim().toLowerCase();
  const alike = header.flatMap((name, index) => (name.toLowerCase() === lower ? [index] : []));
  return alike.length === 1 ? (alike[0] as number) : -1;
}

function missingColumns(missing: readonly string[], header: readonly string[], name: string): SwapstatsError {
  const names = missing.map((column) => `${printableCut(column)}${didYouMean(column, header)}`).join(", ");
  const hint = looksLikeData(header)
    ? "; it seems to have no header: add one, or list all columns in `columns:` of the mapping"
    : "";
  return new SwapstatsError(
    "bad_request",
    `${name} has no column ${names}; its columns are ${columnsText(header)}${hint}`,
  );
}

/** Whether the first row of a table seems to be data, and no header. */
export function looksLikeData(header: readonly string[]): boolean {
  return header.length > 1 && header.some((column) => /^[0-9]+(\.[0-9]+)?$|^0x[0-9a-f]{40}/i.test(column));
}

function columnsText(header: readonly string[]): string {
  const shown = header
    .slice(0, COLUMNS_SHOWN)
    .map((column) => printableCut(column))
    .join(", ");
  return header.length > COLUMNS_SHOWN ? `${shown} and ${header.length - COLUMNS_SHOWN} more` : shown;
}
