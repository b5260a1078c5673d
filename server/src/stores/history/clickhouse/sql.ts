/** Parts of statements. */
import type { ClickHouseTables } from "./clickhouse-setup.ts";

/** DateTime64 ends with the year 2299. */
const TIME_MS_MAX = 10_413_791_999_999;

const ESCAPED: Readonly<Record<string, string>> = { "\\": "\\\\", "'": "\\'", "\0": "\\0" };

export function literal(text: string): string {
  return `'${text.replace(/[\\'\0]/g, (char) => ESCAPED[char]!)}'`;
}

/** An identifier, such as the name of a database. */
export function quoted(name: string): string {
  return `\`${name.replace(/[\\`]/g, (char) => `\\${char}`)}\``;
}

export function table({ database }: Pick<ClickHouseTables, "database">, name: string): string {
  return `${quoted(database)}.${name}`;
}

/** A time of a swap. Times beyond what the type holds are as good as no limit. */
export function time(timeMs: number): string {
  return `fromUnixTimestamp64Milli(${clamped(timeMs)}, 'UTC')`;
}

/** A time of whole seconds. */
export function dateTime(timeMs: number): string {
  return `toDateTime(${Math.ceil(clamped(timeMs) / 1_000)}, 'UTC')`;
}

export function clamped(timeMs: number): number {
  return Math.max(0, Math.min(timeMs, TIME_MS_MAX));
}

/** A value for each stream by its id, and `otherwise` for other streams. */
export function byStream(pairs: readonly (readonly [id: string, value: number])[], otherwise: number): string {
  if (pairs.length === 0) return `toInt64(${otherwise})`;
  const ids = pairs.map(([id]) => `toUInt64(${id})`).join(", ");
  const values = pairs.map(([, value]) => `toInt64(${value})`).join(", ");
  return `transform(stream, [${ids}], [${values}], toInt64(${otherwise}))`;
}

/** Conditions that all hold. */
export function all(conditions: readonly string[]): string {
  return conditions.length === 0 ? "1" : conditions.map((condition) => `(${condition})`).join(" AND ");
}
