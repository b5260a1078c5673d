/**
 * Joins the clients of all doors to channels: one subscription at the bus for all clients with the same channel, whatever name they used, and
 * one flush for all updates of a tick.
 *
 * The owner of a token already coalesces updates. Owners on several threads send at different moments, so a flush waits until most of
 * coalesce_ms has passed since the last one. Otherwise a client would get one write per owner. With one owner every batch is flushed
 * as it arrives, without further delay.
 *
 * A flush serves every client that has something to send, each within its credit, in slices of a few milliseconds. Other requests get their
 * turn between the slices. The pauses between flushes grow with their duration: under load clients get fewer updates, each the newest,
 * and the thread keeps most of its time for other work.
 */
import type { Ambiguous, ChannelSpec, ChannelUpdate, StatsBus } from "../../ports/stats-bus.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { ServedIntervals } from "../candle-intervals.ts";
import { ProblemError } from "../problems.ts";
import { CachedBytes } from "./cached-bytes.ts";
import { CatchUps } from "./catch-up.ts";
import type { ChannelFeed, PushTarget } from "./channel-feed.ts";
import type { Position } from "./channel-requests.ts";
import { keyOfChannel, nameOfChannel, openingKeyOf, rowsOfChannel } from "./channels.ts";
import { KeptFeeds } from "./kept-feeds.ts";
import { LIVE_LIMITS, type LiveConfig, type LiveLimits } from "./live-limits.ts";
import { OpeningQueue } from "./opening-queue.ts";
import { PendingTokens } from "./pending-tokens.ts";
import { RowBudget } from "./row-budget.ts";
import { StateFeed } from "./state-feed.ts";
import { SwapFeed } from "./swap-feed.ts";
import { WakeUps } from "./wake-ups.ts";
import { WorkShare } from "./work-share.ts";

/** Part of coalesce_ms after which a flush is not held back; owners' ticks jitter by less than the rest. */
const FLUSH_GAP_FACTOR = 0.8;

type HubOptions = {
  readonly bus: StatsBus;
  readonly config: LiveConfig;
  /** Overrides of single limits. */
  readonly limits?: Partial<LiveLimits>;
  /** Monotonic milliseconds; the clock of the process unless given. */
  readonly nowMs?: () => number;
};

type JoinResult = { readonly kind: "joined"; readonly feed: ChannelFeed } | { readonly kind: "unknown" } | Ambiguous;

type HeldByHub = {
  readonly rows: number;
  readonly cachedBytes: number;
  /** Feeds without clients. */
  readonly keptFeeds: number;
  readonly openingRows: number;
  readonly pendingIds: number;
};

export class Hub {
  readonly config: LiveConfig;
  readonly limits: LiveLimits;
  /** Intervals of candles that the buckets of this service fill. */
  readonly intervals: readonly string[];
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  readonly #bus: StatsBus;
  /** Connected clients of all doors. */
  readonly #clients = new Set<PushTarget>();
  /** By the key of the canonical channel. */
  readonly #feeds = new Map<string, ChannelFeed>();
  readonly #opening = new Map<string, Promise<JoinResult>>();
  readonly #refreshing = new Map<ChannelFeed, Promise<void>>();
  readonly #catchUps: CatchUps;
  readonly #wakeUps: WakeUps;
  readonly #cached: CachedBytes;
  readonly #kept: KeptFeeds;
  readonly #rows: RowBudget;
  readonly #openings: OpeningQueue;
  /** Tokens that clients wait for. */
  readonly pending: PendingTokens;
  /** Limits the time for checksums: one of a long ranking takes tens of milliseconds. */
  readonly checksumShare: WorkShare;
  /** Channels that clients asked to resume, so far. */
  readonly resumed = { recovered: 0, lost: 0 };
  #dirty: PushTarget[] = [];
  #flushing: PushTarget[] = [];
  #isScheduled = false;
  #flushTimer: NodeJS.Timeout | undefined;
  #lastFlushMs = Number.NEGATIVE_INFINITY;
  /** Duration of the flush, without the time between its slices. */
  #flushBusyMs = 0;
  /** Time from the start of one flush to the start of the next. */
  #flushGapMs: number;

