/**
 * Makes the minutes and days of streams. A stream's minutes are summed once its mark makes them final: then all its rows before that time are in them. Rows that
 * come later for such a time make further partial sums, which add up with the others.
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import type { CatalogFile, CatalogStream, NewFile, Snapshot, Tier } from "./catalog.ts";
import { NO_ROWS, PARTIAL_COLUMNS, SWAP_COLUMNS, sumPartials, sumRows } from "./columns.ts";
import type { HistoryFiles } from "./files.ts";
import type { Fresh } from "./fresh.ts";
import type { LoadedRows } from "./load-rows.ts";
import { conditionOf, DAY_MS, filesOf, floorTo, MINUTE_MS, type Part, timeOf } from "./plan.ts";

export type Summed = {
  readonly files: readonly NewFile[];
  /** Streams with the times before which they are summed now. */
  readonly limits: ReadonlyMap<CatalogStream, Limits>;
};
type Limits = { readonly minutes: number; readonly days: number };

const KEYS = "stream, chain_id, token, ";
const GROUPS = " GROUP BY ALL";
const PARTIAL_NAMES = `${KEYS}start_time, ${PARTIAL_COLUMNS.join(", ")}`;

export class PartialSums {
  readonly #files: HistoryFiles;
  readonly #fetch: (files: readonly CatalogFile[]) => Promise<string[]>;

  constructor(files: HistoryFiles, fetch: (files: readonly CatalogFile[]) => Promise<string[]>) {
    this.#files = files;
    this.#fetch = fetch;
  }

  /** The view `fresh` holds the fresh rows. With `advances` the times of the marks are reached; otherwise only late rows are summed. */
  async make(
    connection: DuckDBConnection,
    snapshot: Snapshot,
    fresh: Fresh,
    { firstMs }: LoadedRows,
    advances: boolean,
  ): Promise<Summed> {
    const limits = new Map<CatalogStream, Limits>();
    for (const { stream } of fresh.rows) limits.set(stream, limitsOf(stream, 0));
    for (const [stream, { beforeMs }] of fresh.marks) limits.set(stream, limitsOf(stream, advances ? beforeMs : 0));
    const minuteRows = await this.#rows(snapshot, firstMs, limits, "minutes");
    const dayRows = await this.#rows(snapshot, firstMs, limits, "days");
    const files: (NewFile | undefined)[] = [];
    if (minuteRows !== undefined || dayRows !== undefined) {
      const sums = sumRows(minuteRows ?? NO_ROWS, `${KEYS}${stepOf("minute", "event_time")}, `, GROUPS);
      await connection.run(`CREATE TEMP TABLE made_minutes AS ${sums}`);
      files.push(await this.#files.write(connection, "minutes", 0, `SELECT ${PARTIAL_NAMES} FROM made_minutes`));
    }
    if (dayRows !== undefined) {
      await this.#makeDays(connection, snapshot, limits, dayRows);
      files.push(await this.#files.write(connection, "days", 0, `SELECT ${PARTIAL_NAMES} FROM made_days`));
    }
    return { files: files.filter((file) => file !== undefined), limits };
  }

  /** Days are made of minutes, or of their rows where the order of the minutes is not known. */
  async #makeDays(
    connection: DuckDBConnection,
    snapshot: Snapshot,
    limits: ReadonlyMap<CatalogStream, Limits>,
    rows: string,
  ): Promise<void> {
    const held = await this.#held(snapshot, "minutes", advanced(limits, "days"), PARTIAL_NAMES);
    const made = `SELECT ${PARTIAL_NAMES} FROM made_minutes WHERE ${beforeLimits(limits, "days", "start_time")}`;
    const source = `(SELECT * REPLACE (${stepOf("day", "start_time")}) FROM (${[made, ...held].join(" UNION ALL ")}))`;
    await connection.run(`CREATE TEMP TABLE made_days AS ${sumPartials(source, `${KEYS}start_time, `, GROUPS)}`);
    const [open] = (await connection.runAndReadAll("SELECT count(*) FILTER (is_open) FROM made_days")).getRows();
    if (Number(open![0]) === 0) return;
    const sums = sumRows(rows, `${KEYS}${stepOf("day", "event_time")}, `, GROUPS);
    await connection.run(`CREATE OR REPLACE TEMP TABLE made_days AS ${sums}`);
  }

  /** Held rows of the time that the streams advance over, and fresh ones before their limits; undefined when there are none for sure. */
  async #rows(
    snapshot: Snapshot,
    firstMs: ReadonlyMap<number, number>,
    limits: ReadonlyMap<CatalogStream, Limits>,
    tier: keyof Limits,
  ): Promise<string | undefined> {
    const columns = SWAP_COLUMNS.map(([name]) => `"${name}"`).join(", ");
    const selects = await this.#held(snapshot, "swaps", advanced(limits, tier), columns);
    const hasLate = [...limits].some(([{ id }, limit]) => (firstMs.get(id) ?? limit[tier]) < limit[tier]);
    if (hasLate) selects.push(`SELECT ${columns} FROM fresh WHERE ${beforeLimits(limits, tier, "event_time")}`);
    return selects.length === 0 ? undefined : `(${selects.join(" UNION ALL ")})`;
  }

  async #held(snapshot: Snapshot, tier: Tier, parts: readonly Part[], columns: string): Promise<string[]> {
    const files = parts.length === 0 ? [] : filesOf(snapshot, tier, parts);
    if (files.length === 0) return [];
    const paths = await this.#fetch(files);
    const condition = conditionOf(parts, tier === "swaps" ? "event_time" : "start_time");
    return [`SELECT ${columns} FROM ${this.#files.scan(paths)} WHERE ${condition}`];
  }
}

const stepOf = (step: "minute" | "day", time: string): string =>
  `date_trunc('${step}', ${time})::TIMESTAMP_MS AS start_time`;

function limitsOf(stream: CatalogStream, beforeMs: number): Limits {
  const minutes = Math.max(stream.minutesBeforeMs, floorTo(beforeMs, MINUTE_MS));
  return { minutes, days: Math.max(stream.daysBeforeMs, floorTo(minutes, DAY_MS)) };
}

function advanced(limits: ReadonlyMap<CatalogStream, Limits>, tier: keyof Limits): Part[] {
  return [...limits].flatMap(([stream, limit]) => {
    const fromMs = tier === "minutes" ? stream.minutesBeforeMs : stream.daysBeforeMs;
    return fromMs < limit[tier] ? [{ stream: stream.id, fromMs, toMs: limit[tier], edge: undefined }] : [];
  });
}

function beforeLimits(limits: ReadonlyMap<CatalogStream, Limits>, tier: keyof Limits, time: string): string {
  const conditions = [...limits]
    .filter(([, limit]) => limit[tier] > 0)
    .map(([{ id }, limit]) => `(stream = ${id} AND ${time} < ${timeOf(limit[tier])})`);
  return conditions.length === 0 ? "false" : `(${conditions.join(" OR ")})`;
}
