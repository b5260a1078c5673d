/** The embedded history of tests, and its raw events as another program reads them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type DuckDBDecimalValue, DuckDBInstance, type DuckDBTimestampValue, type DuckDBValue } from "@duckdb/node-api";
import type { RawRow } from "../../../src/ports/history-store.ts";
import type { EmbeddedHistorySetup } from "../../../src/stores/history/embedded/embedded-setup.ts";

export function embeddedSetup(dataDir: string): EmbeddedHistorySetup {
  return { kind: "embedded", dataDir, memoryBytes: 512 * 2 ** 20, threads: 2, retentionMs: 0, cold: undefined };
}

/** `coldFolder` has the files of the second tier, by their paths. */
export async function readRawEvents(dataDir: string, coldFolder = ""): Promise<RawRow[]> {
  const folder = join(dataDir, "history");
  const listed = JSON.parse(readFileSync(join(folder, "files.json"), "utf8")) as Record<"events" | "cold", string[]>;
  const cold = listed.cold.filter((path) => path.startsWith("events/"));
  const files = [...listed.events.map((path) => join(folder, path)), ...cold.map((path) => join(coldFolder, path))];
  const duck = await DuckDBInstance.create(":memory:");
  const connection = await duck.connect();
  const paths = files.map((path) => `'${path}'`).join(", ");
  const key = `log_id, partition, "offset", record_index`;
  const sql = `FROM read_parquet([${paths}]) QUALIFY row_number() OVER (PARTITION BY ${key} ORDER BY epoch DESC) = 1`;
  const result = await connection.runAndReadAll(sql);
  const rows = result.getRowObjects().map(rawRowOf);
  connection.closeSync();
  duck.closeSync();
  return rows;
}

function rawRowOf(row: Record<string, DuckDBValue>): RawRow {
  const text = (name: string): string | undefined => (row[name] as string | null) ?? undefined;
  const number = (name: string): number | undefined => (row[name] === null ? undefined : Number(row[name]));
  const time = (name: string): number => Number((row[name] as DuckDBTimestampValue).micros / 1_000n);
  return {
    chainId: number("chain_id")!,
    token: text("token")!,
    symbol: text("token_symbol"),
    pool: text("pool"),
    who: text("who"),
    isBuy: row.side === "buy",
    amountUnits: (row.amount_token as DuckDBDecimalValue).value,
    usdMicro: Number((row.amount_usd as DuckDBDecimalValue).value),
    givenPrice: number("price_usd"),
    eventTimeMs: time("event_time"),
    txHash: text("tx_hash")!,
    logIndex: number("log_index")!,
    txIndex: number("tx_index")!,
    eventId: text("event_id") ?? `${row.chain_id}:${row.tx_hash}:${row.log_index}`,
    blockNumber: number("block_number"),
    blockHash: text("block_hash"),
    revision: number("revision")!,
    offset: number("offset")!,
    index: number("record_index")!,
    arrivalMs: time("arrival"),
    isRemoval: row.removed as boolean,
    outcome: text("outcome")!,
  };
}
