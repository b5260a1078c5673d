/**
 * Entry of a partition worker: partitions are assigned to it and revoked (OwnedPartitions). Each gets a reader of the source and a
 * PartitionRunner; a WorkerServer responds for all of them. An error that nobody catches ends the thread, and with it the
 * process: a state that may be wrong must not be served or saved, and a restart begins from the last checkpoint.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { SharedClock } from "../../bus/shared-clock.ts";
import { VersionBoard } from "../../shared/version-board.ts";
import { mapperOpener, openReaders } from "../../sources/open-source.ts";
import { DeadLetterStore } from "../../stores/dead-letter-store.ts";
import { openHistoryStore } from "../../stores/history/open-history-store.ts";
import { openCheckpointStore } from "../../stores/open-checkpoint-store.ts";
import { type OpenedHotStore, openHotStore } from "../../stores/open-hot-store.ts";
import { DeadLetterBuffer } from "../dead-letter-buffer.ts";
import { HistoryLink } from "../history/history-link.ts";
import { TailBudget } from "../history/history-tail.ts";
import { PartitionHistory } from "../history/partition-history.ts";
import { HotWriter } from "../hot/hot-writer.ts";
import { PartitionRunner } from "../partition-runner.ts";
import { ThreadShare } from "../thread-share.ts";
import { OwnedPartitions } from "./owned-partitions.ts";
import { WorkerServer } from "./worker-server.ts";
import type { WorkerCommand, WorkerHistory, WorkerPartition, WorkerReport, WorkerSetup } from "./worker-setup.ts";

/** Interval at which dead letters are written in groups. */
const DEAD_LETTER_FLUSH_MS = 200;

const setup = workerData as WorkerSetup;
const parent = parentPort as MessagePort;
const clock = new SharedClock(setup.clock);
const share = new ThreadShare();
const letterStore = new DeadLetterStore(setup.dataDir, Date.now);
const { store, circuit } = await openCheckpointStore(setup.checkpointStore);
const hotStore = setup.hotStore === undefined ? undefined : await openHotStore(setup.hotStore);
const readers = await openReaders(setup.source);
const openMapper = mapperOpener(setup.source);
const deadLetters = new DeadLetterBuffer(letterStore, readers.deadLetters);
const { past } = setup;
const openHistory = setup.history === undefined ? undefined : historyOpener(setup.history);
const owned = new OwnedPartitions({ open, report });
// This comes before the server listens, so its first request finds the assigned partitions.
parent.on("message", (command: WorkerCommand) => {
  if (command.type === "assign") owned.assign(command.partition);
  else if (command.type === "revoke") owned.revoke(command.partition, command.limitMs);
  else void drain(command.limitMs);
});
const hot = hotStore === undefined ? undefined : startHotWriter(hotStore);
const server = new WorkerServer({
  owner: setup.owner,
  port: setup.busPort,
  owned,
  clock,
  windows: setup.engine.windows,
  deadLetters,
  coalesceMs: setup.coalesceMs,
  hot,
  circuits: [circuit, hotStore?.circuit].filter((one) => one !== undefined),
  share,
});
const flusher = setInterval(() => {
  letterStore.tryOpen();
  deadLetters.flush();
}, DEAD_LETTER_FLUSH_MS);

function sourceProblems(): string[] {
  return letterStore.problem === undefined ? [...readers.problems] : [...readers.problems, letterStore.problem];
}

function report(message: WorkerReport): void {
  parent.postMessage(message);
}

function open({ partition, board, sourcePort, begin }: WorkerPartition): PartitionRunner {
  const reader = readers.open(partition, sourcePort, () => runner.noteLogPressure());
  const runner = new PartitionRunner({
    partition,
    owner: setup.owner,
    engine: setup.engine,
    reader,
    store,
    isStoreExclusive: setup.checkpointStore.kind === "embedded",
    circuit,
    board: new VersionBoard(board),
    clock,
    deadLetters,
    history: openHistory?.open(partition),
    openPast: past === undefined ? undefined : () => openHistoryStore(past),
    mapper: openMapper?.(),
    share,
    snapshotIntervalMs: setup.snapshotIntervalMs,
    seenSinceMs: setup.seenSinceMs,
    begin,
    sourceProblems,
    onCurrent: (epoch) => report({ type: "current", partition, epoch }),
    onServedChanged: () => owned.servedChanged(),
    onCheckpoint: (nextOffset) => report({ type: "checkpointed", partition, nextOffset }),
    onFailed: (message) => report({ type: "failed", partition, message }),
  });
  return runner;
}

function historyOpener({ port, tailBytes, ...limits }: WorkerHistory) {
  const link = new HistoryLink(port);
  const budget = new TailBudget(tailBytes);
  const monotonicMs = () => performance.now();
  return {
    open: (partition: number) => new PartitionHistory({ partition, link, budget, ...limits, monotonicMs }),
    close: () => link.close(),
  };
}

function startHotWriter(opened: OpenedHotStore): HotWriter {
  const writer = new HotWriter({
    ...opened,
    partitions: () => owned.current,
    clock,
    windows: setup.engine.windows.map((window) => window.name),
    monotonicMs: () => performance.now(),
    share,
  });
  writer.start();
  return writer;
}

async function drain(limitMs: number): Promise<void> {
  const problems = await owned.revokeAll(limitMs);
  clearInterval(flusher);
  if (!deadLetters.flush() && deadLetters.problem !== undefined) problems.push(deadLetters.problem);
  await deadLetters.close();
  letterStore.close();
  await readers.close();
  // A client of a remote store would keep this thread alive.
  await store.close();
  await hot?.close();
  openHistory?.close();
  server.close();
  report({ type: "drained", problems });
  parent.close();
}
