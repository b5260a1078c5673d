/** Makes the settings of the connections from the configuration: the address from a URL or from keys. */
import { readAddress } from "../../../clients/postgres/address.ts";
import type { PostgresSettings } from "../../../clients/postgres/connection.ts";
import type { PostgresHistoryConfig } from "../../../config/build/postgres.ts";
import { SwapstatsError } from "../../../shared/errors.ts";

/** Plain data, which can be posted to a thread. */
export type PostgresHistorySetup = {
  readonly kind: "postgres";
  readonly server: PostgresSettings;
  /** Schema of the tables: lower-case letters, digits and _, so that it needs no quotes. */
  readonly schema: string;
  /** Age from which compaction drops days. 0: never. */
  readonly retentionMs: number;
};

/** Throws `bad_config` for a URL that is not understood. No message holds the URL. */
export function postgresHistorySetup(config: PostgresHistoryConfig, retentionMs: number): PostgresHistorySetup {
  const { url, tls, schema, statementMs, ...login } = config;
  const { hasTls, sessions, ...address } =
    url === undefined ? { ...login, hasTls: undefined, sessions: undefined } : readAddress(url, refused);
  const server = {
    ...address,
    tls: (hasTls ?? tls !== undefined) ? (tls ?? NO_FILES) : undefined,
    sessions: sessions ?? "read-write",
    statementMs,
  } as const;
  return { kind: "postgres", server, schema, retentionMs };
}

const NO_FILES = { caPath: undefined, certPath: undefined, keyPath: undefined };

function refused(phrase: string): SwapstatsError {
  return new SwapstatsError("bad_config", `stores.postgres ${phrase}.`);
}
