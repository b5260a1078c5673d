/**
 * The partitions that a worker thread owns, which may change while it runs. Takeovers of one thread go one after the other:
 * each needs all of the memory's bandwidth, and the first is ready sooner. A partition that is let go while it is being
 * restored stops restoring.
 */
import { SwapstatsError } from "../../shared/errors.ts";
import type { PartitionRunner } from "../partition-runner.ts";
import type { ServedPartition } from "./served-partition.ts";
import { wireError } from "./worker-server.ts";
import type { WorkerPartition, WorkerReport } from "./worker-setup.ts";

export type OwnedPartition = {
  readonly runner: PartitionRunner;
  /** Lets what belongs to the partition alone go, once its runner has ended. */
  close(): void;
};

type OwnedPartitionsOptions = {
  readonly open: (partition: WorkerPartition) => OwnedPartition;
  readonly report: (report: WorkerReport) => void;
};

type Entry = OwnedPartition & { readonly restored: Promise<void> };

function letGo(partition: number): SwapstatsError {
  return new SwapstatsError("unavailable", `partition ${partition} was let go before it was restored`, {
    retryable: true,
  });
}

export class OwnedPartitions {
  readonly #options: OwnedPartitionsOptions;
  readonly #entries = new Map<number, Entry>();
  readonly #leaving = new Set<number>();
  /** By partition: what was told of it and is not done; a partition is opened again only when it was closed. */
  readonly #steps = new Map<number, Promise<void>>();
  #restoring: Promise<void> = Promise.resolve();
  #onChange: () => void = () => {};

  constructor(options: OwnedPartitionsOptions) {
    this.#options = options;
  }

  /** Called when a partition is there to be asked, and before one leaves. */
  set onChange(call: () => void) {
    this.#onChange = call;
  }

  /** A partition is served under a new epoch. */
  servedChanged(): void {
    this.#onChange();
  }

  get runners(): PartitionRunner[] {
    return [...this.#entries.values()].map((entry) => entry.runner);
  }

  /** Those whose state can be asked. */
  get served(): ServedPartition[] {
    return this.runners.flatMap((runner) => (runner.isServing ? [runner.served] : []));
  }

  /** Those whose figures are no older than those of the owner before, and go on. */
  get current(): ServedPartition[] {
    return this.runners.flatMap((runner) => (runner.isCurrent ? [runner.served] : []));
  }

  /** Why some partition cannot be asked; undefined when all can. */
  get absence(): SwapstatsError | undefined {
    return this.runners.find((runner) => !runner.isServing)?.absence;
  }

  own(partition: WorkerPartition): void {
    void this.#inOrder(partition.partition, () => {
      const opened = this.#options.open(partition);
      const restored = this.#restoring.then(() => this.#restore(opened.runner));
      this.#restoring = restored;
      this.#entries.set(partition.partition, { ...opened, restored });
    });
  }

  disown(partition: number, limitMs: number): void {
    void this.#inOrder(partition, async () => {
      const problems = await this.#leave(partition, limitMs);
      this.#options.report({ type: "disowned", partition, problems });
    });
  }

  /** Lets all go; resolves with what could not be written. */
  async disownAll(limitMs: number): Promise<string[]> {
    const problems: string[] = [];
    const partitions = new Set([...this.#entries.keys(), ...this.#steps.keys()]);
    const done = [...partitions].map((partition) =>
      this.#inOrder(partition, async () => {
        problems.push(...(await this.#leave(partition, limitMs)));
      }),
    );
    await Promise.all(done);
    return problems;
  }

  #inOrder(partition: number, step: () => Promise<void> | void): Promise<void> {
    const before = this.#steps.get(partition);
    const done = before === undefined ? Promise.resolve(step()) : before.then(step);
    this.#steps.set(partition, done);
    return done.finally(() => {
      if (this.#steps.get(partition) === done) this.#steps.delete(partition);
    });
  }

  async #restore(runner: PartitionRunner): Promise<void> {
    const { partition } = runner;
    try {
      if (this.#entries.get(partition)?.runner !== runner) throw letGo(partition);
      await runner.restore();
      runner.start();
      const problems = [...runner.restoreProblems];
      this.#onChange();
      this.#options.report({ type: "owned", partition, problems });
    } catch (error) {
      const why = this.#leaving.has(partition) ? letGo(partition) : error;
      this.#options.report({ type: "refused", partition, error: wireError(why) });
    }
  }

  async #leave(partition: number, limitMs: number): Promise<string[]> {
    const entry = this.#entries.get(partition);
    if (entry === undefined) return [];
    this.#leaving.add(partition);
    const results = await Promise.allSettled([entry.runner.drain(limitMs), entry.restored]);
    this.#leaving.delete(partition);
    this.#entries.delete(partition);
    this.#onChange();
    entry.close();
    return results.flatMap((result) => (result.status === "rejected" ? [String(result.reason)] : []));
  }
}
