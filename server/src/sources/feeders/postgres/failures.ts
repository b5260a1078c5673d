/**
 * Says in plain words why PostgreSQL was not reached or refused something, and what to do. All of it can be put right at the server, so all
 * of it is retried.
 */
import { SwapstatsError } from "../../../shared/errors.ts";

export type Target = {
  /** Address and database, for messages. */
  readonly server: string;
  readonly user: string;
  /** Table or query, for messages. */
  readonly what: string;
  readonly statementMs: number;
};

type ServerError = Error & { readonly code?: unknown };

/** SQLSTATE codes with their advice. PostgreSQL's own message names the object. */
const ADVICE: Readonly<Record<string, (target: Target) => string>> = {
  "28P01": ({ user }) => `The password of user ${user} is refused. Check password`,
  "28000": ({ user }) => `User ${user} may not log in this way. Check user, tls and pg_hba.conf of the server`,
  "3D000": () => "There is no such database. Check database",
  "42501": ({ user, what }) => `User ${user} may not read it. Run GRANT SELECT ON ${what} TO ${user}`,
  "42P01": () => "Check table and query",
  "42703": () => "Check id and query",
  "42601": () => "The query must be one SELECT. Check query",
  "57014": ({ statementMs }) =>
    `A statement took longer than statement_timeout (${statementMs} ms). Give the id column an index, read fewer rows by batch, or raise statement_timeout`,
  "53300": () => "The server has too many connections. Raise max_connections there, or use a pooler",
};

/** Returns the error as a SwapstatsError with a message that names the server. Errors of this service stay as they are. */
export function explained(error: unknown, target: Target): SwapstatsError {
  if (error instanceof SwapstatsError) return error;
  const { code, message } =
    error instanceof Error ? (error as ServerError) : { code: undefined, message: String(error) };
  const reason = message === "" ? String(code) : message.replace(/\.$/, "");
  const advice = typeof code === "string" ? ADVICE[code] : undefined;
  const hint = advice === undefined ? "The feeder retries" : advice(target);
  const text = `PostgreSQL at ${target.server}: ${reason}. ${hint}.`;
  const isConfig = advice !== undefined && code !== "57014" && code !== "53300";
  return new SwapstatsError(isConfig ? "bad_config" : "unavailable", text, { cause: error, retryable: true });
}
