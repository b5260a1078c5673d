/** Keys of the ClickHouse that keeps the history. */
import { key, ofPart, type Section } from "../key.ts";
import { DAY_MS, duration, HOUR_MS, PATH, PRINTABLE, SECRET, text } from "./kinds.ts";

const AGE_MS_MAX = 36_500 * DAY_MS;
const name = text(128, /^[A-Za-z_][A-Za-z0-9_-]*$/, "letters, digits, _ and -, and a letter or _ first");

export const CLICKHOUSE = ofPart("clickhouse history", {
  url: key(
    "stores.clickhouse.url",
    text(1024, /^https?:\/\/[^\s/?#@]+\/?$/, "an address such as https://clickhouse.example.com:8443, without a user"),
    "",
    "Address of the HTTP interface of ClickHouse. With `https` the certificate and host name of the server are verified.",
  ),
  user: key(
    "stores.clickhouse.user",
    PRINTABLE,
    "default",
    "User. It may create the database and tables, or owns them.",
  ),
  password: key("stores.clickhouse.password", SECRET, "", "Password of `user`."),
  tls: {
    caPath: key(
      "stores.clickhouse.tls_ca",
      PATH,
      "",
      "File (PEM) with the certificate authorities for the server. Not set: the authorities that Node trusts.",
    ),
    certPath: key("stores.clickhouse.tls_cert", PATH, "", "File (PEM) with the client certificate. It needs `tls_ca`."),
    keyPath: key("stores.clickhouse.tls_key", PATH, "", "File (PEM) with the private key of `tls_cert`."),
  },
  database: key(
    "stores.clickhouse.database",
    name,
    "swapstats",
    "Database of the tables. Installations that share a server need different ones.",
  ),
  cluster: key(
    "stores.clickhouse.cluster",
    name,
    "",
    "Cluster of one shard on which the tables are made, with replicated engines. Not set: tables of one server.",
  ),
  storagePolicy: key(
    "stores.clickhouse.storage_policy",
    name,
    "",
    "Storage policy of the tables. Its volume `cold` gets the rows that are older than `cold_after`. Not set: the default of the server.",
  ),
  coldAfterMs: key(
    "stores.clickhouse.cold_after",
    duration(0, AGE_MS_MAX),
    "90d",
    "Age after which rows move to the volume `cold` of `storage_policy`. 0: never.",
  ),
  deleteAfterMs: key(
    "stores.clickhouse.delete_after",
    duration(0, AGE_MS_MAX),
    "365d",
    "Age after which swaps, events and minutes are deleted. Days are kept. 0: never. The shorter one of this and `history.retention` counts.",
  ),
  requestMs: key(
    "stores.clickhouse.request_timeout",
    duration(1_000, HOUR_MS),
    "30s",
    "Longest time of one request. A write that took longer is repeated, and a read fails.",
  ),
}) satisfies Section;
