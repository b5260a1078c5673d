/** Where ingestion stands at all instances: what their threads report, and of partitions that nobody answers for what was reported last. */
import type { ClusterNode } from "./cluster-node.ts";
import type { PartitionStatus, StatusAnswer } from "./stats-bus.ts";
import { mergeStatus } from "./status-merge.ts";

/** The newest report of each partition. */
export type KnownStatus = Map<number, PartitionStatus>;

export async function clusterStatus(node: ClusterNode, own: StatusAnswer, known: KnownStatus): Promise<StatusAnswer> {
  const { peers } = node;
  const remote = peers.sources.filter((source) => source.address !== undefined);
  const asked = await Promise.allSettled(remote.map((source) => node.ask(source, { kind: "status" })));
  const answers = asked.flatMap((one) => (one.status === "fulfilled" ? [one.value.answer] : []));
  const merged = mergeStatus([own, ...answers]);
  const reported = new Map<number, PartitionStatus>();
  for (const status of merged.partitions) {
    const before = reported.get(status.partition);
    const owner = peers.ownerOf(status.partition);
    // Of two that report one partition the one that answers for it counts; else any report is better than none.
    if (before === undefined || owner?.parts.get(status.partition) === status.epoch) {
      reported.set(status.partition, status);
    }
  }
  for (const [partition, status] of reported) known.set(partition, status);
  const partitions: PartitionStatus[] = [];
  for (let partition = 0; partition < peers.partitions; partition++) {
    const status = reported.get(partition);
    if (status !== undefined) partitions.push(status);
    else partitions.push(awayStatus(partition, known.get(partition)));
  }
  return { ...merged, partitions, instances: peers.instances(), problems: node.problems };
}

function awayStatus(partition: number, last: PartitionStatus | undefined): PartitionStatus {
  const problems = [`No instance answers for partition ${partition} at the moment; its tokens are served as stale.`];
  if (last !== undefined) return { ...last, state: "away", problems };
  const nothing = { next_offset: 0, end_offset: 0, lag: 0, lag_ms: 0, watermark: {} };
  return { partition, owner: "", epoch: "0", ...nothing, state: "away", problems };
}
