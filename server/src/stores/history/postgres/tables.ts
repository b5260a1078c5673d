/** Makes the tables and their daily partitions, and drops old partitions. */
import type { PostgresConnection, Reading } from "../../../clients/postgres/connection.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import {
  DAILY_TABLES,
  DAY_MS,
  type DailyTable,
  dayOfPartition,
  partitionName,
  SCHEMA_VERSION,
  timeLiteral,
  VERSIONS,
} from "./schema.ts";

/** Partitions that one transaction makes. Each takes some locks of the server. */
const DAYS_PER_TRANSACTION = 30;
const VERSION_MIN = 140_000;

/** Two processes do not make the same tables at once. Released at the end of the transaction. */
export async function lockTables(query: Reading, schema: string): Promise<void> {
  await query("SELECT pg_advisory_xact_lock(hashtext($1), 0)", [`swapstats history ${schema}`]);
}

/** Returns the version of the tables; 0 without tables. */
export async function readVersion(query: Reading, schema: string): Promise<number> {
  const { rows } = await query("SELECT to_regclass($1) IS NOT NULL AS there", [`${schema}.history_schema`]);
  if (rows[0]?.there !== true) return 0;
  const versions = await query(`SELECT coalesce(max(version), 0) AS version FROM ${schema}.history_schema`, []);
  return Number(versions.rows[0]?.version);
}

/** Brings the tables up to this version, within the transaction of `query`. Returns what was done. */
export async function migrateTables(query: Reading, schema: string, where: string): Promise<string[]> {
  const server = await query(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('server_encoding') AS encoding`,
    [],
  );
  const { version: serverVersion, encoding } = server.rows[0] as { version: number; encoding: string };
  if (serverVersion < VERSION_MIN) {
    const message = `${where} has version ${Math.floor(serverVersion / 10_000)}; the history needs 14 or newer. Upgrade the server.`;
    throw new SwapstatsError("bad_config", message);
  }
  if (encoding !== "UTF8") {
    const message = `${where}: the database has the encoding ${encoding}; the history needs UTF8. Create another database.`;
    throw new SwapstatsError("bad_config", message);
  }
  await lockTables(query, schema);
  // Without this question a user without the right to create schemas could not use one that exists.
  const { rows } = await query("SELECT to_regnamespace($1) IS NOT NULL AS there", [schema]);
  if (rows[0]?.there !== true) await query(`CREATE SCHEMA ${schema}`, []);
  const table = "(version integer PRIMARY KEY, since timestamptz NOT NULL DEFAULT now())";
  const found = await readVersion(query, schema);
  if (found > SCHEMA_VERSION) {
    const message = `${where}: the tables of the schema ${schema} have version ${found}, and this program knows versions up to ${SCHEMA_VERSION}. Use the newer program.`;
    throw new SwapstatsError("checkpoint_incompatible", message);
  }
  // In its own statement: `found` is 0 without the table.
  if (found === 0) await query(`CREATE TABLE IF NOT EXISTS ${schema}.history_schema ${table}`, []);
  const done: string[] = [];
  for (const { version, what, statements } of VERSIONS) {
    if (version <= found) continue;
    for (const statement of statements(schema)) await query(statement, []);
    await query(`INSERT INTO ${schema}.history_schema (version) VALUES ($1::int)`, [String(version)]);
    done.push(`version ${version}: ${what}`);
  }
  return done;
}

/** Makes the partitions of these days (their beginnings in ms) that are missing. */
export async function makePartitions(
  connection: PostgresConnection,
  signal: AbortSignal,
  schema: string,
  table: DailyTable,
  daysMs: readonly number[],
): Promise<void> {
  for (let i = 0; i < daysMs.length; i += DAYS_PER_TRANSACTION) {
    const some = daysMs.slice(i, i + DAYS_PER_TRANSACTION);
    await connection.write(signal, async ({ query }) => {
      await lockTables(query, schema);
      const attached = new Set((await partitionsOf(query, schema)).map(({ name }) => name));
      for (const day of some) {
        const name = partitionName(table, day);
        if (attached.has(name)) continue;
        // Making it as a partition at once would lock out all readers of the table; to attach one does not.
        await query(`CREATE TABLE ${schema}.${name} (LIKE ${schema}.${table} INCLUDING DEFAULTS)`, []);
        const bounds = `FROM (${timeLiteral(day)}) TO (${timeLiteral(day + DAY_MS)})`;
        await query(`ALTER TABLE ${schema}.${table} ATTACH PARTITION ${schema}.${name} FOR VALUES ${bounds}`, []);
      }
    });
  }
}

type Partition = {
  readonly name: string;
  readonly table: DailyTable;
  readonly dayMs: number;
  /** `detaching`: an earlier try to detach it was interrupted. */
  readonly state: "attached" | "detaching" | "detached";
};

/** Returns the daily partitions, also ones that were detached and not dropped, from the oldest on. */
export async function partitionsOf(query: Reading, schema: string): Promise<Partition[]> {
  const sql = `SELECT c.relname::text AS name, i.inhrelid IS NOT NULL AS attached, coalesce(i.inhdetachpending, false) AS pending
    FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
    WHERE c.relnamespace = to_regnamespace($1) AND c.relkind = 'r'`;
  const { rows } = await query(sql, [schema]);
  return rows
    .flatMap(({ name, attached, pending }) =>
      DAILY_TABLES.flatMap(({ table }): Partition[] => {
        const dayMs = dayOfPartition(table, name as string);
        if (dayMs === undefined) return [];
        const state = attached !== true ? "detached" : pending === true ? "detaching" : "attached";
        return [{ name: name as string, table, dayMs, state }];
      }),
    )
    .toSorted((a, b) => a.dayMs - b.dayMs);
}

/** Drops a partition. Readers of other days go on meanwhile. */
export async function dropPartition(
  connection: PostgresConnection,
  signal: AbortSignal,
  schema: string,
  { name, table, state }: Partition,
): Promise<void> {
  if (state !== "detached") {
    const how = state === "detaching" ? "FINALIZE" : "CONCURRENTLY";
    await connection.command(signal, `ALTER TABLE ${schema}.${table} DETACH PARTITION ${schema}.${name} ${how}`);
  }
  await connection.command(signal, `DROP TABLE IF EXISTS ${schema}.${name}`);
}
