/** The main thread's side of replay sessions: starts a thread for each, tells it how far the history is settled, and ends it. */
import { randomUUID } from "node:crypto";
import { MessageChannel, Worker } from "node:worker_threads";
import { LocalWorkers } from "../../bus/local-workers.ts";
import { QueryBus, type QueryBusOptions } from "../../bus/query-bus.ts";
import { createSharedClock, SharedClock } from "../../bus/shared-clock.ts";
import { WorkerClient } from "../../bus/worker-client.ts";
import type { EngineConfig } from "../../engine/types.ts";
import type {
  ReplayBegin,
  ReplayEnd,
  ReplaySession,
  ReplaySessions,
  SettledHistory,
} from "../../ports/replay-sessions.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { createVersionBoard, VersionBoard } from "../../shared/version-board.ts";
import type { HistoryStoreSetup } from "../../stores/history/open-history-store.ts";
import type { ReplayCommand, ReplayLimits, ReplayReport, ReplaySetup } from "./replay-setup.ts";

/** Time between two looks at how far the history is settled. */
const LOOK_MS = 2_000;
/** Time after which a thread that waits for a server is terminated. */
const END_LIMIT_MS = 5_000;
/** Memory of a thread besides its state: views and rankings. */
const HEAP_MIB_MAX = 512;

type ReplayThreadsOptions = {
  /** Opened for reading alone. */
  readonly store: HistoryStoreSetup;
  readonly engine: EngineConfig;
  readonly sessionsMax: number;
  readonly timeMaxMs: number;
  readonly limits: ReplayLimits;
  readonly coalesceMs: number;
  readonly answerTimeoutMs: number;
  readonly gathering: Pick<QueryBusOptions, "finestStepMs" | "chains" | "prefer">;
};

export class ReplayThreads implements ReplaySessions {
  readonly #options: ReplayThreadsOptions;
  readonly #running = new Set<ReplayThread>();
  #opened = 0;
  #refused = 0;

  constructor(options: ReplayThreadsOptions) {
    this.#options = options;
  }

  /** `running`: threads, also those that are about to end. */
  get numbers(): { readonly running: number; readonly opened: number; readonly refused: number } {
    return { running: this.#running.size, opened: this.#opened, refused: this.#refused };
  }

  open(begin: ReplayBegin, history: SettledHistory, settled: () => Promise<SettledHistory>): ReplaySession {
    const { sessionsMax } = this.#options;
    if (this.#running.size >= sessionsMax) {
      this.#refused += 1;
      const message = `${sessionsMax} replay sessions run, as many as history.replay_sessions allows; try again when one has ended.`;
      throw new SwapstatsError("overloaded", message, { retryable: true });
    }
    const thread = new ReplayThread(this.#options, begin, history, settled);
    this.#running.add(thread);
    this.#opened += 1;
    void thread.exited.then(() => this.#running.delete(thread));
    return thread;
  }

  /** Ends all sessions. Resolves when their threads have ended. */
  async close(): Promise<void> {
    for (const thread of this.#running) thread.close();
    await Promise.all([...this.#running].map(({ exited }) => exited));
  }
}

class ReplayThread implements ReplaySession {
  readonly bus: QueryBus;
  readonly begun: Promise<void>;
  readonly ended: Promise<ReplayEnd>;
  readonly exited: Promise<void>;
  readonly #clock: SharedClock;
  readonly #worker: Worker;
  readonly #client: WorkerClient;
  readonly #isTerminable: boolean;
  readonly #onEnd: (end: ReplayEnd) => void;
  readonly #looking: NodeJS.Timeout;
  readonly #overTime: NodeJS.Timeout;
  #isClosed = false;

  constructor(
    options: ReplayThreadsOptions,
    begin: ReplayBegin,
    history: SettledHistory,
    settled: () => Promise<SettledHistory>,
  ) {
    const [begun, ended, exited] = [deferred<void>(), deferred<ReplayEnd>(), deferred<void>()];
    this.begun = begun.promise;
    this.ended = ended.promise;
    this.exited = exited.promise;
    this.#onEnd = (end) => {
      ended.resolve(end);
      begun.resolve();
    };
    // It stands where the swaps of the past have put it.
    const clock = createSharedClock("event", 0);
    const board = createVersionBoard();
    const ports = new MessageChannel();
    this.#clock = new SharedClock(clock);
    this.#client = new WorkerClient(ports.port1, options.answerTimeoutMs);
    this.bus = new QueryBus({
      workers: new LocalWorkers(
        [this.#client],
        () => 1,
        () => 0,
      ),
      boards: new Map([[0, new VersionBoard(board)]]),
      clock: this.#clock,
      ...options.gathering,
    });
    const { store, engine, limits, coalesceMs } = options;
    const workerData: ReplaySetup = {
      ...{ store, clock, board, begin, limits, coalesceMs, settled: history },
      // All partitions are one here. Its memory is bounded instead.
      engine: { ...engine, maxTokens: Number.MAX_SAFE_INTEGER },
      epoch: `replay-${randomUUID()}`,
      busPort: ports.port2,
    };
    // A terminated thread with a running call of DuckDB aborts the process. Closing interrupts these calls.
    this.#isTerminable = store.kind !== "embedded";
    this.#worker = new Worker(new URL("./replay-worker.ts", import.meta.url), {
      name: "replay",
      workerData,
      transferList: [ports.port2],
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB_MAX },
    });
    this.#worker.on("message", (report: ReplayReport) => {
      if (report.type === "begun") begun.resolve();
      else this.#onEnd(report.end);
    });
    this.#worker.on("error", (error) => this.#failed(error));
    this.#worker.on("exit", () => {
      this.#failed(new Error("its thread ended"));
      this.close();
      exited.resolve();
    });
    this.#looking = setInterval(() => void this.#look(settled), LOOK_MS);
    this.#overTime = setTimeout(() => {
      const message = `The session has lasted ${options.timeMaxMs / 1_000} s, as long as history.replay_session_time_max allows.`;
      this.#onEnd({ reason: "time_limit", message });
    }, options.timeMaxMs);
  }

  nowMs(): number {
    return this.#clock.now();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#looking);
    clearTimeout(this.#overTime);
    this.#client.close();
    this.#post({ type: "close" });
    if (!this.#isTerminable) return;
    const overdue = setTimeout(() => void this.#worker.terminate(), END_LIMIT_MS);
    void this.exited.then(() => clearTimeout(overdue));
  }

  #post(command: ReplayCommand): void {
    this.#worker.postMessage(command);
  }

  async #look(settled: () => Promise<SettledHistory>): Promise<void> {
    try {
      const history = await settled();
      if (!this.#isClosed) this.#post({ type: "settled", settled: history });
    } catch {
      // It goes on up to the time that it knows of; the next look may succeed.
    }
  }

  #failed(error: Error): void {
    this.#onEnd({ reason: "failed", message: `The session failed: ${error.message}` });
  }
}

function deferred<T>(): PromiseWithResolvers<T> {
  return Promise.withResolvers<T>();
}
