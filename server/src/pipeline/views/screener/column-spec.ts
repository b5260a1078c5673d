/** The column of a field of a query. Equal fields of equal windows share it. */
import { type FieldSource, type ScreenerField, screenerField } from "@swapstats/protocol/screener/fields.ts";

export type ColumnSpec = {
  readonly key: string;
  readonly source: FieldSource;
  /** Undefined for a member of the token. */
  readonly windowIndex: number | undefined;
  readonly isText: boolean;
  /** Largest number of decimal places. Undefined: at most 15 significant digits. */
  readonly places: number | undefined;
};

/** `windowIndexOf` throws for a window that is not configured. */
export function columnOf(
  { field: name, window }: { readonly field: string; readonly window?: string | undefined },
  windowIndexOf: (window: string) => number,
): ColumnSpec {
  const field = screenerField(name) as ScreenerField;
  const windowIndex = window === undefined ? undefined : windowIndexOf(window);
  const { source, places } = field;
  return { key: `${name}:${windowIndex ?? ""}`, source, windowIndex, isText: field.value === "text", places };
}
