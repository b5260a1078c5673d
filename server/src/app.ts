/**
 * The composition root: the only file that knows every layer. The order in which the parts start reads as a list in
 * `startApp`; they stop in the order of the list in `stopApp`.
 */
import { join, resolve } from "node:path";
import { PLACEMENT_EVERY_MS, PlacementCheck, type PlacementSource } from "./bus/placement-check.ts";
import { createSharedClock, SharedClock } from "./bus/shared-clock.ts";
import { ThreadBus } from "./bus/thread-bus.ts";
import type { ClusterBus } from "./cluster/bus.ts";
import { ownedPartitions, startCluster } from "./cluster/start-cluster.ts";
import { CIRCUIT_OF } from "./cluster/transport.ts";
import { type Config, type GeneratorConfig, toEngineConfig } from "./config/config.ts";
import type { ListenAddress } from "./config/units.ts";
import { finestStepMs } from "./config/windows.ts";
import { maxSkewOf } from "./engine/buckets/levels.ts";
import { DEMO_DEFAULTS } from "./generator/options.ts";
import { type RunningGenerator, startGenerator } from "./generator/start-generator.ts";
import { createLogger, type Logger } from "./observability/logger.ts";
import { Metrics } from "./observability/metrics.ts";
import { createMetricsServer, type MetricsServer } from "./observability/metrics-server.ts";
import { EmbeddedIngest } from "./pipeline/embedded-ingest.ts";
import type { Ingestion } from "./pipeline/ingestion.ts";
import { PartitionWorkers } from "./pipeline/workers/partition-workers.ts";
import type { IngestPort } from "./ports/ingest.ts";
import type { StatsBus } from "./ports/stats-bus.ts";
import { createServingCore } from "./serving/core.ts";
import { type Doors, openDoors } from "./serving/doors.ts";
import { SwapstatsError } from "./shared/errors.ts";
import { makeFolder } from "./shared/make-folder.ts";
import { LogClient } from "./sources/embedded/log-client.ts";
import { type FolderLock, lockFolder } from "./stores/folder-lock.ts";
import { checkpointStoreSetup } from "./stores/open-checkpoint-store.ts";
import { hotStoreSetup } from "./stores/open-hot-store.ts";

/** How long the state may take to catch up with what was acknowledged, when the service stops. */
export const DRAIN_LIMIT_MS = 15_000;
/** How long running requests may take to end then. */
export const CLOSE_LIMIT_MS = 3_000;
/** How long a thread may take to answer. The executor of queries gives up earlier, with a better message. */
const ANSWER_TIMEOUT_MS = 30_000;
const LOG_FOLDER = "log";

export type AppOptions = {
  readonly version: string;
  readonly logger: Logger;
  /** A part failed in a way that only a restart mends. The process should end, with a code other than 0. */
  readonly onFatal: (error: Error) => void;
};

export type App = {
  /** Undefined: the listener is off. */
  readonly addresses: { readonly http: ListenAddress | undefined; readonly metrics: ListenAddress | undefined };
  readonly bus: StatsBus;
  readonly ingest: IngestPort;
  readonly metrics: Metrics;
  /** Refuses new work, finishes what was acknowledged, saves and ends; again: the same promise. */
  stop(): Promise<void>;
};

/** The parts in the order of their start; those that are not there yet when a start fails are undefined. */
type Parts = {
  lock?: FolderLock;
  ingestion?: Ingestion;
  workers?: PartitionWorkers;
  cluster?: ClusterBus;
  placement?: PlacementCheck;
  doors?: Doors;
  metricsServer?: MetricsServer;
  generator?: RunningGenerator;
};

/**
 * Starts the service, and resolves when it is ready: states restored, listeners open (they open first, and say so). Rejects
 * with SwapstatsError, everything stopped again.
 */
export async function startApp(config: Config, given: Partial<AppOptions> = {}): Promise<App> {
  const logger = given.logger ?? createLogger(config.logging);
  const options = { version: given.version ?? "0.0.0", logger, onFatal: given.onFatal ?? endProcess(logger) };
  const parts: Parts = {};
  try {
    return await startParts(config, options, parts);
  } catch (error) {
    await stopApp(parts, logger);
    throw error;
  }
}

