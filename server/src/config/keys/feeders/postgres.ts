/** Keys of a feeder of type `postgres`: a table of the producer, or a query. */
import { key, type Section } from "../../key.ts";
import { choice, DAY_MS, duration, endpoints, HOUR_MS, integer, PATH, SECRET, SWITCH, text } from "../kinds.ts";
import { MAPPING } from "./common.ts";

const name = (what: string) => text(255, /^[^\0\n]+$/, what);

export const POSTGRES_FEEDER = {
  mapping: MAPPING,
  url: key(
    "url",
    SECRET,
    "",
    "Address of the database as `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with several hosts separated by commas. Its parameters `sslmode` and `target_session_attrs` are understood. It replaces `hosts`, `database`, `user` and `password`.",
  ),
  hosts: key(
    "hosts",
    endpoints(16),
    "",
    "`HOST:PORT` of the server, or of the primary and its standbys, separated by commas. They are tried in this order.",
  ),
  database: key("database", name("a name of a database"), "", "Name of the database."),
  user: key("user", name("a name of a user"), "", "User. `SELECT` on the table is all that it needs."),
  password: key("password", SECRET, "", "Password of `user`."),
  sessions: key(
    "target_session_attrs",
    choice(["read-write", "any"]),
    "read-write",
    "Which servers of `hosts` are read. `read-write`: the primary alone. `any`: also a standby; what differs there is said [here](feeders.md#rows-that-commit-late).",
  ),
  tls: {
    isOn: key("tls.enabled", SWITCH, "off", "TLS to the server. Its certificate and host name are verified."),
    caPath: key(
      "tls.ca",
      PATH,
      "",
      "File (PEM) with the certificate authorities for the server. Not set: the authorities that Node trusts.",
    ),
    certPath: key("tls.cert", PATH, "", "File (PEM) with the client certificate, for servers that require one."),
    keyPath: key("tls.key", PATH, "", "File (PEM) with the private key of `tls.cert`."),
  },
  table: key(
    "table",
    name("TABLE or SCHEMA.TABLE"),
    "",
    'Table or view, as `TABLE` or `SCHEMA.TABLE`. Names are taken as they are written, so upper case matters. A name that contains a dot is put in double quotes: `"my.schema".trades`.',
  ),
  query: key(
    "query",
    text(16 * 1024, /^[^\0]+$/, "one SELECT"),
    "",
    "One `SELECT` that gives the rows, instead of `table`. It is used as a subquery, to which the condition on `id`, the order and the limit are added.",
  ),
  id: key(
    "id",
    name("the name of a column"),
    "id",
    "Column whose value is unique and grows with each row: `smallint`, `integer` or `bigint`, normally from a sequence. An index must begin with it.",
  ),
  from: key(
    "from",
    choice(["start", "end"]),
    "start",
    "Where the feeder begins when it has no position yet: at the first row, or behind the last one.",
  ),
  rowsMax: key("batch", integer(1, 5_000), "2000", "Rows that are read at once."),
  pollMs: key("poll", duration(10, HOUR_MS), "1s", "How often the feeder looks for new rows."),
  channel: key(
    "notify",
    name("the name of a channel"),
    "",
    "Channel of `NOTIFY`. A notification makes the feeder look at once. The interval `poll` remains.",
  ),
  marginIds: key(
    "margin",
    integer(0, 1_000_000),
    "1000",
    "Ids that were passed over are looked at again until they lie this far behind the newest one, even if no transaction is open.",
  ),
  marginMs: key(
    "margin_time",
    duration(0, DAY_MS),
    "30s",
    "Ids that were passed over are looked at again for at least this long, even if no transaction is open.",
  ),
  statementMs: key(
    "statement_timeout",
    duration(100, HOUR_MS),
    "30s",
    "Longest time of one statement. The server ends a longer one, and the feeder retries.",
  ),
} satisfies Section;
