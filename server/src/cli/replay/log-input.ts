/** Reads the data folder of a stopped service as the input of a replay: the records of its log, partition by partition. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { SwapstatsError } from "../../shared/errors.ts";
import { logKey, openLogReadOnly, readSetting, sqliteError } from "../../sources/embedded/log-database.ts";
import { readBatch } from "../../sources/embedded/log-format.ts";
import { LOG_DATABASE_NAME, LOG_FOLDER } from "../../sources/embedded/log-writer.ts";
import type { InputFile } from "./input.ts";
import type { Batch } from "./rows.ts";

const LINE_FEED = 10;

type Row = { key: number; batch: Uint8Array | null };

/** Throws `bad_request` when the folder has no log. The row of a record is its offset plus 1. */
export function openLog(
  { path, name }: InputFile,
  file: number,
): { batches: AsyncIterable<Batch>; close(): Promise<void> } {
  const database = join(path, LOG_FOLDER, LOG_DATABASE_NAME);
  if (!existsSync(database)) {
    throw new SwapstatsError(
      "bad_request",
      `${name} is not a file, and not a data folder with a log either; give files of swaps, or a data folder`,
    );
  }
  const db = openLogReadOnly(database);
  async function* batches(): AsyncGenerator<Batch> {
    try {
      const partitions = Number(readSetting(db, database, "partitions") ?? 0);
      const select = db.prepare("SELECT key, batch FROM batches WHERE key >= ? AND key < ? ORDER BY key");
      for (let partition = 0; partition < partitions; partition++) {
        for (const row of select.iterate(logKey(partition, 0), logKey(partition + 1, 0))) {
          const { key, batch } = row as Row;
          yield linesOf(batch, partition, key - logKey(partition, 0), file, name);
          // Yields to signals and timers.
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
    } catch (cause) {
      throw cause instanceof SwapstatsError ? cause : sqliteError(cause, database);
    }
  }
  return {
    batches: batches(),
    close: async () => {
      if (db.isOpen) db.close();
    },
  };
}

function linesOf(bytes: Uint8Array | null, partition: number, offset: number, file: number, name: string): Batch {
  const batch = readBatch(bytes, partition, offset);
  if (typeof batch === "string") {
    const message = `${name}: the log is damaged at offset ${offset} of partition ${partition} (${batch}); swapstats log verify says more`;
    throw new SwapstatsError("bad_request", message);
  }
  const { payload, ends, count } = batch;
  const out = Buffer.allocUnsafe(payload.length + count);
  const rows: number[] = [];
  let start = 0;
  for (let i = 0; i < count; i++) {
    const end = ends[i] as number;
    // A posted record may span several lines. Line feeds are white space in JSON.
    for (let at = start; at < end; at++) out[at + i] = payload[at] === LINE_FEED ? 32 : (payload[at] as number);
    out[end + i] = LINE_FEED;
    rows.push(offset + i + 1);
    start = end;
  }
  return { file, bytes: out, rows };
}
