/** One measurement: some threads own the partitions of a stream. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { PartitionPlacement } from "../../server/src/pipeline/workers/partition-placement.ts";
import type { RecordBatch } from "../../server/src/ports/source.ts";
import { partitionedBatches, type Skew } from "./stream.ts";
import type { ThreadOrder, ThreadReport } from "./thread.ts";

export type Setting = { readonly threads: number; readonly partitions: number; readonly skew: Skew };
export type Measured = {
  /** By the clock, until the last thread has applied its last swap. */
  readonly perSecond: number;
  /** The rate if each thread had a processor to itself: limited by the thread that needs most time. */
  readonly perSecondOfBusiest: number;
  /** Processor time of all threads for each swap. */
  readonly cpuUs: number;
  /** Share of the swaps that the busiest thread has. */
  readonly shareOfBusiest: number;
};

/** Applies `before` swaps, and measures the `measured` ones after them. */
export async function runSetting(setting: Setting, before: number, measured: number): Promise<Measured> {
  const { threads, partitions, skew } = setting;
  const orders = partitionedBatches(skew, partitions, before + measured).map((batches) =>
    split(batches, before / (before + measured)),
  );
  // As the service divides them.
  const placement = new PartitionPlacement(threads);
  placement.expect(new Map(orders.map((order, partition) => [partition, recordsOf(order)])));
  const workers = Array.from({ length: Math.min(threads, partitions) }, (_, index) => {
    const workerData: ThreadOrder = orders.filter((_, partition) => placement.threadOf(partition) === index);
    return new Worker(new URL("./thread.ts", import.meta.url), { workerData });
  });
  try {
    await Promise.all(workers.map((worker) => once(worker, "message")));
    const done = workers.map((worker) => once(worker, "message") as Promise<[ThreadReport]>);
    for (const worker of workers) worker.postMessage("go");
    return measuredOf((await Promise.all(done)).map(([report]) => report));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function recordsOf({ before, measured }: ThreadOrder[number]): number {
  return [...before, ...measured].reduce((sum, { count }) => sum + count, 0);
}

/** Splits the batches of a partition so that about this share of its swaps comes before the measurement. */
function split(batches: readonly RecordBatch[], share: number): ThreadOrder[number] {
  const count = batches.at(-1)?.nextOffset ?? 0;
  const first = batches.findIndex(({ baseOffset }) => baseOffset >= share * count);
  const at = first === -1 ? batches.length : first;
  return { before: batches.slice(0, at), measured: batches.slice(at) };
}

function measuredOf(reports: readonly ThreadReport[]): Measured {
  const records = reports.reduce((sum, one) => sum + one.records, 0);
  const cpuMs = reports.reduce((sum, one) => sum + one.cpuMs, 0);
  const tookMs = Math.max(...reports.map(({ endMs }) => endMs)) - Math.min(...reports.map(({ beginMs }) => beginMs));
  return {
    perSecond: (1000 * records) / tookMs,
    perSecondOfBusiest: (1000 * records) / Math.max(...reports.map((one) => one.cpuMs)),
    cpuUs: (1000 * cpuMs) / records,
    shareOfBusiest: Math.max(...reports.map((one) => one.records)) / records,
  };
}
