/**
 * A worker's end of the bus. It responds to requests about the partitions of this worker, and sends the updates of open feeds every `coalesceMs`, or as
 * often as the thread has time. All reads of the state share the thread with applying (thread-share.ts). The responses of one slice are sent as
 * one message, and so are its updates.
 */

import type { MessagePort } from "node:worker_threads";
import type { CircuitStatus } from "@swapstats/protocol/schemas/service.ts";
import type { ChannelKind } from "../../bus/channels.ts";
import {
  type RequestKind,
  type RequestOf,
  ruleOf,
  type SplitMark,
  type WorkerRequest,
  type WorkerResponses,
} from "../../bus/requests.ts";
import type { SharedClock } from "../../bus/shared-clock.ts";
import { addCounters, emptyCounters } from "../../bus/status-merge.ts";
import type { FromWorker, RequestItem, ResponseItem, ToWorker } from "../../bus/worker-protocol.ts";
import type { WindowSpec } from "../../engine/types.ts";
import type { PartitionTotals, StatusResponse, TokenRequests } from "../../ports/stats-bus.ts";
import type { Circuit } from "../../shared/circuit.ts";
import type { SwapstatsError } from "../../shared/errors.ts";
import { toWire } from "../../shared/wire-error.ts";
import type { DeadLetterBuffer } from "../dead-letter-buffer.ts";
import type { HotWriter } from "../hot/hot-writer.ts";
import { atOnce, type Piecewise, type ThreadShare, timed } from "../thread-share.ts";
import type { OwnedPartitions } from "./owned-partitions.ts";
import { ScreenerQueries } from "./screener-queries.ts";
import { FEED_KINDS, OPENERS, PASS_PERIOD_MS_MAX, WorkerFeeds } from "./worker-feeds.ts";
import { BODY_KINDS, WorkerQueries } from "./worker-queries.ts";

type WorkerServerOptions = {
  /** Name of this instance. */
  readonly owner: string;
  readonly port: MessagePort;
  readonly owned: Pick<OwnedPartitions, "served" | "runners" | "absence" | "onChange">;
  readonly clock: SharedClock;
  readonly windows: readonly WindowSpec[];
  readonly deadLetters: Pick<DeadLetterBuffer, "newest">;
  readonly coalesceMs: number;
  /** Undefined without a hot store. */
  readonly hot: HotWriter | undefined;
  /** The circuits of this thread. */
  readonly circuits: readonly Circuit[];
  readonly share: ThreadShare;
};

const IDS_PER_PIECE = 200;
/** Largest number of ids in one request about placements. */
const IDS_MAX = 100_000;

/** The handler of each kind of request. Its result may be a promise of the response. */
type Handlers = {
  readonly [K in RequestKind]: (request: RequestOf<K>) => Piecewise<WorkerResponses[K] | Promise<WorkerResponses[K]>>;
};

export class WorkerServer {
  readonly #owner: string;
  readonly #port: MessagePort;
  readonly #owned: WorkerServerOptions["owned"];
  readonly #deadLetters: WorkerServerOptions["deadLetters"];
  readonly #hot: HotWriter | undefined;
  readonly #circuits: readonly Circuit[];
  readonly #queries: WorkerQueries;
  readonly #screener: ScreenerQueries;
  readonly #feeds: WorkerFeeds;
  readonly #share: ThreadShare;
  readonly #ticker: NodeJS.Timeout;
  /** Kinds of feeds with a running pass. */
  readonly #passes = new Set<ChannelKind>();
  /** Time from which the next pass may begin. */
  readonly #passFromMs = new Map<ChannelKind, number>();
  #responses: ResponseItem[] = [];
  readonly #handlers: Handlers;
  #isSending = false;

