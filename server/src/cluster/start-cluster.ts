/** The bus over several instances as a service starts it: by NATS, under a name that instances of one stream share. */

import { createHash } from "node:crypto";
import type { SharedClock } from "../bus/shared-clock.ts";
import { workerOfPartition } from "../bus/thread-bus.ts";
import type { WorkerClient } from "../bus/worker-client.ts";
import type { NatsConfig } from "../config/build/nats.ts";
import type { Preference, StatsBus } from "../ports/stats-bus.ts";
import type { ChainAddresses } from "../shared/token-id.ts";
import { ClusterBus } from "./bus.ts";
import type { OwnedPartition } from "./contract.ts";
import { NatsTransport } from "./nats-transport.ts";
import { ANNOUNCE_EVERY_MS, ASK_TIMEOUT_MS } from "./node.ts";

const NAME_CHARS = 24;

export type ClusterStart = {
  readonly nats: NatsConfig;
  readonly instance: string;
  readonly version: string;
  /** What names the stream that instances share, such as its topic and group. Those with the same hear each other. */
  readonly stream: readonly string[];
  /** The bus of this process, and its threads. */
  readonly local: StatsBus;
  readonly hosts: readonly WorkerClient[];
  /** As it is known at the start; 0: not yet. */
  readonly partitions: number;
  readonly clock: SharedClock;
  readonly finestStepMs: number;
  readonly chains: ChainAddresses;
  readonly prefer: Preference;
};

/** Connects in the background, for ever; resolves nothing and never fails. */
export function startCluster(start: ClusterStart): ClusterBus {
  const { nats, instance, version, stream, local, hosts, partitions, clock, finestStepMs, chains, prefer } = start;
  const cluster = createHash("sha256").update(JSON.stringify(stream)).digest("base64url").slice(0, NAME_CHARS);
  const bus = new ClusterBus({
    ...{ instance, version, partitions, clock, finestStepMs, chains, prefer },
    incarnation: Date.now(),
    local: { bus: local, hosts },
    transport: new NatsTransport({ settings: nats, name: `swapstats ${instance}`, cluster }),
    announceEveryMs: ANNOUNCE_EVERY_MS,
    askTimeoutMs: ASK_TIMEOUT_MS,
  });
  bus.start();
  return bus;
}

/** The partitions that are up to date, by their epoch, as the bus between instances has to know them. */
export function ownedPartitions(serving: ReadonlyMap<number, string>, hosts: number): OwnedPartition[] {
  return [...serving].map(([partition, epoch]) => ({ partition, epoch, host: workerOfPartition(partition, hosts) }));
}
