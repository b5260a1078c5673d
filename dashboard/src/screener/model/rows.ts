/** Reads the figures of a row by column. */
import type { Column } from "./columns.ts";
import { changePercent } from "./decimals.ts";

/** A figure as the service writes it: decimals are texts, counts and times are numbers. */
export type Value = string | number;

type Figures = { readonly [name: string]: unknown };

/** A row of the screener. Rows keep their identity while nothing of them has changed. */
export type ScreenerRow = {
  readonly symbol?: string;
  /** True: figures lack the swaps that other partitions have. */
  readonly split?: true;
  readonly windows: { readonly [window: string]: Figures };
  readonly spark?: readonly (Value | null)[];
};

const isValue = (value: unknown): value is Value => typeof value === "string" || typeof value === "number";

/** Returns the value of a column, or undefined if the token does not have it. */
export function columnValue(row: ScreenerRow, { field, window }: Column): Value | undefined {
  const figures = row.windows[window];
  if (figures === undefined) return undefined;
  const [of, name] = field.name.split(".") as [string, string | undefined];
  if (name === undefined) return isValue(figures[of]) ? figures[of] : undefined;
  const before = (figures.previous as Figures | undefined)?.[name];
  if (!isValue(before)) return undefined;
  if (of === "previous") return before;
  const now = figures[name];
  return isValue(now) ? changePercent(now, before) : undefined;
}

/** Returns whether the service has missed the beginning of the window. */
export const isPartial = (row: ScreenerRow, window: string): boolean => row.windows[window]?.complete === false;

/** Returns whether the traders of the window are estimated. */
export const isEstimated = (row: ScreenerRow, window: string): boolean =>
  row.windows[window]?.traders_estimated === true;

/** Returns 1 if the value grew, -1 if it fell, and 0 if it is equal or cannot be compared. */
export function direction(before: Value | undefined, now: Value | undefined): -1 | 0 | 1 {
  if (before === undefined || now === undefined || before === now) return 0;
  const difference = Number(now) - Number(before);
  return difference > 0 ? 1 : difference < 0 ? -1 : 0;
}
