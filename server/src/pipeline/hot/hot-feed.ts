/**
 * Decides which figures of one partition are written to the hot store, in passes. A pass looks at all tokens once, writes those whose
 * revision differs from the written one, and ends with a mark that says as of when all of them are there. Time changes revisions as swaps
 * do, so a window that shrinks without a swap is written like one that grows.
 *
 * There is no queue of changes. The figures to write are the difference between two arrays of numbers: the revision of each token, and the
 * revision that was written. A store that is away for hours costs no more than these arrays. A token that changes ten times meanwhile is
 * written once, with its newest figures. A batch that failed is simply not noted as written.
 */

import { ALL_FIGURES } from "@swapstats/protocol/figure-text.ts";
import { statsText } from "@swapstats/protocol/stats-text.ts";
import type { SharedClock } from "../../bus/shared-clock.ts";
import type { HotOutcome, HotValue } from "../../ports/hot-store.ts";
import type { Piecewise } from "../thread-share.ts";
import { caughtUp } from "../views/overview-page.ts";
import type { ServedPartition } from "../views/served-partition.ts";
import { statsBody } from "../views/stats-json.ts";

/** A batch ends at the first limit that it reaches. */
export const HOT_BATCH_TOKENS = 256;
export const HOT_BATCH_CHARS = 1024 * 1024;
/** Time for computing the figures of a batch, in one piece: about as long as any reader has the thread. */
const BUILD_MS = 3;

export type HotBatch = {
  readonly values: readonly HotValue[];
  /** Indexes of the tokens in the views. Empty for a batch that holds the mark. */
  readonly indexes: readonly number[];
};

type Pass = {
  readonly startedMs: number;
  readonly asOf: number;
  /** The revision of the whole partition that is written at the end of the pass. */
  readonly rev: number;
  readonly count: number;
  done: number;
};

type HotFeedOptions = {
  readonly served: ServedPartition;
  readonly clock: SharedClock;
  /** Names of the configured windows, in their order. */
  readonly windows: readonly string[];
  /** A value that did not change is written again after this time. */
  readonly againMs: number;
  readonly intervalMs: number;
  /** A clock that never goes back, for pauses and ages. */
  readonly monotonicMs: () => number;
};

export class HotFeed {
  readonly served: ServedPartition;
  readonly #options: HotFeedOptions;
  readonly #windowIndexes: readonly number[];
  /** By index in the views: the revision that was written last (0: none), and when. */
  #revs = new Float64Array(0);
  #writtenMs = new Float64Array(0);
  #pass: Pass | undefined;
  /** Index at which the next pass begins. It is the end of the last pass, so no token starves while the store fails now and then. */
  #cursor = 0;
  #dueMs: number;
  /** Time up to which all changes are written. */
  #currentMs: number;

  constructor(options: HotFeedOptions) {
    this.#options = options;
    this.served = options.served;
    this.#windowIndexes = options.windows.map((_, i) => i);
    this.#dueMs = options.monotonicMs();
    this.#currentMs = this.#dueMs;
  }

  /** Earliest time of the next batch. */
  get dueMs(): number {
    return this.#pass === undefined ? this.#dueMs : Number.NEGATIVE_INFINITY;
  }

  /** Returns the time for which figures have not been written, in ms. */
  get lagMs(): number {
    return this.#options.monotonicMs() - this.#currentMs;
  }

