/** The status of ingestion at all instances: the reports of their workers, and the last report of each partition without an owner. */

import { addCounters, emptyCounters, mergeCircuits, mergeStatus } from "../bus/status-merge.ts";
import type { PartitionStatus, PartitionTotals, StatusResponse } from "../ports/stats-bus.ts";
import type { ClusterNode } from "./node.ts";

/** The newest report of each partition, and the newest totals. */
export type KnownStatus = Map<
  number,
  { readonly status: PartitionStatus; readonly totals: PartitionTotals | undefined }
>;

export async function clusterStatus(
  node: ClusterNode,
  own: StatusResponse,
  known: KnownStatus,
): Promise<StatusResponse> {
  const { peers } = node;
  const remote = peers.workers.filter((worker) => !worker.isLocal);
  const asked = await Promise.allSettled(remote.map((worker) => worker.ask({ kind: "status" })));
  const answers = asked.flatMap((one) => (one.status === "fulfilled" ? [one.value.response] : []));
  const merged = mergeStatus([own, ...answers]);
  const reported = new Map<number, PartitionStatus>();
  for (const status of merged.partitions) {
    const before = reported.get(status.partition);
    const owner = peers.ownerOf(status.partition);
    // If there are two reports of a partition, the owner's is used. Any report is better than none.
    if (before === undefined || owner?.parts.get(status.partition) === status.epoch) {
      reported.set(status.partition, status);
    }
  }
  for (const [partition, status] of reported) {
    const totals = merged.totals.find((one) => one.partition === partition && one.epoch === status.epoch);
    // A state that is being restored has no totals.
    known.set(partition, { status, totals: totals ?? known.get(partition)?.totals });
  }
  const partitions: PartitionStatus[] = [];
  for (let partition = 0; partition < peers.partitions; partition++) {
    const status = reported.get(partition);
    if (status !== undefined) partitions.push(status);
    else partitions.push(awayStatus(partition, known.get(partition)?.status));
  }
  const circuits = mergeCircuits([...(merged.circuits ?? []), node.circuit]);
  return {
    ...sums(known, peers.partitions),
    partitions,
    circuits,
    instances: peers.instances(),
    problems: node.problems,
  };
}

/** Adds each partition once. During a hand-over two instances report it, and while its owner is away none does. */
function sums(known: KnownStatus, partitions: number): Pick<StatusResponse, "counters" | "tokens" | "totals"> {
  const counters = emptyCounters();
  const totals = [...known].flatMap(([partition, one]) =>
    partition < partitions && one.totals !== undefined ? [one.totals] : [],
  );
  for (const one of totals) addCounters(counters, one.counters);
  return { counters, tokens: totals.reduce((sum, one) => sum + one.tokens, 0), totals };
}

function awayStatus(partition: number, last: PartitionStatus | undefined): PartitionStatus {
  const problems = [`No instance serves partition ${partition} at the moment; its tokens are served as stale.`];
  if (last !== undefined) return { ...last, state: "away", problems };
  const nothing = { next_offset: 0, end_offset: 0, lag: 0, lag_ms: 0, watermark: {} };
  return { partition, owner: "", epoch: "0", ...nothing, state: "away", problems };
}
