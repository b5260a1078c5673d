/**
 * A side of our own, in a process of its own: `node own-side.ts ORDER`.
 *
 *   apply         our readers, decoder and engine: the whole job without checkpoints, and without the copy that they need
 *   checkpoints   the work of a worker thread of the service, with checkpoints in Redis at the service's own interval
 */
import { PartitionEngine } from "../../server/src/engine/partition-engine.ts";
import { BatchApplier } from "../../server/src/pipeline/batch-applier.ts";
import type { Topic } from "../kafka/client-loop.ts";
import { type OwnerOptions, ownAll } from "../kafka/owner.ts";
import { byReaders } from "../kafka/reader-loop.ts";
import { BENCH_SEED, engineConfig } from "../support/workload.ts";
import { type Answer, ownAnswer, type Query } from "./figures.ts";
import { answerQuery, halfTeller } from "./side-lines.ts";

export type OwnSideName = "apply" | "checkpoints";
export type OwnOrder = Topic & OwnerOptions & { readonly side: OwnSideName };

const NO_ANSWER: Answer = { figures: {} };

async function apply(topic: Topic): Promise<PartitionEngine[]> {
  const { partitions, records } = topic;
  const engines = Array.from({ length: partitions }, () => new PartitionEngine(engineConfig(), BENCH_SEED));
  const appliers = engines.map(
    (engine) =>
      new BatchApplier(
        engine,
        () => {},
        () => {},
      ),
  );
  const count = halfTeller(records);
  await byReaders(topic, (batch, partition) => {
    appliers[partition]!.applySlice(batch, 0, Number.POSITIVE_INFINITY);
    count(batch.count);
  });
  return engines;
}

async function run(order: OwnOrder): Promise<(query: Query) => Answer> {
  if (order.side === "apply") {
    const engines = await apply(order);
    return (query) => ownAnswer(engines, query);
  }
  await ownAll(order);
  return () => NO_ANSWER;
}

await answerQuery(await run(JSON.parse(process.argv[2]!) as OwnOrder));
