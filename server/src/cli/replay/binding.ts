/** Binds a mapping to the columns of a table. */
import { SwapstatsError } from "../../shared/errors.ts";
import { didYouMean } from "../../shared/nearest.ts";
import { printableCut } from "../../shared/printable-text.ts";
import { FIELDS, type FieldSource, writeCell } from "./cells.ts";
import type { Mapping } from "./mapping.ts";

/** Columns that a message lists. */
const COLUMNS_SHOWN = 40;

/** Makes the JSON texts of the events of a row from its cells, one for each swap of the mapping. */
export type RowReader = (cells: readonly string[]) => string[];

/** Returns the mapping of a table whose columns are named like the fields of the event. */
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
    `${name} is a table whose columns are not named like the fields of a swap (token, side, tx_hash, event_time, ...); map its columns with --map FILE.yaml (docs/replay.md). Its columns are ${columnsText(header)}`,
  );
}

/** Returns how many columns of a mapping are in the header. */
export function columnsFound(mapping: Mapping, header: readonly string[]): number {
  const names = new Set(
    mapping.swaps.flat().flatMap(({ constant, column }) => (constant === undefined ? [column] : [])),
  );
  return [...names].filter((column) => indexOf(header, column) !== -1).length;
}

/** Binds a mapping to the header of a table. Throws `bad_request` with the columns that are missing or occur twice. */
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
    throw new SwapstatsError("bad_request", `${name} has two columns named ${names}; rename one of them in its header`);
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

/** Returns the column with the name. Otherwise the only column that differs in case alone. */
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
    ? "; it seems to have no header: add one, or list all columns in `columns:` of the mapping"
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
