/** Checks once for each connection that the table or query can be read by its id column. The messages say what is there instead. */
import type { Reading } from "../../../clients/postgres/connection.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import type { RowSource, Statements } from "./statements.ts";

/** Object ids of smallint, integer and bigint. */
const INTEGER_TYPES: readonly number[] = [21, 23, 20];
const NAMES_SHOWN_MAX = 40;

/** Rejects with `bad_config`, retryable, when the table cannot be read by id; with the error of the server otherwise. */
export async function checkTable(reading: Reading, statements: Statements, source: RowSource): Promise<void> {
  const { table } = statements;
  if (table !== undefined && (await isMissing(reading, table))) throw await missingTable(reading, source);
  const { columns } = await reading(statements.columns, []);
  const named = columns.filter(({ name }) => name === source.id);
  const what = table === undefined ? "The query" : `The table ${table}`;
  if (named.length !== 1) {
    const names = shown(columns.map(({ name }) => name));
    const text = named.length === 0 ? `has no column "${source.id}"` : `has ${named.length} columns "${source.id}"`;
    throw refused(`${what} ${text}. Its columns are ${names}. Set id to one that is unique and grows.`);
  }
  if (!INTEGER_TYPES.includes(named[0]!.typeOid)) {
    const types = await reading("SELECT format_type($1::oid, NULL) AS type", [String(named[0]!.typeOid)]);
    const type = String(types.rows[0]!.type);
    throw refused(`${what}: the column "${source.id}" is of type ${type}. Set id to a column of integers that grows.`);
  }
  if (table === undefined || (await reading(statements.index, [table, source.id])).rows.length > 0) return;
  const advice = `CREATE INDEX CONCURRENTLY ON ${table} (${statements.id})`;
  throw refused(
    `${what} has no index that begins with ${statements.id}, so each poll would read all of it. Run: ${advice}`,
  );
}

async function isMissing(reading: Reading, table: string): Promise<boolean> {
  const { rows } = await reading("SELECT to_regclass($1::text) IS NULL AS missing", [table]);
  return rows[0]!.missing === true;
}

async function missingTable(reading: Reading, { table }: RowSource): Promise<SwapstatsError> {
  const sql = `SELECT schemaname || '.' || tablename AS name FROM pg_catalog.pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY tablename <> $1::text, 1 LIMIT ${NAMES_SHOWN_MAX + 1}`;
  const { rows } = await reading(sql, [table!.at(-1)!.toLowerCase()]);
  const names = rows.map(({ name }) => String(name));
  const there = names.length === 0 ? "The database has no tables" : `There are ${shown(names)}`;
  return refused(`There is no table ${table!.join(".")}. ${there}. Set table; upper case matters.`);
}

function shown(names: readonly string[]): string {
  const more = names.length > NAMES_SHOWN_MAX ? ", ..." : "";
  return `${names.slice(0, NAMES_SHOWN_MAX).join(", ")}${more}`;
}

function refused(message: string): SwapstatsError {
  return new SwapstatsError("bad_config", message, { retryable: true });
}
