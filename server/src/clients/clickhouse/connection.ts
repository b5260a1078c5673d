/**
 * Requests to one ClickHouse server over HTTP. Each has a time limit and a limit of its answer on both sides, and is not repeated: the caller
 * decides what a failure means. An answer comes whole or not at all: the server sends it when the query has ended.
 */
import { Readable } from "node:stream";
import { type ClickHouseClient, ClickHouseError, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { SwapstatsError } from "../../shared/errors.ts";
import { PEM_BYTES_MAX, readRegularFile } from "../../shared/read-regular-file.ts";

type ClickHouseTls = {
  /** PEM files. Undefined: the authorities that Node trusts. */
  readonly caPath: string | undefined;
  readonly certPath: string | undefined;
  readonly keyPath: string | undefined;
};

export type ClickHouseSettings = {
  /** `http://HOST:PORT` or `https://HOST:PORT`, without user and password. */
  readonly url: string;
  readonly user: string;
  readonly password: string | undefined;
  /** Used with `https` alone. */
  readonly tls: ClickHouseTls;
  /** Longest time of one request. */
  readonly limitMs: number;
};

type Value = string | number | boolean | null | readonly Value[];
/** The columns of one row in the order of the statement. */
export type ClickHouseRow = readonly Value[];

/** 100,000 tokens with their sums are 20 MB. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;
const REQUESTS_AT_ONCE_MAX = 16;
const MESSAGE_CHARS_MAX = 600;
/** Texts of statements hold lists of wallets. */
const STATEMENT_BYTES_MAX = 64 * 1024 * 1024;

/** A week: no command runs for longer. */
const OCCUPIED_MS_MAX = 604_800_000;
/** QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING. */
const SAME_ID_RUNS = "216";

/** Larger answers wait in a file of the server. */
const ANSWER_BUFFER_BYTES = 16 * 1024 * 1024;

const SETTINGS = {
  // A column is not shadowed by an expression of its name.
  prefer_column_name_to_alias: 1,
  output_format_json_quote_64bit_integers: 0,
  output_format_json_quote_decimals: 1,
  output_format_decimal_trailing_zeros: 1,
  // All rows of a key are in one partition: its time is part of it.
  do_not_merge_across_partitions_select_final: 1,
  // Statements differ in their constants: what is compiled for one is not used again.
  compile_expressions: 0,
  compile_aggregate_expressions: 0,
  compile_sort_description: 0,
  max_query_size: String(STATEMENT_BYTES_MAX),
  max_result_bytes: String(ANSWER_BYTES_MAX),
  result_overflow_mode: "throw",
  http_response_buffer_size: String(ANSWER_BUFFER_BYTES),
} as const;

export class ClickHouseConnection {
  readonly #options: Parameters<typeof createClient>[0];
  readonly #client: ClickHouseClient;
  readonly #where: string;
  readonly #limitMs: number;
  readonly #closing = new AbortController();

  /** Throws `bad_config` when a file of the TLS settings cannot be read. Connects at the first request. */
  constructor(settings: ClickHouseSettings) {
    const { url, user, password = "", tls, limitMs } = settings;
    this.#where = `ClickHouse at ${new URL(url).host}`;
    this.#limitMs = limitMs;
    this.#options = {
      url,
      username: user,
      password,
      application: "swapstats",
      request_timeout: limitMs,
      max_open_connections: REQUESTS_AT_ONCE_MAX,
      log: { level: ClickHouseLogLevel.OFF },
      ...(url.startsWith("https:") ? tlsOptions(tls, this.#where) : {}),
    };
    this.#client = createClient(this.#options);
  }

  /** Runs a statement that answers with rows. `what` completes "Cannot ...". Rejects with `storage_failed` (retryable). */
  async rows(what: string, sql: string, signal?: AbortSignal): Promise<ClickHouseRow[]> {
    const text = await this.#run(what, `${sql}\nFORMAT JSONCompactEachRow`, undefined, signal);
    const lines = text.split("\n");
    lines.pop();
    return lines.map((line) => JSON.parse(line) as ClickHouseRow);
  }

  /** Runs a statement without an answer. Rejects with `storage_failed` (retryable); it may have had its effect all the same. */
  async command(what: string, sql: string): Promise<void> {
    await this.#run(what, sql, undefined);
  }

  /**
   * Inserts rows in the binary form of `FORMAT RowBinary`. They are durable when it resolves. Rejects with `storage_failed` (retryable);
   * the rows may have been inserted all the same.
   */
  async insert(what: string, into: string, chunks: Iterable<Uint8Array>): Promise<void> {
    await this.#run(what, `INSERT INTO ${into} FORMAT RowBinary`, Readable.from(chunks, { objectMode: false }));
  }

  /**
   * Keeps a statement of this id running, at most a week, and says `mark` in its text. Resolves with true if another one of the id runs, and with false when the
   * statement has ended. Rejects with `storage_failed` (retryable), also when the signal is aborted. The server ends the statement within about a second
   * after that, or after this process ended.
   */
  async occupy(what: string, id: string, mark: string, signal: AbortSignal): Promise<boolean> {
    const client = createClient({ ...this.#options, request_timeout: OCCUPIED_MS_MAX });
    try {
      const { stream } = await client.exec({
        query: `SELECT sleepEachRow(1), '${mark}' FROM system.numbers LIMIT ${OCCUPIED_MS_MAX / 1_000} FORMAT Null`,
        query_id: id,
        abort_signal: AbortSignal.any([signal, this.#closing.signal]),
        // Only a statement that is declared to read ends with its connection.
        clickhouse_settings: {
          ...{ max_block_size: "1", max_execution_time: 0, readonly: "2" },
          cancel_http_readonly_queries_on_client_close: 1,
        },
      });
      await textOf(stream, signal);
      return false;
    } catch (cause) {
      if (cause instanceof ClickHouseError && cause.code === SAME_ID_RUNS) return true;
      const message = this.#message(what, cause, signal);
      throw new SwapstatsError("storage_failed", message, { cause, retryable: true });
    } finally {
      await client.close();
    }
  }

  /** Requests that are running end with an error. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#client.close();
  }

  async #run(what: string, query: string, values: Readable | undefined, signal?: AbortSignal): Promise<string> {
    const limit = AbortSignal.timeout(this.#limitMs);
    const signals = [limit, this.#closing.signal, ...(signal === undefined ? [] : [signal])];
    const either = AbortSignal.any(signals);
    try {
      either.throwIfAborted();
      const seconds = Math.ceil(this.#limitMs / 1_000);
      const insert = {
        async_insert: 0,
        max_partitions_per_insert_block: "0",
        min_insert_block_size_rows: "0",
      } as const;
      const settings = { ...SETTINGS, ...(values === undefined ? {} : insert) };
      const { stream } = await this.#client.exec({
        query,
        ...(values === undefined ? {} : { values }),
        abort_signal: either,
        clickhouse_settings: { ...settings, max_execution_time: seconds, wait_end_of_query: 1 },
      });
      return await textOf(stream, either);
    } catch (cause) {
      signal?.throwIfAborted();
      values?.destroy();
      throw new SwapstatsError("storage_failed", this.#message(what, cause, limit), { cause, retryable: true });
    }
  }

  #message(what: string, cause: unknown, limit: AbortSignal): string {
    const begin = `Cannot ${what} in ${this.#where}`;
    if (this.#closing.signal.aborted) return `${begin}: the store was closed.`;
    if (limit.aborted) return `${begin}: the server did not answer within ${this.#limitMs} ms.`;
    if (!(cause instanceof Error)) return `${begin}: ${String(cause)}.`;
    const text = cause.message.replace(/\s+/g, " ").slice(0, MESSAGE_CHARS_MAX);
    if (!(cause instanceof ClickHouseError)) return `${begin}: ${text === "" ? cause.name : text}.`;
    const advice = cause.type === "AUTHENTICATION_FAILED" ? " Check stores.clickhouse.user and password." : "";
    return `${begin}: ${cause.type ?? "error"} (${cause.code}): ${text}${advice}`;
  }
}

function tlsOptions({ caPath, certPath, keyPath }: ClickHouseTls, where: string): object {
  const file = (path: string): Buffer => {
    try {
      return readRegularFile(path, PEM_BYTES_MAX);
    } catch (cause) {
      const message = `${where}: the file ${path} cannot be read (${(cause as Error).message}); check the path and its permissions`;
      throw new SwapstatsError("bad_config", message, { cause });
    }
  };
  if (caPath === undefined) return {};
  const client = certPath === undefined || keyPath === undefined ? {} : { cert: file(certPath), key: file(keyPath) };
  return { tls: { ca_cert: file(caPath), ...client } };
}

async function textOf(stream: Readable, signal: AbortSignal): Promise<string> {
  const abort = (): void => void stream.destroy(signal.reason as Error);
  signal.addEventListener("abort", abort);
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX) throw new Error(`the answer is larger than ${ANSWER_BYTES_MAX} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  } finally {
    signal.removeEventListener("abort", abort);
    stream.destroy();
  }
}
