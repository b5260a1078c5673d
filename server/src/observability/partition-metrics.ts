/** The metrics of partitions: what their owners report, and the metrics that follow from the newest reports. */
import { byLabel, type Family, histogram, type Row, single } from "./exposition.ts";
import { addHistograms, type HistogramNumbers } from "./plain-histogram.ts";
import { SOURCE_METRICS, type SourceNumbers } from "./source-metrics.ts";

/** Counters of a partition's state. They have the shape of the engine's `Counters`. */
type StateCounters = {
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

/** The report of a partition's owner. The newest report of a partition replaces the previous one. */
export type PartitionMetrics = {
  readonly partition: number;
  readonly counters: StateCounters;
  /** The counters when the state was restored, or zeros. */
  readonly countersAtStart: StateCounters;
  readonly lagMs: number;
  readonly lagRecords: number;
  /** Known tokens, including retired ones. */
  readonly tokens: number;
  /** How many of them also occur in another partition. */
  readonly tokensSplit: number;
  /** Seconds from the bytes of a batch to the state. */
  readonly applySeconds: HistogramNumbers;
  /** Seconds from the beginning of a checkpoint to its manifest. */
  readonly checkpointSeconds: HistogramNumbers;
  /** Size of the newest checkpoint, base and deltas. 0 while there is none. */
  readonly checkpointBytes: number;
  /** Duration of the restore at the take-over. */
  readonly restoreSeconds: number;
  /** Records since the take-over that the decoder failed on, and that the reference decoder read. */
  readonly decoderFallbacks: number;
  /** Since the take-over. Undefined: the records are canonical events. */
  readonly mapping?: MappingNumbers | undefined;
  /** Undefined for a source without numbers of its own. */
  readonly source?: SourceNumbers | undefined;
  /** Circuit to the checkpoint store; undefined for the data folder. */
  readonly storeCircuit: CircuitReport | undefined;
  /** Undefined without a hot store. */
  readonly hot: HotMetrics | undefined;
};

/** Records that were mapped, also those that could not be read, and swaps that `when` left out. */
export type MappingNumbers = { readonly records: number; readonly skipped: number };

type CircuitReport = { readonly dependency: string; readonly state: keyof typeof CIRCUIT_VALUES };

/** Writes of a thread to the hot store for a partition, since the thread started. */
export type HotMetrics = {
  readonly written: number;
  /** Values that were not written because the store had a later owner's. */
  readonly refused: number;
  /** Batches that failed. */
  readonly failures: number;
  /** Time for which figures have not been written, in ms. */
  readonly lagMs: number;
  readonly circuit: CircuitReport;
};

export const CIRCUIT_VALUES = { closed: 0, half_open: 1, open: 2 };

/** The newest report of each partition. */
export class PartitionReports {
  readonly #all = new Map<number, PartitionMetrics>();
  /** Partitions that were revoked. */
  #gone: ReadonlySet<number> = new Set();

  add(report: PartitionMetrics): void {
    this.#all.set(report.partition, report);
  }

  /** The reports of all partitions that this process owns now. */
  replaceOwned(reports: readonly PartitionMetrics[]): void {
    for (const report of reports) this.add(report);
    const owned = new Set(reports.map(({ partition }) => partition));
    this.#gone = new Set([...this.#all.keys()].filter((partition) => !owned.has(partition)));
  }

  /** Including partitions that were revoked: their counters stay, as counters must not go back. */
  get all(): PartitionMetrics[] {
    return [...this.#all.values()].sort((a, b) => a.partition - b.partition);
  }

  /** The partitions of this process, for gauges. */
  get owned(): PartitionMetrics[] {
    return this.all.filter(({ partition }) => !this.#gone.has(partition));
  }
}

const counter = (name: string, help: string, pick: (counters: StateCounters) => number): Row<StateCounters> => ({
  name,
  type: "counter",
  help,
  pick,
});

const STATE_COUNTERS: readonly Row<StateCounters>[] = [
  counter("events_ingested_total", "Records read from the source", (c) => c.accepted),
  counter("events_applied_total", "Swaps applied", (c) => c.applied),
  counter("dedupe_hits_total", "Copies of what is remembered", (c) => c.duplicates),
  counter("late_total", "Swaps that came too late to count", (c) => c.late),
  counter("quarantined_total", "Swaps too far in the future", (c) => c.quarantined),
  counter("removed_total", "Removals applied", (c) => c.removed),
  counter("unresolved_total", "Removals that came too late", (c) => c.unresolved),
  counter("conflicts_total", "Copies whose content differs from the first's", (c) => c.conflicts),
  counter("replaced_total", "Announcements that took the place of another of their swap", (c) => c.replaced),
  counter("removals_unmatched_total", "Removals that came before their announcement", (c) => c.removals_unmatched),
  counter("labels_dropped_total", "Symbols that were too long and are left out", (c) => c.labels_dropped),
];

const HOT_COUNTERS: readonly Row<HotMetrics>[] = [
  { name: "hot_written_total", type: "counter", help: "Values written to the hot store", pick: (hot) => hot.written },
  {
    name: "hot_refused_total",
    type: "counter",
    help: "Values not written: a later owner's stood there",
    pick: (hot) => hot.refused,
  },
  {
    name: "hot_failures_total",
    type: "counter",
    help: "Batches that could not be written to the hot store",
    pick: (hot) => hot.failures,
  },
];

/** Outcomes of records. Counters begin at zero with the process. */
export function recordFamilies({ all }: PartitionReports): Family[] {
  return [
    ...STATE_COUNTERS.map(({ name, type, help, pick }) => {
      const since = ({ counters, countersAtStart }: PartitionMetrics): number => pick(counters) - pick(countersAtStart);
      return single(name, type, help, sumOf(all.map(since)));
    }),
    byLabel("dead_letters_total", "counter", "Records that break a rule, by code", "code", deadLettersByCode(all)),
  ];
}

function deadLettersByCode(reports: readonly PartitionMetrics[]): Map<string, number> {
  const byCode = new Map<string, number>();
  for (const { counters, countersAtStart } of reports) {
    for (const [code, value] of Object.entries(counters.dead_letters)) {
      byCode.set(code, (byCode.get(code) ?? 0) + value - (countersAtStart.dead_letters[code] ?? 0));
    }
  }
  return byCode;
}

export function decoderFamily({ all }: PartitionReports): Family {
  const help = "Records that the decoder failed on, and that the slow reference decoder read";
  return single("decoder_fallbacks_total", "counter", help, sumOf(all.map((report) => report.decoderFallbacks)));
}

/** `posted` holds the numbers of bodies of POST /api/swaps. */
export function mappingFamilies({ all }: PartitionReports, posted: MappingNumbers): Family[] {
  const numbers = [posted, ...all.flatMap(({ mapping }) => (mapping === undefined ? [] : [mapping]))];
  const records = sumOf(numbers.map((one) => one.records));
  const skipped = sumOf(numbers.map((one) => one.skipped));
  return [
    single("mapped_records_total", "counter", "Records that a mapping read", records),
    single("mapping_skipped_total", "counter", "Swaps that the conditions of a mapping left out", skipped),
  ];
}

export function sourceFamilies({ all, owned }: PartitionReports): Family[] {
  return SOURCE_METRICS.map(({ name, type, help, pick }) => {
    const reports = type === "counter" ? all : owned;
    const values = reports.flatMap(({ partition, source }): [string, number][] =>
      source === undefined ? [] : [[String(partition), pick(source)]],
    );
    return byLabel(name, type, help, "partition", values);
  });
}

/** `circuits` holds circuits of the main thread. Each thread has circuits of its own; the worst state of a dependency counts. */
export function stateFamilies({ all, owned }: PartitionReports, circuits: ReadonlyMap<string, number>): Family[] {
  const lags = owned.map(({ partition, lagRecords }): [string, number] => [String(partition), lagRecords]);
  return [
    single(
      "consumer_lag_seconds",
      "gauge",
      "Age of the oldest record not yet applied",
      Math.max(0, ...owned.map(({ lagMs }) => lagMs)) / 1000,
    ),
    byLabel("consumer_lag_records", "gauge", "Records not yet applied", "partition", lags),
    single(
      "checkpoint_bytes",
      "gauge",
      "Size of the newest checkpoints",
      sumOf(owned.map(({ checkpointBytes }) => checkpointBytes)),
    ),
    single(
      "restore_duration_seconds",
      "gauge",
      "Time the restore at start took",
      Math.max(0, ...owned.map(({ restoreSeconds }) => restoreSeconds)),
    ),
    byLabel(
      "circuit_state",
      "gauge",
      "Circuit to a dependency: 0 closed (it works), 1 being tried, 2 open",
      "dependency",
      worstCircuits(all, circuits),
    ),
    single("tokens", "gauge", "Known tokens", sumOf(owned.map(({ tokens }) => tokens))),
    single(
      "tokens_split",
      "gauge",
      "Tokens that other partitions have too: no figure of them is whole",
      sumOf(owned.map(({ tokensSplit }) => tokensSplit)),
    ),
    timesOf("window_apply_seconds", "Time a batch took from bytes to state", all, (report) => report.applySeconds),
    timesOf("checkpoint_duration_seconds", "Time a checkpoint took", all, (report) => report.checkpointSeconds),
  ];
}

function timesOf(
  name: string,
  help: string,
  reports: readonly PartitionMetrics[],
  pick: (report: PartitionMetrics) => HistogramNumbers,
): Family {
  return histogram(name, help, [{ labels: {}, numbers: addHistograms(reports.map(pick)) }]);
}

export function hotFamilies({ all }: PartitionReports): Family[] {
  const hot = all.flatMap((report) => (report.hot === undefined ? [] : [report.hot]));
  return [
    ...HOT_COUNTERS.map(({ name, type, help, pick }) => single(name, type, help, sumOf(hot.map(pick)))),
    single(
      "hot_lag_seconds",
      "gauge",
      "For how long there have been figures not in the hot store",
      Math.max(0, ...hot.map(({ lagMs }) => lagMs)) / 1000,
    ),
  ];
}

function worstCircuits(
  reports: readonly PartitionMetrics[],
  circuits: ReadonlyMap<string, number>,
): Map<string, number> {
  const states = new Map(circuits);
  for (const { storeCircuit, hot } of reports) {
    for (const circuit of [storeCircuit, hot?.circuit]) {
      if (circuit === undefined) continue;
      const { dependency, state } = circuit;
      states.set(dependency, Math.max(states.get(dependency) ?? 0, CIRCUIT_VALUES[state]));
    }
  }
  return states;
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
