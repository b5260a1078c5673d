/** The settings of the way between instances, with the checks that look at more than one key. */
import type { ConfigProblem } from "./load.ts";
import type { KeyValue } from "./values.ts";

export type NatsConfig = {
  /** Addresses with commas between them. */
  readonly url: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly nkey: string | undefined;
  /** A user's JWT, or the text of a credentials file. */
  readonly jwt: string | undefined;
  readonly tls: {
    readonly enabled: boolean;
    readonly caPath: string | undefined;
    readonly certPath: string | undefined;
    readonly keyPath: string | undefined;
  };
};

const KEYS = ["user", "password", "nkey", "jwt", "tls.ca", "tls.cert", "tls.key"] as const;
const CREDENTIALS = "-----BEGIN NATS USER JWT-----";

/** Undefined: there is no way to other instances. */
export function buildNats(
  values: ReadonlyMap<string, KeyValue>,
  problems: ConfigProblem[],
): { readonly nats: NatsConfig | undefined } {
  const word = (key: string): string | undefined => values.get(`pubsub.nats.${key}`) as string | undefined;
  const refuse = (key: string, message: string): void => {
    problems.push({ path: `pubsub.nats.${key}`, where: "", message });
  };
  const url = word("url");
  if (url === undefined) {
    for (const key of KEYS)
      if (word(key) !== undefined) refuse(key, "is set without url; give the address of NATS, or remove it");
    return { nats: undefined };
  }
  const [user, password, nkey, jwt] = [word("user"), word("password"), word("nkey"), word("jwt")];
  if ((user === undefined) !== (password === undefined)) {
    const [missing, given] = user === undefined ? ["user", "password"] : ["password", "user"];
    refuse(missing, `is not set, and ${given} is; give both`);
  }
  if (user !== undefined && (nkey !== undefined || jwt !== undefined)) {
    refuse("user", "is set beside nkey or jwt; NATS takes one kind of proof, so keep one");
  }
  const isFile = jwt?.includes(CREDENTIALS) === true;
  if (jwt !== undefined && !isFile && nkey === undefined) {
    refuse("nkey", "is not set, and jwt needs the seed of its user; give both, or a credentials file as jwt");
  }
  if (isFile && nkey !== undefined) refuse("nkey", "is set beside a credentials file, which holds a seed; remove it");
  if ((word("tls.cert") === undefined) !== (word("tls.key") === undefined)) {
    const [missing, given] = word("tls.cert") === undefined ? ["tls.cert", "tls.key"] : ["tls.key", "tls.cert"];
    refuse(missing, `is not set, and ${given} is; give both`);
  }
  const enabled = word("tls.enabled") === "on" || url.includes("tls://");
  for (const key of ["tls.ca", "tls.cert", "tls.key"]) {
    if (!enabled && word(key) !== undefined) refuse(key, "is set, and TLS is off; set tls.enabled to on");
  }
  const tls = { enabled, caPath: word("tls.ca"), certPath: word("tls.cert"), keyPath: word("tls.key") };
  return { nats: { url, user, password, nkey, jwt, tls } };
}
