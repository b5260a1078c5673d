/** Decides whether the service should get traffic. Windows that are not complete do not matter. */
import type { PartitionStatus } from "../ports/stats-bus.ts";
import { type Budget, budgetProblems } from "../shared/budget.ts";
import type { QueryExecutor } from "./query-executor.ts";

export type Readiness = {
  /** Plain sentences; empty: ready. */
  readonly reasons: readonly string[];
  /** Problems that an operator should look at. They have no effect on readiness. */
  readonly problems: readonly string[];
};

export async function readinessOf(options: {
  readonly executor: QueryExecutor;
  readonly draining: boolean;
  readonly readyLagMs: number;
  readonly timeoutMs: number;
  readonly budgets: readonly Budget[];
}): Promise<Readiness> {
  const full = budgetProblems(options.budgets);
  const reasons: string[] = options.draining ? ["The service is shutting down."] : [];
  try {
    const partitions = await partitionsOf(options.executor, options.timeoutMs);
    if (partitions.length === 0) reasons.push("No partition is known yet.");
    reasons.push(...partitions.flatMap((partition) => reasonsOf(partition, options.readyLagMs)));
    return { reasons, problems: [...partitions.flatMap((partition) => partition.problems), ...full] };
  } catch {
    reasons.push(`The state does not respond within ${options.timeoutMs} ms.`);
    return { reasons, problems: full };
  }
}

/** Resolves to the partitions of this instance. An instance without partitions is ready if the others have some. */
async function partitionsOf(executor: QueryExecutor, timeoutMs: number): Promise<readonly PartitionStatus[]> {
  const own = await executor.probe("own", timeoutMs);
  if (own.partitions.length > 0) return own.partitions;
  const all = await executor.probe("all", timeoutMs);
  return all.partitions.map((partition) => ({ ...partition, lag_ms: 0, state: "running", problems: [] }));
}

function reasonsOf(status: PartitionStatus, readyLagMs: number): string[] {
  const name = `Partition ${status.partition}`;
  if (status.state === "restoring") return [`${name} is restoring its state.`];
  if (status.state === "failed") return [`${name} has failed: ${status.problems.join(" ")}`];
  const reasons: string[] = [];
  if (status.state === "draining") reasons.push(`${name} is shutting down.`);
  if (status.lag_ms >= readyLagMs) {
    reasons.push(`${name} is ${status.lag_ms} ms behind (${status.lag} records); app.ready_lag is ${readyLagMs} ms.`);
  }
  return reasons;
}
