/**
 * The main thread's side of the partition workers: starts the threads, gives them partitions and takes them back, hands
 * out their ports, and ends them.
 */
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import type { SharedClockHandle } from "../../bus/shared-clock.ts";
import { workerOfPartition } from "../../bus/thread-bus.ts";
import { WorkerClient } from "../../bus/worker-client.ts";
import type { EngineConfig } from "../../engine/types.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { createVersionBoard, VersionBoard, type VersionBoardHandle } from "../../shared/version-board.ts";
import type { CheckpointStoreSetup } from "../../stores/open-checkpoint-store.ts";
import type { HotStoreSetup } from "../../stores/open-hot-store.ts";
import type { BeginRule } from "../checkpoint/restore.ts";
import type { SourceSetup, WorkerCommand, WorkerPartition, WorkerReport, WorkerSetup } from "./worker-setup.ts";

export type PartitionWorkersOptions = {
  readonly threads: number;
  readonly dataDir: string;
  readonly checkpointStore: CheckpointStoreSetup;
  /** Where the newest figures are written; undefined: nowhere. */
  readonly hotStore?: HotStoreSetup | undefined;
  readonly source: SourceSetup;
  readonly owner: string;
  readonly engine: EngineConfig;
  readonly clock: SharedClockHandle;
  readonly snapshotIntervalMs: number;
  readonly coalesceMs: number;
  readonly seenSinceMs: number | undefined;
  /** How long a question to a worker may take. */
  readonly answerTimeoutMs: number;
  /** Connects the owner of a partition with the log thread; undefined where there is none. */
  readonly connectLog?: (partition: number, port: MessagePort, board: VersionBoardHandle) => void;
  /** The state of an owned partition has come up to what its log held at the take-over. */
  readonly onCurrent?: (partition: number, epoch: string) => void;
  /** A partition does not go on; it answers as it stands until it is let go. */
  readonly onFailed?: (partition: number, message: string) => void;
  /** A checkpoint is durable that holds all records below. */
  readonly onCheckpoint?: (partition: number, nextOffset: number) => void;
  /** A thread ended by an error: the process must end, and be started again. */
  readonly onFatal: (error: Error) => void;
};

/** A worker that has not ended so long after the limit of its drain is ended by force. */
const END_GRACE_MS = 2_000;

type Problems = PromiseWithResolvers<readonly string[]>;

type Thread = {
  readonly worker: Worker;
  readonly client: WorkerClient;
  /** By partition: who waits to hear that it was taken over, or let go, in the order in which that was told. */
  readonly owning: Map<number, Problems[]>;
  readonly leaving: Map<number, Problems[]>;
  readonly drained: Problems;
};

export class PartitionWorkers {
  /** By partition, also of those that were let go: an answer that was kept of one must be found out of date. */
  readonly boards: ReadonlyMap<number, VersionBoard>;
  readonly #options: PartitionWorkersOptions;
  readonly #boards = new Map<number, VersionBoard>();
  readonly #handles = new Map<number, VersionBoardHandle>();
  readonly #threads: readonly Thread[];
  #failure: Error | undefined;
  #isEnding = false;

  constructor(options: PartitionWorkersOptions) {
    this.#options = options;
    this.boards = this.#boards;
    this.#threads = Array.from({ length: options.threads }, (_, index) => this.#startThread(index));
  }

  get clients(): readonly WorkerClient[] {
    return this.#threads.map((thread) => thread.client);
  }

