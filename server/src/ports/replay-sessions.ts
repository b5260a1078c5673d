/**
 * The contract of replay sessions: the market as it was, from settled swaps of the history. The clock of a session begins in the past and runs as
 * fast as its client asked. Each session has a thread and an engine of its own, so the live ones know nothing of it.
 */
import type { Span } from "./history-store.ts";
import type { StatsBus } from "./stats-bus.ts";

/** Which part of the past is known. */
export type SettledHistory = {
  /** All swaps before this time have settled and are in the store. A session ends here. */
  readonly settledBeforeMs: number;
  /** The times of which all swaps are known. Spans do not touch, and are ascending. */
  readonly known: readonly Span[];
};

export type ReplayBegin = {
  readonly atMs: number;
  /** Seconds of the past in a second: above 0. */
  readonly speed: number;
};

type ReplayEndReason =
  /** The clock has reached the time up to which swaps have settled. */
  | "end_of_history"
  /** Filling needs more swaps than `history.replay_rows_max`. */
  | "too_many_swaps"
  /** The state is larger than `history.replay_memory`. */
  | "too_much_memory"
  /** The session is older than `history.replay_session_time_max`. */
  | "time_limit"
  | "failed";

export type ReplayEnd = {
  readonly reason: ReplayEndReason;
  /** One sentence for the client. */
  readonly message: string;
};

export type ReplaySession = {
  readonly bus: StatsBus;
  /** Time of the session's clock. */
  nowMs(): number;
  /** Resolves when the state has the windows as of the begin, or the session has ended. Nothing may be asked of the bus before. */
  readonly begun: Promise<void>;
  /** Resolves when the session ends by itself. */
  readonly ended: Promise<ReplayEnd>;
  /** Ends the session. Its thread and memory are released soon after. */
  close(): void;
};

export type ReplaySessions = {
  /**
   * `history` is what is settled now; `settled` is called every few seconds for what has settled since. Throws `overloaded` when as many sessions run as
   * `history.replay_sessions` allows.
   */
  open(begin: ReplayBegin, history: SettledHistory, settled: () => Promise<SettledHistory>): ReplaySession;
};
