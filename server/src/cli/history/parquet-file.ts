/** Makes a Parquet file of exported lines with DuckDB, in bounded memory. */
import { open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { SwapstatsError } from "../../shared/errors.ts";
import { publish, writeFailure } from "./file-target.ts";

/** Type of each column of an exported file. */
const COLUMNS: Readonly<Record<string, string>> = {
  chain_id: "UINTEGER",
  token: "VARCHAR",
  token_symbol: "VARCHAR",
  pool: "VARCHAR",
  who: "VARCHAR",
  side: "VARCHAR",
  amount_token: "DECIMAL(38,18)",
  amount_usd: "DECIMAL(18,6)",
  price_usd: "DOUBLE",
  event_time: "BIGINT",
  tx_hash: "VARCHAR",
  log_index: "UINTEGER",
  tx_index: "UINTEGER",
  event_id: "VARCHAR",
  block_number: "BIGINT",
  block_hash: "VARCHAR",
  revision: "BIGINT",
  price: "DOUBLE",
};
const MEMORY_LIMIT = "256MiB";
const OPTIONS = "FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2, ROW_GROUP_SIZE 61440";

const importDuckdb = () =>
  import("@duckdb/node-api").catch((cause: unknown): never => {
    const message =
      "--format parquet needs the package @duckdb/node-api, which is not installed on this machine. Run `npm install` without `--omit=optional`, or use --format ndjson or csv.";
    throw new SwapstatsError("bad_config", message, { cause });
  });

/** Rejects with `bad_config` where the package is missing. */
export async function checkDuckdb(): Promise<void> {
  await importDuckdb();
}

/**
 * Writes the file `path` from the NDJSON file `lines`. It is written as `part`, and has its name when it is complete. Rejects with
 * `storage_failed`, or the signal's reason.
 */
export async function writeParquet(lines: string, path: string, part: string, signal: AbortSignal): Promise<void> {
  const { DuckDBInstance } = await importDuckdb();
  const instance = await DuckDBInstance.create(":memory:", { memory_limit: MEMORY_LIMIT, threads: "1" });
  const connection = await instance.connect();
  const interrupt = (): void => connection.interrupt();
  signal.addEventListener("abort", interrupt);
  try {
    await connection.run(`SET temp_directory = ${quoted(tmpdir())}`);
    await connection.run("SET preserve_insertion_order = true");
    const types = Object.entries(COLUMNS).map(([name, type]) => `${name}: '${type}'`);
    const columns = Object.keys(COLUMNS).map((name) =>
      name === "event_time" ? "make_timestamp_ms(event_time)::TIMESTAMP_MS AS event_time" : name,
    );
    const source = `read_json(${quoted(lines)}, format = 'newline_delimited', columns = {${types.join(", ")}})`;
    await connection.run(`COPY (SELECT ${columns.join(", ")} FROM ${source}) TO ${quoted(part)} (${OPTIONS})`);
    const file = await open(part, "r");
    await file.sync().finally(() => file.close());
    await publish(part, path);
  } catch (cause) {
    await rm(part, { force: true });
    signal.throwIfAborted();
    throw writeFailure(path, cause);
  } finally {
    signal.removeEventListener("abort", interrupt);
    connection.closeSync();
    instance.closeSync();
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