  constructor(options: WorkerServerOptions) {
    const { owner, port, owned, clock, windows, deadLetters, coalesceMs, hot, circuits, share } = options;
    this.#owner = owner;
    this.#port = port;
    this.#owned = owned;
    this.#deadLetters = deadLetters;
    this.#hot = hot;
    this.#circuits = circuits;
    this.#share = share;
    this.#queries = new WorkerQueries(owned, clock, windows);
    this.#screener = new ScreenerQueries(owned, this.#queries, windows);
    this.#feeds = new WorkerFeeds({
      partitions: () => owned.served,
      clock,
      windows,
      windowIndex: (name) => this.#queries.windowIndex(name),
      send: (items) => this.#post({ type: "updates", items }),
      gone: (feedIds) => this.#post({ type: "gone", feedIds }),
    });
    this.#handlers = this.#makeHandlers();
    owned.onChange = () => this.#feeds.partitionsChanged();
    share.onSliceEnd = () => this.#feeds.flush();
    port.on("message", (message: ToWorker) => this.#receive(message));
    this.#ticker = setInterval(() => this.#tick(), coalesceMs);
  }

  close(): void {
    clearInterval(this.#ticker);
    this.#screener.close();
    this.#port.close();
  }

  #post(message: FromWorker): void {
    this.#port.postMessage(message);
  }

  #receive(message: ToWorker): void {
    if (message.type === "close") this.#feeds.close(message.feedId);
    else if (message.type === "taken") this.#feeds.taken(message.chars);
    else for (const item of message.items) void this.#respond(item);
  }

  #tick(): void {
    for (const runner of this.#owned.runners) runner.noteWaiting();
    for (const kind of FEED_KINDS) this.#pass(kind);
  }

  /** Begins a pass over the feeds of a kind, unless one runs. Its updates are sent at the end of the slice: `WorkerFeeds.flush`. */
  #pass(kind: ChannelKind): void {
    if (this.#passes.has(kind) || this.#feeds.size(kind) === 0) return;
    const { lane, pace } = OPENERS[kind];
    const startMs = this.#share.nowMs;
    if (startMs < (this.#passFromMs.get(kind) ?? 0) && !this.#feeds.isAnyNew(kind)) return;
    this.#passes.add(kind);
    const pass = timed(
      this.#feeds.pass(kind),
      () => this.#share.nowMs,
      (tookMs) => this.#passFromMs.set(kind, startMs + Math.min(tookMs * pace, PASS_PERIOD_MS_MAX)),
    );
    // The pass is refused when too much waits. The next tick retries.
    this.#share.run(pass, { lane, weight: 0 }).then(
      () => this.#passes.delete(kind),
      (error: SwapstatsError) => {
        this.#passes.delete(kind);
        if (error.code !== "overloaded") throw error;
      },
    );
  }

  /** Makes the response, and posts it with the others of this slice to the main thread (bus/worker-client.ts). */
  async #respond({ id, request, deadlineMs }: RequestItem): Promise<void> {
    try {
      const response = await this.#responseTo(request, deadlineMs);
      // The list is read only now, because the former one may have been sent while the response was made.
      this.#responses.push({ id, response });
    } catch (error) {
      this.#responses.push({ id, error: toWire(error) });
    }
    if (this.#isSending) return;
    this.#isSending = true;
    // It is sent behind the other responses of this slice.
    queueMicrotask(() => {
      this.#isSending = false;
      const items = this.#responses;
      this.#responses = [];
      const startedMs = this.#share.nowMs;
      this.#post({ type: "responses", items });
      this.#share.noteRead(this.#share.nowMs - startedMs);
    });
  }

  /** Runs the handler of the kind (`#makeHandlers`) in pieces, when its turn comes. */
  async #responseTo(request: WorkerRequest, deadlineMs: number): Promise<WorkerResponses[RequestKind]> {
    const rule = ruleOf(request);
    const waitMs = deadlineMs - Date.now();
    const handle = this.#handlers[request.kind];
    const work: Piecewise<unknown> = handle(request as never);
    const response = await this.#share.run(work, {
      lane: rule.lane(request),
      weight: rule.weight(request),
      deadlineMs: this.#share.nowMs + waitMs,
    });
    // The first data of a feed follows the response, which tells the caller that it is open.
    if (request.kind === "open") setImmediate(() => this.#pass(request.spec.kind));
    return response as WorkerResponses[RequestKind];
  }

  #makeHandlers(): Handlers {
    const queries = this.#queries;
    const bodies = Object.fromEntries(
      BODY_KINDS.map((kind) => [kind, (request: RequestOf<typeof kind>) => queries.body(request)]),
    ) as unknown as Pick<Handlers, keyof TokenRequests>;
    return {
      tokens: (request) => queries.tokens(request),
      overview: (request) => queries.overview(request),
      search: (request) => queries.search(request),
      market: (request) => queries.market(request),
      screener: (request) => this.#screener.page(request),
      ...bodies,
      open: ({ feedId, spec }) =>
        atOnce(() => {
          this.#feeds.open(feedId, spec);
          return null;
        }),
      history: (request) => queries.history(request),
      dead_letters: ({ limit }) => atOnce(() => this.#deadLetters.newest(limit)),
      status: () => atOnce(() => this.#status()),
      metrics: () => atOnce(() => this.#metrics()),
      misplaced: ({ partitions }) => this.#misplaced(partitions),
      placements: ({ ids }) => this.#placements(ids.slice(0, IDS_MAX)),
      split: ({ split, whole }) => this.#markSplit(split.slice(0, IDS_MAX), whole.slice(0, IDS_MAX)),
    };
  }

  *#misplaced(partitions: number): Piecewise<string[]> {
    const ids: string[] = [];
    for (const home of this.#owned.served) ids.push(...(yield* home.split.misplaced(partitions)));
    return ids;
  }

  *#placements(ids: readonly string[]): Piecewise<WorkerResponses["placements"]> {
    const places: number[][] = [];
    for (const id of ids) {
      places.push(this.#placesOf(id));
      if (places.length % IDS_PER_PIECE === 0) yield;
    }
    return { served: this.#owned.served.map((home) => home.partition), places };
  }

  *#markSplit(split: readonly SplitMark[], whole: readonly string[]): Piecewise<null> {
    for (const home of this.#owned.served) yield* home.markSplit(split, whole);
    return null;
  }

  #placesOf(id: string): number[] {
    return this.#owned.served.flatMap((home) => (home.split.find(id) === undefined ? [] : [home.partition]));
  }

  async #status(): Promise<StatusResponse> {
    const { runners } = this.#owned;
    const partitions = await Promise.all(runners.map((runner) => runner.status()));
    const counters = emptyCounters();
    const totals: PartitionTotals[] = [];
    for (const runner of runners) {
      if (runner.counters === undefined || !runner.isServing) continue;
      addCounters(counters, runner.counters);
      const { partition, served, knownTokens: tokens } = runner;
      totals.push({ partition, epoch: served.epoch, counters: runner.counters, tokens });
    }
    const problem = this.#hot?.problem;
    if (problem !== undefined) for (const partition of partitions) partition.problems.push(problem);
    const tokens = totals.reduce((sum, partition) => sum + partition.tokens, 0);
    const circuits = this.#circuits.map(({ dependency, state, sinceMs }): CircuitStatus => {
      const since = sinceMs === undefined ? {} : { since: sinceMs };
      return { instance: this.#owner, dependency, state, ...since };
    });
    return { partitions, counters, tokens, totals, circuits };
  }

  async #metrics(): Promise<WorkerResponses["metrics"]> {
    const reports = await Promise.all(this.#owned.runners.map((runner) => runner.metrics()));
    const known = reports.filter((report) => report !== undefined);
    return known.map((report) => ({ ...report, hot: this.#hot?.metrics(report.partition) }));
  }
}
