/** Entry of the thread of a replay session: fills a state from the history, feeds it as its clock runs, and serves it as a partition worker does. */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { SharedClock } from "../../bus/shared-clock.ts";
import { PartitionEngine } from "../../engine/partition-engine.ts";
import type { ReplayEnd } from "../../ports/replay-sessions.ts";
import { lowerThreadPriority } from "../../shared/thread-priority.ts";
import { VersionBoard } from "../../shared/version-board.ts";
import { openHistoryStore } from "../../stores/history/open-history-store.ts";
import { newHashSeed } from "../hash-seed.ts";
import { ThreadShare } from "../thread-share.ts";
import { ServedPartition } from "../views/served-partition.ts";
import { WorkerServer } from "../workers/worker-server.ts";
import { ReplayFeed } from "./replay-feed.ts";
import type { ReplayCommand, ReplayReport, ReplaySetup } from "./replay-setup.ts";

/** The last updates are on their way to the client after this many passes over the feeds. */
const LAST_PASSES = 3;

const { store, engine: config, begin, limits, coalesceMs, epoch, ...setup } = workerData as ReplaySetup;
const parent = parentPort as MessagePort;
const clock = new SharedClock(setup.clock);
const closed = new AbortController();
let { settled } = setup;
let server: WorkerServer | undefined;

parent.on("message", (command: ReplayCommand) => {
  if (command.type === "settled") settled = command.settled;
  else closed.abort();
});
lowerThreadPriority();
const history = await openHistoryStore(store);
let closing: Promise<void> | undefined;
/** Also ends the query that runs. */
const close = (): Promise<void> => (closing ??= history.close());
closed.signal.addEventListener("abort", () => void close());
const feed = new ReplayFeed({
  ...{ history, clock, begin, limits, serve },
  settled: () => settled,
  engine: new PartitionEngine(config, newHashSeed()),
  signal: closed.signal,
  monotonicMs: () => performance.now(),
  pause: (ms) => (ms === 0 ? nextTurn() : sleep(ms)),
});
const end = await run();
if (end !== undefined) {
  setTimeout(() => report({ type: "ended", end }), LAST_PASSES * coalesceMs);
  // The state is served until the client has gone.
  if (!closed.signal.aborted) await new Promise((resolve) => closed.signal.addEventListener("abort", resolve));
}
await close();
server?.close();
parent.close();

async function run(): Promise<ReplayEnd | undefined> {
  try {
    return await feed.run(() => report({ type: "begun" }));
  } catch (error) {
    if (closed.signal.aborted) return undefined;
    return { reason: "failed", message: `The history cannot be read: ${(error as Error).message}` };
  }
}

/** All partitions are one here, because the history has their swaps together. */
function serve(engine: PartitionEngine): ServedPartition {
  const served = new ServedPartition(0, epoch, engine, new VersionBoard(setup.board), clock);
  const onChange = (): void => {};
  server = new WorkerServer({
    owner: "replay",
    port: setup.busPort,
    owned: { served: [served], runners: [], absence: undefined, onChange },
    clock,
    windows: config.windows,
    deadLetters: { newest: () => [] },
    coalesceMs,
    hot: undefined,
    circuits: [],
    share: new ThreadShare(),
  });
  return served;
}

function report(message: ReplayReport): void {
  parent.postMessage(message);
}
