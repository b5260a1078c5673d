/** NATS for tests: one server, open or with any of its kinds of authentication, plain or with TLS. Nothing is stored on disk. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createAccount, createOperator, createUser, encodeAccount, encodeOperator, encodeUser } from "@nats-io/jwt";
import type { Certificates } from "./certificates.ts";
import { requireServer } from "./install.ts";
import { freePort } from "./ports.ts";
import { canConnect, HOST, type ServerProcess, startProcess, waitUntilReady } from "./process.ts";

export type NatsOptions = {
  /** Folder of this server only, with its configuration and its log. */
  readonly folder: string;
  /** Default: a free port. */
  readonly port?: number;
  /** Who may connect. Default: everybody. */
  readonly access?: NatsAccess;
  /** Clients must use TLS. They need no certificate unless `verify`. */
  readonly tls?: Certificates & { readonly verify?: boolean };
  /** Further lines of its configuration file. */
  readonly lines?: readonly string[];
};

/** Lines of the configuration, and the credentials of a client. */
export type NatsAccess = {
  readonly lines: readonly string[];
  readonly client: {
    readonly user?: string;
    readonly password?: string;
    readonly nkey?: string;
    readonly jwt?: string;
  };
};

export type NatsServer = Pick<ServerProcess, "pid" | "exited" | "stop" | "kill" | "signal"> & {
  readonly host: string;
  readonly port: number;
  readonly url: string;
};

export async function startNats(options: NatsOptions): Promise<NatsServer> {
  const { folder, access, tls, lines = [] } = options;
  const port = options.port ?? (await freePort());
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "nats.conf");
  const config = [`host: "${HOST}"`, `port: ${port}`, ...(access?.lines ?? []), ...tlsLines(tls), ...lines];
  writeFileSync(file, `${config.join("\n")}\n`);
  const server = startProcess({ name: "nats", command: requireServer("nats"), args: ["-c", file], folder });
  await waitUntilReady(server, () => canConnect(port));
  const { pid, exited, stop, kill, signal } = server;
  return { pid, exited, stop, kill, signal, host: HOST, port, url: `nats://${HOST}:${port}` };
}

function tlsLines(tls: NatsOptions["tls"]): string[] {
  if (tls === undefined) return [];
  const verify = tls.verify ? `ca_file: "${tls.ca}", verify: true, ` : "";
  return [`tls { ${verify}cert_file: "${tls.cert}", key_file: "${tls.key}" }`];
}

export function passwordAccess(user: string, password: string): NatsAccess {
  const lines = [`authorization { users: [ { user: "${user}", password: "${password}" } ] }`];
  return { lines, client: { user, password } };
}

/** A new pair of keys: the server knows the public key, and the client proves that it has the seed. */
export function nkeyAccess(): NatsAccess {
  const user = createUser();
  const lines = [`authorization { users: [ { nkey: ${user.getPublicKey()} } ] }`];
  return { lines, client: { nkey: text(user.getSeed()) } };
}

/** A new operator with one account and one user. The account is in the server's configuration. */
export async function jwtAccess(): Promise<NatsAccess> {
  const operator = createOperator();
  const account = createAccount();
  const user = createUser();
  const operatorJwt = await encodeOperator("swapstats-test", operator);
  const accountJwt = await encodeAccount("swapstats", account, { limits: UNLIMITED }, { signer: operator });
  const userJwt = await encodeUser("instance", user, account, {});
  const lines = [
    `operator: ${operatorJwt}`,
    "resolver: MEMORY",
    `resolver_preload { ${account.getPublicKey()}: ${accountJwt} }`,
  ];
  return { lines, client: { jwt: userJwt, nkey: text(user.getSeed()) } };
}

/** No limits. NATS reads a missing limit as zero. */
const UNLIMITED = { conn: -1, subs: -1, data: -1, payload: -1, leaf: -1, imports: -1, exports: -1, wildcards: true };

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