async function startParts(config: Config, options: AppOptions, parts: Parts): Promise<App> {
  const { logger } = options;
  const dataDir = resolve(config.dataDir);
  const logFolder = makeFolders(dataDir);
  parts.lock = lockFolder(dataDir, Date.now(), options.onFatal);
  const metrics = new Metrics();
  const ingestion = await startIngestion(config, logFolder, options, parts);
  parts.ingestion = ingestion;
  const clock = new SharedClock(createSharedClock(config.windows.clock, maxSkewOf(toEngineConfig(config))));
  const workers = startWorkers(config, dataDir, ingestion, clock, options);
  parts.workers = workers;
  const begun = ingestion.begin(workers);
  // Until the listeners are open nobody waits for it.
  begun.catch(() => {});
  const threads = new ThreadBus({
    hosts: workers.clients,
    partitionCount: () => ingestion.partitionCount(),
    boards: workers.boards,
    clock,
    finestStepMs: finestStepMs(config.windows.list),
    chains: config.app.chains,
    prefer: config.api.symbols,
  });
  const bus = joinCluster(config, options, threads, workers, ingestion, clock, parts);
  // The embedded log puts every token where it belongs; who writes to a topic may do otherwise.
  if (config.ingest.source === "kafka") parts.placement = startPlacementCheck(workers, ingestion, parts);
  metrics.onCollect(async () => {
    if (parts.cluster !== undefined) metrics.setCircuit("nats", CIRCUIT_OF[parts.cluster.linkState]);
    metrics.group = ingestion.group;
    metrics.applyReports(await threads.metrics());
  });
  const core = createServingCore(bus, config);
  // Refused before its body is read, where swaps come from elsewhere.
  const ingest = config.ingest.source === "kafka" ? undefined : ingestion.port;
  const doors = await openDoors({ core, ingest, config, version: options.version, logger, metrics });
  parts.doors = doors;
  const httpAddress = await doors.listen();
  const metricsServer = createMetricsServer({ metrics, logger });
  parts.metricsServer = metricsServer;
  const metricsAddress = await listenMetrics(metricsServer, config.metrics.prometheus);
  for (const problem of await begun) logger.warn({ problem }, "restored with a problem");
  if (config.ingest.source === "generator")
    parts.generator = startProducer(config.ingest.generator, ingestion.port, logger);
  let stopping: Promise<void> | undefined;
  return {
    addresses: { http: httpAddress, metrics: metricsAddress },
    bus,
    ingest: ingestion.port,
    metrics,
    stop: () => {
      stopping ??= stopApp(parts, logger);
      return stopping;
    },
  };
}

/** Takes nothing new, lets what runs end, commits what was taken, brings the state up to it, saves, and lets the folder go. */
async function stopApp(parts: Parts, logger: Logger): Promise<void> {
  parts.doors?.startDraining();
  parts.placement?.close();
  await parts.generator?.stop();
  await parts.doors?.close(CLOSE_LIMIT_MS);
  await parts.ingestion?.stopTaking();
  for (const problem of (await parts.workers?.drain(DRAIN_LIMIT_MS)) ?? []) {
    logger.error({ problem }, "not saved; the next start reads it from the log again");
  }
  await parts.ingestion?.leave();
  await parts.cluster?.close();
  await parts.metricsServer?.close();
  parts.lock?.release();
}

/**
 * With NATS and a stream that instances share the bus over all of them, else that of this process. Which partitions are
 * answered for here is told by the source.
 */
function joinCluster(
  config: Config,
  { version }: AppOptions,
  threads: ThreadBus,
  workers: PartitionWorkers,
  ingestion: Ingestion,
  clock: SharedClock,
  parts: Parts,
): StatsBus {
  const { nats } = config.pubsub;
  if (nats === undefined) return threads;
  const { source, kafka } = config.ingest;
  // Where NATS is configured for nothing the configuration has said so.
  if (source !== "kafka" || kafka === undefined) return threads;
  parts.cluster = startCluster({
    ...{ nats, version, clock, instance: config.app.instanceId, local: threads, hosts: workers.clients },
    stream: [source, kafka.topic, kafka.groupId],
    partitions: ingestion.partitionCount(),
    finestStepMs: finestStepMs(config.windows.list),
    chains: config.app.chains,
    prefer: config.api.symbols,
  });
  return parts.cluster;
}

function startPlacementCheck(workers: PartitionWorkers, ingestion: Ingestion, parts: Parts): PlacementCheck {
  const own = workers.clients.map(
    (client): PlacementSource =>
      (request) =>
        client.ask(request as never) as never,
  );
  return new PlacementCheck({
    own,
    all: () => parts.cluster?.placementSources() ?? own,
    partitions: () => ingestion.partitionCount(),
    everyMs: PLACEMENT_EVERY_MS,
  });
}

/** Makes the data folder and returns that of the log. */
function makeFolders(dataDir: string): string {
  const logFolder = join(dataDir, LOG_FOLDER);
  try {
    makeFolder(logFolder);
    return logFolder;
  } catch (cause) {
    const message = `Cannot make the data folder ${dataDir}: ${(cause as Error).message}. Check data_dir and its rights.`;
    throw new SwapstatsError("storage_failed", message, { cause });
  }
}

