/** The log of a data folder whose service is stopped, as a target of `feed`. */
import { join, resolve } from "node:path";
import { type Config, toEngineConfig } from "../../config/config.ts";
import { decodeManifest } from "../../pipeline/checkpoint/manifest.ts";
import type { OffsetRange } from "../../ports/source.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { makeFolder } from "../../shared/make-folder.ts";
import { LogClient } from "../../sources/embedded/log-client.ts";
import { LOG_FOLDER } from "../../sources/embedded/log-writer.ts";
import { POSITIONS_FOLDER } from "../../sources/feeders/open-feeder.ts";
import { FeederLetters } from "../../stores/feeder-letters.ts";
import { lockFolder } from "../../stores/folder-lock.ts";
import { checkpointStoreSetup, openCheckpointStore } from "../../stores/open-checkpoint-store.ts";
import type { FeedTarget } from "./feed-target.ts";

/**
 * Opens the log, and creates it in a new folder. Rejects with `data_folder_locked` while a service runs on it, and as `LogClient.start`
 * does.
 */
export async function openFolderTarget(to: string, config: Config): Promise<FeedTarget> {
  if (!("embedded" in config.ingest)) {
    const { source } = config.ingest;
    throw new SwapstatsError("usage", `${to} is a data folder, and ingest.source is ${source}; use --to ${source}`);
  }
  const dataDir = resolve(to);
  const folder = join(dataDir, LOG_FOLDER);
  makeLogFolder(folder);
  const lock = lockFolder(dataDir, Date.now(), () => undefined);
  let log: LogClient | undefined;
  try {
    const { partitions, retentionMs, retentionBytes } = config.ingest.embedded;
    const opened = await LogClient.start(
      {
        ...{ folder, partitions, retentionMs, retentionBytes },
        bodyEventsMax: config.api.http.maxBatch,
        chains: config.app.chains,
        timing: toEngineConfig(config),
        waitsForOwners: false,
      },
      () => undefined,
    );
    log = opened;
    await refuseShortLog(opened.ranges, config, dataDir);
    const letters = new FeederLetters(dataDir, Date.now, () => undefined);
    return {
      label: to,
      port: opened,
      bodyEventsMax: config.api.http.maxBatch,
      keepLetters: (found) => letters.put(found),
      stateFolder: join(dataDir, POSITIONS_FOLDER),
      close: async () => {
        await opened.close();
        letters.close();
        lock.release();
      },
    };
  } catch (error) {
    await log?.close();
    lock.release();
    throw error;
  }
}

function makeLogFolder(folder: string): void {
  try {
    makeFolder(folder);
  } catch (cause) {
    const message = `Cannot make the folder of the log, ${folder}: ${(cause as Error).message}. Check the path and its permissions.`;
    throw new SwapstatsError("storage_failed", message, { cause });
  }
}

/** A log that ends before the state would get offsets that the state has seen: their swaps would never be read. The service knows how to continue it. */
async function refuseShortLog(ranges: readonly OffsetRange[], config: Config, dataDir: string): Promise<void> {
  const { store } = await openCheckpointStore(checkpointStoreSetup(config, dataDir));
  try {
    for (const [partition, { endOffset }] of ranges.entries()) {
      const stored = await store.readManifest(partition);
      if (stored === undefined || stored.bytes.length === 0) continue;
      const decoded = decodeManifest(stored.bytes, partition);
      if (decoded.kind !== "good" || decoded.manifest.nextOffset <= endOffset) continue;
      const message = `The log of ${dataDir} ends at offset ${endOffset} of partition ${partition}, and the checkpoint at ${decoded.manifest.nextOffset}. Start the service once, which continues the log behind the checkpoint, and stop it.`;
      throw new SwapstatsError("bad_request", message);
    }
  } finally {
    await store.close();
  }
}
