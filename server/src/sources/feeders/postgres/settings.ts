/** Makes the settings of the origin from an entry of `ingest.feeders`: the address from a URL or from keys, and a table or a query. */
import { type PostgresAddress, readAddress } from "../../../clients/postgres/address.ts";
import type { PostgresSettings } from "../../../clients/postgres/connection.ts";
import type { FeederConfig } from "../../../config/build/ingest.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import type { Margin } from "./open-ids.ts";
import { type RowSource, tableParts } from "./statements.ts";

export type PostgresOriginSettings = {
  /** Name of the feeder, for messages. */
  readonly name: string;
  readonly server: PostgresSettings;
  readonly source: RowSource;
  /** Rows of a batch. */
  readonly rowsMax: number;
  readonly margin: Margin;
  readonly pollMs: number;
  /** Channel of NOTIFY that ends a pause. */
  readonly channel: string | undefined;
  /** Where to begin without a position: at the first row, or behind the last. */
  readonly from: "start" | "end";
};

type Entry = FeederConfig<"postgres">;
/** Throws `bad_config` for keys that are missing or contradict each other. No message holds the URL. */
export function originSettings(entry: Entry): PostgresOriginSettings {
  const { name, tls, rowsMax, pollMs, channel, from, statementMs } = entry;
  const address = entry.url === undefined ? addressOfKeys(entry) : addressOfUrl(entry, entry.url);
  const { hasTls, sessions, ...login } = address;
  const { isOn, ...files } = tls;
  if ((files.certPath === undefined) !== (files.keyPath === undefined)) {
    throw refused(name, "has only one of tls.cert and tls.key; give both or neither");
  }
  const server = {
    ...login,
    tls: (hasTls ?? isOn) ? files : undefined,
    sessions: sessions ?? entry.sessions,
    statementMs,
  };
  const margin = { ids: entry.marginIds, timeMs: entry.marginMs };
  return { name, server, source: sourceOf(entry), rowsMax, margin, pollMs, channel, from };
}

function sourceOf({ name, table, query, id }: Entry): RowSource {
  if ((table === undefined) === (query === undefined)) {
    throw refused(name, `has ${table === undefined ? "neither table nor" : "both table and"} query; give one of them`);
  }
  const isWhole = query === undefined || !/;\s*$/.test(query);
  if (!isWhole) throw refused(name, "has a query that ends with a semicolon; remove it");
  return { table: table === undefined ? undefined : tableParts(table), query, id };
}

function addressOfKeys({ name, hosts = [], database, user, password }: Entry): PostgresAddress {
  const missing = [
    ...(hosts.length === 0 ? ["hosts"] : []),
    ...(database === undefined ? ["database"] : []),
    ...(user === undefined ? ["user"] : []),
  ];
  if (database === undefined || user === undefined || hosts.length === 0) {
    throw refused(name, `has no ${missing.join(" and no ")}; give it, or the whole address as url`);
  }
  return { hosts, database, user, password, hasTls: undefined, sessions: undefined };
}

function addressOfUrl({ name, hosts, database, user, password }: Entry, url: string): PostgresAddress {
  if ([hosts, database, user, password].some((value) => value !== undefined)) {
    throw refused(name, "has url, and hosts, database, user or password beside it; keep one of the two");
  }
  return readAddress(url, (text) => refused(name, text));
}

function refused(name: string, text: string): SwapstatsError {
  return new SwapstatsError("bad_config", `The feeder ${name} ${text}.`);
}
