/**
 * Entry of the history thread. It takes rows from the partition workers, writes them to the store, compacts the store now and then, and executes
 * calls of the main thread. Neither serving nor applying waits for it. An error that nobody catches ends the thread, and with it the process.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import type { HistoryStore } from "../ports/history-store.ts";
import type { FromHistory, ToHistory } from "../ports/history-stream.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { backoffMs } from "../shared/retry.ts";
import { lowerThreadPriority } from "../shared/thread-priority.ts";
import { toWire } from "../shared/wire-error.ts";
import { openHistoryStore } from "../stores/history/open-history-store.ts";
import { CallServer } from "./call-server.ts";
import { HistoryWriter } from "./history-writer.ts";
import { RowBuffer } from "./row-buffer.ts";
import { Spool } from "./spool.ts";
import { takenOut } from "./taken-out.ts";
import type { HistoryCommand, HistoryReport, HistorySetup } from "./thread-setup.ts";

const COMPACT_EVERY_MS = 10 * 60_000;
const OPEN_PAUSES = { firstMs: 500, longestMs: 10_000 };

const setup = workerData as HistorySetup;
// Merges and queries of the store wait for serving. As an equal they doubled its p99 (bench/history-serving). Rows wait in the buffer meanwhile.
lowerThreadPriority();
const parent = parentPort as MessagePort;
const ending = new AbortController();
const opened = Promise.withResolvers<HistoryStore>();
// Calls get the failure.
opened.promise.catch(() => {});
const spool = new Spool(setup.spoolFolder);
const { memoryBytes, bufferBytes: spoolBytes, kind, batchRows, flushIntervalMs, onFailure, chains } = setup;
const buffer = new RowBuffer({ memoryBytes, spoolBytes, spool });
const writer = new HistoryWriter({
  ...{ kind, buffer, batchRows, flushIntervalMs, onFailure, chains },
  store: {
    beginStream: async (...args) => (await opened.promise).beginStream(...args),
    append: async (batch) => (await opened.promise).append(batch),
    noteGap: async (gap) => (await opened.promise).noteGap(gap),
  },
  monotonicMs: () => performance.now(),
  onProblem: (problem) => report({ type: "problem", problem }),
});
/** Why the store cannot be opened now. */
let openProblem: string | undefined;
const calls = new CallServer(setup.callPort, opened.promise, () => {
  const health = writer.health();
  return { ...health, problem: openProblem ?? health.problem };
});
const ends = setup.workerPorts.map(followWorker);
parent.on("message", (command: HistoryCommand) => void drain(command.limitMs));
let compacting: NodeJS.Timeout | undefined;
void open();

function report(message: HistoryReport): void {
  parent.postMessage(message);
}

/** Resolves when the worker has sent everything. */
function followWorker(port: MessagePort): Promise<void> {
  const end = Promise.withResolvers<void>();
  const reply = (message: FromHistory): void => port.postMessage(message);
  const giveBack = (memory: Uint8Array<ArrayBuffer>): void =>
    port.postMessage({ type: "spare", memory } satisfies FromHistory, [memory.buffer]);
  writer.connect(reply);
  port.on("message", (message: ToHistory) => {
    if (message.type === "end") end.resolve();
    else writer.take(takenOut(message, giveBack), reply);
  });
  port.on("close", () => end.resolve());
  return end.promise;
}

/** Opens the store and makes its tables. A store that is away is tried again; one that cannot be used is refused. */
async function open(): Promise<void> {
  for (let failures = 1; !ending.signal.aborted; failures++) {
    try {
      const store = await openMigrated();
      opened.resolve(store);
      report({ type: "opened" });
      if (openProblem !== undefined) report({ type: "problem", problem: undefined });
      openProblem = undefined;
      writer.start();
      compacting = setInterval(() => void compact(store), COMPACT_EVERY_MS);
      return;
    } catch (error) {
      const isAway = error instanceof SwapstatsError && error.retryable;
      if (!isAway) {
        opened.reject(error);
        report({ type: "refused", error: toWire(error) });
        return;
      }
      openProblem = `The history store cannot be opened: ${error.message}`;
      report({ type: "problem", problem: openProblem });
      if (failures === 1) report({ type: "opened" });
      await new Promise((resolve) => setTimeout(resolve, backoffMs(OPEN_PAUSES, failures)));
    }
  }
  opened.reject(new SwapstatsError("storage_failed", "The history store was never opened.", { retryable: true }));
}

/** A store that stays open would keep its lock from the next attempt. */
async function openMigrated(): Promise<HistoryStore> {
  const store = await openHistoryStore(setup.store);
  try {
    await store.migrate();
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function compact(store: HistoryStore): Promise<void> {
  try {
    await store.compact(ending.signal);
  } catch (error) {
    if (!ending.signal.aborted) report({ type: "problem", problem: `History was not compacted: ${String(error)}` });
  }
}

async function drain(limitMs: number): Promise<void> {
  const limit = setTimeout(() => ending.abort(), limitMs);
  await Promise.race([Promise.all(ends), new Promise((resolve) => ending.signal.addEventListener("abort", resolve))]);
  clearTimeout(limit);
  clearInterval(compacting);
  const problem = await writer.drain(limitMs);
  ending.abort();
  calls.close();
  for (const port of setup.workerPorts) port.close();
  await opened.promise.then((store) => store.close()).catch(() => {});
  spool.close();
  report({ type: "drained", problem });
  parent.close();
}
