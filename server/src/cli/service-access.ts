/** How commands show who they are to a service, and which certificates they trust. */
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { InvalidArgumentError, Option } from "commander";
import { PEM_BYTES_MAX, readRegularFile } from "../shared/read-regular-file.ts";

const TOKEN_BYTES_MAX = 64 * 1024;
/** What a header field may hold. */
const TOKEN = /^[\x21-\x7e]+$/;

/** On the command line other users of the machine can read a token, so it can also be named. */
export const tokenOption = (): Option =>
  new Option("--token <token>", "token or API key for the service; env:NAME and file:PATH name one")
    .env("SWAPSTATS_TOKEN")
    .argParser(readToken);

export const caOption = (): Option =>
  new Option("--ca <file>", "certificate authority (PEM) of the service, besides those that Node trusts")
    .env("SWAPSTATS_CA")
    .argParser(trustAuthority);

/** Returns the header field that shows the token. */
export function bearerField(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

/** Says what helps when a service refuses the credentials of a command. Undefined for another status. */
export function credentialsHint(status: number, token: string | undefined): string | undefined {
  if (status === 403) return "the token or key does not permit this; its scope must be wider";
  if (status !== 401) return undefined;
  const advice = "give a token or an API key with --token or SWAPSTATS_TOKEN";
  return token === undefined ? `it needs credentials; ${advice}` : `it refuses the credentials; ${advice}`;
}

/** The message never repeats what was given: it may be the token itself. */
function readToken(text: string): string {
  const [, kind, name = ""] = /^(env|file):(.+)$/s.exec(text) ?? [];
  let token = text;
  if (kind === "env") token = process.env[name] ?? "";
  if (kind === "file") {
    try {
      token = readRegularFile(name, TOKEN_BYTES_MAX).toString();
    } catch (error) {
      throw new InvalidArgumentError(`The file of the token cannot be read: ${(error as Error).message}.`);
    }
  }
  token = token.trim();
  if (TOKEN.test(token)) return token;
  throw new InvalidArgumentError("It is empty or holds spaces; give a token, env:NAME or file:PATH.");
}

/** Adds the authorities of the file to those that this process trusts. Returns the path. */
function trustAuthority(path: string): string {
  try {
    const authority = readRegularFile(path, PEM_BYTES_MAX).toString();
    setDefaultCACertificates([...getCACertificates("default"), authority]);
  } catch (error) {
    throw new InvalidArgumentError(`It cannot be used: ${(error as Error).message}.`);
  }
  return path;
}
