/**
 * Entry of a worker thread that owns partitions: from its setup to runners and a host, and back at the end. An error that
 * nobody catches ends the thread, and by that the process: a state of unknown soundness must not be served or saved, and a restart
 * begins from the last checkpoint.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { SharedClock } from "../bus/shared-clock.ts";
import { VersionBoard } from "../bus/version-board.ts";
import { EmbeddedLogReader } from "../sources/embedded-log-reader.ts";
import { DeadLetterStore } from "../stores/dead-letter-store.ts";
import { openCheckpointStore } from "../stores/open-checkpoint-store.ts";
import { DeadLetterBuffer } from "./dead-letter-buffer.ts";
import type { LogNotice, LogOwnerRequest } from "./log-protocol.ts";
import { PartitionHost, wireError } from "./partition-host.ts";
import { PartitionRunner } from "./partition-runner.ts";
import type { WorkerCommand, WorkerPartition, WorkerReport, WorkerSetup } from "./worker-protocol.ts";

/** How long dead letters may wait for company. */
const DEAD_LETTER_FLUSH_MS = 200;

const setup = workerData as WorkerSetup;
const parent = parentPort as MessagePort;
const clock = new SharedClock(setup.clock);
const letterStore = new DeadLetterStore(setup.dataDir, Date.now());
const deadLetters = new DeadLetterBuffer(letterStore);
const { store } = await openCheckpointStore(setup.checkpointStore);
const runners = setup.partitions.map(runnerOf);
const host = new PartitionHost({
  port: setup.busPort,
  runners,
  clock,
  windows: setup.engine.windows,
  deadLetters,
  coalesceMs: setup.coalesceMs,
});
const flusher = setInterval(() => deadLetters.flush(), DEAD_LETTER_FLUSH_MS);
const restoring = restoreAll();

parent.on("message", (command: WorkerCommand) => {
  void drain(command.limitMs);
});

function report(message: WorkerReport): void {
  parent.postMessage(message);
}

function runnerOf({ partition, board, logPort }: WorkerPartition): PartitionRunner {
  const send = (request: LogOwnerRequest): void => logPort.postMessage(request);
  const reader = new EmbeddedLogReader({
    path: setup.logPath,
    partition,
    release: (offset) => send({ kind: "release", offset }),
    raiseEnd: (offset) => send({ kind: "raise_end", offset }),
  });
  const runner = new PartitionRunner({
    partition,
    owner: setup.owner,
    engine: setup.engine,
    reader,
    store,
    board: new VersionBoard(board),
    clock,
    deadLetters,
    snapshotIntervalMs: setup.snapshotIntervalMs,
    seenSinceMs: setup.seenSinceMs,
  });
  logPort.on("message", ({ endOffset, pressure }: LogNotice) => {
    reader.notify(endOffset, pressure);
    runner.noteLogPressure();
  });
  return runner;
}

/** One partition after the other: each needs all of the memory's bandwidth, and the first is ready sooner. */
async function restoreAll(): Promise<boolean> {
  try {
    for (const runner of runners) {
      await runner.restore();
      runner.start();
    }
    const problems = runners.flatMap((runner) => runner.restoreProblems);
    report({
      type: "restored",
      problems: letterStore.problem === undefined ? problems : [...problems, letterStore.problem],
    });
    return true;
  } catch (error) {
    report({ type: "refused", error: wireError(error) });
    return false;
  }
}

async function drain(limitMs: number): Promise<void> {
  const drained = runners.map((runner) => runner.drain(limitMs));
  const results = await Promise.allSettled([...drained, restoring]);
  const problems = results.flatMap((result) => (result.status === "rejected" ? [String(result.reason)] : []));
  clearInterval(flusher);
  if (!deadLetters.flush() && deadLetters.problem !== undefined) problems.push(deadLetters.problem);
  letterStore.close();
  // A client of a remote store would keep this thread alive.
  await store.close();
  host.close();
  for (const { logPort } of setup.partitions) logPort.close();
  report({ type: "drained", problems });
  parent.close();
}