  constructor(options: HubOptions) {
    const { bus, config } = options;
    const limits = { ...LIVE_LIMITS, ...options.limits };
    this.config = config;
    this.limits = limits;
    this.intervals = new ServedIntervals(config.windows.list.map(({ stepMs }) => stepMs)).names;
    this.nowMs = options.nowMs ?? (() => performance.now());
    this.#bus = bus;
    this.#flushGapMs = config.api.ws.coalesceMs;
    this.#kept = new KeptFeeds(this.nowMs);
    this.#cached = new CachedBytes(limits.cachedBytesMax, () => this.#kept.closeOne());
    this.#rows = new RowBudget(config.api.ws.maxRowsTotal, () => this.#clients.size);
    this.#openings = new OpeningQueue(limits.openingRowsMax);
    const { pendingIdsMax: idsMax, pendingIdsAskedMax: idsAskedMax, pendingEveryMs: everyMs } = limits;
    this.pending = new PendingTokens({ idsMax, idsAskedMax, everyMs }, (ids) => bus.areKnown(ids));
    this.checksumShare = new WorkShare(limits.checksumBurstMs, limits.checksumShare, () => performance.now());
    this.#catchUps = new CatchUps(limits.catchUpMs, limits.catchUpLookMs);
    this.#wakeUps = new WakeUps(this.nowMs, (client) => this.poke(client));
  }

  /** Connected clients of all doors. */
  get clients(): number {
    return this.#clients.size;
  }

  /** Feeds that are open at the bus. */
  get feeds(): number {
    return this.#feeds.size;
  }

  /** Resources in use; for metrics and tests. */
  get held(): HeldByHub {
    return {
      rows: this.#rows.total,
      cachedBytes: this.#cached.total,
      keptFeeds: this.#kept.size,
      openingRows: this.#openings.rows,
      pendingIds: this.pending.size,
    };
  }

  /** Counts a client from now on, until it is disconnected: the clients share the rows. */
  connected(client: PushTarget): void {
    this.#clients.add(client);
  }

  disconnected(client: PushTarget): void {
    this.#clients.delete(client);
  }

  /**
   * Resolves to the feed of a channel, when it has what the client holds already (`from`). The client is flushed after each of its updates until it
   * leaves. Rejects with SwapstatsError `unavailable`
   * if the owner does not respond in time, with ProblemError `overloaded` if all clients together hold too much, and with the errors of the bus.
   */
  async join(spec: ChannelSpec, client: PushTarget, from?: Position): Promise<JoinResult> {
    for (;;) {
      const result = await this.#feedOf(spec, client);
      if (result.kind !== "joined") return result;
      const { feed } = result;
      // Another client, the only one until now, may have left while this one waited.
      if (feed.isClosed) continue;
      this.#kept.remove(feed);
      feed.clients.set(client, (feed.clients.get(client) ?? 0) + 1);
      try {
        await this.#refresh(feed, spec);
        // A look that fails is repeated, until the time limit.
        const look = (): void => void this.#lookOnce(feed, spec).catch(() => {});
        if (from !== undefined) await this.#catchUps.wait(feed, from, look);
      } catch (error) {
        this.leave(feed, client, false);
        throw error;
      }
      return result;
    }
  }

  /** `mayResume`: the client did not close the channel but lost its connection, so the feed is kept for a while even without clients. */
  leave(feed: ChannelFeed, client: PushTarget, mayResume: boolean): void {
    const count = feed.clients.get(client) ?? 0;
    if (count > 1) feed.clients.set(client, count - 1);
    else feed.clients.delete(client);
    const nowMs = this.nowMs();
    if (mayResume) feed.keptUntilMs = nowMs + this.config.api.ws.resumeWindowMs;
    if (feed.clients.size > 0) return;
    const isKept = feed.count > 0 && feed.keptUntilMs > nowMs && this.#feeds.size < this.limits.feedsKeptBelow;
    if (isKept && !feed.isClosed) this.#kept.add(feed);
    else feed.close();
  }