  /**
   * Takes a partition over; resolves when its state is restored and the stream goes on, with what was not as it should be.
   * Rejects when the state is refused; the partition then has to be let go.
   */
  own(partition: number, begin?: BeginRule): Promise<readonly string[]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const thread = this.#threadOf(partition);
    const given: WorkerPartition = {
      partition,
      board: this.#boardOf(partition),
      ...(begin === undefined ? {} : { begin }),
    };
    const { connectLog } = this.#options;
    if (connectLog === undefined) {
      thread.worker.postMessage({ type: "own", partition: given } satisfies WorkerCommand);
    } else {
      const { port1, port2 } = new MessageChannel();
      connectLog(partition, port1, given.board);
      const command: WorkerCommand = { type: "own", partition: { ...given, logPort: port2 } };
      thread.worker.postMessage(command, [port2]);
    }
    return waitIn(thread.owning, partition);
  }

  /** Lets a partition go: brought up to the end of its log and saved within `limitMs`; resolves with what could not be written. */
  async disown(partition: number, limitMs: number): Promise<readonly string[]> {
    const thread = this.#threadOf(partition);
    thread.worker.postMessage({ type: "disown", partition, limitMs } satisfies WorkerCommand);
    const problems = await waitIn(thread.leaving, partition);
    this.#boards.get(partition)?.touchAll();
    return problems;
  }

  /** Lets every worker finish what the log holds, for at most `limitMs`, and end; resolves with what could not be written. */
  async drain(limitMs: number): Promise<string[]> {
    this.#isEnding = true;
    const ends = this.#threads.map(async ({ worker, client, drained }) => {
      worker.postMessage({ type: "drain", limitMs } satisfies WorkerCommand);
      const overdue = setTimeout(() => void worker.terminate(), limitMs + END_GRACE_MS);
      try {
        return await drained.promise;
      } finally {
        clearTimeout(overdue);
        client.close();
      }
    });
    return (await Promise.all(ends)).flat();
  }

  #threadOf(partition: number): Thread {
    return this.#threads[workerOfPartition(partition, this.#threads.length)] as Thread;
  }

  /** One board a partition for the life of the process, so that its counts never go back. */
  #boardOf(partition: number): VersionBoardHandle {
    let handle = this.#handles.get(partition);
    if (handle === undefined) {
      handle = createVersionBoard();
      this.#handles.set(partition, handle);
      this.#boards.set(partition, new VersionBoard(handle));
    }
    return handle;
  }

  #startThread(index: number): Thread {
    const bus = new MessageChannel();
    const { dataDir, checkpointStore, hotStore, source, owner, engine, clock } = this.#options;
    const { snapshotIntervalMs, coalesceMs, seenSinceMs } = this.#options;
    const workerData: WorkerSetup = {
      dataDir,
      checkpointStore,
      hotStore,
      source,
      owner,
      engine,
      clock,
      snapshotIntervalMs,
      coalesceMs,
      seenSinceMs,
      busPort: bus.port2,
    };
    const name = `partitions ${index}`;
    const worker = new Worker(new URL("./partition-worker.ts", import.meta.url), {
      name,
      workerData,
      transferList: [bus.port2],
    });
    const thread: Thread = {
      worker,
      client: new WorkerClient(bus.port1, this.#options.answerTimeoutMs),
      owning: new Map(),
      leaving: new Map(),
      drained: Promise.withResolvers(),
    };
    this.#follow(thread, name);
    return thread;
  }

  #follow(thread: Thread, name: string): void {
    const { worker, owning, leaving, drained } = thread;
    worker.on("message", (report: WorkerReport) => {
      if (report.type === "drained") drained.resolve(report.problems);
      else if (report.type === "owned") settle(owning, report.partition)?.resolve(report.problems);
      else if (report.type === "disowned") settle(leaving, report.partition)?.resolve(report.problems);
      else if (report.type === "current") this.#options.onCurrent?.(report.partition, report.epoch);
      else if (report.type === "failed") this.#options.onFailed?.(report.partition, report.message);
      else if (report.type === "checkpointed") this.#options.onCheckpoint?.(report.partition, report.nextOffset);
      else {
        const { code, message, retryable } = report.error;
        settle(owning, report.partition)?.reject(new SwapstatsError(code, message, { retryable }));
      }
    });
    const ended = (error: Error): void => {
      this.#failure ??= error;
      for (const waiting of owning.values()) for (const one of waiting.splice(0)) one.reject(error);
      for (const waiting of leaving.values()) for (const one of waiting.splice(0)) one.resolve([error.message]);
      drained.resolve([error.message]);
      if (!this.#isEnding) this.#options.onFatal(error);
    };
    worker.on("error", (cause) => {
      const text = cause instanceof Error ? cause.message : String(cause);
      ended(new SwapstatsError("internal", `the thread of ${name} failed: ${text}`, { cause }));
    });
    worker.on("exit", (code) => ended(new SwapstatsError("internal", `the thread of ${name} ended with code ${code}`)));
  }
}

function waitIn(waiting: Map<number, Problems[]>, partition: number): Promise<readonly string[]> {
  const answer: Problems = Promise.withResolvers();
  const others = waiting.get(partition);
  if (others === undefined) waiting.set(partition, [answer]);
  else others.push(answer);
  return answer.promise;
}

function settle(waiting: Map<number, Problems[]>, partition: number): Problems | undefined {
  return waiting.get(partition)?.shift();
}
