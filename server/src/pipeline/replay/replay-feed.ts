/**
 * Feeds the state of a replay session: the swaps of the longest window at once, and then each swap when the clock of the session reaches its time.
 *
 * The clock never runs ahead of the swaps. Whenever readers have their turn, all swaps up to its time are in the state, and no later one. A session that
 * cannot keep up, because the store or the thread is slow, has a slower clock.
 */
import type { SharedClock } from "../../bus/shared-clock.ts";
import type { PartitionEngine } from "../../engine/partition-engine.ts";
import type { HistoryReader, SettledRow } from "../../ports/history-store.ts";
import type { ReplayBegin, ReplayEnd, SettledHistory } from "../../ports/replay-sessions.ts";
import { SettledApplier } from "../history/settled-applier.ts";
import type { ServedPartition } from "../views/served-partition.ts";
import { pastRows } from "./past-rows.ts";
import { ReplayClock } from "./replay-clock.ts";
import type { ReplayLimits } from "./replay-setup.ts";

/** Real time between two steps of the clock. */
const TICK_MS = 20;
/** Time for which swaps are applied before readers have their turn. */
const SLICE_MS = 4;
/** Real time that one query of the store covers, and the least and most time of the past. */
const QUERY_MS = 10_000;
const SPAN_MS_MIN = 60_000;
const SPAN_MS_MAX = 6 * 3_600_000;
/** Time of the past that one query covers while the state is being filled. */
const FILL_SPAN_MS = 3_600_000;
/** Swaps between two looks at the size of the state. */
const ROWS_PER_LOOK = 10_000;

type ReplayFeedOptions = {
  readonly history: Pick<HistoryReader, "rows">;
  /** Empty. */
  readonly engine: PartitionEngine;
  /** Makes what serves the engine, once it is filled. */
  readonly serve: (engine: PartitionEngine) => ServedPartition;
  /** Follows events, so that it stands where this feed puts it. */
  readonly clock: SharedClock;
  readonly begin: ReplayBegin;
  /** Returns how far the history is settled now. */
  readonly settled: () => SettledHistory;
  readonly limits: ReplayLimits;
  readonly signal: AbortSignal;
  readonly monotonicMs: () => number;
  /** Gives readers and messages their turn, and resolves after this real time. */
  readonly pause: (ms: number) => Promise<unknown>;
};

/** Ends the feed; its reason is told to the client. */
class Ended extends Error {
  readonly end: ReplayEnd;

  constructor(end: ReplayEnd) {
    super(end.message);
    this.end = end;
  }
}

export class ReplayFeed {
  readonly #options: ReplayFeedOptions;
  readonly #due: ReplayClock;
  readonly #fillFromMs: number;
  readonly #applier: SettledApplier;
  #served: ServedPartition | undefined;
  #rows = 0;
  /** All swaps up to here are in the state. */
  #reachedMs: number;
  #sliceEndMs = 0;

