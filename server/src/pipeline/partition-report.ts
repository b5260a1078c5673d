/** The report of a partition for status and metrics. */
import type { PartitionMetrics } from "../observability/partition-metrics.ts";
import type { HistogramNumbers } from "../observability/plain-histogram.ts";
import type { PartitionStatus } from "../ports/stats-bus.ts";
import type { PartitionParts, RunnerOptions } from "./partition-parts.ts";

/** Status mentions an as-of that is further ahead of the wall clock than this. */
const HELD_AS_OF_MS = 60_000;

/** The inputs of a report. */
export type PartitionFacts = {
  readonly state: PartitionStatus["state"];
  /** Undefined while there is no state. */
  readonly parts: PartitionParts | undefined;
  /** Next offset to read. */
  readonly position: number;
  readonly endOffset: number;
  /** Age of the oldest record that waits, in ms. */
  readonly lagMs: number;
  /** Reasons why the partition and the latest read failed, and the newest gaps. */
  readonly failure: string | undefined;
  readonly readProblem: string | undefined;
  readonly gaps: readonly string[];
};

type PartitionTimes = { readonly applySeconds: HistogramNumbers; readonly checkpointSeconds: HistogramNumbers };

export function partitionStatus(options: RunnerOptions, facts: PartitionFacts): PartitionStatus {
  const { partition, owner, reader } = options;
  const { parts, endOffset, lagMs, state } = facts;
  const { nextOffset, lag } = placeOf(options, facts);
  const seenSinceMs = parts?.engine.seenSinceMs();
  const checkpoint = parts?.checkpointer.status;
  return {
    partition,
    owner,
    epoch: parts?.served.epoch ?? "0",
    next_offset: nextOffset,
    end_offset: endOffset,
    lag,
    lag_ms: lag === 0 ? 0 : lagMs,
    ...(seenSinceMs === undefined ? {} : { seen_since: seenSinceMs }),
    watermark: Object.fromEntries(parts?.engine.watermarks() ?? []),
    ...(checkpoint === undefined
      ? {}
      : { checkpoint: { offset: checkpoint.offset, time: checkpoint.timeMs, bytes: checkpoint.bytes } }),
    ...(reader.arrivalClock === undefined ? {} : { arrival_clock: reader.arrivalClock }),
    ...(parts?.mapped === undefined ? {} : { mapping: parts.mapped.numbers }),
    state,
    problems: problemsOf(options, facts),
  };
}

export function partitionMetrics(
  options: RunnerOptions,
  parts: PartitionParts,
  facts: PartitionFacts,
  times: PartitionTimes,
): PartitionMetrics {
  const { partition, circuit, reader } = options;
  const { lag } = placeOf(options, facts);
  return {
    partition,
    counters: parts.engine.counters,
    countersAtStart: parts.countersAtStart,
    lagMs: lag === 0 ? 0 : facts.lagMs,
    lagRecords: lag,
    tokens: parts.engine.knownTokens,
    tokensSplit: parts.served.split.size,
    ...times,
    checkpointBytes: parts.checkpointer.status?.bytes ?? 0,
    decoderFallbacks: parts.applier.decoderFallbacks,
    mapping: parts.mapped?.numbers,
    restoreSeconds: parts.restored.durationMs / 1000,
    ...(reader.numbers === undefined ? {} : { source: reader.numbers }),
    storeCircuit: circuit === undefined ? undefined : { dependency: circuit.dependency, state: circuit.state },
    hot: undefined,
  };
}

/** With a state, the board has the position of the applied records, also within a batch. */
function placeOf({ board }: RunnerOptions, { parts, position, endOffset }: PartitionFacts) {
  if (parts === undefined) return { nextOffset: position, lag: endOffset - position };
  const nextOffset = board.nextOffset();
  return { nextOffset, lag: Math.max(0, endOffset - nextOffset) };
}

function problemsOf(options: RunnerOptions, { parts, failure, readProblem, gaps }: PartitionFacts): string[] {
  const now = [
    failure,
    readProblem,
    options.reader.problem,
    parts?.checkpointer.problem,
    options.deadLetters.problem,
    heldAsOf(options),
    parts?.served.split.problem,
  ];
  const restored = parts?.restored.problems ?? [];
  const all = [...restored, ...gaps, ...now.filter((problem) => problem !== undefined), ...options.sourceProblems()];
  return [...new Set(all)];
}

function heldAsOf({ clock }: RunnerOptions): string | undefined {
  const aheadMs = clock.handle.mode === "live" ? clock.now() - clock.wallMs() : 0;
  if (aheadMs <= HELD_AS_OF_MS) return undefined;
  return (
    `The clock of this machine stepped back by ${Math.round(aheadMs / 1000)} s. As-of never goes back, so figures are ` +
    "those of the later instant until the clock gets there."
  );
}
