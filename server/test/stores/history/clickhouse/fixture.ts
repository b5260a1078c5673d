/** A real server and stores on it, for the suites of this folder. */

import { CLICKHOUSE_PASSWORD, type ClickHouseServer } from "../../../../../scripts/servers/clickhouse.ts";
import type { RawRow, SettledRow } from "../../../../src/ports/history-store.ts";
import type {
  ClickHouseHistorySetup,
  ClickHouseTables,
} from "../../../../src/stores/history/clickhouse/clickhouse-setup.ts";

/** Many suites share a machine. */
const LIMIT_MS = 120_000;

/** The setup of a store on this server; `space` names the database. */
export function setupOn(
  { url, user }: Pick<ClickHouseServer, "url" | "user">,
  space: string,
  tables: Partial<ClickHouseTables> = {},
): ClickHouseHistorySetup {
  const tls = { caPath: undefined, certPath: undefined, keyPath: undefined };
  return {
    kind: "clickhouse",
    connection: { url, user, password: CLICKHOUSE_PASSWORD, tls, limitMs: LIMIT_MS },
    tables: {
      database: `swapstats ${space}`,
      ...{ cluster: undefined, storagePolicy: undefined, coldAfterMs: undefined, deleteAfterMs: undefined },
      ...tables,
    },
  };
}

const SWAP_COLUMNS = `chain_id AS chainId, token, token_symbol AS symbol, pool, who, side = 'buy' AS isBuy,
  amount_token AS amountUnits, amount_usd AS usdMicro, price_usd AS givenPrice, toUnixTimestamp64Milli(event_time) AS eventTimeMs,
  tx_hash AS txHash, log_index AS logIndex, tx_index AS txIndex, event_id AS eventId, block_number AS blockNumber, block_hash AS blockHash, revision`;

/** The valid raw events, as a user of the database reads them. `where`: a further condition. */
export async function rawRowsOf(server: ClickHouseServer, database: string, where = "1"): Promise<RawRow[]> {
  const rows = await rowsOf(
    server,
    `SELECT ${SWAP_COLUMNS}, toUnixTimestamp64Milli(arrival) AS arrivalMs, removed AS isRemoval, outcome, offset, record_index AS \`index\`
    FROM \`${database}\`.events FINAL WHERE ${where} ORDER BY log_id, partition, offset, record_index`,
  );
  return rows as RawRow[];
}

/** Settled swaps with their sequences, as docs/history-sql.md reads them where a partition has several streams. */
export async function settledRowsOf(
  server: ClickHouseServer,
  database: string,
  where = "1",
): Promise<{ readonly sequence: number; readonly row: SettledRow }[]> {
  const rows = await rowsOf(
    server,
    `WITH (SELECT groupArray((log_id, partition, epoch, from_ms, to_ms)) FROM \`${database}\`.history_streams FINAL) AS streams,
      toUnixTimestamp64Milli(event_time) AS ms
    SELECT ${SWAP_COLUMNS}, price, sequence FROM \`${database}\`.swaps FINAL WHERE ${where}
      AND epoch = arrayMax(s -> if(s.1 = log_id AND s.2 = partition AND s.4 <= ms AND ms < s.5, s.3, 0), streams)
    ORDER BY partition, sequence`,
  );
  return rows.map(({ sequence, ...row }) => ({ sequence: sequence as number, row: row as SettledRow }));
}

async function rowsOf(server: ClickHouseServer, sql: string): Promise<Record<string, unknown>[]> {
  const settings = "output_format_decimal_trailing_zeros = 1, output_format_json_quote_decimals = 1";
  const integers = "output_format_json_quote_64bit_integers = 0";
  const text = await server.sql(`${sql} SETTINGS ${settings}, ${integers} FORMAT JSONEachRow`);
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const row = Object.entries(JSON.parse(line)).map(([name, value]) => [name, value ?? undefined]);
      const { amountUnits, usdMicro, isBuy, ...rest } = Object.fromEntries(row);
      const units = (decimal: string): string => decimal.replace(".", "");
      return {
        ...rest,
        isBuy: isBuy === 1,
        amountUnits: BigInt(units(amountUnits)),
        usdMicro: Number(units(usdMicro)),
      };
    });
}
