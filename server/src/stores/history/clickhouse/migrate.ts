/** Makes and upgrades the tables. Each step may run again, so a migration that was interrupted is repeated from its beginning. */
import type { ClickHouseConnection } from "../../../clients/clickhouse/connection.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import type { ClickHouseTables } from "./clickhouse-setup.ts";
import { createStatements, SCHEMA_VERSION, ttlStatements, upgradeStatements } from "./schema.ts";
import { literal, table } from "./sql.ts";

/** Resolves with what was done. Rejects with `checkpoint_incompatible` for a newer schema. */
export async function migrateTables(connection: ClickHouseConnection, tables: ClickHouseTables): Promise<string[]> {
  const { version, ttl } = await notedSchema(connection, tables);
  if (version > SCHEMA_VERSION) {
    const message = `The history in ClickHouse, database ${tables.database}, has schema version ${version}, and this version of the service knows ${SCHEMA_VERSION}; use the version that made it, or a newer one.`;
    throw new SwapstatsError("checkpoint_incompatible", message);
  }
  const done: string[] = [];
  if (version === 0) {
    for (const { name, sql } of createStatements(tables)) {
      await connection.command(`create ${name}`, sql);
      done.push(`created ${name}`);
    }
  }
  if (version === 1) {
    for (const { name, sql } of upgradeStatements(tables)) {
      await connection.command(`change ${name}`, sql);
      done.push(`changed ${name} for version ${SCHEMA_VERSION}`);
    }
  }
  const { noted, statements } = ttlStatements(tables);
  // A table that is new has no ages yet.
  if (ttl !== noted || (done.length > 0 && noted !== "")) {
    for (const { name, sql } of statements) {
      await connection.command(`change the ages of ${name}`, sql);
      done.push(`changed the ages of ${name}`);
    }
  }
  if (done.length > 0) {
    const into = `${table(tables, "history_schema")} (version, ttl, made)`;
    const sql = `INSERT INTO ${into} VALUES (${SCHEMA_VERSION}, ${literal(noted)}, now64(3))`;
    await connection.command("note the version of the schema", sql);
  }
  return done;
}

/** Version 0 without tables. */
export async function notedSchema(
  connection: ClickHouseConnection,
  tables: ClickHouseTables,
): Promise<{ version: number; ttl: string }> {
  const found = `SELECT count() FROM system.tables WHERE database = ${literal(tables.database)} AND name = 'history_schema'`;
  const [[exists]] = (await connection.rows("read the schema of the history", found)) as unknown as [[number]];
  if (exists === 0) return { version: 0, ttl: "" };
  const sql = `SELECT version, ttl FROM ${table(tables, "history_schema")} ORDER BY version DESC, made DESC LIMIT 1`;
  const rows = (await connection.rows("read the schema of the history", sql)) as unknown as [number, string][];
  const [version, ttl] = rows[0] ?? [0, ""];
  return { version, ttl };
}
