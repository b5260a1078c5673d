/** The contract of a source, held by the embedded log through its thread and its port. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { MessageChannel } from "node:worker_threads";
import { createVersionBoard } from "../../../src/shared/version-board.ts";
import { LogClient } from "../../../src/sources/embedded/log-client.ts";
import { LOG_DATABASE_NAME } from "../../../src/sources/embedded/log-writer.ts";
import { openReaders } from "../../../src/sources/open-source.ts";
import { tempDir } from "../../support/tmp.ts";
import {
  type CreateStream,
  type DamagedStream,
  damageContract,
  sourceContract,
  type TrimmedStream,
  trimContract,
} from "../source-contract.ts";

function refuse(error: Error): never {
  throw error;
}

function streams(retentionMs: number): CreateStream<TrimmedStream & DamagedStream> {
  return async (t) => {
    let log: LogClient | undefined;
    t.after(() => log?.close());
    const folder = join(tempDir(t, "source-contract"), "log");
    mkdirSync(folder);
    const limits = { partitions: 1, retentionMs, retentionBytes: 2 ** 30, bodyEventsMax: 1_000, waitsForOwners: false };
    const client = await LogClient.start({ folder, ...limits }, refuse);
    log = client;
    const logPath = join(folder, LOG_DATABASE_NAME);
    const readers = await openReaders({ kind: "embedded", setup: { logPath } });
    const append = async (swaps: readonly string[]): Promise<void> => {
      const { accepted } = await client.ingest(new TextEncoder().encode(swaps.join("\n")));
      if (accepted !== swaps.length) throw new Error(`${accepted} of ${swaps.length} swaps were accepted`);
    };
    return {
      open: () => {
        const { port1, port2 } = new MessageChannel();
        client.connect(0, port1, createVersionBoard());
        return readers.open(0, port2, () => {});
      },
      append,
      // What is released goes with the next append once it has expired.
      trim: async (before, reader) => {
        await reader.release(before);
        while ((await reader.range()).startOffset === 0) await append([FILLER]);
      },
      damage: async (swap) => {
        const database = new DatabaseSync(logPath);
        const rows = database.prepare("SELECT key, batch FROM batches").all() as { key: number; batch: Uint8Array }[];
        const row = rows.find(({ batch }) => Buffer.from(batch).includes(swap))!;
        row.batch[Buffer.from(row.batch).indexOf(swap)]! ^= 1;
        database.prepare("UPDATE batches SET batch = ? WHERE key = ?").run(row.batch, row.key);
        database.close();
      },
    };
  };
}

const FILLER = JSON.stringify({
  ...{ chain_id: 1, tx_hash: "0xf", log_index: 0, token: "0xa", side: "buy" },
  ...{ amount_token: "1", amount_usd: "1", event_time: 1_767_225_600_000 },
});
const HOUR_MS = 3_600_000;

sourceContract(streams(HOUR_MS));
damageContract(streams(HOUR_MS));
trimContract(streams(0));
