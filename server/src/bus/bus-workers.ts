/**
 * Gathering, once for the threads of a process and for instances:
 *
 *            QueryBus (StatsBus)                    which workers there are
 *   ┌──────────────────────────────────┐
 *   │ TokenGather    texts -> findings │         BusWorkers ── LocalWorkers   threads of this process (bus/local-workers.ts)
 *   │ RankingGather  pages             │ ──asks──►   │
 *   │ TokenFeed      one owner's feed  │             └──────── ClusterNode    threads of all instances (cluster/node.ts)
 *   │ RankingFeed    feeds of all      │
 *   └──────────────────────────────────┘
 *
 * A `BusWorker` is one worker, here or at another instance. The code that asks, brings to one as-of and merges does not know where it is. The two
 * lists differ in three things: who is on the list, whether an epoch is current, and `mayBeAway`. Workers of a process are never away: one that fails fails the
 * request. Workers of other instances may be away: then the last known figures are given and marked as stale.
 */
import type { ChannelSpec } from "../ports/stats-bus.ts";
import type { SwapstatsError } from "../shared/errors.ts";
import type { RequestKind, RequestOf, WorkerResponses } from "./requests.ts";
import type { FeedUpdate } from "./responses.ts";

/** A partition and the epoch in which it was answered for. */
export type Cover = readonly [partition: number, epoch: string];

export type CoveredResponse<K extends RequestKind> = {
  readonly response: WorkerResponses[K];
  /** Partitions that the response speaks for. Empty where owners are never away, because then it is not needed. */
  readonly covers: readonly Cover[];
};

/** A feed that was asked for. */
export type OpenFeed = {
  /** Resolves when the worker has opened it, as far as that is told; rejects as `onEnd` says. */
  readonly opened: Promise<void>;
  readonly close: () => void;
};

export type BusWorker = {
  /** Names the worker among all. */
  readonly key: string;
  readonly isLocal: boolean;
  /** Its partitions with their epochs. Empty where owners are never away. */
  readonly parts: ReadonlyMap<number, string>;
  /** Rejects with SwapstatsError. */
  ask<K extends RequestKind>(request: RequestOf<K>): Promise<CoveredResponse<K>>;
  /** Opens a feed. `onEnd` is called at most once, when it cannot be opened or has ended. Nothing is called after `close`. */
  open(spec: ChannelSpec, onUpdate: (update: FeedUpdate) => void, onEnd: (error: SwapstatsError) => void): OpenFeed;
};

export type BusWorkers = {
  /** All workers that are to be asked. */
  readonly all: readonly BusWorker[];
  /** The workers of this process. */
  readonly own: readonly BusWorker[];
  /** How many partitions the stream has; 0: not known yet. */
  readonly partitions: number;
  /** Changes whenever `all` does. */
  readonly version: number;
  /** Owners may be away, and epochs may be of the past. */
  readonly mayBeAway: boolean;
  /** False where another instance may have taken over a partition that this process still holds for its own. */
  readonly isCachingSafe: boolean;
  ownerOf(partition: number): BusWorker | undefined;
  /** False: the epoch is that of a former owner, whose figures must not be shown. */
  isCurrent(partition: number, epoch: string): boolean;
  /** Notes that figures of this epoch were shown. */
  confirm(partition: number, epoch: string): void;
  /** Calls back whenever `all` has changed, until the returned function is called. */
  onChange(listener: () => void): () => void;
};

/** Every partition, of which there are some, has an owner. */
export function haveAllOwners(workers: BusWorkers): boolean {
  for (let partition = 0; partition < workers.partitions; partition++) {
    if (workers.ownerOf(partition) === undefined) return false;
  }
  return workers.partitions > 0;
}

/** Equal for equal partitions in equal epochs. */
export function partsText(parts: ReadonlyMap<number, string>): string {
  return [...parts]
    .map(([partition, epoch]) => `${partition}:${epoch}`)
    .sort()
    .join(",");
}
