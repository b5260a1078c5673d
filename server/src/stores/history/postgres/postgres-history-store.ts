/**
 * History in PostgreSQL. Reads see one snapshot: what is known of the streams decides which rows count, and both must be of one moment.
 */
import type { PostgresConnection, PostgresSettings, Reading } from "../../../clients/postgres/connection.ts";
import { PostgresPool } from "../../../clients/postgres/pool.ts";
import type {
  CandleSums,
  Edge,
  HistoryBatch,
  HistoryGap,
  HistoryStatus,
  HistoryStore,
  RepairRun,
  SequenceRange,
  SettledRow,
  Span,
  SpanSums,
  StreamKey,
  SwapPage,
  TokenKey,
  TokenSums,
  TraderCounts,
  TraderSets,
} from "../../../ports/history-store.ts";
import { appendBatch } from "./append.ts";
import { readCandles } from "./candles.ts";
import { compactTables } from "./compact.ts";
import { settledRow } from "./copy-text.ts";
import { type HistoryTarget, storageFailure } from "./failures.ts";
import { closeGapsStatement, noteGapStatement, readMissing } from "./gaps.ts";
import { addStream, readLayout } from "./layout.ts";
import { plainText } from "./parts.ts";
import {
  type Ask,
  candidatesQuery,
  findQuery,
  NO_SUMS,
  sumsOf,
  sumsQuery,
  swapsQuery,
  symbolQuery,
  tokenSumsOf,
  tokensQuery,
  tradersQuery,
} from "./queries.ts";
import { type LayoutStream, rangesOf } from "./ranges.ts";
import { repairAlone } from "./repair-alone.ts";
import { readRows } from "./rows.ts";
import { DAILY_TABLES, DAY_MS } from "./schema.ts";
import type { PostgresHistorySetup } from "./settings.ts";
import { readStatus } from "./status.ts";
import { lockTables, makePartitions, migrateTables } from "./tables.ts";
import { verifyTables } from "./verify.ts";

/** One writes, the others read. */
const CONNECTIONS_MAX = 5;
const FOUND_MAX = 100;
/** Tokens of a name that are checked. Names that so many tokens share find the ones that were traded last, by the day. */
const CANDIDATES_MAX = 1_000;
/** Spans that one statement sums. */
const SPANS_PER_STATEMENT = 16;
const STATUS_AGE_MS = 1_000;
const NO_PARTITION = "23514";

export class PostgresHistoryStore implements HistoryStore {
  readonly #settings: PostgresSettings;
  readonly #pool: PostgresPool;
  readonly #schema: string;
  readonly #retentionMs: number;
  readonly #target: HistoryTarget;
  /** Partitions that are there, by table and day. */
  readonly #partitions = new Set<string>();
  #status: { readonly status: HistoryStatus; readonly atMs: number } | undefined;

  /** Connects to nothing yet. Throws `bad_config` when a file of the TLS settings cannot be read. */
  constructor({ server, schema, retentionMs }: PostgresHistorySetup) {
    this.#settings = server;
    this.#pool = new PostgresPool(server, CONNECTIONS_MAX, "stores.postgres");
    // A name such as "order" needs the quotes.
    this.#schema = `"${schema}"`;
    this.#retentionMs = retentionMs;
    const hosts = server.hosts.map(({ host, port }) => `${host}:${port}`).join(", ");
    const where = `PostgreSQL at ${hosts}, database ${server.database}`;
    this.#target = { where, user: server.user, schema, statementMs: server.statementMs };
  }