  constructor(options: ReplayFeedOptions) {
    const { begin, engine, monotonicMs } = options;
    this.#options = options;
    this.#reachedMs = begin.atMs;
    this.#due = new ReplayClock(begin.atMs, begin.speed, monotonicMs);
    this.#applier = new SettledApplier(engine, (token) => this.#served?.touch(token));
    this.#fillFromMs = Math.min(
      ...engine.config.windows.map(({ lengthMs, stepMs }) => Math.floor((begin.atMs - lengthMs) / stepMs) * stepMs),
    );
  }

  /** Calls `onBegun` when the state is filled. Resolves with why the session ended. Rejects with the signal's reason, and as the store does. */
  async run(onBegun: () => void): Promise<ReplayEnd> {
    try {
      await this.#fill();
      this.#served = this.#options.serve(this.#options.engine);
      this.#publish(this.#reachedMs);
      onBegun();
      return await this.#play();
    } catch (error) {
      if (error instanceof Ended) return error.end;
      throw error;
    }
  }

  async #fill(): Promise<void> {
    const { history, signal, begin, limits, pause } = this.#options;
    const endMs = begin.atMs + 1;
    const spanMs = FILL_SPAN_MS;
    for await (const { rows } of pastRows({ history, fromMs: this.#fillFromMs, endMs: () => endMs, spanMs, signal })) {
      if (this.#rows + rows.length > limits.rowsMax) {
        const message = `The windows at this time have more than ${limits.rowsMax} swaps, as many as history.replay_rows_max allows.`;
        throw new Ended({ reason: "too_many_swaps", message });
      }
      for (const row of rows) this.#apply(row);
      await pause(0);
    }
    this.#checkMemory();
  }

  async #play(): Promise<ReplayEnd> {
    const { history, signal, begin, monotonicMs } = this.#options;
    const spanMs = Math.min(SPAN_MS_MAX, Math.max(SPAN_MS_MIN, begin.speed * QUERY_MS));
    const endMs = (): number => this.#options.settled().settledBeforeMs;
    this.#due.start();
    this.#sliceEndMs = monotonicMs() + SLICE_MS;
    const fromMs = begin.atMs + 1;
    for await (const { rows, toMs } of pastRows({ history, fromMs, endMs, spanMs: Math.ceil(spanMs), signal })) {
      for (const row of rows) {
        // Swaps of one millisecond are applied together.
        if (row.eventTimeMs > this.#reachedMs) await this.#reach(row.eventTimeMs - 1);
        this.#reachedMs = row.eventTimeMs;
        this.#apply(row);
      }
      await this.#reach(toMs);
      // Readers have their turn while the next rows are awaited.
      this.#publish(toMs);
    }
    const until = new Date(this.#reachedMs + 1).toISOString();
    return { reason: "end_of_history", message: `Swaps have settled up to ${until}; the session ends there.` };
  }

  /** Moves the clock to `toMs`, when that is due. All swaps up to there are in the state. Gives readers their turn between slices. */
  async #reach(toMs: number): Promise<void> {
    const { monotonicMs, signal, pause } = this.#options;
    let dueMs = this.#due.now();
    if (dueMs > toMs && monotonicMs() < this.#sliceEndMs) {
      this.#reachedMs = Math.max(this.#reachedMs, toMs);
      return;
    }
    for (;;) {
      this.#publish(Math.min(dueMs, toMs));
      await pause(dueMs > toMs ? 0 : Math.min(TICK_MS, this.#due.waitMs(toMs + 1)));
      signal.throwIfAborted();
      dueMs = this.#due.now();
      if (dueMs > toMs) break;
    }
    this.#reachedMs = Math.max(this.#reachedMs, toMs);
    this.#sliceEndMs = monotonicMs() + SLICE_MS;
  }

  /** Shows the state as of this time. */
  #publish(timeMs: number): void {
    const { engine, clock, settled } = this.#options;
    const { known: spans } = settled();
    const known = spans.find(({ fromMs, toMs }) => fromMs <= timeMs && timeMs < toMs);
    if (known === undefined) engine.noteGap();
    else engine.setSeenSince(Math.max(known.fromMs, this.#fillFromMs));
    this.#reachedMs = Math.max(this.#reachedMs, timeMs);
    clock.raiseHigh(timeMs);
    this.#served?.publish(this.#rows, 0);
  }

  #apply(row: SettledRow): void {
    const refusal = this.#applier.apply(row);
    if (refusal !== undefined) {
      const message = `The swap ${row.eventId} of the history cannot be applied: ${refusal}.`;
      throw new Ended({ reason: "failed", message });
    }
    this.#rows += 1;
    if (this.#rows % ROWS_PER_LOOK === 0) this.#checkMemory();
  }

  #checkMemory(): void {
    const { memoryBytes } = this.#options.limits;
    const { image = 0 } = this.#options.engine.memory();
    if (image <= memoryBytes) return;
    const message = `The state needs more than ${memoryBytes} bytes, as many as history.replay_memory allows.`;
    throw new Ended({ reason: "too_much_memory", message });
  }
}
