/**
 * The metrics of the service. Parts on the main thread count into the fields of `Metrics`; threads post reports of plain numbers. The
 * metrics are computed when they are read.
 *
 * Counters of Prometheus begin at zero with the process. Totals of the state go back a little after a crash and then catch up, which
 * Prometheus would take for a reset and count twice. The exact totals are in `/api/status`.
 *
 * Our own metrics are written as text (exposition.ts). The runtime's metrics are prom-client's, whose own histograms cannot take over
 * numbers that another thread counted.
 */

import { collectDefaultMetrics, Registry } from "prom-client";
import { byLabel, EXPOSITION_CONTENT_TYPE, expositionText, type Family, single } from "./exposition.ts";
import { type FeederNumbers, feederFamilies } from "./feeder-metrics.ts";
import { type HistoryNumbers, historyFamilies, type ReplayNumbers } from "./history-metrics.ts";
import {
  CIRCUIT_VALUES,
  decoderFamily,
  hotFamilies,
  mappingFamilies,
  type PartitionMetrics,
  PartitionReports,
  recordFamilies,
  sourceFamilies,
  stateFamilies,
} from "./partition-metrics.ts";
import { LONG_SECONDS, PlainHistogram } from "./plain-histogram.ts";
import {
  RequestTimes,
  type ServingNumbers,
  servingFamilies,
  type WatchedBudget,
  type WebSocketHeld,
} from "./serving-metrics.ts";
import { GROUP_METRICS, type GroupNumbers } from "./source-metrics.ts";
import { StreamNumbers } from "./stream-numbers.ts";

const PREFIX = "swapstats_";
/** Time limit for the report of a part. */
const COLLECT_TIMEOUT_MS = 2_000;

export class Metrics implements ServingNumbers {
  readonly contentType = EXPOSITION_CONTENT_TYPE;
  readonly #runtime = new Registry();
  readonly #partitions = new PartitionReports();
  readonly #collectors: (() => Promise<void>)[] = [];
  readonly #rejected = new Map<string, number>();
  #posted = { records: 0, skipped: 0 };
  readonly #circuits = new Map<string, number>();
  readonly requests: RequestTimes[] = [];
  readonly budgets: WatchedBudget[] = [];
  readonly wsClosed = new Map<string, number>();
  readonly limited = new Map<string, number>();
  readonly limitCalls = new Map<string, number>([
    ["answered", 0],
    ["failed", 0],
  ]);
  /** Undefined without a consumer group. */
  group: GroupNumbers | undefined;
  /** Returns the numbers of the feeders. */
  feeders: () => readonly FeederNumbers[] = () => [];
  /** Undefined where no history is kept. */
  history: HistoryNumbers | undefined;
  /** Returns the numbers of replay sessions; undefined where there are none. */
  replays: () => ReplayNumbers | undefined = () => undefined;
  /** Open WebSocket connections. */
  wsClients = 0;
  /** Updates that a newer one of the same channel replaced before they were sent. */
  wsConflated = 0;
  /** Resources that the channels of all connections hold now. Set by the live core. */
  wsHeld: () => WebSocketHeld = () => ({ rows: 0, cachedBytes: 0, keptFeeds: 0, begunBytes: 0, pendingIds: 0 });
  /** Channels that clients asked to resume. Set by the live core. */
  wsResumed = () => ({ recovered: 0, lost: 0 });
  readonly streams: StreamNumbers[] = [];
  /** Connections that were closed at once because there were too many. */
  connectionsDropped = 0;
  /** Seconds from the as-of of an update to its write to a socket. */
  readonly wsPushLagSeconds = new PlainHistogram(LONG_SECONDS);

  constructor() {
    collectDefaultMetrics({ register: this.#runtime });
  }

  /** Adds a part that updates its numbers before they are read. The old numbers stay when it rejects or takes too long. */
  onCollect(collect: () => Promise<void>): void {
    this.#collectors.push(collect);
  }

  /** Returns all metrics in the text format of Prometheus. */
  async text(): Promise<string> {
    const timeout = new Promise<void>((resolve) => setTimeout(resolve, COLLECT_TIMEOUT_MS).unref());
    await Promise.race([Promise.allSettled(this.#collectors.map((collect) => collect())), timeout]);
    return `${await this.#runtime.metrics()}\n${expositionText(PREFIX, this.#families())}`;
  }

  applyPartition(report: PartitionMetrics): void {
    this.#partitions.add(report);
  }

  /** Takes the reports of all partitions that this process owns now. */
  applyReports(reports: readonly PartitionMetrics[]): void {
    this.#partitions.replaceOwned(reports);
  }

  /** Returns where the durations of requests to a route are noted. Call it once a route and keep the result. */
  requestTimes(method: string, route: string): RequestTimes {
    const times = new RequestTimes(method, route);
    this.requests.push(times);
    return times;
  }

  /** Returns where the streams of a door are counted. */
  streamsOf(door: string): StreamNumbers {
    const numbers = new StreamNumbers(door);
    this.streams.push(numbers);
    return numbers;
  }

  /** Reports the use of a budget from now on. */
  watchBudget(budget: WatchedBudget): void {
    this.budgets.push(budget);
  }

  /** Counts events of `POST /api/swaps` that were refused with this code, of a closed list. */
  addRejected(code: string, events: number): void {
    this.#rejected.set(code, (this.#rejected.get(code) ?? 0) + events);
  }

  /** Counts records of `POST /api/swaps?mapping=`, and their swaps that `when` left out. */
  addMapped(records: number, skipped: number): void {
    this.#posted = { records: this.#posted.records + records, skipped: this.#posted.skipped + skipped };
  }

  /** Notes the state of the circuit to a server that the service depends on, such as `nats`. */
  setCircuit(dependency: string, state: keyof typeof CIRCUIT_VALUES): void {
    this.#circuits.set(dependency, CIRCUIT_VALUES[state]);
  }

  /** Counts a request that was refused by this rate limit, of a closed list. */
  addLimited(reason: string): void {
    this.limited.set(reason, (this.limited.get(reason) ?? 0) + 1);
  }

  /** Counts a call to Redis for units of rate limits. */
  addLimitCall(result: "answered" | "failed"): void {
    this.limitCalls.set(result, (this.limitCalls.get(result) ?? 0) + 1);
  }

  /** Counts a WebSocket connection that was closed for this reason, of a closed list. */
  addWsClosed(reason: string): void {
    this.wsClosed.set(reason, (this.wsClosed.get(reason) ?? 0) + 1);
  }

  #families(): Family[] {
    const { group } = this;
    return [
      ...recordFamilies(this.#partitions),
      byLabel(
        "rejected_total",
        "counter",
        "Events of POST /api/swaps that were refused, by code",
        "code",
        this.#rejected,
      ),
      decoderFamily(this.#partitions),
      ...mappingFamilies(this.#partitions, this.#posted),
      ...sourceFamilies(this.#partitions),
      ...GROUP_METRICS.map(({ name, type, help, pick }) =>
        group === undefined ? { name, type, help, samples: [] } : single(name, type, help, pick(group)),
      ),
      ...feederFamilies(this.feeders()),
      ...historyFamilies(this.history, this.replays()),
      ...stateFamilies(this.#partitions, this.#circuits),
      ...hotFamilies(this.#partitions),
      ...servingFamilies(this),
    ];
  }
}
