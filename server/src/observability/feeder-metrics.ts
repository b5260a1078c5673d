/** The metrics of the feeders of this process. */
import type { Family } from "./exposition.ts";

/** Counts since the start of the process; the rest as in the status. */
export type FeederNumbers = {
  readonly name: string;
  readonly state: string;
  readonly records: number;
  readonly swaps: number;
  readonly rejected: number;
  readonly skipped: number;
  readonly behind?: { readonly count: number; readonly unit: string } | undefined;
  readonly last_record_ms?: number | undefined;
};

type Row = {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  /** Undefined: not known now. */
  readonly pick: (numbers: FeederNumbers) => number | undefined;
};

const ROWS: readonly Row[] = [
  { name: "records_total", type: "counter", help: "Records that a feeder has read", pick: (n) => n.records },
  { name: "swaps_total", type: "counter", help: "Swaps of a feeder that the log has taken", pick: (n) => n.swaps },
  {
    name: "rejected_total",
    type: "counter",
    help: "Records of a feeder with a swap that was refused",
    pick: (n) => n.rejected,
  },
  { name: "skipped_total", type: "counter", help: "Swaps that a feeder's mapping left out", pick: (n) => n.skipped },
  {
    name: "up",
    type: "gauge",
    help: "Whether the feeder works: 1, or 0 while it retries or has failed",
    pick: (n) => (n.state === "retrying" || n.state === "failed" ? 0 : 1),
  },
  {
    name: "last_record_timestamp_seconds",
    type: "gauge",
    help: "When a feeder's last records were taken",
    pick: (n) => (n.last_record_ms === undefined ? undefined : n.last_record_ms / 1000),
  },
];

export function feederFamilies(feeders: readonly FeederNumbers[]): Family[] {
  const behind = feeders.flatMap(({ name, behind: lag }) =>
    lag === undefined ? [] : [{ labels: { feeder: name, unit: lag.unit }, value: lag.count }],
  );
  return [
    ...ROWS.map(({ name, type, help, pick }): Family => {
      const samples = feeders.flatMap((numbers) => {
        const value = pick(numbers);
        return value === undefined ? [] : [{ labels: { feeder: numbers.name }, value }];
      });
      return { name: `feeder_${name}`, type, help, samples };
    }),
    {
      name: "feeder_behind",
      type: "gauge",
      help: "How much an origin holds behind the position of its feeder, in records, bytes or blocks",
      samples: behind,
    },
  ];
}
