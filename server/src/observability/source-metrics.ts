/** The metrics of a source that is read from brokers: fetches of each partition, and this instance's part in the consumer group. */
import type { Row } from "./exposition.ts";

type SourceCounters = {
  readonly fetches: number;
  readonly fetchErrors: number;
  readonly bytes: number;
  readonly controlRecords: number;
  readonly abortedRecords: number;
  readonly explainedHoles: number;
  readonly damagedReads: number;
  readonly leaderChanges: number;
  readonly droppedRecords: number;
  readonly droppedBatches: number;
};

/** The report of the owner's thread about one partition. */
export type SourceNumbers = {
  readonly counters: SourceCounters;
  readonly waitingBytes: number;
  readonly spilledBytes: number;
};

/** This instance's membership in a consumer group. */
export type GroupNumbers = {
  readonly isMember: boolean;
  readonly assigned: number;
  /** Completed rebalances, including the first join. */
  readonly rebalances: number;
  /** Time from the first notice of the last rebalance to the partitions that it assigned. */
  readonly lastRebalanceMs: number;
};

const counter = (name: string, help: string, pick: (counters: SourceCounters) => number): Row<SourceNumbers> => ({
  name,
  type: "counter",
  help,
  pick: ({ counters }) => pick(counters),
});

export const SOURCE_METRICS: readonly Row<SourceNumbers>[] = [
  counter("fetches_total", "Responses of brokers to fetches", (c) => c.fetches),
  counter("fetched_bytes_total", "Bytes of records fetched, compressed as they were sent", (c) => c.bytes),
  counter("fetch_errors_total", "Fetches that failed", (c) => c.fetchErrors),
  counter("leader_changes_total", "Fetches that found another leader", (c) => c.leaderChanges),
  counter("control_records_total", "Marks of transactions passed over", (c) => c.controlRecords),
  counter("aborted_records_total", "Records of aborted transactions passed over", (c) => c.abortedRecords),
  counter("explained_holes_total", "Offsets without a record that their batch explains", (c) => c.explainedHoles),
  counter("damaged_reads_total", "Reads that found a batch damaged or offsets missing", (c) => c.damagedReads),
  counter("dropped_records_total", "Records left out under pressure", (c) => c.droppedRecords),
  counter("dropped_batches_total", "Batches left out under pressure", (c) => c.droppedBatches),
  {
    name: "waiting_bytes",
    type: "gauge",
    help: "Bytes fetched that wait in memory",
    pick: (numbers) => numbers.waitingBytes,
  },
  {
    name: "spilled_bytes",
    type: "gauge",
    help: "Bytes fetched that wait on the disk",
    pick: (numbers) => numbers.spilledBytes,
  },
];

export const GROUP_METRICS: readonly Row<GroupNumbers>[] = [
  {
    name: "group_member",
    type: "gauge",
    help: "Whether this instance is in its consumer group: 1 or 0",
    pick: ({ isMember }) => (isMember ? 1 : 0),
  },
  {
    name: "assigned_partitions",
    type: "gauge",
    help: "Partitions that the group has given to this instance",
    pick: ({ assigned }) => assigned,
  },
  {
    name: "rebalances_total",
    type: "counter",
    help: "Rebalances of the group that this instance took part in",
    pick: ({ rebalances }) => rebalances,
  },
  {
    name: "last_rebalance_seconds",
    type: "gauge",
    help: "How long the last of them took",
    pick: ({ lastRebalanceMs }) => lastRebalanceMs / 1000,
  },
];
