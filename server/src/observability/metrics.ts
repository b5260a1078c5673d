/**
 * The metrics of the service, in one table. Parts on the main thread count into the fields of `Metrics`; threads post snapshots of plain numbers,
 * which `applyPartition` keeps. Nothing is computed until somebody reads.
 *
 * Counters of Prometheus begin at zero with the process: totals of the state go back a little after a crash and then catch up,
 * which Prometheus would take for a reset and count twice. The exact totals are in `/api/status`.
 */
import { collectDefaultMetrics, Registry } from "prom-client";
import {
  addHistograms,
  type HistogramNumbers,
  LONG_SECONDS,
  PlainHistogram,
  SHORT_SECONDS,
} from "./plain-histogram.ts";
import { GROUP_METRICS, type GroupNumbers, SOURCE_METRICS, type SourceNumbers } from "./source-metrics.ts";

/** Counters of a partition's state; has the shape of the engine's `Counters`. */
export type StateCounters = {
  readonly accepted: number;
  readonly applied: number;
  readonly duplicates: number;
  readonly late: number;
  readonly quarantined: number;
  readonly removed: number;
  readonly unresolved: number;
  readonly conflicts: number;
  readonly replaced: number;
  readonly removals_unmatched: number;
  readonly labels_dropped: number;
  readonly dead_letters: Readonly<Record<string, number>>;
};

/** What the owner of a partition reports; the newest report of a partition replaces the one before. */
export type PartitionMetrics = {
  readonly partition: number;
  readonly counters: StateCounters;
  /** The counters as they were when the state was restored, or zeros. */
  readonly countersAtStart: StateCounters;
  readonly lagMs: number;
  readonly lagRecords: number;
  /** Known tokens, retired ones among them. */
  readonly tokens: number;
  /** Of these, such as other partitions have too. */
  readonly tokensSplit: number;
  /** Seconds a batch of records took from bytes to state. */
  readonly applySeconds: HistogramNumbers;
  /** Seconds from the beginning of a checkpoint to its manifest. */
  readonly checkpointSeconds: HistogramNumbers;
  /** Of the newest checkpoint, base and deltas; 0 while there is none. */
  readonly checkpointBytes: number;
  /** Of the restore at the start of this process. */
  readonly restoreSeconds: number;
  /** Of a source with numbers of its own. */
  readonly source?: SourceNumbers;
  /** To the store of its checkpoints; undefined for the data folder. */
  readonly storeCircuit: CircuitReport | undefined;
  /** Undefined where figures are written to no hot store. */
  readonly hot: HotMetrics | undefined;
};

type CircuitReport = { readonly dependency: string; readonly state: keyof typeof CIRCUIT_VALUES };

/** What a thread has done since its start to have the newest figures of a partition in the hot store. */
export type HotMetrics = {
  readonly written: number;
  /** Values that were not written because a later owner's stood there. */
  readonly refused: number;
  /** Batches that failed. */
  readonly failures: number;
  /** For how long there have been figures that are not written. */
  readonly lagMs: number;
  readonly circuit: CircuitReport;
};

/** What requests may hold at the same time. */
export type WatchedBudget = {
  readonly name: string;
  readonly used: number;
  readonly limit: number;
  readonly refused: number;
};

type Labels = Readonly<Record<string, string>>;
type Sample = { readonly labels: Labels; readonly value: number; readonly metricName?: string };
type MetricType = "counter" | "gauge" | "histogram";

const PREFIX = "swapstats_";
/** How long a part may take to report when somebody reads. */
export const COLLECT_TIMEOUT_MS = 2_000;

export type WebSocketHeld = {
  /** Figures of one token in one window each. */
  readonly rows: number;
  /** Patches and messages that are kept for clients that are behind. */
  readonly cachedBytes: number;
  /** Messages that clients have got a part of. */
  readonly begunBytes: number;
  /** Tokens that are waited for and that no swap has named yet. */
  readonly pendingIds: number;
};

const CIRCUIT_VALUES = { closed: 0, half_open: 1, open: 2 };

