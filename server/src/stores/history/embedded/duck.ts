/** DuckDB with limits: it reads and writes below one folder, and never downloads an extension. */
import { setTimeout as pause } from "node:timers/promises";
import type { DuckDBConnection, DuckDBInstance, DuckDBType, DuckDBValue } from "@duckdb/node-api";
import { SwapstatsError } from "../../../shared/errors.ts";

type Api = typeof import("@duckdb/node-api");
/** The calls of DuckDB's C interface, for whole columns of values. */
type Bindings = typeof import("@duckdb/node-bindings");
type Packages = { readonly api: Api; readonly bindings: Bindings };

type DuckLimits = { readonly memoryBytes: number; readonly threads: number };

/** Queries that run at the same time. Each of them has the memory of its sorts and groups. */
const QUERIES_MAX = 4;
/** Pause between two interrupts of calls that are to end: an interrupt ends the statement that runs, and a call may have several. */
const INTERRUPT_EVERY_MS = 20;

/** Rejects with `bad_config` where the package is missing. */
export async function importDuckdb(): Promise<Packages> {
  try {
    const [api, bindings] = await Promise.all([import("@duckdb/node-api"), import("@duckdb/node-bindings")]);
    return { api, bindings: bindings.default };
  } catch (cause) {
    throw new SwapstatsError(
      "bad_config",
      "stores.history: embedded needs the package @duckdb/node-api, which is not installed on this machine. Run `npm install` without `--omit=optional`, or set stores.history to none, clickhouse or postgres.",
      { cause },
    );
  }
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export class Duck {
  readonly api: Api;
  readonly bindings: Bindings;
  readonly #instance: DuckDBInstance;
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #connections = new Set<DuckDBConnection>();
  #isClosed = false;

  private constructor({ api, bindings }: Packages, instance: DuckDBInstance) {
    this.api = api;
    this.bindings = bindings;
    this.#instance = instance;
  }

  /** `folder` is the only one that it may touch; its folder `tmp` holds what sorts spill. */
  static async open(folder: string, { memoryBytes, threads }: DuckLimits): Promise<Duck> {
    const packages = await importDuckdb();
    const instance = await packages.api.DuckDBInstance.create(":memory:", {
      memory_limit: `${Math.ceil(memoryBytes / 2 ** 20)}MiB`,
      threads: `${threads}`,
    });
    const duck = new Duck(packages, instance);
    await duck.use(async (connection) => {
      for (const setting of [
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "parquet_metadata_cache = true",
        "preserve_insertion_order = false",
        `temp_directory = ${quoted(`${folder}/tmp`)}`,
        `allowed_directories = [${quoted(`${folder}/`)}]`,
        "enable_external_access = false",
        "lock_configuration = true",
      ]) {
        await connection.run(`SET ${setting}`);
      }
    });
    return duck;
  }

  /**
   * Calls `run` with a connection of its own; temporary tables live as long. Rejects with `storage_failed` for an error of DuckDB, and when
   * it is closed meanwhile.
   */
  async use<T>(run: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    while (this.#running >= QUERIES_MAX && !this.#isClosed) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.#isClosed) throw closedError();
    this.#running++;
    let connection: DuckDBConnection | undefined;
    try {
      connection = await this.#instance.connect();
      this.#connections.add(connection);
      return await run(connection);
    } catch (error) {
      if (this.#isClosed) throw closedError();
      throw error instanceof SwapstatsError ? error : failureOf(error);
    } finally {
      if (connection !== undefined) {
        this.#connections.delete(connection);
        connection.closeSync();
      }
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  /** Resolves with all rows, whose values are in the order of the columns. Types are needed for lists alone. */
  query(sql: string, values: DuckDBValue[] = [], types?: DuckDBType[]): Promise<DuckDBValue[][]> {
    return this.use(async (connection) => (await connection.runAndReadAll(sql, values, types)).getRows());
  }

  /**
   * Interrupts what runs, and resolves when it has ended. A thread must not end before: the package then throws where nobody can catch it,
   * which aborts the process.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const wake of this.#waiting.splice(0)) wake();
    while (this.#running > 0) {
      for (const connection of this.#connections) connection.interrupt();
      await pause(INTERRUPT_EVERY_MS);
    }
    this.#instance.closeSync();
  }
}

function closedError(): SwapstatsError {
  return new SwapstatsError("storage_failed", "The embedded history is closed.", { retryable: true });
}

/** Errors of DuckDB about a file that is missing, or that is no whole Parquet file. */
const DAMAGE =
  /^(IO|Invalid Input|Serialization|Invalid) Error: .*(No files found|Cannot open file|magic bytes|corrupt|decompress|ZSTD|thrift|TProtocol|footer|metadata|out of file)/is;

/** A call that meets a damaged file fails again; others may succeed later. */
export function failureOf(error: unknown): SwapstatsError {
  const message = error instanceof Error ? error.message : String(error);
  const isDamage = DAMAGE.test(message);
  const advice = isDamage
    ? "Run `swapstats history verify`: it names the files that are missing or damaged."
    : "The call can be repeated.";
  const text = `The embedded history cannot be read or written: ${message.split("\n")[0]}. ${advice}`;
  return new SwapstatsError("storage_failed", text, { cause: error, retryable: !isDamage });
}
