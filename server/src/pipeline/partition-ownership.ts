/**
 * Makes the workers own what the group says is this instance's: takes partitions over, lets them go, and tries again what
 * failed in a way that may pass. One partition:
 *
 *   wanted   --own--> owned --failed, and still wanted--> let go, and wanted again after a pause
 *   wanted   --refused, retryable or claimed by another--> again after a pause, while it is wanted
 *   wanted   --refused for good--> told once by `onRefused`; the process should end
 *   owned    --no longer wanted--> let go: brought up, saved, closed
 */
import { SwapstatsError } from "../shared/errors.ts";
import { backoffMs } from "../shared/retry.ts";
import type { BeginRule } from "./checkpoint/restore.ts";

export type OwnershipOptions = {
  readonly workers: {
    own(partition: number, begin?: BeginRule): Promise<readonly string[]>;
    disown(partition: number, limitMs: number): Promise<readonly string[]>;
  };
  /** Where a partition begins without a checkpoint; rejects with a retryable error while that cannot be said. */
  readonly beginRule: (partition: number) => Promise<BeginRule>;
  /** How long a partition that is let go may take to be brought up and saved. */
  readonly limitMs: number;
  /** What was not as it should be, in sentences. */
  readonly onProblem: (sentence: string) => void;
  /** A state cannot be taken over, whatever is tried. */
  readonly onRefused: (error: SwapstatsError) => void;
  /**
   * The partitions that this instance answers for have changed: those whose state is up to date, each with its epoch, until just
   * before they are let go.
   */
  readonly onServing: (serving: ReadonlyMap<number, string>) => void;
};

/** Before a partition is tried again. */
const BACKOFF = { firstMs: 150, longestMs: 5_000 };

type Task = { wanted: boolean; isFailed: boolean; running: Promise<void> | undefined; wake: (() => void) | undefined };

export class PartitionOwnership {
  readonly #options: OwnershipOptions;
  readonly #tasks = new Map<number, Task>();
  readonly #owned = new Set<number>();
  readonly #serving = new Map<number, string>();
  #isEnding = false;

  constructor(options: OwnershipOptions) {
    this.#options = options;
  }

  /** From now on exactly these are wanted. */
  want(partitions: readonly number[]): void {
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

  /** An owned partition does not go on: it is let go, and taken over again if it is still wanted. */
  failed(partition: number, message: string): void {
    const task = this.#tasks.get(partition);
    if (task === undefined) return;
    this.#options.onProblem(`Partition ${partition} stopped: ${message}`);
    task.isFailed = true;
    this.#run(partition, task);
  }

  /** Wants nothing any more, and resolves when what was being taken over or let go is; the workers still own the rest. */
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
      if (!task.wanted && !this.#owned.has(partition)) this.#tasks.delete(partition);
      // What was told while the last step ended.
      else if (!this.#isEnding && (task.isFailed || task.wanted !== this.#owned.has(partition))) {
        this.#run(partition, task);
      }
    });
  }

  /** Goes on until the partition is as it is wanted. */
  async #settle(partition: number, task: Task): Promise<void> {
    let failures = 0;
    while (!this.#isEnding) {
      if (this.#owned.has(partition) && (!task.wanted || task.isFailed)) {
        await this.#letGo(partition);
        if (task.isFailed && task.wanted) await this.#pause(task, failures + 1);
        task.isFailed = false;
      } else if (task.wanted && !this.#owned.has(partition)) {
        if (await this.#takeOver(partition)) return;
        await this.#pause(task, ++failures);
      } else return;
    }
  }

  /** False: to be tried again. */
  async #takeOver(partition: number): Promise<boolean> {
    const { workers, beginRule, onProblem, onRefused } = this.#options;
    try {
      const problems = await workers.own(partition, await beginRule(partition));
      for (const problem of problems) onProblem(problem);
      this.#owned.add(partition);
      return true;
    } catch (error) {
      this.#stopServing(partition);
      await workers.disown(partition, 0);
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

  async #letGo(partition: number): Promise<void> {
    this.#stopServing(partition);
    for (const problem of await this.#options.workers.disown(partition, this.#options.limitMs)) {
      this.#options.onProblem(`Partition ${partition} was let go without a last checkpoint: ${problem}`);
    }
    this.#owned.delete(partition);
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