export class Metrics {
  readonly #registry = new Registry();
  readonly #partitions = new Map<number, PartitionMetrics>();
  /** Partitions that this process owns no more: counted still, and in no gauge. */
  #gone: ReadonlySet<number> = new Set();
  readonly #collectors: (() => Promise<void>)[] = [];
  readonly #requests: RequestTimes[] = [];
  readonly #rejected = new Map<string, number>();
  readonly #wsClosed = new Map<string, number>();
  readonly #circuits = new Map<string, number>();
  readonly #budgets: WatchedBudget[] = [];
  /** Undefined: there is no group. */
  group: GroupNumbers | undefined;
  /** Open WebSocket connections. */
  wsClients = 0;
  /** Updates that a newer one of the same channel replaced before they were sent. */
  wsConflated = 0;
  /** What the channels of all connections hold now; set by the part that knows. */
  wsHeld: () => WebSocketHeld = () => ({ rows: 0, cachedBytes: 0, begunBytes: 0, pendingIds: 0 });
  /** Connections that were closed at once because there were too many. */
  connectionsDropped = 0;
  /** Seconds from the as-of of an update to its write to a socket. */
  readonly wsPushLagSeconds = new PlainHistogram(LONG_SECONDS);

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
    this.#defineIngest();
    this.#defineSource();
    this.#defineState();
    this.#defineHot();
    this.#defineServing();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Adds a part that brings its numbers up to date before they are read. What it throws, or takes too long for, is left as it was. */
  onCollect(collect: () => Promise<void>): void {
    this.#collectors.push(collect);
  }

  /** All metrics in the text format of Prometheus. */
  async text(): Promise<string> {
    const timeout = new Promise<void>((resolve) => setTimeout(resolve, COLLECT_TIMEOUT_MS).unref());
    await Promise.race([Promise.allSettled(this.#collectors.map((collect) => collect())), timeout]);
    return this.#registry.metrics();
  }

  applyPartition(report: PartitionMetrics): void {
    this.#partitions.set(report.partition, report);
  }

  /** The reports of all partitions that this process owns now. */
  applyReports(reports: readonly PartitionMetrics[]): void {
    for (const report of reports) this.applyPartition(report);
    const owned = new Set(reports.map(({ partition }) => partition));
    this.#gone = new Set([...this.#partitions.keys()].filter((partition) => !owned.has(partition)));
  }

  /** Where the times of requests to a route are noted. Ask once a route and keep it. */
  requestTimes(method: string, route: string): RequestTimes {
    const times = new RequestTimes(method, route);
    this.#requests.push(times);
    return times;
  }

  /** A budget whose use is told from now on. */
  watchBudget(budget: WatchedBudget): void {
    this.#budgets.push(budget);
  }

  /** Events of `POST /api/swaps` that were refused with this code of the closed list. */
  addRejected(code: string, events: number): void {
    this.#rejected.set(code, (this.#rejected.get(code) ?? 0) + events);
  }

  /** The circuit to a server that the service depends on, such as `nats`. */
  setCircuit(dependency: string, state: "closed" | "half_open" | "open"): void {
    this.#circuits.set(dependency, CIRCUIT_VALUES[state]);
  }

  /** A WebSocket connection closed for this reason, of a closed list. */
  addWsClosed(reason: string): void {
    this.#wsClosed.set(reason, (this.#wsClosed.get(reason) ?? 0) + 1);
  }

  #defineIngest(): void {
    const total = (name: string, help: string, pick: (counters: StateCounters) => number) =>
      this.#define(name, "counter", help, () => [sample(this.#sum((p) => pick(p.counters) - pick(p.countersAtStart)))]);
    total("events_ingested_total", "Records read from the source", (c) => c.accepted);
    total("events_applied_total", "Swaps applied", (c) => c.applied);
    total("dedupe_hits_total", "Copies of what is remembered", (c) => c.duplicates);
    total("late_total", "Swaps that came too late to count", (c) => c.late);
    total("quarantined_total", "Swaps too far in the future", (c) => c.quarantined);
    total("removed_total", "Removals applied", (c) => c.removed);
    total("unresolved_total", "Removals that came too late", (c) => c.unresolved);
    total("conflicts_total", "Copies whose content differs from the first's", (c) => c.conflicts);
    total("replaced_total", "Announcements that took the place of another of their swap", (c) => c.replaced);
    total("removals_unmatched_total", "Removals that came before their announcement", (c) => c.removals_unmatched);
    total("labels_dropped_total", "Symbols that were too long and are left out", (c) => c.labels_dropped);
    this.#define("dead_letters_total", "counter", "Records that break a rule, by code", () => this.#deadLetters());
    this.#define("rejected_total", "counter", "Events of POST /api/swaps that were refused, by code", () =>
      byLabel("code", this.#rejected),
    );
  }

  #defineSource(): void {
    for (const { name, type, help, pick } of SOURCE_METRICS) {
      const each = type === "counter" ? this.#each.bind(this) : this.#owned.bind(this);
      this.#define(name, type, help, () =>
        each(({ partition, source }) => ({ partition, source })).flatMap(({ partition, source }) =>
          source === undefined ? [] : [{ labels: { partition: String(partition) }, value: pick(source) }],
        ),
      );
    }
    for (const { name, type, help, pick } of GROUP_METRICS) {
      this.#define(name, type, help, () => (this.group === undefined ? [] : [sample(pick(this.group))]));
    }
  }

