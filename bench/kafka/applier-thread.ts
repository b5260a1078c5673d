/** A thread that applies batches that it was given before: tells that it has them, waits for the word, and says how far it was when. */
import { parentPort, workerData } from "node:worker_threads";
import { PartitionEngine } from "../../server/src/engine/partition-engine.ts";
import { BatchApplier } from "../../server/src/pipeline/batch-applier.ts";
import { RedoWriter } from "../../server/src/pipeline/checkpoint/redo-writer.ts";
import type { RecordBatch } from "../../server/src/ports/source.ts";
import { BENCH_SEED, engineConfig } from "../support/workload.ts";

/** Of each partition that the thread owns: its batches in order, in shared memory. */
type ApplierOrder = readonly (readonly RecordBatch[])[];

/** How many records were applied at which time, in ms since 1970, after each round of batches; the first is the begin. */
export type ApplierReport = readonly { readonly applied: number; readonly atMs: number }[];

/** As much is gathered before it is written as a delta. */
const DELTA_BYTES = 8 * 1024 * 1024;

const owned = (workerData as ApplierOrder).map((batches) => {
  const engine = new PartitionEngine(engineConfig(), BENCH_SEED);
  const applier = new BatchApplier(
    engine,
    () => {},
    () => {},
  );
  return { batches, engine, applier, redo: new RedoWriter() };
});

/** The partitions take turns, batch by batch, as they do where they are fetched. */
function applyAll(): ApplierReport {
  const longest = Math.max(...owned.map(({ batches }) => batches.length));
  const nowMs = (): number => performance.timeOrigin + performance.now();
  const steps = [{ applied: 0, atMs: nowMs() }];
  for (let i = 0; i < longest; i++) {
    for (const { batches, applier, redo } of owned) {
      const batch = batches[i];
      if (batch === undefined) continue;
      applier.applySlice(batch, 0, Number.POSITIVE_INFINITY);
      redo.add(batch);
      if (redo.byteLength > DELTA_BYTES) redo.take();
    }
    steps.push({ applied: owned.reduce((sum, { engine }) => sum + engine.counters.accepted, 0), atMs: nowMs() });
  }
  return steps;
}

parentPort!.once("message", () => {
  parentPort!.postMessage(applyAll());
});
parentPort!.postMessage("ready");
