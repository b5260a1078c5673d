/**
 * The list of sources. This file alone knows which there are; the rest of the service has `Ingestion` and `PartitionReader`.
 *
 * A source has two modules, one for each kind of thread that uses it. Both are imported when they are used: the client of a server costs a
 * start time that the other sources need not pay.
 */
import type { Config } from "../config/config.ts";
import type { RecordMapper } from "../mapping/mapper.ts";
import type { Ingestion } from "../ports/ingestion.ts";
import type { PartitionReader, SourceReaders } from "../ports/source.ts";
import { type FeederKind, isFeederKind } from "./feeders/open-feeder.ts";
import { MappingOpener, readIngestMappings, type TopicMapping } from "./mappings.ts";
import type { ConfigWith, IngestionOptions, SourceModules } from "./source-modules.ts";

type SourceKind = Exclude<Config["ingest"]["source"], FeederKind>;

/** Feeders write to the embedded log. */
type ConfigOf<Kind extends SourceKind> = ConfigWith<Kind extends "embedded" ? Kind | FeederKind : Kind>;

const SOURCES: { readonly [Kind in SourceKind]: SourceModules<ConfigOf<Kind>> } = {
  embedded: { ingestion: () => import("./embedded/ingestion.ts"), readers: () => import("./embedded/readers.ts") },
  kafka: { ingestion: () => import("./kafka/ingestion.ts"), readers: () => import("./kafka/readers.ts") },
};

/** The setup of a worker's source: data that `structuredClone` copies. It may hold secrets, and is never logged. */
export type ReadersSetup = {
  readonly kind: SourceKind;
  readonly setup: unknown;
  /** How records become canonical events. Undefined: they are. */
  readonly mapping?: TopicMapping | undefined;
};

/** The source that records are read from. */
function sourceKind({ ingest }: Config): SourceKind {
  return isFeederKind(ingest.source) ? "embedded" : ingest.source;
}

/**
 * Opens the main thread's half of the configured source. Rejects as the source's `openIngestion` does, and with `bad_config` for mappings that
 * cannot be used.
 */
export async function openSource(
  options: Omit<IngestionOptions<Config>, "mappings">,
): Promise<{ readonly ingestion: Ingestion; readonly readers: ReadersSetup }> {
  const mappings = readIngestMappings(options.config);
  const kind = sourceKind(options.config);
  const { openIngestion } = await SOURCES[kind].ingestion();
  const ingestion = await openIngestion({ ...options, mappings } as never);
  return { ingestion, readers: { kind, setup: ingestion.readerSetup, mapping: mappings.ofTopic } };
}

/** Checks the files that the configuration of the source names. Throws `bad_config` with all problems. */
export function checkSource(config: Config): void {
  readIngestMappings(config);
}

/** Returns what opens a mapper for each partition. Undefined: the records are canonical events. */
export function mapperOpener({ mapping }: ReadersSetup): (() => RecordMapper) | undefined {
  if (mapping === undefined) return undefined;
  const opener = new MappingOpener(mapping.registry);
  return () => opener.open(mapping.text, false).mapper;
}

/** Opens a worker's half of a source. */
export async function openReaders({ kind, setup }: Omit<ReadersSetup, "mapping">): Promise<SourceReaders> {
  const readers = await SOURCES[kind].readers();
  return readers.openReaders(setup as never);
}

/** The log of the configured source, read from the outside: the service may run or not. */
export type PastLog = {
  /** See `SourceReaders.open`. */
  open(partition: number): PartitionReader;
  /** Undefined: the records are canonical events. */
  readonly openMapper: (() => RecordMapper) | undefined;
  close(): Promise<void>;
};

/** Rejects with `bad_config` for mappings that cannot be used. */
export async function openPastLog(config: Config): Promise<PastLog> {
  const mappings = readIngestMappings(config);
  const kind = sourceKind(config);
  const { pastReaderSetup } = await SOURCES[kind].ingestion();
  const setup = { kind, setup: pastReaderSetup(config as never, mappings), mapping: mappings.ofTopic };
  const readers = await openReaders(setup);
  return {
    open: (partition) => readers.open(partition, undefined, () => {}),
    openMapper: mapperOpener(setup),
    close: async () => {
      await readers.close();
      await readers.deadLetters?.close();
    },
  };
}

/** Returns the number of partitions of the configured source; see `SourceModules`. */
export async function countPartitions(config: Config): Promise<number> {
  const { countPartitions: count } = await SOURCES[sourceKind(config)].ingestion();
  return count(config as never);
}