  #defineState(): void {
    this.#define("consumer_lag_seconds", "gauge", "Age of the oldest record not yet applied", () => [
      sample(Math.max(0, ...this.#owned((p) => p.lagMs)) / 1000),
    ]);
    this.#define("consumer_lag_records", "gauge", "Records not yet applied", () =>
      this.#owned((p) => ({ labels: { partition: String(p.partition) }, value: p.lagRecords })),
    );
    this.#define("checkpoint_bytes", "gauge", "Size of the newest checkpoints", () => [
      sample(sumOf(this.#owned((p) => p.checkpointBytes))),
    ]);
    this.#define("restore_duration_seconds", "gauge", "Time the restore at start took", () => [
      sample(Math.max(0, ...this.#owned((p) => p.restoreSeconds))),
    ]);
    this.#define("circuit_state", "gauge", "Circuit to a dependency: 0 closed (it works), 1 being tried, 2 open", () =>
      byLabel("dependency", this.#circuitStates()),
    );
    this.#define("tokens", "gauge", "Known tokens", () => [sample(sumOf(this.#owned((p) => p.tokens)))]);
    this.#define("tokens_split", "gauge", "Tokens that other partitions have too: no figure of them is whole", () => [
      sample(sumOf(this.#owned((p) => p.tokensSplit))),
    ]);
    this.#defineHistogram("window_apply_seconds", "Time a batch took from bytes to state", () => [
      { labels: {}, numbers: addHistograms(this.#each((p) => p.applySeconds)) },
    ]);
    this.#defineHistogram("checkpoint_duration_seconds", "Time a checkpoint took", () => [
      { labels: {}, numbers: addHistograms(this.#each((p) => p.checkpointSeconds)) },
    ]);
  }

  #defineHot(): void {
    const total = (name: string, help: string, pick: (hot: HotMetrics) => number) =>
      this.#define(name, "counter", help, () => [sample(this.#hot().reduce((sum, hot) => sum + pick(hot), 0))]);
    total("hot_written_total", "Values written to the hot store", (hot) => hot.written);
    total("hot_refused_total", "Values not written: a later owner's stood there", (hot) => hot.refused);
    total("hot_failures_total", "Batches that could not be written to the hot store", (hot) => hot.failures);
    this.#define("hot_lag_seconds", "gauge", "For how long there have been figures not in the hot store", () => [
      sample(Math.max(0, ...this.#hot().map((hot) => hot.lagMs)) / 1000),
    ]);
  }

  #hot(): HotMetrics[] {
    return this.#each((partition) => partition.hot).filter((hot) => hot !== undefined);
  }

  /** Each thread has circuits of its own; the worst of a dependency counts. */
  #circuitStates(): Map<string, number> {
    const states = new Map(this.#circuits);
    for (const { storeCircuit, hot } of this.#partitions.values()) {
      for (const circuit of [storeCircuit, hot?.circuit]) {
        if (circuit === undefined) continue;
        const { dependency, state } = circuit;
        states.set(dependency, Math.max(states.get(dependency) ?? 0, CIRCUIT_VALUES[state]));
      }
    }
    return states;
  }

  #defineServing(): void {
    this.#define("ws_clients", "gauge", "Open WebSocket connections", () => [sample(this.wsClients)]);
    this.#define("ws_rows", "gauge", "Rows of figures that WebSocket channels hold", () => [
      sample(this.wsHeld().rows),
    ]);
    this.#define("ws_pending_tokens", "gauge", "Tokens that WebSocket clients wait for", () => [
      sample(this.wsHeld().pendingIds),
    ]);
    this.#define(
      "ws_held_bytes",
      "gauge",
      "Bytes kept for WebSocket clients that are behind, or in the middle of a message",
      () =>
        byLabel(
          "kind",
          new Map([
            ["cached", this.wsHeld().cachedBytes],
            ["begun", this.wsHeld().begunBytes],
          ]),
        ),
    );
    this.#define("ws_conflated_total", "counter", "Updates replaced by newer ones before they were sent", () => [
      sample(this.wsConflated),
    ]);
    this.#define("ws_closed_total", "counter", "WebSocket connections closed, by reason", () =>
      byLabel("reason", this.#wsClosed),
    );
    this.#define("http_connections_dropped_total", "counter", "Connections refused because there were too many", () => [
      sample(this.connectionsDropped),
    ]);
    const ofBudgets = (pick: (budget: WatchedBudget) => number) => (): Sample[] =>
      this.#budgets.map((budget) => ({ labels: { budget: budget.name }, value: pick(budget) }));
    this.#define(
      "budget_used",
      "gauge",
      "What requests hold of a budget now",
      ofBudgets(({ used }) => used),
    );
    this.#define(
      "budget_limit",
      "gauge",
      "What they may hold of it",
      ofBudgets(({ limit }) => limit),
    );
    this.#define(
      "budget_refused_total",
      "counter",
      "Requests for which a budget had no room",
      ofBudgets(({ refused }) => refused),
    );
    this.#defineHistogram("ws_push_lag_seconds", "Time from the as-of of an update to its socket", () => [
      { labels: {}, numbers: this.wsPushLagSeconds.numbers() },
    ]);
    this.#defineHistogram("http_request_duration_seconds", "Time a request took", () =>
      this.#requests.flatMap((times) => times.all()),
    );
  }

  #each<T>(pick: (partition: PartitionMetrics) => T): T[] {
    return [...this.#partitions.values()].sort((a, b) => a.partition - b.partition).map(pick);
  }

  #owned<T>(pick: (partition: PartitionMetrics) => T): T[] {
    return this.#each((report) => report)
      .filter(({ partition }) => !this.#gone.has(partition))
      .map(pick);
  }

  #sum(pick: (partition: PartitionMetrics) => number): number {
    return sumOf(this.#each(pick));
  }

  #deadLetters(): Sample[] {
    const byCode = new Map<string, number>();
    for (const { counters, countersAtStart } of this.#partitions.values()) {
      for (const [code, value] of Object.entries(counters.dead_letters)) {
        byCode.set(code, (byCode.get(code) ?? 0) + value - (countersAtStart.dead_letters[code] ?? 0));
      }
    }
    return byLabel("code", byCode);
  }

  #define(name: string, type: MetricType, help: string, values: () => Sample[]): void {
    const fullName = PREFIX + name;
    const metric = {
      name: fullName,
      help,
      type,
      get: () => Promise.resolve({ name: fullName, help, type, values: values(), aggregator: "sum" }),
      reset: () => {},
    };
    // prom-client asks its metrics for nothing but these members; its type names its own four classes.
    this.#registry.registerMetric(metric as unknown as Parameters<Registry["registerMetric"]>[0]);
  }

  #defineHistogram(
    name: string,
    help: string,
    all: () => { labels: Labels; numbers: HistogramNumbers | undefined }[],
  ): void {
    this.#define(name, "histogram", help, () =>
      all().flatMap(({ labels, numbers }) =>
        numbers === undefined ? [] : histogramSamples(PREFIX + name, labels, numbers),
      ),
    );
  }
}

