/** The bus over several instances. The process reports its partitions and its end to it. */
import { QueryBus, type QueryBusOptions } from "../bus/query-bus.ts";
import type { StatusResponse } from "../ports/stats-bus.ts";
import type { OwnedPartition } from "./contract.ts";
import { ClusterNode, type ClusterNodeOptions } from "./node.ts";
import { clusterStatus, type KnownStatus } from "./status.ts";
import type { LinkState } from "./transport.ts";

type ClusterOptions = ClusterNodeOptions & Omit<QueryBusOptions, "workers" | "statusOfAll">;

export class Cluster {
  readonly bus: QueryBus;
  readonly #node: ClusterNode;
  readonly #knownStatus: KnownStatus = new Map();

  constructor(options: ClusterOptions) {
    const node = new ClusterNode(options);
    this.#node = node;
    const statusOfAll = (own: StatusResponse): Promise<StatusResponse> => clusterStatus(node, own, this.#knownStatus);
    this.bus = new QueryBus({ ...options, workers: node, statusOfAll });
  }

  get linkState(): LinkState {
    return this.#node.linkState;
  }

  /** The workers of all instances. */
  get workers(): ClusterNode["all"] {
    return this.#node.all;
  }

  /** Number of feeds that other instances have open here, and of feeds that are open at others. */
  get feedCounts(): { readonly served: number; readonly remote: number } {
    return { served: this.#node.server.feeds, remote: this.#node.remoteFeeds.size };
  }

  start(): void {
    this.#node.start();
  }

  /** Sets the partitions that this process serves from now on, and the number of partitions of the stream. Announces both at once. */
  setOwned(owned: readonly OwnedPartition[], partitions: number): void {
    this.#node.setOwned(owned, partitions);
  }

  close(): Promise<void> {
    return this.#node.close();
  }
}
