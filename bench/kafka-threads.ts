/**
 * Two threads that own two partitions each, against one that owns all four, on batches that were fetched from Kafka beforehand. The broker
 * has ended before the measurement. The forms alternate, and the medians count.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { PartitionPlacement } from "../server/src/pipeline/workers/partition-placement.ts";
import type { RecordBatch } from "../server/src/ports/source.ts";
import { openKafkaReaders } from "../server/src/sources/kafka/readers.ts";
import { FETCH_DEFAULTS } from "../server/src/sources/kafka/setup.ts";
import type { ApplierReport } from "./kafka/applier-thread.ts";
import { SwapFeed } from "./kafka/feed.ts";
import { recordsOf, type Site, withSite } from "./kafka/site.ts";
import { report } from "./report.ts";
import { median } from "./support/workload.ts";

const RECORDS = recordsOf(800_000);
const ROUNDS = 5;
const READ_BYTES = 1024 * 1024;
const GOAL = 1.8;

/** All records of the topic by partition, in shared memory. */
async function fetchAll({ target }: Site): Promise<RecordBatch[][]> {
  const { brokers, topic, partitions } = target;
  const connection = { brokers, clientId: "bench", connectTimeoutMs: 5_000, requestTimeoutMs: 10_000 };
  const readers = openKafkaReaders({ connection, topic, ...FETCH_DEFAULTS });
  const fetchOne = async (partition: number): Promise<RecordBatch[]> => {
    const reader = readers.reader(partition);
    const batches: RecordBatch[] = [];
    const { endOffset } = await reader.range();
    for (let position = 0; position < endOffset; ) {
      const batch = await reader.read(position, READ_BYTES, new AbortController().signal);
      batches.push(sharedCopy(batch));
      position = batch.nextOffset;
    }
    return batches;
  };
  const fetched = await Promise.all(Array.from({ length: partitions }, (_, partition) => fetchOne(partition)));
  await readers.close();
  return fetched;
}

/** A reader reuses its memory, and copies for the threads would hold everything twice. */
function sharedCopy(batch: RecordBatch): RecordBatch {
  const payload = new Uint8Array(new SharedArrayBuffer(batch.payload.length));
  payload.set(batch.payload);
  const ends = new Uint32Array(new SharedArrayBuffer(batch.ends.byteLength));
  ends.set(batch.ends);
  const { arrivalsMs } = batch;
  if (typeof arrivalsMs === "number") return { ...batch, payload, ends };
  const arrivals = new Float64Array(new SharedArrayBuffer(arrivalsMs.byteLength));
  arrivals.set(arrivalsMs);
  return { ...batch, payload, ends, arrivalsMs: arrivals };
}

async function run(batches: readonly RecordBatch[][], threads: number): Promise<ApplierReport[]> {
  const placement = placed(batches, threads);
  const workers = Array.from({ length: threads }, (_, index) => {
    const workerData = batches.filter((_, partition) => placement.threadOf(partition) === index);
    return new Worker(new URL("./kafka/applier-thread.ts", import.meta.url), { workerData });
  });
  try {
    await Promise.all(workers.map((worker) => once(worker, "message")));
    const done = workers.map((worker) => once(worker, "message") as Promise<[ApplierReport]>);
    for (const worker of workers) worker.postMessage("apply");
    const reports = (await Promise.all(done)).map(([report]) => report);
    const applied = reports.reduce((sum, report) => sum + report.at(-1)!.applied, 0);
    if (applied !== RECORDS) throw new Error(`${applied} of ${RECORDS} records were taken`);
    return reports;
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

const recordsIn = (batches: readonly RecordBatch[]): number => batches.reduce((sum, { count }) => sum + count, 0);

/** Divides the partitions as the service does. */
function placed(batches: readonly RecordBatch[][], threads: number): PartitionPlacement {
  const placement = new PartitionPlacement(threads);
  placement.expect(new Map(batches.map((each, partition) => [partition, recordsIn(each)])));
  return placement;
}

/** Time at which the thread had applied this many, in ms since its start. */
function timeOf(report: ApplierReport, applied: number): number {
  const next = report.findIndex((step) => step.applied >= applied);
  const [a, b] = [report[next - 1]!, report[next]!];
  const share = (applied - a.applied) / (b.applied - a.applied);
  return a.atMs + share * (b.atMs - a.atMs) - report[0]!.atMs;
}

/** Number of records that the thread had applied at this time. */
function appliedAt(report: ApplierReport, atMs: number): number {
  const next = report.findIndex((step) => step.atMs >= atMs);
  if (next <= 0) return next === 0 ? 0 : report.at(-1)!.applied;
  const [a, b] = [report[next - 1]!, report[next]!];
  return a.applied + ((atMs - a.atMs) / (b.atMs - a.atMs)) * (b.applied - a.applied);
}

type Ratios = { readonly busy: number; readonly all: number };

/** Time of one thread divided by that of two: for the records that both had applied when the first ran out, and for all. */
function ratiosOf([one]: readonly ApplierReport[], two: readonly ApplierReport[]): Ratios {
  const beginMs = Math.min(...two.map((report) => report[0]!.atMs));
  const ends = two.map((report) => report.at(-1)!.atMs);
  const bothUntilMs = Math.min(...ends);
  const applied = two.reduce((sum, report) => sum + appliedAt(report, bothUntilMs), 0);
  const busy = timeOf(one!, applied) / (bothUntilMs - beginMs);
  return { busy, all: timeOf(one!, RECORDS) / (Math.max(...ends) - beginMs) };
}

let batches: RecordBatch[][] = [];
await withSite(async (site) => {
  const feed = await SwapFeed.open(site.target, { startMs: Date.now() - 1_000_000 });
  await feed.fill(RECORDS);
  await feed.close();
  batches = await fetchAll(site);
});
const ratios: Ratios[] = [];
const oneSeconds: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const one = await run(batches, 1);
  ratios.push(ratiosOf(one, await run(batches, 2)));
  oneSeconds.push(timeOf(one[0]!, RECORDS) / 1000);
}
const busy = median(ratios.map((ratio) => ratio.busy));
const all = median(ratios.map((ratio) => ratio.all));
const placement = placed(batches, 2);
const ofFirst = batches.filter((_, partition) => placement.threadOf(partition) === 0).map(recordsIn);
const shareOfFirst = ofFirst.reduce((sum, count) => sum + count, 0) / RECORDS;
const shareOfBusier = Math.max(shareOfFirst, 1 - shareOfFirst);
report({
  what: "two threads against one, from prefetched batches to state (4 partitions)",
  goal: `at least ${GOAL} times its rate`,
  figure: `${busy.toFixed(2)} times while both have records; ${all.toFixed(2)} times until all records are applied`,
  met: busy >= GOAL,
  note: `Median of ${ROUNDS} rounds over ${RECORDS} records; one thread applied ${Math.round(RECORDS / median(oneSeconds) / 1000)}k/s. A tenth of all swaps belong to one token, and the busier of the two threads has ${(100 * shareOfBusier).toFixed(0)} % of the records. Until all records are applied, at most ${(1 / shareOfBusier).toFixed(2)} times is possible. The bandwidth of the memory, which the threads share, limits it.`,
  values: { times: busy, "times until all are applied": all, "swaps/s of one": RECORDS / median(oneSeconds) },
});
