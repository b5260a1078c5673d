/**
 * Gathers responses from workers. Threads of a process and instances use the same code:
 *
 *            QueryBus (StatsBus)                    which workers there are
 *   ┌──────────────────────────────────┐
 *   │ TokenGather    texts -> findings │         BusWorkers ── LocalWorkers   threads of this process (bus/local-workers.ts)
 *   │ RankingGather  pages             │ ──asks──►   │
 *   │ TokenFeed      one owner's feed  │             └──────── ClusterNode    threads of all instances (cluster/node.ts)
 *   │ RankingFeed    feeds of all      │
 *   └──────────────────────────────────┘
 *
 * A `BusWorker` is a worker of this or of another instance. The code that sends requests, brings the responses to one as-of and merges them does
 * not distinguish the two. The two lists differ in three points: their workers, whether an epoch is current, and `mayBeAway`. Workers of this
 * process are never away, and a request fails if one of them fails. Workers of other instances may be away: the response then has the last known
 * figures and is marked as stale.
 */
import type { ChannelSpec } from "../ports/stats-bus.ts";
import type { SwapstatsError } from "../shared/errors.ts";
import type { RequestKind, RequestOf, WorkerResponses } from "./requests.ts";
import type { FeedUpdate } from "./responses.ts";

/** A partition, and the epoch of the owner that responded for it. */
export type Cover = readonly [partition: number, epoch: string];

export type CoveredResponse<K extends RequestKind> = {
  readonly response: WorkerResponses[K];
  /** Partitions that the response covers. Empty if owners are never away, because it is not needed then. */
  readonly covers: readonly Cover[];
};

/** A requested feed. */
export type OpenFeed = {
  /** Resolves when the worker has opened the feed, if the worker reports it. Rejects with the error that `onEnd` gets. */
  readonly opened: Promise<void>;
  readonly close: () => void;
};

export type BusWorker = {
  /** Unique key of the worker. */
  readonly key: string;
  readonly isLocal: boolean;
  /** Its partitions with their epochs. Empty if owners are never away. */
  readonly parts: ReadonlyMap<number, string>;
  /** Rejects with SwapstatsError. */
  ask<K extends RequestKind>(request: RequestOf<K>): Promise<CoveredResponse<K>>;
  /** Opens a feed. `onEnd` is called at most once, when it cannot be opened or has ended. Nothing is called after `close`. */
  open(spec: ChannelSpec, onUpdate: (update: FeedUpdate) => void, onEnd: (error: SwapstatsError) => void): OpenFeed;
};

export type BusWorkers = {
  /** All workers that receive requests. */
  readonly all: readonly BusWorker[];
  /** The workers of this process. */
  readonly own: readonly BusWorker[];
  /** Number of partitions of the stream; 0 while it is not known. */
  readonly partitions: number;
  /** Changes whenever `all` does. */
  readonly version: number;
  /** Whether owners may be away, and epochs may be outdated. */
  readonly mayBeAway: boolean;
  /** False when another instance may have taken over a partition that this process still considers its own. */
  readonly isCachingSafe: boolean;
  ownerOf(partition: number): BusWorker | undefined;
  /** Returns false for the epoch of a former owner, whose figures must not be shown. */
  isCurrent(partition: number, epoch: string): boolean;
  /** Notes that an owner has responded with figures of this epoch. Earlier epochs are not current from then on. */
  confirm(partition: number, epoch: string): void;
  /** Calls back after each change of `all`, until the returned function is called. */
  onChange(listener: () => void): () => void;
};

/** Returns whether every partition has an owner. Returns false while the number of partitions is not known. */
export function haveAllOwners(workers: BusWorkers): boolean {
  for (let partition = 0; partition < workers.partitions; partition++) {
    if (workers.ownerOf(partition) === undefined) return false;
  }
  return workers.partitions > 0;
}

/** Returns equal texts for equal partitions in equal epochs. */
export function partsText(parts: ReadonlyMap<number, string>): string {
  return [...parts]
    .map(([partition, epoch]) => `${partition}:${epoch}`)
    .sort()
    .join(",");
}
