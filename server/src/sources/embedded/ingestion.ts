/** The embedded log as the source: swaps come by POST and from feeders, and all partitions are this process's. */
import { join, resolve } from "node:path";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import type { EmbeddedLogConfig } from "../../config/build/ingest.ts";
import { type Config, toEngineConfig } from "../../config/config.ts";
import type { Ingestion, PartitionAssigner } from "../../ports/ingestion.ts";
import type { Intake } from "../../ports/intake.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { makeFolder } from "../../shared/make-folder.ts";
import type { VersionBoardHandle } from "../../shared/version-board.ts";
import type { IngestionOptions } from "../source-modules.ts";
import { LogClient } from "./log-client.ts";
import { LOG_DATABASE_NAME, LOG_FOLDER } from "./log-writer.ts";
import type { EmbeddedReaderSetup } from "./readers.ts";

type EmbeddedConfig = Config & { readonly ingest: { readonly embedded: EmbeddedLogConfig } };

/** Opens the log, and creates it in an empty folder. Rejects as `LogClient.start` does. */
export async function openIngestion(options: IngestionOptions<EmbeddedConfig>): Promise<Ingestion> {
  const { config, mappings, onProblem, onFatal } = options;
  const { partitions, retentionMs, retentionBytes } = config.ingest.embedded;
  const folder = makeLogFolder(config.dataDir);
  const settings = {
    ...{ folder, partitions, retentionMs, retentionBytes },
    bodyEventsMax: config.api.http.maxBatch,
    chains: config.app.chains,
    timing: toEngineConfig(config),
    mappings: mappings.ofBodies,
    waitsForOwners: true,
  };
  const log = await LogClient.start(settings, onFatal);
  for (const problem of log.problems) onProblem(problem);
  const names = [...mappings.ofBodies.texts.keys()];
  return new EmbeddedIngestion(log, names, folder, partitions, config.windows.clock === "live");
}

export async function countPartitions({ ingest }: EmbeddedConfig): Promise<number> {
  return ingest.embedded.partitions;
}

export function pastReaderSetup({ dataDir }: EmbeddedConfig): EmbeddedReaderSetup {
  return { logPath: join(resolve(dataDir), LOG_FOLDER, LOG_DATABASE_NAME) };
}

function makeLogFolder(dataDir: string): string {
  const folder = join(resolve(dataDir), LOG_FOLDER);
  try {
    makeFolder(folder);
    return folder;
  } catch (cause) {
    const message = `Cannot make the folder of the log, ${folder}: ${(cause as Error).message}. Check data_dir and its permissions.`;
    throw new SwapstatsError("storage_failed", message, { cause });
  }
}

class EmbeddedIngestion implements Ingestion {
  readonly intake: Intake;
  readonly sharedStream = undefined;
  /** The log puts every token where it belongs. */
  readonly needsPlacementCheck = false;
  readonly readerSetup: EmbeddedReaderSetup;
  readonly threadsMax: number;
  readonly seenSinceMs: number | undefined;
  readonly group = undefined;
  readonly #log: LogClient;

  /** With `isLive` a new log has seen everything since it was created; events of a replay may be older. */
  constructor(log: LogClient, mappings: readonly string[], folder: string, partitions: number, isLive: boolean) {
    this.#log = log;
    this.intake = { port: log, mappings };
    this.readerSetup = { logPath: join(folder, LOG_DATABASE_NAME) };
    this.threadsMax = partitions;
    this.seenSinceMs = isLive ? log.createdMs : undefined;
  }

  partitionCount(): number {
    return this.threadsMax;
  }

  connect(partition: number, board: VersionBoardHandle): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.#log.connect(partition, port1, board);
    return port2;
  }

  async begin(workers: PartitionAssigner): Promise<readonly string[]> {
    const assigned = Array.from({ length: this.threadsMax }, (_, partition) => workers.assign(partition));
    return (await Promise.all(assigned)).flat();
  }

  onCurrent(): void {}

  /** The partition stays assigned. It responds from its last state, and status has the reason. */
  onFailed(): void {}

  onCheckpoint(): void {}

  stopTaking(): Promise<void> {
    return this.#log.close();
  }

  async leave(): Promise<void> {}
}
