/** History stores on a real PostgreSQL: each space is a schema of its own. */
import { Client } from "pg";
import { POSTGRES_PASSWORD, type PostgresServer } from "../../../../../scripts/servers/postgres.ts";
import type { RawRow } from "../../../../src/ports/history-store.ts";
import { READ_COLUMNS, settledRow } from "../../../../src/stores/history/postgres/copy-text.ts";
import { plainText } from "../../../../src/stores/history/postgres/parts.ts";
import { PostgresHistoryStore } from "../../../../src/stores/history/postgres/postgres-history-store.ts";
import { msOf } from "../../../../src/stores/history/postgres/schema.ts";
import type { PostgresHistorySetup } from "../../../../src/stores/history/postgres/settings.ts";
import type { HistoryBackend } from "../contract.ts";

type Changes = Partial<PostgresHistorySetup["server"]> & Partial<Pick<PostgresHistorySetup, "schema" | "retentionMs">>;

const login = { database: "postgres", user: "postgres", password: POSTGRES_PASSWORD };

export function setupOn(at: Pick<PostgresServer, "host" | "port">, changes: Changes = {}): PostgresHistorySetup {
  const { schema = "swapstats", retentionMs = 0, ...server } = changes;
  return {
    kind: "postgres",
    server: {
      hosts: [{ host: at.host, port: at.port }],
      ...login,
      ...{ tls: undefined, sessions: "read-write", statementMs: 30_000 },
      ...server,
    },
    ...{ schema, retentionMs },
  };
}

export function openStore(at: Pick<PostgresServer, "host" | "port">, changes: Changes = {}): PostgresHistoryStore {
  return new PostgresHistoryStore(setupOn(at, changes));
}

export function backendOf(server: PostgresServer): HistoryBackend {
  return {
    open: async (space) => openStore(server, { schema: space }),
    rawRows: async (space) => {
      const columns = READ_COLUMNS.replace(" price,", "");
      const sql = `SELECT ${columns}, "offset", record_index, ${msOf("arrival")} AS arrival_ms, removed, outcome FROM ${space}.events`;
      const client = new Client({ ...login, host: server.host, port: server.port });
      await client.connect();
      const { rows } = await client.query<Record<string, unknown>>(sql).finally(() => client.end());
      return rows.map((row): RawRow => {
        const { price: _, ...swap } = settledRow({ price: null, ...row });
        return {
          ...swap,
          offset: Number(row.offset),
          index: Number(row.record_index),
          arrivalMs: Number(row.arrival_ms),
          isRemoval: row.removed === true,
          outcome: plainText(row.outcome as string),
        };
      });
    },
  };
}