  migrate(): Promise<readonly string[]> {
    return this.#use((connection, signal) =>
      connection.write(signal, ({ query }) => migrateTables(query, this.#schema, this.#target.where)),
    );
  }

  beginStream(stream: StreamKey, span: Span): Promise<void> {
    return this.#use((connection, signal) =>
      connection.write(signal, async ({ query }) => {
        await lockTables(query, this.#schema);
        await addStream(query, this.#schema, stream, span);
      }),
    );
  }

  append(batch: HistoryBatch): Promise<void> {
    return this.#use(async (connection, signal) => {
      await this.#makePartitions(connection, signal, batch);
      try {
        await connection.write(signal, (writing) => appendBatch(writing, this.#schema, batch));
      } catch (error) {
        // Another process dropped a partition of a day that is beyond the retention. The next try makes it again.
        if ((error as { readonly code?: unknown }).code === NO_PARTITION) this.#partitions.clear();
        throw error;
      }
      this.#status = undefined;
    });
  }

  noteGap(gap: HistoryGap): Promise<void> {
    return this.#change(...noteGapStatement(this.#schema, gap));
  }

  missingSequences(stream: StreamKey, range: SequenceRange): Promise<SequenceRange[]> {
    return this.#snapshot((query) => readMissing(query, this.#schema, stream, range));
  }

  repairAlone<T>(repair: RepairRun<T>): Promise<T> {
    return repairAlone(this.#settings, this.#schema, this.#target, repair);
  }

  /** Rows behind a mark were summed when they were appended. */
  closeGaps(stream: StreamKey, span: Span): Promise<void> {
    return this.#change(...closeGapsStatement(this.#schema, stream, span));
  }

  compact(signal: AbortSignal): Promise<readonly string[]> {
    this.#partitions.clear();
    this.#status = undefined;
    const beforeMs = this.#retentionMs === 0 ? 0 : Date.now() - this.#retentionMs;
    return this.#use((connection, closing) =>
      compactTables(connection, AbortSignal.any([signal, closing]), this.#schema, beforeMs),
    );
  }

  verify(signal: AbortSignal): Promise<readonly string[]> {
    return this.#use((connection, closing) =>
      verifyTables(connection, AbortSignal.any([signal, closing]), this.#schema),
    );
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  async sums(token: TokenKey, spans: readonly Span[], edges: readonly Edge[]): Promise<SpanSums[]> {
    if (spans.length === 0) return [];
    return this.#read(async (ask, streams) => {
      const sums: SpanSums[] = spans.map(() => NO_SUMS);
      for (let from = 0; from < spans.length; from += SPANS_PER_STATEMENT) {
        const some = spans.slice(from, from + SPANS_PER_STATEMENT);
        const ranges = some.map((span) => rangesOf(streams, span, edges, DAY_MS));
        for (const row of await ask(sumsQuery(this.#schema, token, ranges))) sums[from + Number(row.i)] = sumsOf(row);
      }
      return sums;
    });
  }

  traders(token: TokenKey, span: Span, edges: readonly Edge[], others: TraderSets): Promise<TraderCounts> {
    return this.#read(async (ask, streams) => {
      const ranges = rangesOf(streams, span, edges, 0);
      const [row] = await ask(tradersQuery(this.#schema, token, ranges, others));
      return { traders: Number(row?.traders), buyers: Number(row?.buyers), sellers: Number(row?.sellers) };
    });
  }

  symbol(token: TokenKey, beforeMs: number): Promise<string | undefined> {
    return this.#read(async (ask, streams) => {
      const ranges = rangesOf(streams, { fromMs: 0, toMs: beforeMs }, [], DAY_MS);
      const [row] = await ask(symbolQuery(this.#schema, token, ranges));
      return row === undefined ? undefined : plainText(row.symbol as string);
    });
  }

  candles(
    token: TokenKey,
    interval: { readonly ms: number } | "month",
    span: Span,
    edges: readonly Edge[],
    limit: number,
  ): Promise<CandleSums[]> {
    return this.#read((ask, streams) =>
      readCandles(ask, this.#schema, streams, { token, interval, span, edges, limit }),
    );
  }

  swaps(token: TokenKey, page: SwapPage, edges: readonly Edge[]): Promise<SettledRow[]> {
    return this.#read(async (ask, streams) => {
      const ranges = rangesOf(streams, page, edges, 0);
      return (await ask(swapsQuery(this.#schema, token, ranges, page))).map(settledRow);
    });
  }

  tokens(span: Span, edges: readonly Edge[], chainId: number | undefined): Promise<TokenSums[]> {
    return this.#read(async (ask, streams) => {
      const ranges = rangesOf(streams, span, edges, DAY_MS);
      return (await ask(tokensQuery(this.#schema, ranges, chainId))).map(tokenSumsOf);
    });
  }

  find(name: string): Promise<TokenKey[]> {
    return this.#read(async (ask, streams) => {
      const candidates = await ask(candidatesQuery(this.#schema, name, CANDIDATES_MAX));
      if (candidates.length === 0) return [];
      const ranges = rangesOf(streams, { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER }, [], DAY_MS);
      const rows = await ask(findQuery(this.#schema, name, candidates, ranges, FOUND_MAX));
      return rows.map((row) => ({ chainId: Number(row.chain_id), token: plainText(row.token as string) }));
    });
  }

  rows(span: Span, token: TokenKey | undefined, edges: readonly Edge[], signal: AbortSignal) {
    return readRows((work) => this.#snapshot(work), this.#schema, { span, token, edges, signal });
  }

  async status(): Promise<HistoryStatus> {
    const known = this.#status;
    if (known !== undefined && Date.now() - known.atMs < STATUS_AGE_MS) return known.status;
    const status = await this.#snapshot((query) => readStatus(query, this.#schema));
    this.#status = { status, atMs: Date.now() };
    return status;
  }

  /** Runs `work` on a connection. Rejects with `storage_failed`, retryable, for what the server or the network refused. */
  async #use<T>(work: (connection: PostgresConnection, signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await this.#pool.use(work);
    } catch (error) {
      throw storageFailure(error, this.#target);
    }
  }

  #change(sql: string, values: readonly (string | null)[]): Promise<void> {
    this.#status = undefined;
    return this.#use((connection, signal) =>
      connection.write(signal, async ({ query }) => {
        await query(sql, values);
      }),
    );
  }

  #snapshot<T>(work: (query: Reading, ask: Ask, streams: readonly LayoutStream[]) => Promise<T>): Promise<T> {
    return this.#use((connection, signal) =>
      connection.read(
        signal,
        async (query) => {
          const streams = await readLayout(query, this.#schema);
          return work(query, async ({ sql, values }) => (await query(sql, values)).rows, streams);
        },
        "snapshot",
      ),
    );
  }

  #read<T>(work: (ask: Ask, streams: readonly LayoutStream[]) => Promise<T>): Promise<T> {
    return this.#snapshot((_, ask, streams) => work(ask, streams));
  }

  async #makePartitions(connection: PostgresConnection, signal: AbortSignal, batch: HistoryBatch): Promise<void> {
    const settled = new Set<number>();
    for (const { rows } of batch.settled) {
      for (const { eventTimeMs } of rows) settled.add(Math.floor(eventTimeMs / DAY_MS));
    }
    const raw = new Set<number>();
    for (const { rows } of batch.raw) for (const { arrivalMs } of rows) raw.add(Math.floor(arrivalMs / DAY_MS));
    for (const { table } of DAILY_TABLES) {
      const days = [...(table === "events" ? raw : settled)].filter((day) => !this.#partitions.has(`${table} ${day}`));
      if (days.length === 0) continue;
      const sorted = days.toSorted((a, b) => a - b).map((day) => day * DAY_MS);
      await makePartitions(connection, signal, this.#schema, table, sorted);
      for (const day of days) this.#partitions.add(`${table} ${day}`);
    }
  }
}
