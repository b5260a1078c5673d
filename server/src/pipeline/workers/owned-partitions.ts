/**
 * The partitions that are assigned to a worker, which may change while it runs. Take-overs of one thread run one after the other: each
 * needs all of the memory's bandwidth, and the first one is ready sooner. The revocation of a partition aborts its restore.
 */
import { SwapstatsError } from "../../shared/errors.ts";
import { toWire } from "../../shared/wire-error.ts";
import type { PartitionRunner } from "../partition-runner.ts";
import type { ServedPartition } from "../views/served-partition.ts";
import type { WorkerPartition, WorkerReport } from "./worker-setup.ts";

type OwnedPartitionsOptions = {
  readonly open: (partition: WorkerPartition) => PartitionRunner;
  readonly report: (report: WorkerReport) => void;
};

type Entry = { readonly runner: PartitionRunner; readonly restored: Promise<void> };

function revoked(partition: number): SwapstatsError {
  return new SwapstatsError("unavailable", `partition ${partition} was revoked before it was restored`, {
    retryable: true,
  });
}

export class OwnedPartitions {
  readonly #options: OwnedPartitionsOptions;
  readonly #entries = new Map<number, Entry>();
  readonly #leaving = new Set<number>();
  /** The last pending command of each partition. A partition is opened again only after it was closed. */
  readonly #steps = new Map<number, Promise<void>>();
  #restoring: Promise<void> = Promise.resolve();
  #onChange: () => void = () => {};

  constructor(options: OwnedPartitionsOptions) {
    this.#options = options;
  }

  /** Called when a partition begins to serve requests, and before it ends. */
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

  /** Partitions whose state serves requests. */
  get served(): ServedPartition[] {
    return this.runners.flatMap((runner) => (runner.isServing ? [runner.served] : []));
  }

  /** Partitions whose figures are up to date, and no older than those of the previous owner. */
  get current(): ServedPartition[] {
    return this.runners.flatMap((runner) => (runner.isCurrent ? [runner.served] : []));
  }

  /** Why a partition cannot serve requests. Undefined when all can. */
  get absence(): SwapstatsError | undefined {
    return this.runners.find((runner) => !runner.isServing)?.absence;
  }

  assign(partition: WorkerPartition): void {
    void this.#inOrder(partition.partition, () => {
      const runner = this.#options.open(partition);
      const restored = this.#restoring.then(() => this.#restore(runner));
      this.#restoring = restored;
      this.#entries.set(partition.partition, { runner, restored });
    });
  }

  revoke(partition: number, limitMs: number): void {
    void this.#inOrder(partition, async () => {
      const problems = await this.#leave(partition, limitMs);
      this.#options.report({ type: "revoked", partition, problems });
    });
  }

  /** Revokes all partitions. Resolves with the problems of writing. */
  async revokeAll(limitMs: number): Promise<string[]> {
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
      if (this.#entries.get(partition)?.runner !== runner) throw revoked(partition);
      await runner.start();
      const problems = [...runner.restoreProblems];
      this.#onChange();
      this.#options.report({ type: "assigned", partition, problems });
    } catch (error) {
      const why = this.#leaving.has(partition) ? revoked(partition) : error;
      this.#options.report({ type: "refused", partition, error: toWire(why) });
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
    return results.flatMap((result) => (result.status === "rejected" ? [String(result.reason)] : []));
  }
}
