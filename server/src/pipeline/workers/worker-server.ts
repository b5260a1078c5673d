/**
 * A worker thread's end of the bus: answers what the main thread asks about the partitions of this thread, and sends it
 * the news of open topics every `coalesceMs`, as often as the thread has time for it. Whatever reads the state waits for its turn beside
 * applying (thread-share.ts); the answers and updates of one slice go back as one message each.
 */
import type { MessagePort } from "node:worker_threads";
import type { SharedClock } from "../../bus/shared-clock.ts";
import { addCounters, emptyCounters } from "../../bus/status-merge.ts";
import type {
  FromWorker,
  RequestItem,
  SplitMark,
  ToWorker,
  WireError,
  WorkerRequest,
  WorkerResponses,
} from "../../bus/worker-protocol.ts";
import type { WindowSpec } from "../../engine/types.ts";
import type { DeadLetter, PartitionTotals, StatusAnswer } from "../../ports/stats-bus.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import type { DeadLetterBuffer } from "../dead-letter-buffer.ts";
import type { HotWriter } from "../hot/hot-writer.ts";
import { atOnce, type Lane, type Piecewise, type ThreadShare } from "../thread-share.ts";
import type { OwnedPartitions } from "./owned-partitions.ts";
import { type TopicKind, WorkerFeeds } from "./worker-feeds.ts";
import { WorkerQueries } from "./worker-queries.ts";

export type WorkerServerOptions = {
  readonly port: MessagePort;
  readonly owned: OwnedPartitions;
  readonly clock: SharedClock;
  readonly windows: readonly WindowSpec[];
  readonly deadLetters: DeadLetterBuffer;
  readonly coalesceMs: number;
  /** Undefined where figures are written to no hot store. */
  readonly hot: HotWriter | undefined;
  readonly share: ThreadShare;
};

/** Tokens of one question that still goes with the light ones. */
const LIGHT_TOKENS_MAX = 8;
/** What an answer about a ranking weighs beside its rows. */
const RANKING_WEIGHT = 16;
const IDS_PER_PIECE = 200;
/** Of one question about placements, whoever asks. */
const IDS_MAX = 100_000;

type Answers = Extract<FromWorker, { type: "answers" }>["items"][number];

export class WorkerServer {
  readonly #port: MessagePort;
  readonly #owned: OwnedPartitions;
  readonly #deadLetters: DeadLetterBuffer;
  readonly #hot: HotWriter | undefined;
  readonly #queries: WorkerQueries;
  readonly #topics: WorkerFeeds;
  readonly #share: ThreadShare;
  readonly #ticker: NodeJS.Timeout;
  /** Kinds of topics whose pass is under way. */
  readonly #passes = new Set<TopicKind>();
  #answers: Answers[] = [];
  #isSending = false;

