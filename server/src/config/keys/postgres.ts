/** Keys of the PostgreSQL that keeps the history. */
import { key, ofPart, type Section } from "../key.ts";
import { duration, endpoints, HOUR_MS, PATH, SECRET, SWITCH, text } from "./kinds.ts";

const name = (what: string) => text(63, /^[^\0\n]+$/, what);

export const POSTGRES = ofPart("postgres history", {
  url: key(
    "stores.postgres.url",
    SECRET,
    "",
    "Address of the database as `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with several hosts separated by commas. Its parameters `sslmode` and `target_session_attrs` are understood. It replaces `hosts`, `database`, `user` and `password`.",
  ),
  hosts: key(
    "stores.postgres.hosts",
    endpoints(16),
    "",
    "`HOST:PORT` of the server, or of the primary and its standbys, separated by commas. The first primary that answers is used.",
  ),
  database: key(
    "stores.postgres.database",
    name("a name of a database"),
    "",
    "Name of the database. Its encoding must be UTF8.",
  ),
  user: key(
    "stores.postgres.user",
    name("a name of a user"),
    "",
    "User. It needs the right to create the schema, or owns it, and may make temporary tables.",
  ),
  password: key("stores.postgres.password", SECRET, "", "Password of `user`."),
  schema: key(
    "stores.postgres.schema",
    text(48, /^[a-z_][a-z0-9_]*$/, "lower-case letters, digits and _, and no digit first"),
    "swapstats",
    "Schema of the tables. Installations that share a database need different ones.",
  ),
  tls: {
    isOn: key("stores.postgres.tls", SWITCH, "off", "TLS to the server. Its certificate and host name are verified."),
    caPath: key(
      "stores.postgres.tls_ca",
      PATH,
      "",
      "File (PEM) with the certificate authorities for the server. Not set: the authorities that Node trusts.",
    ),
    certPath: key("stores.postgres.tls_cert", PATH, "", "File (PEM) with the client certificate."),
    keyPath: key("stores.postgres.tls_key", PATH, "", "File (PEM) with the private key of `tls_cert`."),
  },
  statementMs: key(
    "stores.postgres.statement_timeout",
    duration(1_000, HOUR_MS),
    "30s",
    "Longest time of one statement. The server ends a longer one; a write is then tried again, and a read fails.",
  ),
}) satisfies Section;
