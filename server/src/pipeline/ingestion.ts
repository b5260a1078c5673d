/** How swaps come in, and by that, which partitions the workers own. One of the sources, as the main thread runs it. */

import type { GroupNumbers } from "../observability/source-metrics.ts";
import type { IngestPort } from "../ports/ingest.ts";
import type { PartitionWorkers, PartitionWorkersOptions } from "./workers/partition-workers.ts";
import type { SourceSetup } from "./workers/worker-setup.ts";

/** What a source hears of the workers, and gives them. */
export type IngestionHooks = Pick<PartitionWorkersOptions, "connectLog" | "onCurrent" | "onFailed" | "onCheckpoint">;

export type Ingestion = {
  readonly port: IngestPort;
  /** For the workers. */
  readonly source: SourceSetup;
  readonly hooks: IngestionHooks;
  /** More threads than this have nothing to do. */
  readonly threadsMax: number;
  /** Since when a state that begins with the first record has seen everything; undefined: since its first high. */
  readonly seenSinceMs: number | undefined;
  /** Of this instance's membership in a group; undefined where there is none. */
  readonly group?: GroupNumbers;
  /** How many partitions the stream has now. */
  partitionCount(): number;
  /**
   * Lets the workers own what is this process's. Resolves when that is settled for the first time, with what was not as it should
   * be; rejects with what no retry helps against.
   */
  begin(workers: PartitionWorkers): Promise<readonly string[]>;
  /** Takes nothing new: neither swaps nor partitions. */
  stopTaking(): Promise<void>;
  /** The workers have saved what they owned: others may take over. */
  leave(): Promise<void>;
};
