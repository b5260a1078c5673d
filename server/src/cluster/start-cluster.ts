/** Starts the bus over several instances, by NATS, with a name that instances of one stream share. */
import { createHash } from "node:crypto";
import type { WorkerPort } from "../bus/local-workers.ts";
import type { QueryBusOptions } from "../bus/query-bus.ts";
import type { NatsConfig } from "../config/build/nats.ts";
import { Cluster } from "./cluster.ts";
import type { OwnedPartition } from "./contract.ts";
import { NatsTransport } from "./nats-transport.ts";
import { ANNOUNCE_EVERY_MS, ASK_TIMEOUT_MS } from "./node.ts";

const NAME_CHARS = 24;

type ClusterStart = Omit<QueryBusOptions, "workers" | "statusOfAll"> & {
  readonly nats: NatsConfig;
  readonly instance: string;
  readonly version: string;
  /** Name of the shared stream, such as its topic and group. Instances with the same name exchange messages. */
  readonly stream: readonly string[];
  readonly workers: readonly WorkerPort[];
  /** Number of partitions as known at the start; 0 if not known. */
  readonly partitions: number;
};

/** Connects in the background and retries without limit. Never fails. */
export function startCluster({ nats, stream, ...start }: ClusterStart): Cluster {
  const name = createHash("sha256").update(JSON.stringify(stream)).digest("base64url").slice(0, NAME_CHARS);
  const cluster = new Cluster({
    ...start,
    incarnation: Date.now(),
    transport: new NatsTransport({ settings: nats, name: `swapstats ${start.instance}`, cluster: name }),
    announceEveryMs: ANNOUNCE_EVERY_MS,
    askTimeoutMs: ASK_TIMEOUT_MS,
  });
  cluster.start();
  return cluster;
}

/** Returns the partitions that are up to date, with their epochs, in the form of the cluster. */
export function ownedPartitions(
  serving: ReadonlyMap<number, string>,
  workerOf: (partition: number) => number,
): OwnedPartition[] {
  return [...serving].map(([partition, epoch]) => ({ partition, epoch, worker: workerOf(partition) }));
}
