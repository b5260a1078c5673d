/** The embedded log as the source: swaps come by POST and from the generator, and all partitions are this process's. */
import { join } from "node:path";
import type { LogClient } from "../sources/embedded/log-client.ts";
import { LOG_DATABASE_NAME } from "../sources/embedded/log-writer.ts";
import type { Ingestion, IngestionHooks } from "./ingestion.ts";
import type { PartitionWorkers } from "./workers/partition-workers.ts";
import type { SourceSetup } from "./workers/worker-setup.ts";

export class EmbeddedIngest implements Ingestion {
  readonly port: LogClient;
  readonly source: SourceSetup;
  readonly hooks: IngestionHooks;
  readonly threadsMax: number;
  readonly seenSinceMs: number | undefined;

  /** `folder` is the log's; with `isLive` a fresh folder has seen everything since it was made (events of a replay may be older). */
  constructor(log: LogClient, folder: string, partitions: number, isLive: boolean) {
    this.port = log;
    this.source = { kind: "embedded", logPath: join(folder, LOG_DATABASE_NAME) };
    this.hooks = { connectLog: (partition, port, board) => log.connect(partition, port, board) };
    this.threadsMax = partitions;
    this.seenSinceMs = isLive ? log.createdMs : undefined;
  }

  partitionCount(): number {
    return this.threadsMax;
  }

  async begin(workers: PartitionWorkers): Promise<readonly string[]> {
    const owning = Array.from({ length: this.threadsMax }, (_, partition) => workers.own(partition));
    return (await Promise.all(owning)).flat();
  }

  stopTaking(): Promise<void> {
    return this.port.close();
  }

  async leave(): Promise<void> {}
}
