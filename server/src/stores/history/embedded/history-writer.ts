/** Appends batches: files first, then one transaction of the catalog. */
import type { DuckDBConnection } from "@duckdb/node-api";
import type { HistoryBatch, RawBatch } from "../../../ports/history-store.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import type { Catalog, CatalogFile, NewFile } from "./catalog.ts";
import { type Duck, failureOf } from "./duck.ts";
import type { HistoryFiles } from "./files.ts";
import { type Fresh, freshOf } from "./fresh.ts";
import { type LoadedRows, loadRawRows, loadRows } from "./load-rows.ts";
import { PartialSums, type Summed } from "./partial-sums.ts";
import { DAY_MS, timeOf } from "./plan.ts";

const NOTHING: LoadedRows = { tokens: [], days: [], firstMs: new Map() };

export class HistoryWriter {
  readonly #duck: Duck;
  readonly #catalog: Catalog;
  readonly #files: HistoryFiles;
  readonly #sums: PartialSums;

  constructor(
    duck: Duck,
    catalog: Catalog,
    files: HistoryFiles,
    fetch: (files: readonly CatalogFile[]) => Promise<string[]>,
  ) {
    this.#duck = duck;
    this.#catalog = catalog;
    this.#files = files;
    this.#sums = new PartialSums(files, fetch);
  }

  /** One call at a time. */
  async append(batch: HistoryBatch): Promise<void> {
    const fresh = freshOf(this.#catalog, batch);
    const raw = batch.raw.filter(({ rows }) => rows.length > 0);
    if (fresh.rows.length === 0 && fresh.marks.size === 0 && raw.length === 0) return;
    await this.#duck.use(async (connection) => {
      const written: NewFile[] = [];
      let loaded = NOTHING;
      try {
        if (fresh.rows.length > 0) {
          loaded = await loadRows(this.#duck, connection, fresh.rows);
          written.push(...(await this.#writeDays(connection, "swaps", "fresh", loaded.days)));
        }
        if (raw.length > 0) written.push(...(await this.#writeRaw(connection, raw)));
        const summed = await this.#sum(connection, fresh, loaded);
        written.push(...summed.files);
        this.#commit(fresh, loaded, summed, written);
      } catch (error) {
        // They are not in the catalog. A file that cannot be removed now is removed at the next open.
        for (const file of written) await this.#files.remove(file).catch(() => {});
        throw error;
      }
    });
  }

  async #writeRaw(connection: DuckDBConnection, raw: readonly RawBatch[]): Promise<NewFile[]> {
    const days = await loadRawRows(this.#duck, connection, raw);
    return this.#writeDays(connection, "events", "fresh_events", days);
  }

  /** Writes a file for each day of the view's rows. */
  async #writeDays(
    connection: DuckDBConnection,
    tier: "swaps" | "events",
    view: string,
    days: readonly number[],
  ): Promise<NewFile[]> {
    const files: NewFile[] = [];
    for (const day of days) {
      const ofDay = `event_time >= ${timeOf(day)} AND event_time < ${timeOf(day + DAY_MS)}`;
      const source = `SELECT * FROM ${view}${days.length === 1 ? "" : ` WHERE ${ofDay}`}`;
      const file = await this.#files.write(connection, tier, 0, source, tier === "swaps");
      if (file !== undefined) files.push(file);
    }
    return files;
  }

  async #sum(connection: DuckDBConnection, fresh: Fresh, loaded: LoadedRows): Promise<Summed> {
    const snapshot = this.#catalog.snapshot();
    try {
      return await this.#sums.make(connection, snapshot, fresh, loaded, true);
    } catch (error) {
      // S3 fails with errors of the service, DuckDB with its own.
      if (!(error instanceof SwapstatsError) && failureOf(error).retryable) throw error;
      // A damaged file, or one that S3 does not give, stops the sums of its time, and not the rows that arrive: answers are then read from rows. The next mark tries again.
      await connection.run("DROP TABLE IF EXISTS made_minutes; DROP TABLE IF EXISTS made_days");
      return this.#sums.make(connection, snapshot, fresh, loaded, false);
    }
  }

  #commit(fresh: Fresh, loaded: LoadedRows, summed: Summed, files: readonly NewFile[]): void {
    const catalog = this.#catalog;
    catalog.transaction(() => {
      for (const file of files) catalog.addFile(file);
      for (const [stream, ranges] of fresh.held) catalog.setHeldRanges(stream, ranges);
      for (const [stream, mark] of fresh.marks) catalog.addMark(stream.id, mark);
      for (const [stream, { minutes, days }] of summed.limits) catalog.setSummed(stream.id, minutes, days);
      catalog.seeTokens(loaded.tokens);
    });
  }
}