/** Times of the requests to one route, by status. */
export class RequestTimes {
  readonly #method: string;
  readonly #route: string;
  readonly #byStatus = new Map<number, PlainHistogram>();

  constructor(method: string, route: string) {
    this.#method = method;
    this.#route = route;
  }

  observe(status: number, seconds: number): void {
    let histogram = this.#byStatus.get(status);
    if (histogram === undefined) {
      histogram = new PlainHistogram(SHORT_SECONDS);
      this.#byStatus.set(status, histogram);
    }
    histogram.observe(seconds);
  }

  all(): { labels: Labels; numbers: HistogramNumbers }[] {
    return [...this.#byStatus].map(([status, histogram]) => ({
      labels: { method: this.#method, route: this.#route, status: String(status) },
      numbers: histogram.numbers(),
    }));
  }
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

const sample = (value: number): Sample => ({ labels: {}, value });

const byLabel = (label: string, values: ReadonlyMap<string, number>): Sample[] =>
  [...values].map(([key, value]) => ({ labels: { [label]: key }, value }));

function histogramSamples(name: string, labels: Labels, { bounds, counts, sum }: HistogramNumbers): Sample[] {
  let total = 0;
  const buckets = counts.map((count, i) => {
    total += count;
    const le = i < bounds.length ? String(bounds[i]) : "+Inf";
    return { labels: { ...labels, le }, value: total, metricName: `${name}_bucket` };
  });
  return [
    ...buckets,
    { labels, value: sum, metricName: `${name}_sum` },
    { labels, value: total, metricName: `${name}_count` },
  ];
}
