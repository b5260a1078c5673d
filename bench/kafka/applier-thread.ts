/**
 * A thread that applies batches that it was given before. It reports that it has them, waits for the start, and reports its progress over
 * time.
 */
import { parentPort, workerData } from "node:worker_threads";
import { PartitionEngine } from "../../server/src/engine/partition-engine.ts";
import { BatchApplier } from "../../server/src/pipeline/batch-applier.ts";
import { RedoWriter } from "../../server/src/pipeline/checkpoint/redo-writer.ts";
import type { RecordBatch } from "../../server/src/ports/source.ts";
import { BENCH_SEED, engineConfig } from "../support/workload.ts";

/** For each partition of the thread: its batches in order, in shared memory. */
type ApplierOrder = readonly (readonly RecordBatch[])[];

/** Number of applied records by time, in ms since 1970, after each round of batches. The first entry is the start. */
export type ApplierReport = readonly { readonly applied: number; readonly atMs: number }[];

const owned = (workerData as ApplierOrder).map((batches) => {
  const engine = new PartitionEngine(engineConfig(), BENCH_SEED);
  const applier = new BatchApplier(
    engine,
    () => {},
    () => {},
  );
  return { batches, engine, applier, redo: new RedoWriter() };
});

/** The partitions alternate, batch by batch, as they do in a fetch. */
function applyAll(): ApplierReport {
  const longest = Math.max(...owned.map(({ batches }) => batches.length));
  const nowMs = (): number => performance.timeOrigin + performance.now();
  const steps = [{ applied: 0, atMs: nowMs() }];
  for (let i = 0; i < longest; i++) {
    for (const { batches, applier, redo } of owned) {
      const batch = batches[i];
      if (batch === undefined) continue;
      applier.applySlice(batch, 0, Number.POSITIVE_INFINITY);
      redo.addRange(batch);
    }
    steps.push({ applied: owned.reduce((sum, { engine }) => sum + engine.counters.accepted, 0), atMs: nowMs() });
  }
  return steps;
}

parentPort!.once("message", () => {
  parentPort!.postMessage(applyAll());
});
parentPort!.postMessage("ready");