  constructor({ port, owned, clock, windows, deadLetters, coalesceMs, hot, share }: WorkerServerOptions) {
    this.#port = port;
    this.#owned = owned;
    this.#deadLetters = deadLetters;
    this.#hot = hot;
    this.#share = share;
    this.#queries = new WorkerQueries(owned, clock, windows);
    this.#topics = new WorkerFeeds({
      partitions: () => owned.served,
      clock,
      windows,
      windowIndex: (name) => this.#queries.windowIndex(name),
      send: (items) => this.#post({ type: "updates", items }),
      gone: (topicIds) => this.#post({ type: "gone", topicIds }),
    });
    owned.onChange = () => this.#topics.partitionsChanged();
    share.onSliceEnd = () => this.#topics.flush();
    port.on("message", (message: ToWorker) => this.#receive(message));
    this.#ticker = setInterval(() => this.#tick(), coalesceMs);
  }

  close(): void {
    clearInterval(this.#ticker);
    this.#port.close();
  }

  #post(message: FromWorker): void {
    this.#port.postMessage(message);
  }

  #receive(message: ToWorker): void {
    if (message.type === "close") this.#topics.close(message.topicId);
    else if (message.type === "taken") this.#topics.taken(message.chars);
    else for (const question of message.items) void this.#answerOne(question);
  }

  #tick(): void {
    for (const runner of this.#owned.runners) runner.noteWaiting();
    this.#pass("token");
    this.#pass("overview");
  }

  #pass(kind: TopicKind): void {
    if (this.#passes.has(kind) || this.#topics.size(kind) === 0) return;
    this.#passes.add(kind);
    const lane = kind === "token" ? "topics" : "rankings";
    // Refused when too much waits: the next tick tries again.
    this.#share.run(this.#topics.pass(kind), { lane, weight: 0 }).then(
      () => this.#passes.delete(kind),
      (error: SwapstatsError) => {
        this.#passes.delete(kind);
        if (error.code !== "overloaded") throw error;
      },
    );
  }

  async #answerOne({ id, request, deadlineMs }: RequestItem): Promise<void> {
    try {
      const answer = await this.#answer(request, deadlineMs);
      // Only now: while the answer was made, the list before may have been sent.
      this.#answers.push({ id, answer });
    } catch (error) {
      this.#answers.push({ id, error: wireError(error) });
    }
    if (this.#isSending) return;
    this.#isSending = true;
    // Behind the other answers of this slice.
    queueMicrotask(() => {
      this.#isSending = false;
      const items = this.#answers;
      this.#answers = [];
      const startedMs = this.#share.nowMs;
      this.#post({ type: "answers", items });
      this.#share.noteRead(this.#share.nowMs - startedMs);
    });
  }

  async #answer(request: WorkerRequest, deadlineMs: number): Promise<WorkerResponses[WorkerRequest["kind"]]> {
    const [lane, weight] = placeOf(request);
    const waitMs = deadlineMs - Date.now();
    const work = this.#work(request) as Piecewise<WorkerResponses[WorkerRequest["kind"]]>;
    const answer = await this.#share.run(work, { lane, weight, deadlineMs: this.#share.nowMs + waitMs });
    // The first data of a topic follows the answer, which tells the caller that it is open.
    if (request.kind === "open") setImmediate(() => this.#pass(request.topic.kind));
    return answer;
  }

  /** What is to be done for an answer. Promises are what else it waits for. */
  #work(request: WorkerRequest): Piecewise<unknown> {
    switch (request.kind) {
      case "tokens":
        return this.#queries.tokens(request);
      case "overview":
        return this.#queries.overview(request);
      case "candles":
        return this.#queries.candles(request);
      case "swaps":
        return this.#queries.swaps(request);
      case "lookup":
        return this.#queries.lookup(request.token);
      case "misplaced":
        return this.#misplaced(request.partitions);
      case "placements":
        return this.#placements(request.ids.slice(0, IDS_MAX));
      case "split":
        return this.#markSplit(request.split.slice(0, IDS_MAX), request.whole.slice(0, IDS_MAX));
      default:
        return atOnce(() => this.#answerAtOnce(request));
    }
  }

  #answerAtOnce(request: WorkerRequest): unknown {
    switch (request.kind) {
      case "open":
        this.#topics.open(request.topicId, request.topic);
        return null;
      case "dead_letters":
        return this.#deadLetters.newest(request.limit) satisfies DeadLetter[];
      case "status":
        return this.#status();
      case "metrics":
        return this.#metrics();
      default:
        throw new SwapstatsError("bad_request", `there is no question of the kind ${request.kind}`);
    }
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

  async #status(): Promise<StatusAnswer> {
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
    return { partitions, counters, tokens, totals };
  }

  async #metrics(): Promise<WorkerResponses["metrics"]> {
    const reports = await Promise.all(this.#owned.runners.map((runner) => runner.metrics()));
    const known = reports.filter((report) => report !== undefined);
    return known.map((report) => ({ ...report, hot: this.#hot?.metrics(report.partition) }));
  }
}

/** The lane of a question, and its weight. */
function placeOf(request: WorkerRequest): [Lane, number] {
  switch (request.kind) {
    case "tokens":
      return [request.tokens.length <= LIGHT_TOKENS_MAX ? "stats" : "batch", request.tokens.length];
    case "overview":
      return ["overview", RANKING_WEIGHT + request.request.limit];
    case "candles":
    case "swaps":
    case "lookup":
      return [request.kind, 1];
    case "open":
      return ["lookup", 1];
    case "status":
    case "metrics":
    case "dead_letters":
      return ["service", 1];
    default:
      return ["placement", 1];
  }
}

/** An error as it crosses to the main thread. */
export function wireError(error: unknown): WireError {
  if (error instanceof SwapstatsError) {
    return { code: error.code, message: error.message, retryable: error.retryable };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: "internal", message: text, retryable: false };
}
