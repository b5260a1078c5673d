/**
 * The composition root: the only file that knows serving, the pipeline and the cluster together. `startParts` lists the
 * parts in the order of their start, `stopApp` in the order of their end.
 */
import { resolve } from "node:path";
import { type OpenIdentities, openIdentities } from "./access/identity/open-identities.ts";
import { LocalWorkers } from "./bus/local-workers.ts";
import { PLACEMENT_EVERY_MS, PlacementCheck } from "./bus/placement-check.ts";
import { QueryBus, type QueryBusOptions } from "./bus/query-bus.ts";
import { createSharedClock, SharedClock } from "./bus/shared-clock.ts";
import type { Cluster } from "./cluster/cluster.ts";
import { ownedPartitions, startCluster } from "./cluster/start-cluster.ts";
import { CIRCUIT_OF } from "./cluster/transport.ts";
import { type Config, toEngineConfig } from "./config/config.ts";
import type { ListenAddress } from "./config/units.ts";
import { finestStepMs } from "./config/windows.ts";
import { maxSkewOf } from "./engine/buckets/levels.ts";
import { HistoryService } from "./history/history-service.ts";
import { createLogger, type Logger } from "./observability/logger.ts";
import { Metrics } from "./observability/metrics.ts";
import { createMetricsServer, type MetricsServer } from "./observability/metrics-server.ts";
import { ReplayThreads } from "./pipeline/replay/replay-threads.ts";
import { PartitionWorkers } from "./pipeline/workers/partition-workers.ts";
import type { Ingestion } from "./ports/ingestion.ts";
import type { StatsBus } from "./ports/stats-bus.ts";
import { createServingCore } from "./serving/core.ts";
import { type DoorAddresses, type Doors, openDoors } from "./serving/doors.ts";
import { metricsAdmission } from "./serving/gate.ts";
import { type OpenedGate, openGate } from "./serving/open-gate.ts";
import { SwapstatsError } from "./shared/errors.ts";
import { makeFolder } from "./shared/make-folder.ts";
import { type Feeders, openFeeders } from "./sources/feeders/open-feeder.ts";
import { openSource, type ReadersSetup } from "./sources/open-source.ts";
import { FeederLetters } from "./stores/feeder-letters.ts";
import { type FolderLock, lockFolder } from "./stores/folder-lock.ts";
import { type HistoryStoreSetup, historyStoreSetup } from "./stores/history/open-history-store.ts";
import { checkpointStoreSetup } from "./stores/open-checkpoint-store.ts";
import { hotStoreSetup } from "./stores/open-hot-store.ts";

/** Time limit for applying all acknowledged swaps when the service stops. */
const DRAIN_LIMIT_MS = 15_000;
/** Time limit for writing the history when the service stops. */
const HISTORY_LIMIT_MS = 10_000;
/** Time limit for running requests when the service stops. */
const CLOSE_LIMIT_MS = 3_000;
/** Time limit for a response of a worker. The query executor has a shorter timeout, with a better message. */
const ANSWER_TIMEOUT_MS = 30_000;

type AppOptions = {
  readonly version: string;
  readonly logger: Logger;
  /** A part failed, and only a restart helps. The process should end, with a code other than 0. */
  readonly onFatal: (error: Error) => void;
};

export type App = {
  /** Undefined: the listener is off. */
  readonly addresses: DoorAddresses & { readonly metrics: ListenAddress | undefined };
  readonly bus: StatsBus;
  readonly metrics: Metrics;
  /** Refuses new work, finishes what was acknowledged, saves and ends. A second call returns the same promise. */
  stop(): Promise<void>;
};

/** The parts in the order of their start. When a start fails, the later ones are undefined. */
type Parts = {
  lock?: FolderLock;
  ingestion?: Ingestion;
  history?: HistoryService | undefined;
  workers?: PartitionWorkers;
  cluster?: Cluster | undefined;
  access?: OpenIdentities;
  gate?: OpenedGate;
  placement?: PlacementCheck;
  replays?: ReplayThreads | undefined;
  doors?: Doors;
  metricsServer?: MetricsServer;
  letters?: FeederLetters;
  feeders?: Feeders;
};

