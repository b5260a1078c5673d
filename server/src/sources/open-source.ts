/**
 * The list of sources. This file alone knows which there are; the rest of the service has `Ingestion` and `PartitionReader`.
 *
 * A source has two modules, one for each kind of thread that uses it. Both are imported when they are used: the client of a server costs a
 * start time that the other sources need not pay.
 */
import type { Config } from "../config/config.ts";
import type { Ingestion } from "../ports/ingestion.ts";
import type { SourceReaders } from "../ports/source.ts";
import { type FeederKind, isFeederKind } from "./feeders/open-feeder.ts";
import type { ConfigWith, IngestionOptions, SourceModules } from "./source-modules.ts";

type SourceKind = Exclude<Config["ingest"]["source"], FeederKind>;

/** Feeders write to the embedded log. */
type ConfigOf<Kind extends SourceKind> = ConfigWith<Kind extends "embedded" ? Kind | FeederKind : Kind>;

const SOURCES: { readonly [Kind in SourceKind]: SourceModules<ConfigOf<Kind>> } = {
  embedded: { ingestion: () => import("./embedded/ingestion.ts"), readers: () => import("./embedded/readers.ts") },
  kafka: { ingestion: () => import("./kafka/ingestion.ts"), readers: () => import("./kafka/readers.ts") },
};

/** The setup of a worker's source: data that `structuredClone` copies. It may hold secrets, and is never logged. */
export type ReadersSetup = { readonly kind: SourceKind; readonly setup: unknown };

/** The source that records are read from. */
function sourceKind({ ingest }: Config): SourceKind {
  return isFeederKind(ingest.source) ? "embedded" : ingest.source;
}

/** Opens the main thread's half of the configured source. Rejects as the source's `openIngestion` does. */
export async function openSource(
  options: IngestionOptions<Config>,
): Promise<{ readonly ingestion: Ingestion; readonly readers: ReadersSetup }> {
  const kind = sourceKind(options.config);
  const { openIngestion } = await SOURCES[kind].ingestion();
  const ingestion = await openIngestion(options as never);
  return { ingestion, readers: { kind, setup: ingestion.readerSetup } };
}

/** Opens a worker's half of a source. */
export async function openReaders({ kind, setup }: ReadersSetup): Promise<SourceReaders> {
  const readers = await SOURCES[kind].readers();
  return readers.openReaders(setup as never);
}

/** Returns the number of partitions of the configured source; see `SourceModules`. */
export async function countPartitions(config: Config): Promise<number> {
  const { countPartitions: count } = await SOURCES[sourceKind(config)].ingestion();
  return count(config as never);
}
