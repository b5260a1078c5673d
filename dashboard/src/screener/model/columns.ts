/** Columns of the table: a figure in a window each. Neighbours of one figure share a head, with the windows beside each other below it. */
import { type Field, findField } from "./fields.ts";
import { nearestWindows } from "./windows.ts";

export type Column = { readonly field: Field; readonly window: string };

/** Columns of one figure that stand side by side. `start` is the index of the first one. */
type ColumnGroup = { readonly field: Field; readonly start: number; readonly windows: readonly string[] };

/** Columns of a table at most. Each is a cell of every row that is drawn. */
export const COLUMNS_MAX = 32;

export const columnKey = ({ field, window }: Column): string => `${field.name}:${window}`;

/** A figure, and the windows wanted for it. */
type WantedColumns = readonly (readonly [field: string, windows: readonly string[]])[];

export const DEFAULT_COLUMNS: WantedColumns = [
  ["price_change_pct", ["5m", "1h", "24h"]],
  ["volume_usd", ["5m", "1h", "24h"]],
  ["trades", ["5m", "1h"]],
  ["net_volume_usd", ["1h"]],
  ["traders", ["1h"]],
];

/** Returns the columns at a service with these windows; a window that it lacks is replaced by the nearest one. */
export function columnsFor(wanted: WantedColumns, windows: readonly string[]): readonly Column[] {
  return wanted.flatMap(([name, wantedWindows]) => {
    const field = findField(name);
    return field === undefined ? [] : nearestWindows(windows, wantedWindows).map((window) => ({ field, window }));
  });
}

export function groupColumns(columns: readonly Column[]): readonly ColumnGroup[] {
  const groups: { field: Field; start: number; windows: string[] }[] = [];
  for (const [at, { field, window }] of columns.entries()) {
    const last = groups.at(-1);
    if (last?.field === field) last.windows.push(window);
    else groups.push({ field, start: at, windows: [window] });
  }
  return groups;
}

/** Returns the columns with this one added or removed. A new one stands behind those of its figure, in the order of `windows`. */
export function toggleColumn(
  columns: readonly Column[],
  column: Column,
  windows: readonly string[],
): readonly Column[] {
  const without = columns.filter((one) => columnKey(one) !== columnKey(column));
  if (without.length < columns.length) return without;
  if (columns.length >= COLUMNS_MAX) return columns;
  const place = (window: string): number => windows.indexOf(window);
  const before = columns.findLastIndex((one) => one.field === column.field && place(one.window) < place(column.window));
  const first = columns.findIndex((one) => one.field === column.field);
  const at = before >= 0 ? before + 1 : first >= 0 ? first : columns.length;
  return columns.toSpliced(at, 0, column);
}

/** Returns the columns with those of one figure moved by one place to the left (-1) or right (1) among the figures. */
export function moveFigure(columns: readonly Column[], name: string, by: -1 | 1): readonly Column[] {
  const names = [...new Set(columns.map(({ field }) => field.name))];
  const from = names.indexOf(name);
  const to = from + by;
  if (from < 0 || to < 0 || to >= names.length) return columns;
  const moved = names.toSpliced(from, 1).toSpliced(to, 0, name);
  return moved.flatMap((one) => columns.filter(({ field }) => field.name === one));
}

/** Widths in pixels by kind of figure. They hold the longest short form, so that a change never moves a column. */
const WIDTHS: Readonly<Partial<Record<Field["kind"], number>>> = {
  usd: 88,
  amount: 88,
  price: 96,
  percent: 80,
  time: 84,
};
const WIDTH = 72;

export const columnWidth = ({ field }: Column): number => WIDTHS[field.kind] ?? WIDTH;
