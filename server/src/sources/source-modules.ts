/** The exports of the two modules of a source, for the main thread and for the workers. */
import type { IngestConfig } from "../config/build/ingest.ts";
import type { Config } from "../config/config.ts";
import type { Ingestion, IngestionEvents } from "../ports/ingestion.ts";
import type { SourceReaders } from "../ports/source.ts";
import type { IngestMappings } from "./mappings.ts";

/** The configuration where `ingest.source` is one of these. */
export type ConfigWith<Source extends IngestConfig["source"]> = Config & {
  readonly ingest: Extract<IngestConfig, { readonly source: Source }>;
};

export type IngestionOptions<OwnConfig> = IngestionEvents & {
  readonly config: OwnConfig;
  readonly mappings: IngestMappings;
  /** Time limit for a revoked partition to catch up and be saved. */
  readonly handOverLimitMs: number;
};

export type SourceModules<OwnConfig> = {
  /** The module for the main thread. */
  ingestion(): Promise<{
    /** Rejects with `bad_config`, and with errors that prevent the start of this process. */
    openIngestion(options: IngestionOptions<OwnConfig>): Promise<Ingestion>;
    /** Returns the number of partitions without a start. Rejects with a retryable error while that is not known. */
    countPartitions(config: OwnConfig): Promise<number>;
    /** Returns the setup of readers beside a running service, or without one: they take and release nothing. */
    pastReaderSetup(config: OwnConfig, mappings: IngestMappings): unknown;
  }>;
  /** The module for the workers. */
  readers(): Promise<{
    /** Opens the readers of one worker. `setup` is the `readerSetup` of the source's own `Ingestion`. */
    openReaders(setup: never): SourceReaders;
  }>;
};
