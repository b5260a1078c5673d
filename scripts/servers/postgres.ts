/**
 * PostgreSQL for tests: one server with its own data folder, plain or with TLS, and a standby that follows it. PostgreSQL refuses to run as
 * root, so root runs it as `nobody`. Nothing is synced to the disk: a killed server keeps its data, a machine without power would not.
 */
import { execFile } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { Certificates } from "./certificates.ts";
import { requireProgram, requireServer } from "./install.ts";
import { freePort } from "./ports.ts";
import { HOST, type ServerProcess, startProcess, waitUntilReady } from "./process.ts";

type PostgresOptions = {
  /** Folder of this server only, with its data and its log. */
  readonly folder: string;
  /** Default: a free port. */
  readonly port?: number;
  /** Connections without TLS are refused. Clients need a certificate only with `verify`. */
  readonly tls?: Certificates & { readonly verify?: boolean };
  /** Server whose copy this one is and follows. */
  readonly standbyOf?: PostgresServer;
};

export type PostgresServer = Pick<ServerProcess, "pid" | "exited" | "kill" | "signal"> & {
  readonly host: string;
  readonly port: number;
  /** Superuser with the password POSTGRES_PASSWORD, and the database that exists from the beginning. */
  readonly user: "postgres";
  readonly database: "postgres";
  /** Ends all connections and the server. May be called again. */
  stop(): Promise<void>;
  /** Runs SQL as psql takes it, as the superuser. Returns its output, unaligned. */
  sql(text: string): Promise<string>;
  /** Makes a standby a server that accepts writes. */
  promote(): Promise<void>;
};

export const POSTGRES_PASSWORD = "swapstats-test-password";
/** The user `nobody` of Debian and most other systems. */
const NOBODY = 65_534;
const COMMAND_LIMIT_MS = 60_000;
const execute = promisify(execFile);

/** Starts a server. A folder that holds data already, of a server that ended, is used as it is. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { folder, tls, standbyOf } = options;
  const port = options.port ?? (await freePort());
  makeReachable(folder);
  const data = join(folder, "data");
  if (!existsSync(data)) await (standbyOf === undefined ? createData(folder, data) : copyData(standbyOf, data));
  const [command, ...args] = unprivileged(program("postgres"), ["-D", data, ...settings(port)]);
  if (tls !== undefined) args.push(...tlsSettings(folder, data, tls));
  const server = startProcess({ name: "postgres", command: command!, args, folder });
  const sql = (text: string): Promise<string> => runSql(port, tls, text);
  // A server that still recovers, or waits for a killed one to end, refuses connections.
  await waitUntilReady(server, async () => (await sql("SELECT 1")) === "1");
  const stop = async (): Promise<void> => {
    // SIGTERM would wait for the clients.
    server.signal("SIGINT");
    await server.exited;
  };
  const promote = async (): Promise<void> => {
    await sql("SELECT pg_promote()");
  };
  const { pid, exited, kill, signal } = server;
  return { pid, exited, kill, signal, stop, sql, promote, host: HOST, port, user: "postgres", database: "postgres" };
}

const isRoot = (): boolean => process.getuid?.() === 0;
/** The programs stand beside the server itself, which may be a link elsewhere. */
const program = (name: string): string => join(dirname(realpathSync(requireServer("postgres"))), name);

/** Returns the command as it runs here: root takes the identity of `nobody`. */
function unprivileged(command: string, args: readonly string[]): string[] {
  if (!isRoot()) return [command, ...args];
  const identity = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
  return [requireProgram("setpriv"), ...identity, "--", command, ...args];
}

/** Creates the folder. The server's user may enter it, and reads nothing above it. */
function makeReachable(folder: string): void {
  mkdirSync(folder, { recursive: true });
  if (!isRoot()) return;
  for (let path = folder; path !== tmpdir() && path !== dirname(path); path = dirname(path)) {
    if (path.startsWith(tmpdir())) chmodSync(path, 0o711);
  }
  chownSync(folder, NOBODY, NOBODY);
}

async function createData(folder: string, data: string): Promise<void> {
  const passwordFile = join(folder, "password");
  writeOwn(passwordFile, `${POSTGRES_PASSWORD}\n`);
  const login = ["-U", "postgres", "--auth=scram-sha-256", `--pwfile=${passwordFile}`];
  const form = ["--no-locale", "--encoding=UTF8", "--no-sync", "--no-instructions"];
  await run(unprivileged(program("initdb"), ["-D", data, ...login, ...form]));
  const access = ["host all all 127.0.0.1/32 scram-sha-256", "host replication all 127.0.0.1/32 scram-sha-256"];
  writeOwn(join(data, "pg_hba.conf"), `${access.join("\n")}\n`);
}

async function copyData(from: PostgresServer, data: string): Promise<void> {
  const connection = `host=${HOST} port=${from.port} user=postgres password=${POSTGRES_PASSWORD}`;
  const args = ["-D", data, "-d", connection, "-R", "--checkpoint=fast", "--no-sync"];
  await run(unprivileged(program("pg_basebackup"), args));
}

function settings(port: number): string[] {
  const values = [
    `listen_addresses=${HOST}`,
    `port=${port}`,
    "unix_socket_directories=",
    "fsync=off",
    "shared_buffers=32MB",
    "max_connections=60",
    "max_prepared_transactions=4",
    "log_min_messages=fatal",
  ];
  return values.flatMap((value) => ["-c", value]);
}

function tlsSettings(folder: string, data: string, tls: NonNullable<PostgresOptions["tls"]>): string[] {
  const copies = { ssl_cert_file: tls.cert, ssl_key_file: tls.key, ssl_ca_file: tls.ca };
  const values = Object.entries(copies).map(([name, path]) => {
    const copy = join(folder, name);
    copyFileSync(path, copy);
    own(copy);
    return `${name}=${copy}`;
  });
  const kind = tls.verify ? " clientcert=verify-ca" : "";
  writeOwn(join(data, "pg_hba.conf"), `hostssl all all 127.0.0.1/32 scram-sha-256${kind}\n`);
  return ["ssl=on", ...values].flatMap((value) => ["-c", value]);
}

function writeOwn(path: string, text: string): void {
  writeFileSync(path, text);
  own(path);
}

/** Makes a file one of the server's user, which alone may read it. */
function own(path: string): void {
  chmodSync(path, 0o600);
  if (isRoot()) chownSync(path, NOBODY, NOBODY);
}

async function run([command, ...args]: readonly string[]): Promise<void> {
  await execute(command!, args, { timeout: COMMAND_LIMIT_MS, cwd: "/" });
}

async function runSql(port: number, tls: PostgresOptions["tls"], text: string): Promise<string> {
  const security = tls === undefined ? [] : ["sslmode=verify-ca", `sslrootcert=${tls.ca}`];
  const login = tls?.verify ? [`sslcert=${tls.clientCert}`, `sslkey=${tls.clientKey}`] : [];
  const target = [`host=${HOST}`, `port=${port}`, "user=postgres", "dbname=postgres", ...security, ...login];
  const args = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", target.join(" "), "-c", text];
  const env = { ...process.env, PGPASSWORD: POSTGRES_PASSWORD };
  const { stdout } = await execute(program("psql"), args, { timeout: COMMAND_LIMIT_MS, env });
  return stdout.trim();
}
