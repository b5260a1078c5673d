/** Parquet files below the folder of the history: written under a temporary name, synced, and renamed. */
import { randomBytes } from "node:crypto";
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { realFileSystem } from "../../file-system.ts";
import type { CatalogFile, NewFile, StreamSpan, Tier } from "./catalog.ts";
import { PARTIAL_ORDER, SWAP_ORDER } from "./columns.ts";
import { quoted } from "./duck.ts";

export const TEMPORARY_FOLDER = "tmp";
/** Rows of a group in a file, the unit that a query leaves out or reads. */
const GROUP_ROWS = 61_440;
/** Level of the fastest zstd that DuckDB offers a choice of; higher ones take longer for few percent. */
const COMPRESSION = "COMPRESSION zstd, COMPRESSION_LEVEL 3, PARQUET_VERSION v2";

const ORDERS: Readonly<Record<Tier, string>> = {
  swaps: SWAP_ORDER,
  minutes: PARTIAL_ORDER,
  days: PARTIAL_ORDER,
  events: 'log_id, partition, "offset", record_index',
};
const TIMES: Readonly<Record<Tier, string>> = {
  swaps: "event_time",
  minutes: "start_time",
  days: "start_time",
  events: "event_time",
};

export class HistoryFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  pathOf(path: string): string {
    return join(this.#folder, path);
  }

  /** Returns the files of these paths below the folder as the source of a SELECT. */
  scan(paths: readonly string[]): string {
    return `read_parquet([${paths.map((path) => quoted(this.pathOf(path))).join(", ")}])`;
  }

  /**
   * Writes the rows of `source` into a file, sorted unless they come so. Resolves with the file, which is durable, and belongs to the history once the catalog has it. Without
   * rows it is undefined.
   */
  async write(
    connection: DuckDBConnection,
    tier: Tier,
    level: number,
    source: string,
    isSorted = false,
  ): Promise<NewFile | undefined> {
    const name = `${Date.now()}-${randomBytes(6).toString("hex")}.parquet`;
    const temporary = this.pathOf(`${TEMPORARY_FOLDER}/${name}`);
    const options = `FORMAT parquet, ${COMPRESSION}, ROW_GROUP_SIZE ${GROUP_ROWS}`;
    await connection.run(
      `COPY (${source}${isSorted ? "" : ` ORDER BY ${ORDERS[tier]}`}) TO ${quoted(temporary)} (${options})`,
    );
    const streams = await this.#streamsOf(connection, tier, temporary);
    if (streams.rows === 0) {
      await realFileSystem.remove(temporary);
      return undefined;
    }
    const fromMs = Math.min(...streams.spans.map((span) => span.fromMs));
    const toMs = Math.max(...streams.spans.map((span) => span.toMs));
    const day = new Date(fromMs).toISOString();
    const path = `${tier}/${day.slice(0, 10)}/${day.slice(11, 13)}-${level}-${name}`;
    await this.#publish(temporary, path);
    const { size } = await stat(this.pathOf(path));
    return { path, tier, level, fromMs, toMs, rows: streams.rows, bytes: size, streamsSeen: 0, streams: streams.spans };
  }

  /** The span behind the last row of a minute or day is its end. */
  async #streamsOf(
    connection: DuckDBConnection,
    tier: Tier,
    path: string,
  ): Promise<{ rows: number; spans: StreamSpan[] }> {
    const time = TIMES[tier];
    const stream = tier === "events" ? "0" : "stream";
    const sql = `SELECT ${stream}, epoch_ms(min(${time})), epoch_ms(max(${time})), count(*) FROM read_parquet(${quoted(path)}) GROUP BY 1`;
    const rows = (await connection.runAndReadAll(sql)).getRows();
    const spans = rows.map(([stream, first, last]) => ({
      stream: Number(stream),
      fromMs: Number(first),
      toMs: Number(last) + 1,
    }));
    return { rows: rows.reduce((sum, row) => sum + Number(row[3]), 0), spans };
  }

  async #publish(temporary: string, path: string): Promise<void> {
    const target = this.pathOf(path);
    const folder = dirname(target);
    await realFileSystem.sync(temporary);
    await realFileSystem.makeFolder(folder);
    await realFileSystem.rename(temporary, target);
    await realFileSystem.syncFolder(folder);
    // The folder of a new day is a name in that of its tier.
    await realFileSystem.syncFolder(dirname(folder));
  }

  async remove({ path }: Pick<CatalogFile, "path">): Promise<void> {
    await realFileSystem.remove(this.pathOf(path));
  }
}
