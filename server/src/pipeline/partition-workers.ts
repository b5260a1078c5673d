/** The main thread's side of the partition workers: starts the threads, hands out their ports, and ends them. */
import { MessageChannel, type MessagePort, type TransferListItem, Worker } from "node:worker_threads";
import { HostClient } from "../bus/host-client.ts";
import type { SharedClockHandle } from "../bus/shared-clock.ts";
import { createVersionBoard, VersionBoard } from "../bus/version-board.ts";
import type { EngineConfig } from "../engine/types.ts";
import { SwapstatsError } from "../shared/errors.ts";
import type { CheckpointStoreSetup } from "../stores/open-checkpoint-store.ts";
import type { WorkerCommand, WorkerPartition, WorkerReport, WorkerSetup } from "./worker-protocol.ts";

export type PartitionWorkersOptions = {
  readonly partitions: number;
  /** Threads wanted; never more than partitions. */
  readonly workers: number;
  readonly dataDir: string;
  readonly checkpointStore: CheckpointStoreSetup;
  readonly logPath: string;
  readonly owner: string;
  readonly engine: EngineConfig;
  readonly clock: SharedClockHandle;
  readonly snapshotIntervalMs: number;
  readonly coalesceMs: number;
  readonly seenSinceMs: number | undefined;
  /** How long a question to a worker may take. */
  readonly answerTimeoutMs: number;
  /** Connects the owner of a partition with the log thread. */
  readonly connectLog: (partition: number, port: MessagePort) => void;
  /** A thread ended by an error: the process must end, and be started again. */
  readonly onFatal: (error: Error) => void;
};

/** A worker that has not ended so long after the limit of its drain is ended by force. */
const END_GRACE_MS = 2_000;

type Thread = {
  readonly worker: Worker;
  readonly client: HostClient;
  readonly restored: Promise<readonly string[]>;
  readonly drained: Promise<readonly string[]>;
};

export class PartitionWorkers {
  /** Index of the host of each partition. */
  readonly hostOfPartition: readonly number[];
  readonly boards: ReadonlyMap<number, VersionBoard>;
  readonly #threads: readonly Thread[];
  #isEnding = false;

  constructor(options: PartitionWorkersOptions) {
    const hosts = Math.min(options.workers, options.partitions);
    this.hostOfPartition = Array.from({ length: options.partitions }, (_, partition) => partition % hosts);
    const boards = new Map<number, VersionBoard>();
    this.boards = boards;
    this.#threads = Array.from({ length: hosts }, (_, host) => {
      const owned = this.hostOfPartition.flatMap((owner, partition) => (owner === host ? [partition] : []));
      return this.#startThread(options, owned, boards);
    });
  }

  get clients(): readonly HostClient[] {
    return this.#threads.map((thread) => thread.client);
  }

  /** Resolves when all states are restored, with what was not as it should be. Rejects when one is refused. */
  async restored(): Promise<string[]> {
    return (await Promise.all(this.#threads.map((thread) => thread.restored))).flat();
  }

  /** Lets every worker finish what the log holds, for at most `limitMs`, and end; resolves with what could not be written. */
  async drain(limitMs: number): Promise<string[]> {
    this.#isEnding = true;
    const ends = this.#threads.map(async ({ worker, client, drained }) => {
      worker.postMessage({ type: "drain", limitMs } satisfies WorkerCommand);
      const overdue = setTimeout(() => void worker.terminate(), limitMs + END_GRACE_MS);
      try {
        return await drained;
      } finally {
        clearTimeout(overdue);
        client.close();
      }
    });
    return (await Promise.all(ends)).flat();
  }

  #startThread(options: PartitionWorkersOptions, owned: readonly number[], boards: Map<number, VersionBoard>): Thread {
    const bus = new MessageChannel();
    const transfer: TransferListItem[] = [bus.port2];
    const partitions: WorkerPartition[] = owned.map((partition) => {
      const log = new MessageChannel();
      options.connectLog(partition, log.port1);
      transfer.push(log.port2);
      const board = createVersionBoard();
      boards.set(partition, new VersionBoard(board));
      return { partition, board, logPort: log.port2 };
    });
    const { dataDir, checkpointStore, logPath, owner, engine, clock, snapshotIntervalMs, coalesceMs, seenSinceMs } =
      options;
    const workerData: WorkerSetup = {
      partitions,
      dataDir,
      checkpointStore,
      logPath,
      owner,
      engine,
      clock,
      snapshotIntervalMs,
      coalesceMs,
      seenSinceMs,
      busPort: bus.port2,
    };
    const name = `partitions ${owned.join(",")}`;
    const worker = new Worker(new URL("./partition-worker.ts", import.meta.url), {
      name,
      workerData,
      transferList: transfer,
    });
    const client = new HostClient(bus.port1, options.answerTimeoutMs);
    return { worker, client, ...this.#follow(worker, name, options.onFatal) };
  }

  #follow(worker: Worker, name: string, onFatal: (error: Error) => void): Pick<Thread, "restored" | "drained"> {
    const restored = Promise.withResolvers<readonly string[]>();
    const drained = Promise.withResolvers<readonly string[]>();
    // Whoever does not wait for the restore learns of its failure by onFatal or at the drain.
    restored.promise.catch(() => {});
    worker.on("message", (report: WorkerReport) => {
      if (report.type === "restored") restored.resolve(report.problems);
      else if (report.type === "drained") drained.resolve(report.problems);
      else {
        const { code, message, retryable } = report.error;
        restored.reject(new SwapstatsError(code, message, { retryable }));
      }
    });
    const ended = (error: Error): void => {
      restored.reject(error);
      drained.resolve([error.message]);
      if (!this.#isEnding) onFatal(error);
    };
    worker.on("error", (cause) => {
      const text = cause instanceof Error ? cause.message : String(cause);
      ended(new SwapstatsError("internal", `the thread of ${name} failed: ${text}`, { cause }));
    });
    worker.on("exit", (code) => ended(new SwapstatsError("internal", `the thread of ${name} ended with code ${code}`)));
    return { restored: restored.promise, drained: drained.promise };
  }
}
