/** Says in plain words why PostgreSQL could not be used, and what to do. */
import { SwapstatsError } from "../../../shared/errors.ts";

type ServerError = Error & { readonly code?: unknown };

export type HistoryTarget = {
  /** "PostgreSQL at HOST:PORT, database NAME". */
  readonly where: string;
  readonly user: string;
  readonly schema: string;
  readonly statementMs: number;
};

/** SQLSTATE codes with their advice. PostgreSQL's own message names the object. */
const ADVICE: Readonly<Record<string, (target: HistoryTarget) => string>> = {
  "28P01": ({ user }) => `The password of user ${user} is refused. Check stores.postgres.password`,
  "28000": ({ user }) =>
    `User ${user} may not log in this way. Check stores.postgres.user, its tls keys, and pg_hba.conf of the server`,
  "3D000": () => "There is no such database. Create it, or check stores.postgres.database",
  "3F000": () => "The tables are missing. Run `swapstats history migrate`",
  "42P01": () => "The tables are missing. Run `swapstats history migrate`",
  "42501": ({ user, schema }) =>
    `User ${user} needs the right to create the schema ${schema} or, if it exists, to own it, and the right TEMPORARY on the database`,
  "25006": () =>
    "The server accepts no writes: it is a standby, or default_transaction_read_only is on. Name the primary",
  "53100": () => "Its disk is full. Free space, or set history.retention",
  "53200": () => "A query over many days needs more locks. Raise max_locks_per_transaction of the server",
  "53300": () => "The server has too many connections. Raise max_connections there, or use a pooler",
  "57014": ({ statementMs }) =>
    `A statement took longer than stores.postgres.statement_timeout (${statementMs} ms). Ask for a shorter span, or raise it`,
};

/** Returns the error as `storage_failed`, retryable. Errors of this program stay as they are, except that closing the store is a failure. */
export function storageFailure(error: unknown, target: HistoryTarget): SwapstatsError {
  if (error instanceof SwapstatsError && error.code !== "unavailable") return error;
  const { code, message } =
    error instanceof Error ? (error as ServerError) : { code: undefined, message: String(error) };
  const reason = message === "" ? String(code) : message.replace(/\.$/, "");
  const advice = typeof code === "string" ? ADVICE[code] : undefined;
  const hint = advice === undefined ? "Check that it runs and can be reached" : advice(target);
  const text = `The history in ${target.where} failed: ${reason}. ${hint}.`;
  return new SwapstatsError("storage_failed", text, { cause: error, retryable: true });
}
