/** Decodes and applies batches as the owner of their partition does, with the copy for the redo. parts/variant.ts loads copies of it. */
import { PartitionEngine } from "../../server/src/engine/partition-engine.ts";
import { BatchApplier } from "../../server/src/pipeline/batch-applier.ts";
import { RedoWriter } from "../../server/src/pipeline/checkpoint/redo-writer.ts";
import type { RecordBatch } from "../../server/src/ports/source.ts";
import { freeMemory } from "../../server/src/shared/free-memory.ts";
import { BENCH_SEED, engineConfig } from "./workload.ts";

/** Bytes that are collected before they would be written. */
const DELTA_BYTES = 8 * 1024 * 1024;

export class AppliedSide {
  readonly #engine = new PartitionEngine(engineConfig(), BENCH_SEED);
  readonly #redo = new RedoWriter();
  readonly #applier = new BatchApplier(
    this.#engine,
    () => {},
    () => {},
  );

  /** Returns the thread's processor time in ms. */
  apply(batches: readonly RecordBatch[]): number {
    const before = process.threadCpuUsage();
    for (const batch of batches) {
      this.#applier.applySlice(batch, 0, Number.POSITIVE_INFINITY);
      this.#redo.add(batch);
      if (this.#redo.byteLength > DELTA_BYTES) freeMemory(this.#redo.take().content);
    }
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1000;
  }

  /** Records that the engine has taken. */
  get accepted(): number {
    return this.#engine.counters.accepted;
  }
}