  /** Returns the next batch, which is never empty. All tokens are looked at in pieces, then the batch is computed in one piece. It counts as written after `wrote`. */
  *next(): Piecewise<HotBatch> {
    const pass = this.#pass ?? (yield* this.#begin());
    const values: HotValue[] = [];
    const indexes: number[] = [];
    const { monotonicMs, clock } = this.#options;
    const startedMs = monotonicMs();
    const asOf = clock.now();
    let chars = 0;
    while (pass.done < pass.count && values.length < HOT_BATCH_TOKENS && chars < HOT_BATCH_CHARS) {
      const index = this.#cursor;
      this.#cursor = index + 1 < pass.count ? index + 1 : 0;
      pass.done += 1;
      if (!this.#isDue(index, startedMs)) continue;
      const value = this.#value(index, asOf);
      values.push(value);
      indexes.push(index);
      chars += value.text.length;
      if (monotonicMs() - startedMs >= BUILD_MS) break;
    }
    if (values.length === 0) values.push(this.#mark(pass));
    return { values, indexes };
  }

  wrote({ values, indexes }: HotBatch, outcomes: readonly HotOutcome[]): void {
    const { monotonicMs, intervalMs } = this.#options;
    const nowMs = monotonicMs();
    for (const [i, index] of indexes.entries()) {
      this.#revs[index] = (values[i] as HotValue).rev;
      this.#writtenMs[index] = nowMs;
    }
    const pass = this.#pass;
    if (indexes.length > 0 || pass === undefined) return;
    // A mark is refused when a later owner's is there, whose figures are newer than these.
    if (outcomes[0] === "written") this.#currentMs = pass.startedMs;
    this.#dueMs = Math.max(pass.startedMs + intervalMs, nowMs);
    this.#pass = undefined;
  }

  /** Gives the pass up, because the batch could not be written or the store is away. The next pass begins after the interval. */
  giveUp(): void {
    this.#pass = undefined;
    this.#dueMs = this.#options.monotonicMs() + this.#options.intervalMs;
  }

  /** Marks all figures as unwritten, and makes the next pass due at once. */
  forget(): void {
    this.#revs.fill(0);
    this.#pass = undefined;
    this.#dueMs = this.#options.monotonicMs();
  }

  *#begin(): Piecewise<Pass> {
    const { views } = this.served;
    const asOf = yield* caughtUp([this.served], () => this.#options.clock.now());
    if (this.#revs.length < views.count) {
      const capacity = Math.max(views.count, 2 * this.#revs.length);
      this.#revs = grown(this.#revs, capacity);
      this.#writtenMs = grown(this.#writtenMs, capacity);
    }
    if (this.#cursor >= views.count) this.#cursor = 0;
    const startedMs = this.#options.monotonicMs();
    this.#pass = { startedMs, asOf, rev: views.revision, count: views.count, done: 0 };
    return this.#pass;
  }

  #isDue(index: number, nowMs: number): boolean {
    const { views } = this.served;
    if (!views.isListedAt(index)) return false;
    if (views.revAt(index) !== this.#revs[index]) return true;
    return nowMs - (this.#writtenMs[index] as number) >= this.#options.againMs;
  }

  /** Returns the response of `GET stats` at this as-of. */
  #value(index: number, asOf: number): HotValue {
    const { engine, views, board, epoch } = this.served;
    const token = views.tokenAt(index);
    const rev = views.look(token, asOf, true);
    const info = engine.info(token);
    const figures = engine.windowsStats(token, this.#windowIndexes, asOf);
    const text = statsText({
      epoch,
      rev,
      asOf,
      watermark: this.served.watermarkMs(info.chainId),
      lagMs: board.lagMs(this.#options.clock.wallMs()),
      stale: false,
      body: statsBody(info, this.served.split.has(token), this.#options.windows, figures, ALL_FIGURES),
    });
    return { key: `stats:${info.id}`, text, epoch, rev, asOf };
  }

  #mark({ asOf, rev }: Pass): HotValue {
    const { partition, epoch, views } = this.served;
    const text = `{"as_of":${asOf},"epoch":"${epoch}","rev":${rev},"partition":${partition},"tokens":${views.listed}}`;
    return { key: `written:${partition}`, text, epoch, rev, asOf };
  }
}

function grown(old: Float64Array<ArrayBuffer>, capacity: number): Float64Array<ArrayBuffer> {
  const next = new Float64Array(capacity);
  next.set(old);
  return next;
}
