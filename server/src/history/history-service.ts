/** The main thread's side of the history thread: starts it, connects it with the workers, and ends it. */
import { join } from "node:path";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { type Config, toEngineConfig } from "../config/config.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { fromWire } from "../shared/wire-error.ts";
import { historyStoreSetup } from "../stores/history/open-history-store.ts";
import { HistoryClient } from "./history-client.ts";
import type { HistoryCommand, HistoryReport, HistorySetup } from "./thread-setup.ts";

/** Time after the limit of its drain after which the thread is terminated. */
const END_GRACE_MS = 2_000;

type HistoryServiceOptions = {
  readonly config: Config;
  readonly dataDir: string;
  /** Number of workers. */
  readonly workers: number;
  readonly onProblem: (problem: string | undefined) => void;
  /** Called when the thread ended by an error. The process must end and be restarted. */
  readonly onFatal: (error: Error) => void;
};

/** What a worker needs to hand its history over. */
type WorkerConnection = {
  readonly port: MessagePort;
  readonly keepsRaw: boolean;
  readonly onFailure: "gap" | "block";
  readonly bufferBytes: number;
  readonly tailBytes: number;
};

export class HistoryService {
  readonly client: HistoryClient;
  /** Resolves when the store is open, or away. Rejects when it cannot be used as it is configured. */
  readonly opened: Promise<void>;
  readonly #worker: Worker;
  readonly #connections: WorkerConnection[];
  readonly #drained = Promise.withResolvers<string | undefined>();
  #isEnding = false;

  private constructor(
    setup: Omit<HistorySetup, "workerPorts" | "callPort">,
    { config, workers, onProblem, onFatal }: HistoryServiceOptions,
  ) {
    const calls = new MessageChannel();
    const channels = Array.from({ length: workers }, () => new MessageChannel());
    const { onFailure, bufferBytes, memoryBytes } = setup;
    const { raw: keepsRaw } = config.history;
    const tailBytes = Math.floor(memoryBytes / workers);
    this.#connections = channels.map(({ port2: port }) => ({ port, keepsRaw, onFailure, bufferBytes, tailBytes }));
    const workerPorts = channels.map(({ port1 }) => port1);
    const workerData: HistorySetup = { ...setup, workerPorts, callPort: calls.port2 };
    this.#worker = new Worker(new URL("./history-thread.ts", import.meta.url), {
      name: "history",
      workerData,
      transferList: [...workerPorts, calls.port2],
    });
    this.client = new HistoryClient(calls.port1);
    const opened = Promise.withResolvers<void>();
    this.opened = opened.promise;
    this.opened.catch(() => {});
    this.#worker.on("message", (report: HistoryReport) => {
      if (report.type === "opened") opened.resolve();
      else if (report.type === "refused") opened.reject(fromWire(report.error));
      else if (report.type === "problem") onProblem(report.problem);
      else this.#drained.resolve(report.problem);
    });
    const ended = (error: SwapstatsError): void => {
      this.client.fail(error);
      opened.reject(error);
      this.#drained.resolve(error.message);
      if (!this.#isEnding) onFatal(error);
    };
    this.#worker.on("error", (cause) => {
      const text = cause instanceof Error ? cause.message : String(cause);
      ended(new SwapstatsError("internal", `the history thread failed: ${text}`, { cause }));
    });
    this.#worker.on("exit", (code) => {
      ended(new SwapstatsError("internal", `the history thread ended with code ${code}`));
    });
  }

  /** Returns undefined when no history is configured. Throws `bad_config` when a setting of the store cannot be used. */
  static start(options: HistoryServiceOptions): HistoryService | undefined {
    const { config, dataDir } = options;
    const { kind } = config.stores.history;
    const store = historyStoreSetup(config, dataDir);
    if (kind === "none" || store === undefined) return undefined;
    const { batchRows, flushIntervalMs, memoryBytes, bufferBytes, onFailure } = config.history;
    return new HistoryService(
      {
        ...{ store, kind, batchRows, flushIntervalMs, memoryBytes, bufferBytes, onFailure },
        spoolFolder: join(dataDir, "history-waiting"),
        chains: toEngineConfig(config).chains,
      },
      options,
    );
  }

  /** The connection of the next worker. */
  connect(): WorkerConnection {
    const connection = this.#connections.shift();
    if (connection === undefined) throw new Error("all workers are connected");
    return connection;
  }

  /** Lets the thread write what a checkpoint covers, for at most `limitMs`, and ends it. Resolves with what was not written. */
  async drain(limitMs: number): Promise<string | undefined> {
    this.#isEnding = true;
    // Workers that never started send nothing.
    for (const { port } of this.#connections) port.close();
    this.#worker.postMessage({ type: "drain", limitMs } satisfies HistoryCommand);
    const overdue = setTimeout(() => void this.#worker.terminate(), 2 * limitMs + END_GRACE_MS);
    try {
      return await this.#drained.promise;
    } finally {
      clearTimeout(overdue);
      this.client.close();
    }
  }
}