/**
 * Starts the service, and resolves when it is ready: the states are restored, and the listeners are open. Listeners
 * open first, and report that they are not ready. Rejects with SwapstatsError after everything was stopped again.
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
  makeDataFolder(dataDir);
  parts.lock = lockFolder(dataDir, Date.now(), options.onFatal);
  const metrics = new Metrics();
  parts.feeders = await openConfiguredFeeders(config, dataDir, logger, parts);
  const { ingestion, readers } = await openConfiguredSource(config, options, parts);
  parts.ingestion = ingestion;
  const clock = new SharedClock(createSharedClock(config.windows.clock, maxSkewOf(toEngineConfig(config))));
  parts.history = startHistory(config, dataDir, ingestion, options);
  const workers = startWorkers(config, dataDir, ingestion, readers, clock, parts.history, options);
  parts.workers = workers;
  const begun = ingestion.begin(workers);
  // No part waits for it until the listeners are open.
  begun.catch(() => {});
  const local = new LocalWorkers(
    workers.clients,
    () => ingestion.partitionCount(),
    (partition) => workers.workerOf(partition),
  );
  const gathering = {
    ...{ clock, boards: workers.boards, finestStepMs: finestStepMs(config.windows.list) },
    ...{ chains: config.app.chains, prefer: config.api.symbols },
  };
  parts.cluster = joinCluster(config, options, workers, ingestion, gathering);
  const bus = parts.cluster?.bus ?? new QueryBus({ workers: local, ...gathering });
  if (ingestion.needsPlacementCheck) parts.placement = startPlacementCheck(local, ingestion, parts);
  metrics.onCollect(async () => {
    if (parts.cluster !== undefined) metrics.setCircuit("nats", CIRCUIT_OF[parts.cluster.linkState]);
    metrics.group = ingestion.group;
    metrics.applyReports(await bus.metrics());
    metrics.history = await parts.history?.client.health();
  });
  parts.access = openAccess(config, logger);
  const { identities } = parts.access;
  parts.gate = openGate({ config, identities, logger, metrics });
  const core = createServingCore(bus, config, identities, parts.gate.gate, parts.history?.client);
  const ingest = ingestion.intake;
  const { feeders } = parts;
  metrics.feeders = () => feeders.numbers();
  const statuses = () => feeders.statuses();
  const history = async () => parts.history?.client.health();
  parts.replays = replaysOf(config, dataDir, gathering);
  metrics.replays = () => parts.replays?.numbers;
  const doors = await openDoors({
    ...{
      core,
      ingest,
      config,
      version: options.version,
      logger,
      metrics,
      feeders: statuses,
      history,
      replays: parts.replays,
    },
  });
  parts.doors = doors;
  const addresses = await doors.listen();
  const metricsServer = createMetricsServer({ metrics, logger, admit: metricsAdmission(core.gate) });
  parts.metricsServer = metricsServer;
  const metricsAddress = await listenMetrics(metricsServer, config.metrics.prometheus);
  await parts.history?.opened;
  for (const problem of await begun) logger.warn({ problem }, "restored with a problem");
  await startFeeders(feeders, ingestion);
  let stopping: Promise<void> | undefined;
  return {
    addresses: { ...addresses, metrics: metricsAddress },
    bus,
    metrics,
    stop: () => {
      stopping ??= stopApp(parts, logger);
      return stopping;
    },
  };
}

/**
 * Refuses new work, waits for running requests, commits accepted swaps, applies them, saves, and releases the data
 * folder.
 */
async function stopApp(parts: Parts, logger: Logger): Promise<void> {
  parts.doors?.startDraining();
  parts.placement?.close();
  await parts.feeders?.stop();
  parts.letters?.close();
  await parts.doors?.close(CLOSE_LIMIT_MS);
  await parts.replays?.close();
  await parts.ingestion?.stopTaking();
  for (const problem of (await parts.workers?.drain(DRAIN_LIMIT_MS)) ?? []) {
    logger.error({ problem }, "not saved; the next start reads it again");
  }
  const unwritten = await parts.history?.drain(HISTORY_LIMIT_MS);
  if (unwritten !== undefined) logger.warn({ problem: unwritten }, "history was not written to its end");
  await parts.ingestion?.leave();
  parts.gate?.close();
  parts.access?.close();
  await parts.cluster?.close();
  await parts.metricsServer?.close();
  parts.lock?.release();
}

/**
 * Joins the instances that share the stream, where NATS is configured. The source says which partitions this instance
 * answers for.
 */
function joinCluster(
  config: Config,
  { version }: AppOptions,
  { clients }: PartitionWorkers,
  ingestion: Ingestion,
  gathering: Omit<QueryBusOptions, "workers">,
): Cluster | undefined {
  const { nats } = config.pubsub;
  if (nats === undefined) return undefined;
  const { sharedStream } = ingestion;
  // Where NATS is configured without effect, the configuration has warned of it.
  if (sharedStream === undefined) return undefined;
  return startCluster({
    ...{ nats, version, instance: config.app.instanceId, workers: clients, ...gathering },
    stream: sharedStream,
    partitions: ingestion.partitionCount(),
  });
}

function startPlacementCheck(local: LocalWorkers, ingestion: Ingestion, parts: Parts): PlacementCheck {
  return new PlacementCheck({
    own: local.own,
    all: () => parts.cluster?.workers ?? local.own,
    partitions: () => ingestion.partitionCount(),
    everyMs: PLACEMENT_EVERY_MS,
  });
}

function makeDataFolder(dataDir: string): void {
  try {
    makeFolder(dataDir);
  } catch (cause) {
    const message = `Cannot make the data folder ${dataDir}: ${(cause as Error).message}. Check data_dir and its permissions.`;
    throw new SwapstatsError("storage_failed", message, { cause });
  }
}

