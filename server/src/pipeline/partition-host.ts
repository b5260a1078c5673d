/**
 * A worker thread's end of the bus: answers what the main thread asks about the partitions of this thread, and sends it
 * the news of open topics every `coalesceMs`. All answers of one message go back as one message.
 */
import type { MessagePort } from "node:worker_threads";
import type { FromHost, HostAnswer, HostRequest, ToHost, WireError } from "../bus/host-protocol.ts";
import type { SharedClock } from "../bus/shared-clock.ts";
import type { DeadLetter, PartitionTotals, StatusAnswer } from "../bus/stats-bus.ts";
import { addCounters, emptyCounters } from "../bus/status-merge.ts";
import type { WindowSpec } from "../engine/types.ts";
import { SwapstatsError } from "../shared/errors.ts";
import type { DeadLetterBuffer } from "./dead-letter-buffer.ts";
import { HostQueries } from "./host-queries.ts";
import { HostTopics } from "./host-topics.ts";
import type { HotWriter } from "./hot-writer.ts";
import type { OwnedPartitions } from "./owned-partitions.ts";

export type HostOptions = {
  readonly port: MessagePort;
  readonly owned: OwnedPartitions;
  readonly clock: SharedClock;
  readonly windows: readonly WindowSpec[];
  readonly deadLetters: DeadLetterBuffer;
  readonly coalesceMs: number;
  /** Undefined where figures are written to no hot store. */
  readonly hot: HotWriter | undefined;
};

/** Of one question about placements, whoever asks. */
const IDS_MAX = 100_000;

type Answers = Extract<FromHost, { type: "answers" }>["items"][number];

export class PartitionHost {
  readonly #port: MessagePort;
  readonly #owned: OwnedPartitions;
  readonly #deadLetters: DeadLetterBuffer;
  readonly #hot: HotWriter | undefined;
  readonly #queries: HostQueries;
  readonly #topics: HostTopics;
  readonly #ticker: NodeJS.Timeout;

  constructor({ port, owned, clock, windows, deadLetters, coalesceMs, hot }: HostOptions) {
    this.#port = port;
    this.#owned = owned;
    this.#deadLetters = deadLetters;
    this.#hot = hot;
    this.#queries = new HostQueries(owned, clock, windows);
    this.#topics = new HostTopics({
      partitions: () => owned.served,
      clock,
      windowIndex: (name) => this.#queries.windowIndex(name),
      send: (items) => this.#post({ type: "updates", items }),
      gone: (topicIds) => this.#post({ type: "gone", topicIds }),
    });
    owned.onChange = () => this.#topics.partitionsChanged();
    port.on("message", (message: ToHost) => this.#receive(message));
    this.#ticker = setInterval(() => this.#topics.tick(), coalesceMs);
  }

  close(): void {
    clearInterval(this.#ticker);
    this.#port.close();
  }

  #post(message: FromHost): void {
    this.#port.postMessage(message);
  }

  #receive(message: ToHost): void {
    if (message.type === "close") this.#topics.close(message.topicId);
    else void this.#answerAll(message.items);
  }

  async #answerAll(items: Extract<ToHost, { type: "requests" }>["items"]): Promise<void> {
    const answers = await Promise.all(items.map(({ id, request }) => this.#answerOne(id, request)));
    this.#post({ type: "answers", items: answers });
  }

  async #answerOne(id: number, request: HostRequest): Promise<Answers> {
    try {
      return { id, answer: await this.#answer(request) };
    } catch (error) {
      return { id, error: wireError(error) };
    }
  }

  #answer(request: HostRequest): HostAnswer[HostRequest["kind"]] | Promise<HostAnswer[HostRequest["kind"]]> {
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
      case "open":
        this.#topics.open(request.topicId, request.topic);
        // Behind the answer, so that the caller knows the topic as open when its data comes.
        setImmediate(() => this.#topics.sendFirst(request.topicId));
        return null;
      case "dead_letters":
        return this.#deadLetters.newest(request.limit) satisfies DeadLetter[];
      case "status":
        return this.#status();
      case "misplaced":
        return this.#owned.served.flatMap((home) => home.split.misplaced(request.partitions));
      case "placements":
        return {
          served: this.#owned.served.map((home) => home.partition),
          places: request.ids.slice(0, IDS_MAX).map((id) => this.#placesOf(id)),
        };
      case "split":
        for (const home of this.#owned.served) {
          home.markSplit(request.split.slice(0, IDS_MAX), request.whole.slice(0, IDS_MAX));
        }
        return null;
      case "metrics":
        return this.#metrics();
    }
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

  async #metrics(): Promise<HostAnswer["metrics"]> {
    const reports = await Promise.all(this.#owned.runners.map((runner) => runner.metrics()));
    const known = reports.filter((report) => report !== undefined);
    return known.map((report) => ({ ...report, hot: this.#hot?.metrics(report.partition) }));
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
