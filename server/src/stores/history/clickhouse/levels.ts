/** The tables of sums, from the finest to the coarsest: minutes are made of rows, hours of minutes, days of hours. */

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

export type LevelName = "minutes" | "hours" | "days";

export type Level = {
  /** Also the kind of the mark that says how far the table is made. */
  readonly name: LevelName;
  readonly table: string;
  /** The column with the beginning of the unit. */
  readonly column: string;
  readonly ms: number;
  /** Returns the beginning of the unit that holds the time of this column, as an expression. */
  readonly startOf: (column: string) => string;
  /** Sums of one token over less than this are read as fast from the finer table. */
  readonly worthMs: number;
  /** So much is made by the first statement. */
  readonly pieceMs: number;
};

export const LEVELS: readonly Level[] = [
  {
    ...{ name: "minutes", table: "swap_minutes", column: "minute", ms: MINUTE_MS },
    startOf: (column) => `toStartOfMinute(toDateTime(${column}, 'UTC'))`,
    ...{ worthMs: 0, pieceMs: DAY_MS },
  },
  {
    ...{ name: "hours", table: "swap_hours", column: "hour", ms: HOUR_MS },
    startOf: (column) => `toStartOfHour(${column})`,
    ...{ worthMs: 2 * DAY_MS, pieceMs: 31 * DAY_MS },
  },
  {
    ...{ name: "days", table: "swap_days", column: "day", ms: DAY_MS },
    startOf: (column) => `toStartOfDay(${column})`,
    ...{ worthMs: 14 * DAY_MS, pieceMs: 366 * DAY_MS },
  },
];

/** The milliseconds of a column of time: of a row, or of a unit's beginning. */
export function msOf(column: string): string {
  return column === "event_time" ? "toUnixTimestamp64Milli(event_time)" : `toInt64(toUInt32(${column})) * 1000`;
}