function openConfiguredSource(
  config: Config,
  { logger, onFatal }: AppOptions,
  parts: Parts,
): ReturnType<typeof openSource> {
  return openSource({
    config,
    handOverLimitMs: DRAIN_LIMIT_MS,
    onProblem: (problem) => logger.warn({ problem }, "the source has a problem"),
    onFatal,
    onServing: (serving, partitions) => {
      const { workers } = parts;
      parts.cluster?.setOwned(
        ownedPartitions(serving, (partition) => workers?.workerOf(partition) ?? 0),
        partitions,
      );
    },
  });
}

function threadsOf({ app }: Config, { threadsMax }: Ingestion): number {
  return Math.min(app.workers, threadsMax);
}

/** Returns undefined when no history is configured. */
function startHistory(
  config: Config,
  dataDir: string,
  ingestion: Ingestion,
  { logger, onFatal }: AppOptions,
): HistoryService | undefined {
  const workers = threadsOf(config, ingestion);
  const onProblem = (problem: string | undefined): void => {
    if (problem === undefined) logger.info("history is being written again");
    else logger.warn({ problem }, "history is not being written");
  };
  return HistoryService.start({ config, dataDir, workers, onProblem, onFatal });
}

/** Other threads read it while the history thread writes it. */
function readerOf(config: Config, dataDir: string): HistoryStoreSetup | undefined {
  const setup = historyStoreSetup(config, dataDir);
  return setup?.kind === "embedded" ? { ...setup, isReader: true } : setup;
}

function replaysOf(
  config: Config,
  dataDir: string,
  gathering: Pick<QueryBusOptions, "finestStepMs" | "chains" | "prefer">,
): ReplayThreads | undefined {
  const { replaySessions: sessionsMax, replayRowsMax: rowsMax, replayMemoryBytes: memoryBytes } = config.history;
  const store = sessionsMax === 0 ? undefined : readerOf(config, dataDir);
  if (store === undefined) return undefined;
  return new ReplayThreads({
    ...{ store, sessionsMax, limits: { rowsMax, memoryBytes }, gathering },
    engine: toEngineConfig(config),
    timeMaxMs: config.history.replaySessionTimeMaxMs,
    coalesceMs: config.api.ws.coalesceMs,
    answerTimeoutMs: ANSWER_TIMEOUT_MS,
  });
}

function startWorkers(
  config: Config,
  dataDir: string,
  ingestion: Ingestion,
  readers: ReadersSetup,
  clock: SharedClock,
  history: HistoryService | undefined,
  { onFatal }: AppOptions,
): PartitionWorkers {
  return new PartitionWorkers({
    threads: threadsOf(config, ingestion),
    connectHistory: history === undefined ? undefined : () => history.connect(),
    past: config.app.bootstrap === "history" ? readerOf(config, dataDir) : undefined,
    dataDir,
    checkpointStore: checkpointStoreSetup(config, dataDir),
    hotStore: hotStoreSetup(config),
    source: readers,
    owner: config.app.instanceId,
    engine: toEngineConfig(config),
    clock: clock.handle,
    snapshotIntervalMs: config.app.snapshotIntervalMs,
    coalesceMs: config.api.ws.coalesceMs,
    seenSinceMs: ingestion.seenSinceMs,
    answerTimeoutMs: ANSWER_TIMEOUT_MS,
    ingestion,
    onFatal,
  });
}

/** Redis serves tickets alone here, and only where there are credentials to exchange for them. */
function openAccess({ security, stores }: Config, logger: Logger): OpenIdentities {
  const isUsed = security.jwt !== undefined || security.apiKeysPath !== undefined;
  if (security.devTokens) logger.warn("security.dev_tokens is on: everyone who reaches the API gets a token");
  return openIdentities({
    security,
    redis: isUsed ? stores.redis : undefined,
    onProblem: (err) => logger.warn({ err }, "credentials cannot be checked as configured"),
    nowMs: Date.now,
  });
}

async function listenMetrics(
  server: MetricsServer,
  address: ListenAddress | undefined,
): Promise<ListenAddress | undefined> {
  return address === undefined ? undefined : { host: address.host, port: await server.listen(address) };
}

/** Before any part starts: a setting or a position that cannot be used ends the start with its message. */
function openConfiguredFeeders(config: Config, dataDir: string, logger: Logger, parts: Parts): Promise<Feeders> {
  parts.letters = new FeederLetters(dataDir, Date.now, (err) => logger.warn({ err }, "dead letters were not kept"));
  return openFeeders(config, {
    onProblem: (feeder, err, retrying) => logger.warn({ feeder, err, retrying }, "a feeder has a problem"),
    onRefused: (letters) => parts.letters?.put(letters),
    nowMs: Date.now,
  });
}

async function startFeeders(feeders: Feeders, { intake }: Ingestion): Promise<void> {
  if (feeders.isEmpty) return;
  if (intake.port === undefined) throw new SwapstatsError("bad_config", intake.reason);
  await feeders.start(intake.port);
}

/** The default of `onFatal`: a supervisor restarts the process, and nothing that was acknowledged is lost. */
function endProcess(logger: Logger): (error: Error) => void {
  return (err) => {
    logger.fatal({ err }, "a part failed; the process ends");
    process.exit(1);
  };
}
