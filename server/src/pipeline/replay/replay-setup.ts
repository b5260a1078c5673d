/** What the main thread and the thread of a replay session tell each other, other than requests of the bus. */
import type { MessagePort } from "node:worker_threads";
import type { SharedClockHandle } from "../../bus/shared-clock.ts";
import type { EngineConfig } from "../../engine/types.ts";
import type { ReplayBegin, ReplayEnd, SettledHistory } from "../../ports/replay-sessions.ts";
import type { VersionBoardHandle } from "../../shared/version-board.ts";
import type { HistoryStoreSetup } from "../../stores/history/open-history-store.ts";

export type ReplayLimits = {
  /** Swaps that fill the state before the clock begins. */
  readonly rowsMax: number;
  /** Bytes of the state. */
  readonly memoryBytes: number;
};

/** A thread's `workerData`. */
export type ReplaySetup = {
  /** Opened for reading alone. */
  readonly store: HistoryStoreSetup;
  readonly engine: EngineConfig;
  readonly clock: SharedClockHandle;
  readonly board: VersionBoardHandle;
  readonly begin: ReplayBegin;
  readonly settled: SettledHistory;
  readonly limits: ReplayLimits;
  readonly coalesceMs: number;
  /** Of the state. No two sessions have the same, so a position of one is unknown to the others. */
  readonly epoch: string;
  /** The bus's end of the thread. */
  readonly busPort: MessagePort;
};

export type ReplayCommand =
  /** How far the history is settled now. */
  { readonly type: "settled"; readonly settled: SettledHistory } | { readonly type: "close" };

export type ReplayReport =
  /** The state is filled, and the clock runs. */
  { readonly type: "begun" } | { readonly type: "ended"; readonly end: ReplayEnd };
