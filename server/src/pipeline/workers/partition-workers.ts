/**
 * The main thread's side of the partition workers: starts the threads, assigns and revokes partitions, provides their
 * ports, and ends them.
 */
import { MessageChannel, Worker } from "node:worker_threads";
import type { SharedClockHandle } from "../../bus/shared-clock.ts";
import { WorkerClient } from "../../bus/worker-client.ts";
import type { EngineConfig } from "../../engine/types.ts";
import type { Ingestion, PartitionAssigner } from "../../ports/ingestion.ts";
import type { BeginRule } from "../../ports/source.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { createVersionBoard, VersionBoard, type VersionBoardHandle } from "../../shared/version-board.ts";

import { fromWire } from "../../shared/wire-error.ts";

import type { ReadersSetup } from "../../sources/open-source.ts";

import type { HistoryStoreSetup } from "../../stores/history/open-history-store.ts";
import type { CheckpointStoreSetup } from "../../stores/open-checkpoint-store.ts";
import type { HotStoreSetup } from "../../stores/open-hot-store.ts";
import { PartitionPlacement } from "./partition-placement.ts";
import type { WorkerCommand, WorkerHistory, WorkerReport, WorkerSetup } from "./worker-setup.ts";

/** The part of the ingestion that workers use: how they are connected with the source, and where their events go. */
type IngestionHooks = Pick<Ingestion, "connect" | "onCurrent" | "onFailed" | "onCheckpoint">;

type PartitionWorkersOptions = {
  readonly threads: number;
  readonly dataDir: string;
  readonly checkpointStore: CheckpointStoreSetup;
  /** The hot store for the newest figures. Undefined without one. */
  readonly hotStore?: HotStoreSetup | undefined;
  readonly source: ReadersSetup;
  readonly owner: string;
  readonly engine: EngineConfig;
  readonly clock: SharedClockHandle;
  readonly snapshotIntervalMs: number;
  readonly coalesceMs: number;
  readonly seenSinceMs: number | undefined;
  /** See `WorkerSetup`. */
  readonly past: HistoryStoreSetup | undefined;
  /** Makes what each thread needs to hand its history over. Undefined where none is kept. */
  readonly connectHistory?: (() => WorkerHistory) | undefined;
  /** Time limit of a request to a worker. */
  readonly answerTimeoutMs: number;
  readonly ingestion: IngestionHooks;
  /** Called when a thread ended by an error. The process must end and be restarted. */
  readonly onFatal: (error: Error) => void;
};

/** Time after the limit of its drain after which a worker is terminated. */
const END_GRACE_MS = 2_000;

type Problems = PromiseWithResolvers<readonly string[]>;

type Thread = {
  readonly worker: Worker;
  readonly client: WorkerClient;
  /** Calls that wait for a response, by partition, in the order of the commands. */
  readonly assigning: Map<number, Problems[]>;
  readonly revoking: Map<number, Problems[]>;
  readonly drained: Problems;
};

export class PartitionWorkers implements PartitionAssigner {
  /** Boards by partition, also of revoked ones, which show that a cached response is outdated. */
  readonly boards: ReadonlyMap<number, VersionBoard>;
  readonly #options: PartitionWorkersOptions;
  readonly #boards = new Map<number, VersionBoard>();
  readonly #handles = new Map<number, VersionBoardHandle>();
  readonly #threads: readonly Thread[];
  readonly #placement: PartitionPlacement;
  #failure: Error | undefined;
  #isEnding = false;

  constructor(options: PartitionWorkersOptions) {
    this.#options = options;
    this.boards = this.#boards;
    this.#placement = new PartitionPlacement(options.threads);
    this.#threads = Array.from({ length: options.threads }, (_, index) => this.#startThread(index));
  }

  get clients(): readonly WorkerClient[] {
    return this.#threads.map((thread) => thread.client);
  }

  /** Returns the index of the thread that has a partition, if this process has it. */
  workerOf(partition: number): number {
    return this.#placement.threadOf(partition);
  }

  expect(weights: ReadonlyMap<number, number>): void {
    this.#placement.expect(weights);
  }

  /** See PartitionAssigner. Rejects also when the thread has ended. */
  assign(partition: number, begin?: BeginRule): Promise<readonly string[]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const thread = this.#threads[this.#placement.take(partition)] as Thread;
    const board = this.#boardOf(partition);
    const sourcePort = this.#options.ingestion.connect(partition, board);
    const command: WorkerCommand = { type: "assign", partition: { partition, board, sourcePort, begin } };
    thread.worker.postMessage(command, sourcePort === undefined ? [] : [sourcePort]);
    return waitIn(thread.assigning, partition);
  }

  async revoke(partition: number, limitMs: number): Promise<readonly string[]> {
    const thread = this.#threads[this.workerOf(partition)] as Thread;
    thread.worker.postMessage({ type: "revoke", partition, limitMs } satisfies WorkerCommand);
    const problems = await waitIn(thread.revoking, partition);
    this.#boards.get(partition)?.touchAll();
    return problems;
  }

  /** Lets every worker apply the rest of its streams for at most `limitMs`, and ends it. Resolves with the problems of writing. */
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

  /** Each partition has one board for the life of the process, so that its counters never go back. */
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
    const { snapshotIntervalMs, coalesceMs, seenSinceMs, connectHistory, past } = this.#options;
    const history = connectHistory?.();
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
      history,
      past,
      busPort: bus.port2,
    };
    const name = `partitions ${index}`;
    const worker = new Worker(new URL("./partition-worker.ts", import.meta.url), {
      name,
      workerData,
      transferList: history === undefined ? [bus.port2] : [bus.port2, history.port],
    });
    const thread: Thread = {
      worker,
      client: new WorkerClient(bus.port1, this.#options.answerTimeoutMs),
      assigning: new Map(),
      revoking: new Map(),
      drained: Promise.withResolvers(),
    };
    this.#follow(thread, name);
    return thread;
  }

  #follow(thread: Thread, name: string): void {
    const { worker, assigning, revoking, drained } = thread;
    const { ingestion } = this.#options;
    worker.on("message", (report: WorkerReport) => {
      if (report.type === "drained") drained.resolve(report.problems);
      else if (report.type === "assigned") settle(assigning, report.partition)?.resolve(report.problems);
      else if (report.type === "revoked") settle(revoking, report.partition)?.resolve(report.problems);
      else if (report.type === "current") ingestion.onCurrent(report.partition, report.epoch);
      else if (report.type === "failed") ingestion.onFailed(report.partition, report.message);
      else if (report.type === "checkpointed") ingestion.onCheckpoint(report.partition, report.nextOffset);
      else settle(assigning, report.partition)?.reject(fromWire(report.error));
    });
    const ended = (error: Error): void => {
      this.#failure ??= error;
      for (const waiting of assigning.values()) for (const one of waiting.splice(0)) one.reject(error);
      for (const waiting of revoking.values()) for (const one of waiting.splice(0)) one.resolve([error.message]);
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
  const response: Problems = Promise.withResolvers();
  const others = waiting.get(partition);
  if (others === undefined) waiting.set(partition, [response]);
  else others.push(response);
  return response.promise;
}

function settle(waiting: Map<number, Problems[]>, partition: number): Problems | undefined {
  return waiting.get(partition)?.shift();
}
