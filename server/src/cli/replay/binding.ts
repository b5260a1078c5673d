/** Ties a mapping to the columns that a table has. */
import { SwapstatsError } from "../../shared/errors.ts";
import { didYouMean } from "../../shared/nearest.ts";
import { printableCut } from "../../shared/printable-text.ts";
import { FIELDS, type FieldSource, writeCell } from "./cells.ts";
import type { Mapping } from "./mapping.ts";

/** Columns of a table that are named in messages. */
const COLUMNS_SHOWN = 40;

/** From the cells of a row to JSON texts of its events, one for each swap of the mapping. */
export type RowReader = (cells: readonly string[]) => string[];

/** The mapping of a table whose columns have the names of the event: each known column is its field. */
export function mappingOfHeader(header: readonly string[], name: string): Mapping {
  const fields: FieldSource[] = [];
  for (const column of header) {
    const field = column.toLowerCase().replaceAll(" ", "_");
    if (!Object.hasOwn(FIELDS, field)) continue;
    fields.push({ name: field, constant: undefined, column, time: undefined, values: undefined, hasComma: false });
  }
  const has = (...names: string[]): boolean => fields.some((field) => names.includes(field.name));
  if (has("token", "token_address") && has("side") && has("tx_hash") && has("event_time", "ts")) {
    return { delimiter: undefined, columns: undefined, swaps: [fields] };
  }
  throw new SwapstatsError(
    "bad_request",
    `${name} is a table whose columns are not named like the fields of a swap (token, side, tx_hash, event_time, ...); say with --map FILE.yaml what its columns mean (docs/replay.md). Its columns are ${columnsText(header)}`,
  );
}

/** How many of the columns that a mapping names are in the header. */
export function columnsFound(mapping: Mapping, header: readonly string[]): number {
  const names = new Set(
    mapping.swaps.flat().flatMap(({ constant, column }) => (constant === undefined ? [column] : [])),
  );
  return [...names].filter((column) => indexOf(header, column) !== -1).length;
}

/**
 * Binds a mapping to the header of a table. Throws `bad_request` that lists the columns that are not there, or of which there are
 * two.
 */
export function bindMapping(mapping: Mapping, header: readonly string[], name: string): RowReader {
  const missing = new Set<string>();
  const doubled = new Set<string>();
  const writers = mapping.swaps.map((fields) =>
    fields.map((field) => {
      const index = field.constant === undefined ? indexOf(header, field.column) : 0;
      if (index === -1) missing.add(field.column);
      else if (field.constant === undefined && header.indexOf(header[index] ?? "", index + 1) !== -1)
        doubled.add(field.column);
      return { head: `${JSON.stringify(field.name)}:`, field, index };
    }),
  );
  if (missing.size > 0) throw missingColumns([...missing], header, name);
  if (doubled.size > 0) {
    const names = [...doubled].map((column) => printableCut(column)).join(", ");
    throw new SwapstatsError(
      "bad_request",
      `${name} has two columns of the name ${names}; rename one of them in its header`,
    );
  }
  return (cells) =>
    writers.map((fields) => {
      const parts: string[] = [];
      for (const { head, field, index } of fields) {
        const value = field.constant ?? writeCell(cells[index] ?? "", field);
        if (value !== "") parts.push(head + value);
      }
      return `{${parts.join(",")}}`;
    });
}

/** The column of the name; else the only one that differs in case alone. */
function indexOf(header: readonly string[], column: string): number {
  const exact = header.indexOf(column.trim());
  if (exact !== -1) return exact;
  const lower = column.trim().toLowerCase();
  const alike = header.flatMap((name, index) => (name.toLowerCase() === lower ? [index] : []));
  return alike.length === 1 ? (alike[0] as number) : -1;
}

function missingColumns(missing: readonly string[], header: readonly string[], name: string): SwapstatsError {
  const names = missing.map((column) => `${printableCut(column)}${didYouMean(column, header)}`).join(", ");
  const looksLikeData =
    header.length > 1 && header.some((column) => /^[0-9]+(\.[0-9]+)?$|^0x[0-9a-f]{40}/i.test(column));
  const hint = looksLikeData
    ? "; it seems to have no header: put one in front, or name all columns by `columns:` in the mapping"
    : "";
  return new SwapstatsError(
    "bad_request",
    `${name} has no column ${names}; its columns are ${columnsText(header)}${hint}`,
  );
}

function columnsText(header: readonly string[]): string {
  const shown = header
    .slice(0, COLUMNS_SHOWN)
    .map((column) => printableCut(column))
    .join(", ");
  return header.length > COLUMNS_SHOWN ? `${shown} and ${header.length - COLUMNS_SHOWN} more` : shown;
}
