/** Several instances over model owners. The truth is here, to compare the responses of each instance with. */

import { createSharedClock, SharedClock } from "../../../src/bus/shared-clock.ts";
import { Cluster } from "../../../src/cluster/cluster.ts";
import type { Format } from "../../../src/cluster/protocol.ts";
import type { ClusterTransport } from "../../../src/cluster/transport.ts";
import type { TokenResponse } from "../../../src/ports/stats-bus.ts";
import { partitionOfTokenId } from "../../../src/shared/token-partition.ts";
import { type ModelPartition, ModelWorker, ownedOf } from "./model-owner.ts";

const ANNOUNCE_EVERY_MS = 25;
const ASK_TIMEOUT_MS = 150;
const TICK_MS = 5;
export const ALL = { windows: [], fields: [] } as const;

export type ModelInstance = {
  readonly name: string;
  readonly cluster: Cluster;
  readonly bus: Cluster["bus"];
  readonly workers: readonly ModelWorker[];
  readonly clock: SharedClock;
};

/** `format`: the newest of messages that it knows; undefined: the newest there is. `askTimeoutMs`: how long it waits for another instance. */
type ModelOptions = { readonly mode?: "live" | "event"; readonly format?: Format; readonly askTimeoutMs?: number };

export class ModelCluster {
  readonly partitions: number;
  readonly ids: readonly string[];
  /** Of each partition: the rightful owner, and the newest state. */
  readonly owners = new Map<number, ModelInstance>();
  readonly instances: ModelInstance[] = [];
  readonly #truth = new Map<number, ModelPartition>();
  readonly #ticker: NodeJS.Timeout;
  #incarnation = 1_000;
  #epoch = 1_700_000_000_000;

  constructor(partitions: number, tokens: number) {
    this.partitions = partitions;
    this.ids = Array.from({ length: tokens }, (_, i) => `1:token-${i}`);
    for (let partition = 0; partition < partitions; partition++) {
      const ids = this.ids.filter((id) => partitionOfTokenId(id, partitions) === partition);
      const tokensOf = ids.map((id) => [id, { id, symbol: `S${id.length}`, rev: 1, value: 1 }] as const);
      this.#truth.set(partition, { epoch: "0", revision: 1, tokens: new Map(tokensOf) });
    }
    this.#ticker = setInterval(() => {
      for (const { workers } of this.instances) for (const worker of workers) worker.tick();
    }, TICK_MS);
  }

  /** Starts an instance with `threads` workers and no partitions. */
  add(name: string, transport: ClusterTransport, threads = 2, options: ModelOptions = {}): ModelInstance {
    const { mode = "live", format, askTimeoutMs = ASK_TIMEOUT_MS } = options;
    const workers = Array.from({ length: threads }, () => new ModelWorker());
    const clock = new SharedClock(createSharedClock(mode, 60_000));
    this.#incarnation += 1;
    const cluster = new Cluster({
      ...{ instance: name, incarnation: this.#incarnation, version: "1.2.3", partitions: this.partitions },
      ...{ workers: workers, boards: new Map(), transport, clock, finestStepMs: 1_000 },
      ...{ announceEveryMs: ANNOUNCE_EVERY_MS, askTimeoutMs },
      ...(format === undefined ? {} : { format }),
    });
    const instance = { name, cluster, bus: cluster.bus, workers, clock };
    this.instances.push(instance);
    cluster.start();
    return instance;
  }

  /** Moves the partition's state to this instance under a new epoch, without telling its present owner (it may be cut off). */
  take(partition: number, instance: ModelInstance): void {
    this.#epoch += 1;
    const before = this.#truth.get(partition) as ModelPartition;
    const tokens = [...before.tokens.values()].map((token) => [token.id, { ...token, rev: 1 }] as const);
    const state = { epoch: String(this.#epoch), revision: 1, tokens: new Map(tokens) };
    this.#truth.set(partition, state);
    this.owners.set(partition, instance);
    (instance.workers[partition % instance.workers.length] as ModelWorker).partitions.set(partition, state);
    this.#tell(instance);
  }

  /** Drops what the instance still holds of the partition. */
  drop(partition: number, instance: ModelInstance): void {
    const worker = instance.workers[partition % instance.workers.length] as ModelWorker;
    const held = worker.partitions.get(partition);
    if (held === undefined) return;
    instance.cluster.setOwned(
      ownedOf(instance.workers).filter((one) => one.partition !== partition),
      this.partitions,
    );
    worker.partitions.delete(partition);
    if (this.owners.get(partition) === instance) this.owners.delete(partition);
  }

  /** Applies a swap of the token at the rightful owner. Nothing happens while there is none. */
  swap(id: string): void {
    const partition = partitionOfTokenId(id, this.partitions);
    const owner = this.owners.get(partition);
    owner?.workers[partition % owner.workers.length]?.change(partition, id);
  }

  /** Ends an instance; with `kill` silently. Its partitions have no owner then. */
  async remove(instance: ModelInstance, kill: (() => void) | undefined): Promise<void> {
    this.instances.splice(this.instances.indexOf(instance), 1);
    for (const [partition, owner] of this.owners) if (owner === instance) this.owners.delete(partition);
    kill?.();
    await instance.cluster.close();
  }

  async close(): Promise<void> {
    clearInterval(this.#ticker);
    await Promise.all(this.instances.map((instance) => instance.cluster.close()));
  }

  partitionOf(id: string): number {
    return partitionOfTokenId(id, this.partitions);
  }

  value(id: string): number {
    return this.#truth.get(this.partitionOf(id))?.tokens.get(id)?.value ?? 0;
  }

  #tell(instance: ModelInstance): void {
    instance.cluster.setOwned(ownedOf(instance.workers), this.partitions);
  }
}

/** Returns the number in a token's response; undefined where it has none, or is stale. */
export function freshValue(answer: TokenResponse | undefined): number | undefined {
  if (answer?.kind !== "stats" || answer.stale) return undefined;
  return (JSON.parse(`{${answer.body}}`) as { value: number }).value;
}
