/**
 * The history in ClickHouse. Rows are inserted in binary form and are idempotent by key, so a batch may be repeated in other cuts. Several tables
 * make a batch: it is complete when `append` has resolved, and until then the edge of its stream keeps readers from its rows.
 */
import { ClickHouseConnection } from "../../../clients/clickhouse/connection.ts";
import type {
  CandleSums,
  Edge,
  HistoryBatch,
  HistoryGap,
  HistoryStatus,
  HistoryStore,
  RepairRun,
  SequenceRange,
  SettledMark,
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
import { isSameStream } from "../valid-spans.ts";
import { aggregate, aggregateAgain } from "./aggregate.ts";
import type { ClickHouseHistorySetup, ClickHouseTables } from "./clickhouse-setup.ts";
import { dropSuperseded } from "./drop-superseded.ts";
import { closeGaps, noteGap, readMissing } from "./gaps.ts";
import { MINUTE_MS } from "./levels.ts";
import { migrateTables } from "./migrate.ts";
import { readFound, readSymbol, readTraders } from "./read-names.ts";
import { readAll, readPage, type Source } from "./read-rows.ts";
import { readCandles, readSums, readTokens } from "./read-sums.ts";
import { repairAlone } from "./repair-alone.ts";
import { EVENTS_WRITTEN, SWAPS_WRITTEN } from "./schema.ts";
import { literal, table } from "./sql.ts";
import { readCounts, readStatus } from "./status.ts";
import { readStreams } from "./streams.ts";
import { verifyTables } from "./verify.ts";
import { rawBytes, settledBytes } from "./write-rows.ts";

/** Adding up reads the newest part of every table, so it waits for some minutes of events, and for this time. */
const AGGREGATE_STEP_MS = 3 * MINUTE_MS;
const AGGREGATE_PAUSE_MS = 20_000;

export class ClickHouseHistory implements HistoryStore {
  readonly #connection: ClickHouseConnection;
  readonly #tables: ClickHouseTables;
  #aggregating: Promise<void> = Promise.resolve();
  #isAggregating = false;
  #aggregatedAtMs = Number.NEGATIVE_INFINITY;

  /** Throws `bad_config` when a file of the TLS settings cannot be read. Connects at the first call. */
  constructor({ connection, tables }: ClickHouseHistorySetup) {
    this.#connection = new ClickHouseConnection(connection);
    this.#tables = tables;
  }

  async migrate(): Promise<readonly string[]> {
    return migrateTables(this.#connection, this.#tables);
  }

  async beginStream(stream: StreamKey, { fromMs, toMs }: Span): Promise<void> {
    const streams = await readStreams(this.#connection, this.#tables);
    if (streams.some((other) => isSameStream(other, stream))) return;
    const { logId, partition, epoch } = stream;
    const into = `${this.#at("history_streams")} (log_id, partition, epoch, from_ms, to_ms)`;
    const values = `(${literal(logId)}, ${partition}, ${epoch}, ${fromMs}, ${toMs})`;
    await this.#connection.command("note a stream", `INSERT INTO ${into} VALUES ${values}`);
  }

  async append({ settled, raw, marks }: HistoryBatch): Promise<void> {
    const inserts: Promise<void>[] = [];
    if (settled.some(({ rows }) => rows.length > 0)) {
      const into = `${this.#at("swaps")} (${SWAPS_WRITTEN})`;
      inserts.push(this.#connection.insert("write settled swaps", into, settledBytes(settled)));
    }
    if (raw.some(({ rows }) => rows.length > 0)) {
      const into = `${this.#at("events")} (${EVENTS_WRITTEN})`;
      inserts.push(this.#connection.insert("write raw events", into, rawBytes(raw)));
    }
    for (const insert of await Promise.allSettled(inserts)) {
      if (insert.status === "rejected") throw insert.reason;
    }
    if (marks.length === 0) return;
    // A mark says that the rows below it are there.
    await this.#noteMarks(marks);
    this.#aggregateSoon();
  }

  async noteGap(gap: HistoryGap): Promise<void> {
    await noteGap(this.#connection, this.#tables, gap);
  }

  missingSequences(stream: StreamKey, range: SequenceRange): Promise<SequenceRange[]> {
    return readMissing(this.#connection, this.#tables, stream, range);
  }

  repairAlone<T>(repair: RepairRun<T>): Promise<T> {
    return repairAlone(this.#connection, this.#tables, repair);
  }

  async closeGaps(stream: StreamKey, span: Span): Promise<void> {
    await this.#aggregating;
    await aggregateAgain(this.#connection, this.#tables, stream, span);
    await closeGaps(this.#connection, this.#tables, stream, span);
  }

  /** ClickHouse merges parts, moves them and deletes old rows by itself. */
  async compact(signal: AbortSignal): Promise<readonly string[]> {
    await this.#aggregating;
    signal.throwIfAborted();
    const made = await aggregate(this.#connection, this.#tables, MINUTE_MS, signal);
    return [...made, ...(await dropSuperseded(this.#connection, this.#tables, signal))];
  }

  async verify(signal: AbortSignal): Promise<readonly string[]> {
    await this.#aggregating;
    const counts = await readCounts(this.#connection, this.#tables, await readStreams(this.#connection, this.#tables));
    return verifyTables(this.#connection, this.#tables, counts, signal);
  }

  async close(): Promise<void> {
    await this.#connection.close();
    await this.#aggregating;
  }

  async sums(token: TokenKey, spans: readonly Span[], edges: readonly Edge[]): Promise<SpanSums[]> {
    return readSums(await this.#source(), token, spans, edges);
  }

  async traders(token: TokenKey, span: Span, edges: readonly Edge[], others: TraderSets): Promise<TraderCounts> {
    return readTraders(await this.#source(), token, span, edges, others);
  }

  async symbol(token: TokenKey, beforeMs: number): Promise<string | undefined> {
    return readSymbol(await this.#source(), token, beforeMs);
  }

  async candles(
    token: TokenKey,
    interval: { readonly ms: number } | "month",
    span: Span,
    edges: readonly Edge[],
    limit: number,
  ): Promise<CandleSums[]> {
    return readCandles(await this.#source(), token, interval, span, edges, limit);
  }

  async swaps(token: TokenKey, page: SwapPage, edges: readonly Edge[]): Promise<SettledRow[]> {
    return readPage(await this.#source(), token, page, edges);
  }

  async tokens(span: Span, edges: readonly Edge[], chainId: number | undefined): Promise<TokenSums[]> {
    return readTokens(await this.#source(), span, edges, chainId);
  }

  async find(name: string): Promise<TokenKey[]> {
    return readFound(this.#connection, this.#tables, name);
  }

  async *rows(
    span: Span,
    token: TokenKey | undefined,
    edges: readonly Edge[],
    signal: AbortSignal,
  ): AsyncIterable<readonly SettledRow[]> {
    yield* readAll(await this.#source(signal), span, token, edges, signal);
  }

  async status(): Promise<HistoryStatus> {
    return readStatus(this.#connection, this.#tables);
  }

  async #source(signal?: AbortSignal): Promise<Source> {
    const streams = await readStreams(this.#connection, this.#tables, signal);
    return { connection: this.#connection, tables: this.#tables, streams };
  }

  async #noteMarks(marks: readonly SettledMark[]): Promise<void> {
    const values = marks.map(
      ({ logId, partition, epoch, sequence, beforeMs }) =>
        `(${literal(logId)}, ${partition}, ${epoch}, 'settled', ${sequence}, ${beforeMs})`,
    );
    const into = `${this.#at("history_marks")} (log_id, partition, epoch, kind, sequence, before_ms)`;
    await this.#connection.command("note marks", `INSERT INTO ${into} VALUES ${values.join(", ")}`);
  }

  /** Beside the appends: answers are exact without it, and slower. A failure is met by the next attempt, and by `compact`, which reports it. */
  #aggregateSoon(): void {
    if (this.#isAggregating || performance.now() - this.#aggregatedAtMs < AGGREGATE_PAUSE_MS) return;
    this.#isAggregating = true;
    this.#aggregating = aggregate(this.#connection, this.#tables, AGGREGATE_STEP_MS)
      .catch(() => {})
      .then(() => {
        this.#isAggregating = false;
        this.#aggregatedAtMs = performance.now();
      });
  }

  #at(name: string): string {
    return table(this.#tables, name);
  }
}
