/** The workers of this process. They are never away, and epochs are therefore not tracked. */
import type { ChannelSpec } from "../ports/stats-bus.ts";
import { SwapstatsError } from "../shared/errors.ts";
import type { BusWorker, BusWorkers, CoveredResponse, OpenFeed } from "./bus-workers.ts";
import type { RequestKind, RequestOf } from "./requests.ts";
import type { FeedUpdate } from "./responses.ts";
import type { WorkerClient } from "./worker-client.ts";

/** A worker, as `WorkerClient` reaches it. */
export type WorkerPort = Pick<WorkerClient, "ask" | "open">;

export class LocalWorkers implements BusWorkers {
  readonly all: readonly BusWorker[];
  readonly version = 0;
  readonly mayBeAway = false;
  readonly isCachingSafe = true;
  readonly #partitionCount: () => number;
  readonly #workerOf: (partition: number) => number;

  /**
   * `partitionCount` returns the present number of partitions of the stream, which may grow; `workerOf` the index of the worker that has a
   * partition, if this process has it.
   */
  constructor(workers: readonly WorkerPort[], partitionCount: () => number, workerOf: (partition: number) => number) {
    this.all = workers.map((worker, index) => new LocalWorker(worker, index));
    this.#partitionCount = partitionCount;
    this.#workerOf = workerOf;
  }

  get own(): readonly BusWorker[] {
    return this.all;
  }

  get partitions(): number {
    return this.#partitionCount();
  }

  ownerOf(partition: number): BusWorker | undefined {
    return this.all[this.#workerOf(partition)];
  }

  isCurrent(): boolean {
    return true;
  }

  confirm(): void {}

  onChange(): () => void {
    return () => {};
  }
}

class LocalWorker implements BusWorker {
  readonly key: string;
  readonly isLocal = true;
  readonly parts: ReadonlyMap<number, string> = new Map();
  readonly #worker: WorkerPort;

  constructor(worker: WorkerPort, index: number) {
    this.#worker = worker;
    this.key = `/${index}`;
  }

  async ask<K extends RequestKind>(request: RequestOf<K>): Promise<CoveredResponse<K>> {
    return { response: await this.#worker.ask(request), covers: [] };
  }

  open(spec: ChannelSpec, onUpdate: (update: FeedUpdate) => void, onEnd: (error: SwapstatsError) => void): OpenFeed {
    return openAtWorker(this.#worker, spec, onUpdate, onEnd);
  }
}

/** Opens a feed at a worker of this process. The worker reports the end of the feed by a promise. */
export function openAtWorker(
  worker: WorkerPort,
  spec: ChannelSpec,
  onUpdate: (update: FeedUpdate) => void,
  onEnd: (error: SwapstatsError) => void,
): OpenFeed {
  let isClosed = false;
  let close: (() => void) | undefined;
  const end = (error: SwapstatsError): void => {
    if (isClosed) return;
    isClosed = true;
    onEnd(error);
  };
  const opening = worker.open(
    spec,
    (update) => {
      if (!isClosed) onUpdate(update);
    },
    () => end(new SwapstatsError("unavailable", "the partition was revoked", { retryable: true })),
  );
  const opened = opening.then((closeIt) => {
    close = closeIt;
    if (isClosed) closeIt();
  });
  opened.catch(end);
  return {
    opened,
    close: () => {
      isClosed = true;
      close?.();
    },
  };
}