async function startIngestion(
  config: Config,
  logFolder: string,
  options: AppOptions,
  parts: Parts,
): Promise<Ingestion> {
  if (config.ingest.source === "kafka") return kafkaIngest(config, options, parts);
  const { partitions, retentionMs, retentionBytes } = config.ingest.embedded;
  const bodyEventsMax = config.api.http.maxBatch;
  const settings = {
    ...{ folder: logFolder, partitions, retentionMs, retentionBytes, bodyEventsMax },
    chains: config.app.chains,
    timing: toEngineConfig(config),
    waitsForOwners: true,
  };
  const log = await LogClient.start(settings, options.onFatal);
  for (const problem of log.problems) options.logger.warn({ problem }, "the log was opened with a problem");
  return new EmbeddedIngest(log, logFolder, partitions, config.windows.clock === "live");
}

/** The client of Kafka is imported where it is used alone: it costs a start time that the embedded form need not pay. */
async function kafkaIngest(config: Config, { logger, onFatal }: AppOptions, parts: Parts): Promise<Ingestion> {
  const { kafkaSourceSetup, spillFolder } = await import("./sources/kafka/kafka-config.ts");
  const { requireKafka } = await import("./clients/kafka/connection.ts");
  const { clearSpill } = await import("./sources/kafka/pressure/spill-file.ts");
  const { KafkaIngest } = await import("./pipeline/kafka-ingest.ts");
  const kafka = requireKafka(config.ingest.kafka);
  const { start, groupId, groupProtocol, sessionTimeoutMs, rebalanceTimeoutMs, deadLetterTopic } = kafka;
  clearSpill(spillFolder(config.dataDir));
  return new KafkaIngest({
    setup: kafkaSourceSetup(config),
    start,
    deadLetterTopic,
    groupId,
    groupProtocol,
    instanceId: config.app.instanceId,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    neededRetentionMs: neededRetentionMs(config),
    handOverLimitMs: DRAIN_LIMIT_MS,
    onProblem: (problem) => logger.warn({ problem }, "not all is as it should be with the stream"),
    onRefused: onFatal,
    onServing: (serving, partitions) => {
      const hosts = parts.workers?.clients.length ?? 1;
      parts.cluster?.setOwned(ownedPartitions(serving, hosts), partitions);
    },
  });
}

/** A state that is computed anew needs records as far back as its windows and its horizon reach. */
function neededRetentionMs({ windows, app }: Config): number {
  const horizonsMs = [...app.chains.values()].map((chain) => Math.max(chain.graceMs, chain.reorgHorizonMs));
  const longestMs = Math.max(...windows.list.map((window) => window.lengthMs));
  return longestMs + Math.max(app.graceMs, app.reorgHorizonMs, ...horizonsMs);
}

function startWorkers(
  config: Config,
  dataDir: string,
  ingestion: Ingestion,
  clock: SharedClock,
  { onFatal }: AppOptions,
): PartitionWorkers {
  return new PartitionWorkers({
    threads: Math.min(config.app.workers, ingestion.threadsMax),
    dataDir,
    checkpointStore: checkpointStoreSetup(config, dataDir),
    hotStore: hotStoreSetup(config),
    source: ingestion.source,
    owner: config.app.instanceId,
    engine: toEngineConfig(config),
    clock: clock.handle,
    snapshotIntervalMs: config.app.snapshotIntervalMs,
    coalesceMs: config.api.ws.coalesceMs,
    seenSinceMs: ingestion.seenSinceMs,
    answerTimeoutMs: ANSWER_TIMEOUT_MS,
    ...ingestion.hooks,
    onFatal,
  });
}

async function listenMetrics(
  server: MetricsServer,
  address: ListenAddress | undefined,
): Promise<ListenAddress | undefined> {
  return address === undefined ? undefined : { host: address.host, port: await server.listen(address) };
}

function startProducer(settings: GeneratorConfig, ingest: IngestPort, logger: Logger): RunningGenerator {
  const options = { ...DEMO_DEFAULTS, ...settings, startMs: Date.now() };
  return startGenerator(ingest, options, {
    onProblem: (err, retrying) => logger.warn({ err, retrying }, "the generator's swaps were refused"),
  });
}

/** For a process that has nothing better to do: a supervisor starts it again, and nothing that was acknowledged is lost. */
function endProcess(logger: Logger): (error: Error) => void {
  return (err) => {
    logger.fatal({ err }, "a part failed; the process ends");
    process.exit(1);
  };
}
