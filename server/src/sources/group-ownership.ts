/**
 * Makes the workers' assignment follow that of a group: assigns and revokes partitions, and retries after temporary failures. One
 * partition:
 *
 *   wanted   --assigned--> held --failed, and still wanted--> revoked, and wanted again after a pause
 *   wanted   --refused, retryable or claimed by another--> again after a pause, while it is wanted
 *   wanted   --refused permanently--> `onRefused` is called once; the process should end
 *   held     --no longer wanted--> revoked: brought up, saved, closed
 */

import type { PartitionAssigner } from "../ports/ingestion.ts";
import type { BeginRule } from "../ports/source.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { backoffMs } from "../shared/retry.ts";

type GroupOwnershipOptions = {
  readonly workers: PartitionAssigner;
  /** Returns where a partition begins without a checkpoint; rejects with a retryable error while that is not known. */
  readonly beginRule: (partition: number) => Promise<BeginRule>;
  /** Time limit for a revoked partition to catch up and be saved. */
  readonly limitMs: number;
  /** Something is wrong with a partition, in a plain sentence. */
  readonly onProblem: (sentence: string) => void;
  /** A state cannot be taken over, and no retry helps. */
  readonly onRefused: (error: SwapstatsError) => void;
  /**
   * The partitions that this instance answers for have changed: those whose state is up to date, each with its epoch, until just
   * before they are revoked.
   */
  readonly onServing: (serving: ReadonlyMap<number, string>) => void;
};

/** Before a partition is tried again. */
const BACKOFF = { firstMs: 150, longestMs: 5_000 };

type Task = { wanted: boolean; isFailed: boolean; running: Promise<void> | undefined; wake: (() => void) | undefined };

export class GroupOwnership {
  readonly #options: GroupOwnershipOptions;
  readonly #tasks = new Map<number, Task>();
  readonly #held = new Set<number>();
  readonly #serving = new Map<number, string>();
  #isEnding = false;

  constructor(options: GroupOwnershipOptions) {
    this.#options = options;
  }

  /** The group's assignment is now exactly these partitions. */
  assign(partitions: readonly number[]): void {
    if (this.#isEnding) return;
    const wanted = new Set(partitions);
    for (const [partition, task] of this.#tasks) if (!wanted.has(partition)) this.#setWanted(partition, task, false);
    for (const partition of partitions) {
      const task = this.#tasks.get(partition) ?? {
        wanted: false,
        isFailed: false,
        running: undefined,
        wake: undefined,
      };
      this.#tasks.set(partition, task);
      this.#setWanted(partition, task, true);
    }
  }

  /** The state of a partition is up to date. */
  current(partition: number, epoch: string): void {
    if (!this.#tasks.get(partition)?.wanted) return;
    this.#serving.set(partition, epoch);
    this.#options.onServing(this.#serving);
  }

  /** A partition stopped: it is revoked, and assigned again if it is still wanted. */
  failed(partition: number, message: string): void {
    const task = this.#tasks.get(partition);
    if (task === undefined) return;
    this.#options.onProblem(`Partition ${partition} stopped: ${message}`);
    task.isFailed = true;
    this.#run(partition, task);
  }

  /** Ends all steps, and resolves when those under way have ended. The workers keep the partitions that they have. */
  async stop(): Promise<void> {
    this.#isEnding = true;
    for (const partition of [...this.#serving.keys()]) this.#stopServing(partition);
    for (const task of this.#tasks.values()) task.wake?.();
    await Promise.all([...this.#tasks.values()].map((task) => task.running));
  }

  #setWanted(partition: number, task: Task, wanted: boolean): void {
    if (task.wanted === wanted) return;
    task.wanted = wanted;
    task.wake?.();
    this.#run(partition, task);
  }

  #run(partition: number, task: Task): void {
    task.running ??= this.#settle(partition, task).finally(() => {
      task.running = undefined;
      if (!task.wanted && !this.#held.has(partition)) this.#tasks.delete(partition);
      // The assignment changed while the last step ended.
      else if (!this.#isEnding && (task.isFailed || task.wanted !== this.#held.has(partition))) {
        this.#run(partition, task);
      }
    });
  }

  /** Assigns or revokes until the partition is as the group wants it. */
  async #settle(partition: number, task: Task): Promise<void> {
    let failures = 0;
    while (!this.#isEnding) {
      if (this.#held.has(partition) && (!task.wanted || task.isFailed)) {
        await this.#revoke(partition);
        if (task.isFailed && task.wanted) await this.#pause(task, failures + 1);
        task.isFailed = false;
      } else if (task.wanted && !this.#held.has(partition)) {
        if (await this.#assign(partition)) return;
        await this.#pause(task, ++failures);
      } else return;
    }
  }

  /** Returns false if the attempt must be repeated. */
  async #assign(partition: number): Promise<boolean> {
    const { workers, beginRule, onProblem, onRefused } = this.#options;
    try {
      const problems = await workers.assign(partition, await beginRule(partition));
      for (const problem of problems) onProblem(problem);
      this.#held.add(partition);
      return true;
    } catch (error) {
      this.#stopServing(partition);
      await workers.revoke(partition, 0);
      if (!(error instanceof SwapstatsError)) throw error;
      if (error.code === "checkpoint_incompatible" || error.code === "bad_config") {
        this.#isEnding = true;
        onRefused(error);
        return true;
      }
      onProblem(`Partition ${partition} cannot be taken over yet: ${error.message}`);
      return false;
    }
  }

  async #revoke(partition: number): Promise<void> {
    this.#stopServing(partition);
    for (const problem of await this.#options.workers.revoke(partition, this.#options.limitMs)) {
      this.#options.onProblem(`Partition ${partition} was revoked without a last checkpoint: ${problem}`);
    }
    this.#held.delete(partition);
  }

  #stopServing(partition: number): void {
    if (this.#serving.delete(partition)) this.#options.onServing(this.#serving);
  }

  async #pause(task: Task, failures: number): Promise<void> {
    if (this.#isEnding) return;
    const woken = Promise.withResolvers<void>();
    task.wake = woken.resolve;
    const timer = setTimeout(woken.resolve, backoffMs(BACKOFF, failures));
    await woken.promise;
    clearTimeout(timer);
    task.wake = undefined;
  }
}
