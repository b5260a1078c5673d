/**
 * Writes the newest figures of a thread's partitions to the hot store: one batch at a time, the partitions in turn, each at its interval.
 * Computing a batch takes a few milliseconds. Before the next one the thread has four times as long for everything else, so writing never
 * takes more than a fifth of the thread, and a twentieth while the stream is behind. With a store that is slow or away the figures there
 * grow old, and nothing here waits.
 */
import type { SharedClock } from "../../bus/shared-clock.ts";
import type { HotMetrics } from "../../observability/partition-metrics.ts";
import type { HotStore } from "../../ports/hot-store.ts";
import type { Circuit } from "../../shared/circuit.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { WakeableTimer } from "../../shared/wakeable-timer.ts";
import type { ThreadShare } from "../thread-share.ts";
import type { ServedPartition } from "../views/served-partition.ts";
import { type HotBatch, HotFeed } from "./hot-feed.ts";

/** Milliseconds for others after each millisecond of computing. */
const REST_PER_WORK = 4;
const REST_PER_WORK_BEHIND = 19;
/** A stream is behind when its oldest waiting record is older than this. */
const BEHIND_MS = 1_000;
/** A value that did not change is written again when this part of its lifetime is over. */
const AGAIN_AT = 0.5;

type HotWriterOptions = {
  readonly store: HotStore;
  readonly circuit: Circuit;
  /** The partitions whose figures are written. */
  readonly partitions: () => readonly ServedPartition[];
  readonly clock: SharedClock;
  /** Names of the configured windows, in their order. */
  readonly windows: readonly string[];
  readonly intervalMs: number;
  readonly ttlMs: number;
  readonly monotonicMs: () => number;
  readonly share: ThreadShare;
};

type Totals = { written: number; refused: number; failures: number };

export class HotWriter {
  readonly #options: HotWriterOptions;
  readonly #timer = new WakeableTimer();
  /** Feeds of the partitions that are written now, in turning order. */
  readonly #feeds = new Map<number, HotFeed>();
  /** Totals by partition, since the start of the thread. */
  readonly #totals = new Map<number, Totals>();
  #generation = 0;
  #problem: string | undefined;
  #isClosed = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(options: HotWriterOptions) {
    this.#options = options;
  }

  /** Why figures are not being written; undefined while they are. */
  get problem(): string | undefined {
    return this.#problem === undefined
      ? undefined
      : `The newest figures are not being written to Redis, where they grow old: ${this.#problem}`;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Ends a running call. The next owner writes its values. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer.wake();
    await this.#options.store.close();
    await this.#loop;
  }

  metrics(partition: number): HotMetrics {
    const { dependency, state } = this.#options.circuit;
    const totals = this.#totalsOf(partition);
    return { ...totals, lagMs: this.#feeds.get(partition)?.lagMs ?? 0, circuit: { dependency, state } };
  }

  async #run(): Promise<void> {
    const { intervalMs, monotonicMs } = this.#options;
    while (!this.#isClosed) {
      this.#followPartitions();
      const feeds = [...this.#feeds.values()];
      const nowMs = monotonicMs();
      const feed = feeds.find((one) => one.dueMs <= nowMs);
      const restMs =
        feed === undefined ? Math.min(intervalMs, ...feeds.map((one) => one.dueMs - nowMs)) : await this.#step(feed);
      await this.#timer.pause(restMs);
    }
  }

  #followPartitions(): void {
    const { clock, windows, intervalMs, ttlMs, monotonicMs, partitions } = this.#options;
    const now = new Map(partitions().map((served) => [served.partition, served]));
    for (const [partition, feed] of this.#feeds) {
      if (now.get(partition) !== feed.served) this.#feeds.delete(partition);
    }
    for (const served of now.values()) {
      if (this.#feeds.has(served.partition)) continue;
      const againMs = ttlMs * AGAIN_AT;
      this.#feeds.set(served.partition, new HotFeed({ served, clock, windows, againMs, intervalMs, monotonicMs }));
    }
  }

  /** Computes and writes one batch. Returns how many ms to rest. */
  async #step(feed: HotFeed): Promise<number> {
    const { circuit, clock, monotonicMs, share } = this.#options;
    this.#toEndOfTurn(feed);
    let restUntilMs = 0;
    try {
      // The batch is computed within the call, so that nothing is computed while the circuit is open.
      await circuit.run(async () => {
        const startedMs = monotonicMs();
        const batch = await share.run(feed.next(), { lane: "hot" });
        const madeMs = monotonicMs();
        const isBehind = feed.served.board.lagMs(clock.wallMs()) > BEHIND_MS;
        restUntilMs = madeMs + (isBehind ? REST_PER_WORK_BEHIND : REST_PER_WORK) * (madeMs - startedMs);
        await this.#write(feed, batch);
      });
      this.#problem = undefined;
    } catch (error) {
      feed.giveUp();
      if (this.#isClosed) return 0;
      if (!(error instanceof SwapstatsError)) throw error;
      if (restUntilMs > 0) this.#totalsOf(feed.served.partition).failures += 1;
      this.#problem = error.message;
    }
    return Math.max(0, restUntilMs - monotonicMs());
  }

  async #write(feed: HotFeed, batch: HotBatch): Promise<void> {
    const { store, ttlMs } = this.#options;
    const outcomes = await store.write(batch.values, ttlMs, this.#generation);
    if (outcomes === undefined) {
      this.#generation = store.generation;
      for (const known of this.#feeds.values()) known.forget();
      return;
    }
    const totals = this.#totalsOf(feed.served.partition);
    for (const outcome of outcomes) totals[outcome] += 1;
    feed.wrote(batch, outcomes);
  }

  /** Moves the feed to the end of the order: of the feeds that are due, the one whose turn is longest ago goes first. */
  #toEndOfTurn(feed: HotFeed): void {
    const { partition } = feed.served;
    this.#feeds.delete(partition);
    this.#feeds.set(partition, feed);
  }

  #totalsOf(partition: number): Totals {
    let totals = this.#totals.get(partition);
    if (totals === undefined) {
      totals = { written: 0, refused: 0, failures: 0 };
      this.#totals.set(partition, totals);
    }
    return totals;
  }
}
