/**
 * One side of the comparison in a separate process, started by `fork`. Reads a whole topic in one thread, and reports how long it took.
 *
 *   count   fetches by the client's own low level, and counts the bytes of values
 *   parse   the same, and JSON.parse of each value
 *   read    our readers: checksums, transactions, batches; counts the bytes
 *   apply   our readers, decoder and engine, and the copy for the redo: the whole way into state except writing checkpoints
 *   whole   the work of a worker thread of the service, with checkpoints in Redis at the service's own interval
 */
import { PartitionEngine } from "../../server/src/engine/partition-engine.ts";
import { BatchApplier } from "../../server/src/pipeline/batch-applier.ts";
import { RedoWriter } from "../../server/src/pipeline/checkpoint/redo-writer.ts";
import { BENCH_SEED, engineConfig } from "../support/workload.ts";
import { byClient } from "./client-loop.ts";
import { ownAll } from "./owner.ts";
import { byReaders, type TakeBatch } from "./reader-loop.ts";

export type SideName = "count" | "parse" | "read" | "apply" | "whole";
export type SideOrder = {
  readonly side: SideName;
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly partitions: number;
  readonly records: number;
  readonly dataDir: string;
  /** `host:port`. Its database is empty. */
  readonly redis: string;
};
export type SideReport = { readonly seconds: number; readonly cpuSeconds: number; readonly bytes: number };

/** Processes batches as the owner of all partitions does. */
function applied(partitions: number): TakeBatch {
  const owned = Array.from({ length: partitions }, () => ({
    applier: new BatchApplier(
      new PartitionEngine(engineConfig(), BENCH_SEED),
      () => {},
      () => {},
    ),
    redo: new RedoWriter(),
  }));
  return (batch, partition) => {
    const { applier, redo } = owned[partition]!;
    applier.applySlice(batch, 0, Number.POSITIVE_INFINITY);
    if (batch.count > 0) redo.addRange(batch);
  };
}

function parse(value: Buffer): void {
  if (!(JSON.parse(value.toString()).event_time > 0)) throw new Error("a record has no time");
}

async function bytesOf(order: SideOrder): Promise<number> {
  const { side } = order;
  if (side === "whole") return (await ownAll(order)).bytes;
  if (side === "read") return byReaders(order, () => {});
  if (side === "apply") return byReaders(order, applied(order.partitions));
  return byClient(order, side === "parse" ? parse : () => {});
}

async function run(order: SideOrder): Promise<SideReport> {
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  const bytes = await bytesOf(order);
  const { user, system } = process.cpuUsage(cpuBefore);
  return { seconds: (performance.now() - startedMs) / 1000, cpuSeconds: (user + system) / 1e6, bytes };
}

process.once("message", (order: SideOrder) => {
  void run(order).then((report) => {
    process.send!(report, () => process.exit());
  });
});