  /** Counts channels that were to be resumed, of which `recovered` were. */
  countResumed(channels: number, recovered: number): void {
    this.resumed.recovered += recovered;
    this.resumed.lost += channels - recovered;
  }

  /** Flushes the client in the next tick, because it has something to send. */
  poke(client: PushTarget): void {
    if (client.isDirty) return;
    client.isDirty = true;
    this.#dirty.push(client);
    this.#schedule();
  }

  /** Flushes the client at a monotonic time. */
  pokeAt(client: PushTarget, dueMs: number): void {
    this.#wakeUps.add(client, dueMs);
  }

  /** Stops all timers. The doors disconnect their clients. */
  close(): void {
    this.#wakeUps.close();
    this.pending.close();
    this.#kept.close();
    clearTimeout(this.#flushTimer);
  }

  async #feedOf(spec: ChannelSpec, client: PushTarget): Promise<JoinResult> {
    const key = keyOfChannel(spec);
    const feed = this.#feeds.get(key);
    if (feed !== undefined) return { kind: "joined", feed };
    const openingKey = openingKeyOf(spec);
    const known = this.#opening.get(openingKey);
    if (known !== undefined) return known;
    const rows = rowsOfChannel(spec);
    const isShort = (): boolean =>
      this.#feeds.size >= this.limits.feedsKeptBelow || this.#rows.total + rows > this.config.api.ws.maxRowsTotal;
    while (isShort() && this.#kept.closeOne()) {}
    if (!this.#rows.take(rows, client.rows)) throw this.#tooManyRows();
    const opening = this.#open(spec, rows).finally(() => this.#opening.delete(openingKey));
    this.#opening.set(openingKey, opening);
    return opening;
  }

  #tooManyRows(): ProblemError {
    const text = `The connections together hold ${this.config.api.ws.maxRowsTotal} rows, as many as api.ws.max_rows_total allows; request fewer windows or rows, or try again later.`;
    return new ProblemError("overloaded", text);
  }

  /** Opens a feed. The `rows` are already taken; they are given back when the feed closes, or at once if it does not open. */
  async #open(spec: ChannelSpec, rows: number): Promise<JoinResult> {
    let isHeld = false;
    try {
      const feed = this.#newFeed(spec);
      const opened = await this.#openings.run(rows, () =>
        this.#subscribe(spec, (update) => this.#onUpdate(feed, update)),
      );
      if (opened.kind !== "opened") return opened;
      const key = keyOfChannel(opened.spec);
      const twin = this.#feeds.get(key);
      if (twin !== undefined) {
        opened.close();
        return { kind: "joined", feed: twin };
      }
      isHeld = true;
      this.#feeds.set(key, feed);
      feed.opened(nameOfChannel(opened.spec), () => {
        this.#feeds.delete(key);
        this.#rows.give(rows);
        opened.close();
      });
      return { kind: "joined", feed };
    } finally {
      if (!isHeld) this.#rows.give(rows);
    }
  }

  #newFeed(spec: ChannelSpec): ChannelFeed {
    if (spec.kind === "swaps") return new SwapFeed(spec.limit, this.#cached);
    const { resumeWindowMs, resumeBytes } = this.config.api.ws;
    const windowMs = Math.max(resumeWindowMs, this.limits.behindMs);
    return new StateFeed({ windowMs, bytesMax: resumeBytes }, this.#cached);
  }

  /**
   * Asks the owner again if the newest update is old. The newest update of a quiet channel may be hours old. Its figures still hold, but a new client
   * needs the present as-of, watermark and lag.
   */
  async #refresh(feed: ChannelFeed, spec: ChannelSpec): Promise<void> {
    const ageMs = this.nowMs() - feed.newestAtMs;
    if (feed.count === 0 || ageMs <= this.limits.snapshotAgeMsMax) return;
    return this.#lookOnce(feed, spec);
  }

  #lookOnce(feed: ChannelFeed, spec: ChannelSpec): Promise<void> {
    const known = this.#refreshing.get(feed);
    if (known !== undefined) return known;
    const refreshing = this.#lookAgain(feed, spec).finally(() => this.#refreshing.delete(feed));
    this.#refreshing.set(feed, refreshing);
    return refreshing;
  }

  async #lookAgain(feed: ChannelFeed, spec: ChannelSpec): Promise<void> {
    const first = Promise.withResolvers<void>();
    const opened = await this.#openings.run(rowsOfChannel(spec), () =>
      this.#subscribe(spec, (update) => {
        feed.refresh(update, this.nowMs());
        first.resolve();
      }),
    );
    if (opened.kind !== "opened") return;
    // The data comes as soon as the channel is open. If it does not, the old as-of is served.
    const timer = setTimeout(first.resolve, this.limits.openTimeoutMs);
    await first.promise;
    clearTimeout(timer);
    opened.close();
  }

  async #subscribe(spec: ChannelSpec, onUpdate: (update: ChannelUpdate) => void): ReturnType<StatsBus["subscribe"]> {
    const { limits } = this;
    const { promise: timeout, reject } = Promise.withResolvers<never>();
    let isTooLate = false;
    const timer = setTimeout(() => {
      isTooLate = true;
      const message = `No response within ${limits.openTimeoutMs} ms; the service is busy or recovering. Subscribe again.`;
      reject(new SwapstatsError("unavailable", message, { retryable: true }));
    }, limits.openTimeoutMs);
    const opening = this.#bus.subscribe(spec, onUpdate);
    opening.then(
      (opened) => {
        if (isTooLate && opened.kind === "opened") opened.close();
      },
      () => {},
    );
    try {
      return await Promise.race([opening, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Takes an update of the bus into its feed, and has the clients of the feed flushed. */
  #onUpdate(feed: ChannelFeed, update: ChannelUpdate): void {
    if (feed.isClosed) return;
    const nowMs = this.nowMs();
    // With a clock that follows events, the as-of does not tell when the figures were computed.
    const ageMs = this.config.windows.clock === "live" ? Math.max(0, Date.now() - update.asOf) : 0;
    if (!feed.accept(update, nowMs, nowMs - ageMs)) return;
    this.#catchUps.updated(feed);
    for (const client of feed.clients.keys()) if (!client.isDirty) this.poke(client);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const elapsedMs = this.nowMs() - this.#lastFlushMs;
    if (elapsedMs >= this.#flushGapMs * FLUSH_GAP_FACTOR) setImmediate(this.#startFlush);
    else this.#flushTimer = setTimeout(this.#startFlush, this.#flushGapMs - elapsedMs);
  }

  /** Flushes all clients that have something to send: `PushTarget.flush` takes their messages. */
  readonly #startFlush = (): void => {
    this.#lastFlushMs = this.nowMs();
    this.#flushBusyMs = 0;
    this.#flushing = this.#dirty;
    this.#dirty = [];
    this.#flushSlice(0);
  };

  #flushSlice(from: number): void {
    const { nowMs, limits } = this;
    const startMs = nowMs();
    let endMs = startMs;
    const clients = this.#flushing;
    for (let i = from; i < clients.length; i++) {
      const client = clients[i] as PushTarget;
      client.isDirty = false;
      client.flush(endMs);
      endMs = nowMs();
      if (endMs - startMs >= limits.flushSliceMs && i + 1 < clients.length) {
        this.#flushBusyMs += endMs - startMs;
        setImmediate(() => this.#flushSlice(i + 1));
        return;
      }
    }
    this.#flushBusyMs += endMs - startMs;
    this.#endFlush();
  }

  #endFlush(): void {
    const { limits, nowMs } = this;
    const { coalesceMs } = this.config.api.ws;
    const pauseMs = this.#flushBusyMs * limits.flushPauseFactor;
    // The pause starts at the end of the flush, because its slices may lie far apart.
    this.#flushGapMs = Math.max(coalesceMs, nowMs() - this.#lastFlushMs + pauseMs);
    if (pauseMs + this.#flushBusyMs <= coalesceMs) this.#flushGapMs = coalesceMs;
    this.#flushing = [];
    this.#isScheduled = false;
    if (this.#dirty.length > 0) this.#schedule();
  }
}
