/**
 * One connection to PostgreSQL. Each piece of work is a transaction of its own, with a time limit on both sides. The limits are set within
 * the transaction, so they also hold behind a pooler, which gives each transaction another connection of the server.
 *
 * A connection is not repaired: after a failure it is closed, and the caller opens another one. Hosts are tried in their order.
 */
import { Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import type { ConnectionOptions } from "node:tls";
import { Client, type QueryConfig } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { SwapstatsError } from "../../shared/errors.ts";
import { PEM_BYTES_MAX, readRegularFile } from "../../shared/read-regular-file.ts";

export type PostgresHost = { readonly host: string; readonly port: number };

type PostgresTls = {
  readonly caPath: string | undefined;
  readonly certPath: string | undefined;
  readonly keyPath: string | undefined;
};

export type PostgresSettings = {
  /** Tried in this order. */
  readonly hosts: readonly PostgresHost[];
  readonly database: string;
  readonly user: string;
  readonly password: string | undefined;
  /** Undefined: no TLS. Otherwise the server's certificate is verified. */
  readonly tls: PostgresTls | undefined;
  /** `read-write`: standbys are passed over. */
  readonly sessions: "any" | "read-write";
  /** Longest time of one statement. */
  readonly statementMs: number;
};

type Row = Readonly<Record<string, unknown>>;
type Column = { readonly name: string; readonly typeOid: number };
type RowsRead = { readonly rows: readonly Row[]; readonly columns: readonly Column[] };
/** Runs one statement of a transaction. Values are parameters of it: a null, a text, or a list of texts. */
export type Reading = (sql: string, values: readonly (string | readonly string[] | null)[]) => Promise<RowsRead>;

/** A transaction that may write. */
export type Writing = {
  readonly query: Reading;
  /** Sends the chunks, texts in the form of COPY, to `COPY ... FROM STDIN`. */
  copy(sql: string, chunks: Iterable<string>): Promise<void>;
};

/** `snapshot`: all statements see what was committed when the first one began. */
type Sight = "statement" | "snapshot";
const ISOLATION = { statement: "READ COMMITTED", snapshot: "REPEATABLE READ" } as const;

const CONNECT_LIMIT_MS = 10_000;
/** A server that answers nothing at all is given up this long after its own limit. */
const ANSWER_EXTRA_MS = 5_000;
const CLOSE_LIMIT_MS = 1_000;
/** An idle connection is probed after this time, so that one that a firewall forgot is noticed. */
const KEEP_ALIVE_MS = 30_000;
const VERSION_MIN = 130_000;

/** Reads the files of the TLS settings. Throws `bad_config` when one cannot be read. `where` begins the message. */
export function readTlsFiles(tls: PostgresTls, where: string): ConnectionOptions {
  const file = (path: string | undefined): Buffer | undefined => {
    if (path === undefined) return undefined;
    try {
      return readRegularFile(path, PEM_BYTES_MAX);
    } catch (cause) {
      const message = `${where}: the file ${path} cannot be read (${(cause as Error).message}); check the path and its permissions`;
      throw new SwapstatsError("bad_config", message, { cause });
    }
  };
  const options = { ca: file(tls.caPath), cert: file(tls.certPath), key: file(tls.keyPath) };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

type Callbacks = {
  /** Called for each notification of the channel, and when the connection is lost. */
  readonly onWake: () => void;
};

export class PostgresConnection {
  readonly #client: Client;
  readonly #socket: Socket;
  readonly #statementMs: number;
  #isLost = false;
  /** Whether the server is a standby, which follows another one. */
  isStandby = false;
  /** Changes when the server is restarted, and differs between servers. */
  serverStart = "";

  private constructor(settings: PostgresSettings, at: PostgresHost, tls: ConnectionOptions | undefined, on: Callbacks) {
    const { database, user, password, statementMs } = settings;
    this.#statementMs = statementMs;
    this.#socket = new Socket();
    this.#client = new Client({
      ...at,
      database,
      user,
      // A function keeps the client from looking in the environment and in ~/.pgpass.
      password: () => password ?? "",
      ssl: tls ?? false,
      stream: () => this.#socket,
      application_name: "swapstats",
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      connectionTimeoutMillis: CONNECT_LIMIT_MS,
      query_timeout: statementMs + ANSWER_EXTRA_MS,
    });
    const lost = (): void => {
      this.#isLost = true;
      on.onWake();
    };
    this.#client.on("error", lost);
    this.#client.on("end", lost);
    this.#client.on("notification", () => on.onWake());
  }

  /**
   * Connects to the first host that answers and fits `sessions`. Rejects with the error of the client or the server for the last host that
   * was tried, or with the signal's reason.
   */
  static async open(
    settings: PostgresSettings,
    tls: ConnectionOptions | undefined,
    on: Callbacks,
    signal: AbortSignal,
  ): Promise<PostgresConnection> {
    let failure: unknown;
    for (const at of settings.hosts) {
      const connection = new PostgresConnection(settings, at, tls, on);
      try {
        await connection.#abortable(signal, () => connection.#begin(settings, at));
        return connection;
      } catch (error) {
        await connection.close();
        signal.throwIfAborted();
        failure = error;
      }
    }
    throw failure;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** Subscribes to a channel of NOTIFY. `quotedChannel` is an identifier with its quotes. */
  async listen(quotedChannel: string): Promise<void> {
    await this.#client.query(`LISTEN ${quotedChannel}`);
  }

  /**
   * Runs `work` in a transaction that cannot write. With `statement`, each statement sees what is committed when it begins. Times are in
   * UTC. Rejects with the error of the client or the server, or the signal's reason; the connection must then be closed.
   */
  async read<T>(signal: AbortSignal, work: (reading: Reading) => Promise<T>, sight: Sight = "statement"): Promise<T> {
    return this.#transact(signal, `ISOLATION LEVEL ${ISOLATION[sight]} READ ONLY`, () => work(this.#query));
  }

  /**
   * Runs `work` in a transaction that may write, and commits it to the disk. Statements see what is committed when they begin. Rejects like
   * `read`; the transaction is then rolled back, or was committed if the connection was lost during the commit.
   */
  async write<T>(signal: AbortSignal, work: (writing: Writing) => Promise<T>): Promise<T> {
    return this.#transact(signal, "ISOLATION LEVEL READ COMMITTED READ WRITE", async () => {
      // A server whose default is `off` would lose acknowledged rows when it is killed.
      await this.#client.query("SET LOCAL synchronous_commit = on");
      return work({ query: this.#query, copy: this.#copy });
    });
  }

  /** Runs a statement that no transaction may contain, without a time limit of the server. */
  async command(signal: AbortSignal, sql: string): Promise<void> {
    await this.#abortable(signal, () => this.#client.query(sql));
  }

  /** Never rejects. A running statement is abandoned. */
  async close(): Promise<void> {
    const limit = Promise.withResolvers<void>();
    const timer = setTimeout(limit.resolve, CLOSE_LIMIT_MS);
    await Promise.race([this.#client.end().catch(() => {}), limit.promise]);
    clearTimeout(timer);
    this.#socket.destroy();
  }

  readonly #query: Reading = async (text, values) => {
    // Parameters of the extended protocol: a text with several statements is refused.
    const config: QueryConfig & { readonly queryMode: "extended" } = {
      text,
      values: [...values],
      queryMode: "extended",
    };
    const { rows, fields } = await this.#client.query<Row>(config);
    const columns = fields.map(({ name, dataTypeID }) => ({ name, typeOid: dataTypeID }));
    return { rows, columns };
  };

  readonly #copy = async (sql: string, chunks: Iterable<string>): Promise<void> => {
    await pipeline(chunks, this.#client.query(copyFrom(sql)));
  };

  async #transact<T>(signal: AbortSignal, mode: string, work: () => Promise<T>): Promise<T> {
    return this.#abortable(signal, async () => {
      const limit = `SET LOCAL statement_timeout = ${this.#statementMs}`;
      const form =
        "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1";
      const idle = `SET LOCAL idle_in_transaction_session_timeout = ${this.#statementMs + ANSWER_EXTRA_MS}`;
      await this.#client.query(`BEGIN ${mode}; ${limit}; ${form}; ${idle}`);
      const result = await work();
      await this.#client.query("COMMIT");
      return result;
    });
  }

  async #begin(settings: PostgresSettings, at: PostgresHost): Promise<void> {
    await this.#client.connect();
    const sql = `SELECT pg_is_in_recovery() AS standby, current_setting('server_version_num')::int AS version,
      extract(epoch FROM pg_postmaster_start_time())::text AS start`;
    const { rows } = await this.#client.query<{ standby: boolean; version: number; start: string }>(sql);
    const { standby, version, start } = rows[0]!;
    if (version < VERSION_MIN) {
      const message = `PostgreSQL at ${at.host}:${at.port} has version ${Math.floor(version / 10_000)}; 13 or newer is needed`;
      throw new SwapstatsError("bad_config", message, { retryable: true });
    }
    if (standby && settings.sessions === "read-write") {
      const message = `PostgreSQL at ${at.host}:${at.port} is a standby, and no primary answers; start or promote one, or set target_session_attrs to any`;
      throw new SwapstatsError("unavailable", message, { retryable: true });
    }
    this.isStandby = standby;
    this.serverStart = start;
  }

  async #abortable<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => {
      this.#socket.destroy();
      aborted.reject(signal.reason);
    };
    signal.addEventListener("abort", abort);
    try {
      const working = work();
      working.catch(() => {});
      return await Promise.race([working, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }
}
