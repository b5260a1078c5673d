/** Reads the address of a database from a URL, as libpq writes it. */
import type { SwapstatsError } from "../../shared/errors.ts";
import type { PostgresHost, PostgresSettings } from "./connection.ts";

export type PostgresAddress = Pick<PostgresSettings, "hosts" | "database" | "user" | "password"> & {
  /** Undefined: the URL does not say. */
  readonly hasTls: boolean | undefined;
  readonly sessions: PostgresSettings["sessions"] | undefined;
};

/** Makes the error of a phrase such as "has a url of another form". */
type Refuse = (phrase: string) => SwapstatsError;

const DEFAULT_PORT = 5432;
/** Scheme, login, hosts, database and parameters. */
const URL_FORM = /^postgres(?:ql)?:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/?]+)\/([^?]+)(?:\?(.*))?$/;
/** Names, IPv4 and IPv6 addresses in brackets, with an optional port. */
const HOST_FORM = /^(\[[0-9a-fA-F:.]+\]|[^:[\]]+)(?::([0-9]{1,5}))?$/;
const URL_HELP = "write postgres://USER:PASSWORD@HOST:PORT/DATABASE, and % codes for special characters in a password";

/** Throws what `refuse` makes for a URL that is not understood. No phrase holds the URL. */
export function readAddress(url: string, refuse: Refuse): PostgresAddress {
  const match = URL_FORM.exec(url);
  if (match === null) throw refuse(`has a url of another form; ${URL_HELP}`);
  const [, userText, passwordText, hostsText, databaseText, parameters] = match;
  const user = decoded(userText, refuse);
  const database = decoded(databaseText, refuse);
  if (user === undefined || database === undefined) throw refuse(`has a url without a user; ${URL_HELP}`);
  return {
    ...{ user, database, password: decoded(passwordText, refuse) },
    hosts: hostsText!.split(",").map((text) => hostOf(text, refuse)),
    ...parametersOf(new URLSearchParams(parameters), refuse),
  };
}

function hostOf(text: string, refuse: Refuse): PostgresHost {
  const match = HOST_FORM.exec(text);
  const port = Number(match?.[2] ?? DEFAULT_PORT);
  if (match === null || port < 1 || port > 65_535) throw refuse(`has a url with a wrong host; ${URL_HELP}`);
  return { host: match[1]!.replace(/^\[|\]$/g, ""), port };
}

/** TLS always verifies here, also with `sslmode=require`. */
function parametersOf(parameters: URLSearchParams, refuse: Refuse): Pick<PostgresAddress, "hasTls" | "sessions"> {
  let hasTls: boolean | undefined;
  let sessions: PostgresAddress["sessions"];
  for (const [key, value] of parameters) {
    if (key === "sslmode" && ["disable", "require", "verify-ca", "verify-full"].includes(value)) {
      hasTls = value !== "disable";
    } else if (key === "target_session_attrs" && (value === "any" || value === "read-write")) sessions = value;
    else {
      const known = "sslmode=disable, require, verify-ca or verify-full, and target_session_attrs=any or read-write";
      throw refuse(`has a url with the parameter ${key}, or a value of it, that is not understood; known are ${known}`);
    }
  }
  return { hasTls, sessions };
}

function decoded(text: string | undefined, refuse: Refuse): string | undefined {
  if (text === undefined || text === "") return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    throw refuse(`has a url with a wrong % code; ${URL_HELP}`);
  }
}
