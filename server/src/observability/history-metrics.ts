/** The metrics of the history that this process writes. */
import { type Family, type Row, single } from "./exposition.ts";

/** State of the history thread, as ports have it. */
export type HistoryNumbers = {
  readonly partitions: readonly {
    readonly partition: number;
    readonly durable: number;
    readonly waitingRows: number;
    readonly lagMs: number;
  }[];
  readonly memoryBytes: number;
  readonly spoolBytes: number;
  readonly rowsWritten: number;
  readonly rowsLost: number;
  readonly gaps: number;
  readonly rawGaps: number;
  readonly isFull: boolean;
  readonly problem: string | undefined;
};

const ROWS: readonly Row<HistoryNumbers>[] = [
  { name: "rows_total", type: "counter", help: "Rows that the history store has taken", pick: (n) => n.rowsWritten },
  {
    name: "lost_rows_total",
    type: "counter",
    help: "Rows that were left out of the history because the buffer was full",
    pick: (n) => n.rowsLost,
  },
  { name: "gaps_total", type: "counter", help: "Gaps of the history that were found", pick: (n) => n.gaps },
  {
    name: "raw_gaps_total",
    type: "counter",
    help: "Spans of records whose raw events are missing in the history",
    pick: (n) => n.rawGaps,
  },
  {
    name: "up",
    type: "gauge",
    help: "Whether history is being written: 1, or 0 while the store fails",
    pick: (n) => (n.problem === undefined ? 1 : 0),
  },
  {
    name: "buffer_full",
    type: "gauge",
    help: "Whether the buffer of rows for the history is full",
    pick: (n) => (n.isFull ? 1 : 0),
  },
  {
    name: "memory_bytes",
    type: "gauge",
    help: "Memory of rows that wait for the history store",
    pick: (n) => n.memoryBytes,
  },
  {
    name: "spool_bytes",
    type: "gauge",
    help: "Files of rows that wait for the history store",
    pick: (n) => n.spoolBytes,
  },
];

const BY_PARTITION: readonly Row<HistoryNumbers["partitions"][number]>[] = [
  { name: "waiting_rows", type: "gauge", help: "Rows that wait for the history store", pick: (n) => n.waitingRows },
  {
    name: "lag_seconds",
    type: "gauge",
    help: "Time for which the oldest row has waited for the history store",
    pick: (n) => n.lagMs / 1000,
  },
  {
    name: "durable_sequence",
    type: "gauge",
    help: "Sequence behind the last settled swap that the history store has for certain",
    pick: (n) => n.durable,
  },
];

export type ReplayNumbers = {
  /** Threads of sessions. */
  readonly running: number;
  readonly opened: number;
  /** Handshakes that were refused because as many sessions ran as are allowed. */
  readonly refused: number;
};

const REPLAYS: readonly Row<ReplayNumbers>[] = [
  { name: "replay_sessions", type: "gauge", help: "Replay sessions that run", pick: (n) => n.running },
  { name: "replay_sessions_total", type: "counter", help: "Replay sessions that were opened", pick: (n) => n.opened },
  {
    name: "replay_refused_total",
    type: "counter",
    help: "Handshakes that were refused because as many replay sessions ran as are allowed",
    pick: (n) => n.refused,
  },
];

/** `numbers` is undefined where no history is kept, `replays` where there are no sessions. */
export function historyFamilies(numbers: HistoryNumbers | undefined, replays: ReplayNumbers | undefined): Family[] {
  const whole = [...familiesOf(ROWS, numbers), ...familiesOf(REPLAYS, replays)];
  const parts = BY_PARTITION.map(({ name, type, help, pick }): Family => {
    const samples = (numbers?.partitions ?? []).map((one) => {
      return { labels: { partition: String(one.partition) }, value: pick(one) };
    });
    return { name: `history_${name}`, type, help, samples };
  });
  return [...whole, ...parts];
}

function familiesOf<N>(rows: readonly Row<N>[], numbers: N | undefined): Family[] {
  return rows.map(({ name, type, help, pick }): Family => {
    const family = `history_${name}`;
    return numbers === undefined
      ? { name: family, type, help, samples: [] }
      : single(family, type, help, pick(numbers));
  });
}
