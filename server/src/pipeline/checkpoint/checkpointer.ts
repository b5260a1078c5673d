/**
 * Keeps the checkpoint of one partition, in the thread of its owner. The owner applies records, puts each into the redo, and
 * calls `advance` behind each batch; all that this costs the stream is a slice of a base image now and then. Every snapshot
 * interval the redo becomes a delta, and the manifest is swapped; base images are written beside that (see redo-chain.ts).
 *
 *   running  --another owner has claimed the partition--> fenced    nothing is written any more; the owner must stop
 *   running  --finish or abandon--> finished
 *
 * A failing store stops nothing but the checkpoints, and the log keeps what they do not hold.
 */

import type { CheckpointStore } from "../../ports/checkpoint-store.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { freeMemory } from "../../shared/free-memory.ts";
import { StateMachine, type Steps } from "../../shared/state-machine.ts";
import { WakeableTimer } from "../../shared/wakeable-timer.ts";
import type { Snapshot } from "./checkpoint-base.ts";
import { writeBase } from "./checkpoint-base.ts";
import type { Manifest } from "./manifest.ts";
import { checkpointBytes, MANIFEST_FORMAT } from "./manifest.ts";
import { ManifestKeeper, partPrefix } from "./manifest-keeper.ts";
import type { RedoBuffer, RestoredChain } from "./redo-chain.ts";
import { RedoChain } from "./redo-chain.ts";

/** What a restore hands over: the claim that it made, and what it stands on. */
export type Claim = {
  /** As the claim wrote it. */
  readonly manifest: Manifest;
  /** The store's version of it. */
  readonly version: string;
  readonly chain: RestoredChain;
};

export type CheckpointObserver = {
  /** A manifest is durable; `isBase`: with a new base image. The duration is that of all writes for it. */
  written(checkpoint: { isBase: boolean; durationMs: number; bytes: number; nextOffset: number }): void;
  /** The stream waited so long for a slice, or for the begin of an image. */
  paused(ms: number): void;
};

export type CheckpointerOptions = {
  readonly store: CheckpointStore;
  readonly claim: Claim;
  /** Of the log that offsets are of from now on. */
  readonly logId?: string | undefined;
  /** `counters.accepted` grows with every record, which tells whether the state stands at the last `advance`. */
  readonly engine: { beginSnapshot(): Snapshot; readonly counters: { readonly accepted: number } };
  readonly redo: RedoBuffer;
  readonly snapshotIntervalMs: number;
  readonly nowMs: () => number;
  /** The latest instant that an answer was given for. */
  readonly asOfMs: () => number;
  /** Makes durable what must not be behind the checkpoint (dead letters); called before each swap. */
  readonly beforeSwap: () => Promise<void>;
  /** Tells the source that records below are no longer needed. */
  readonly release: (offset: number) => Promise<void>;
  readonly observer: CheckpointObserver;
  /** The store had lost the claim; it holds again, in this epoch, which goes with all that is served from now on. */
  readonly onReclaimed: (epoch: number) => void;
  /** Called once, when another owner has claimed the partition: this one must stop. */
  readonly onFenced: (error: SwapstatsError) => void;
};

export type CheckpointStatus = { readonly offset: number; readonly timeMs: number; readonly bytes: number };

export type CheckpointerState = "running" | "fenced" | "finished";

export const CHECKPOINTER_STEPS: Steps<CheckpointerState> = {
  running: ["fenced", "finished"],
  fenced: [],
  finished: [],
};

type RunningBase = { readonly controller: AbortController; readonly done: Promise<void> };

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #keeper: ManifestKeeper;
  readonly #chain: RedoChain;
  readonly #timer = new WakeableTimer();
  readonly #prefix: string;
  readonly #machine: StateMachine<CheckpointerState>;
  /** Records that the engine had taken at the last `advance`. */
  #acceptedAtAdvance: number;
  /** A write that waits for the end of the batch that is being applied. */
  #waitingForBatch: { readonly resolve: () => void; readonly reject: (error: SwapstatsError) => void } | undefined;
  #base: RunningBase | undefined;
  #baseBegunMs = Number.NEGATIVE_INFINITY;
  #baseMs = 0;
  #isUnderPressure = false;
  #partCount = 0;
  /** The last write swapped the manifest, which proved that the claim still holds. */
  #hasSwapped = false;
  #writing: Promise<void> | undefined;
  #loop: Promise<void> | undefined;
  #problem: string | undefined;
  #status: CheckpointStatus | undefined;

  constructor(options: CheckpointerOptions) {
    const { manifest, version, chain } = options.claim;
    this.#options = options;
    const name = `The checkpointer of partition ${manifest.partition}`;
    this.#machine = new StateMachine<CheckpointerState>(name, CHECKPOINTER_STEPS, "running");
    this.#keeper = new ManifestKeeper(options.store, manifest, version);
    this.#chain = new RedoChain(options.redo, chain);
    this.#prefix = partPrefix(manifest.epoch);
    this.#acceptedAtAdvance = options.engine.counters.accepted;
    if (manifest.bases.length > 0) this.#setStatus(manifest);
  }

  /** The newest durable checkpoint; undefined while there is none. */
  get status(): CheckpointStatus | undefined {
    return this.#status;
  }

  /** Why checkpoints are not being written at the moment; undefined when they are. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /**
   * All records below `nextOffset`, and no others, are applied and in the redo. A delta is cut and an image begun only where
   * the state stands exactly here: now, or later if no record has been applied by then.
   */
  advance(nextOffset: number): void {
    this.#acceptedAtAdvance = this.#options.engine.counters.accepted;
    if (this.#chain.advance(nextOffset)) this.#timer.wake();
    const waiting = this.#waitingForBatch;
    if (waiting === undefined) return;
    this.#waitingForBatch = undefined;
    this.#cut();
    waiting.resolve();
  }

  /** Offsets are missing: the engine was told, and the next record has this offset. */
  noteGap(resumeOffset: number): void {
    this.#chain.noteGap(resumeOffset);
  }

  /** The log wants room, or not any more: what it says with its notices of new records. */
  setLogPressure(isUnderPressure: boolean): void {
    if (isUnderPressure && !this.#isUnderPressure) this.#timer.wake();
    this.#isUnderPressure = isUnderPressure;
  }

  /** Begins to write a checkpoint every snapshot interval, until it is finished or fenced. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /**
   * Writes a checkpoint of all that is applied now, if anything is new. Rejects with `storage_failed` (try again later) or
   * `checkpoint_conflict` (fenced). Calls do not overlap: one that comes during another waits for it, then writes.
   */
  async write(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing.catch(() => {});
    if (!this.#isRunning) return;
    this.#writing = this.#attempt();
    try {
      await this.#writing;
    } finally {
      this.#writing = undefined;
    }
  }

  /** Resolves when no base image is being written (any more). */
  async baseDone(): Promise<void> {
    await this.#base?.done;
  }

  /**
   * Stops the loop and writes a last checkpoint; rejects as `write` does. The owner has applied its last record; if it
   * failed within a batch, nothing more is written, and the next owner reads that batch again.
   */
  async finish(): Promise<void> {
    if (!this.#isBetweenBatches()) this.abandon();
    try {
      if (this.#isRunning && this.#chain.state !== "whole") {
        // The last deltas need a base to stand on, so here it is waited for.
        await this.write();
        await this.baseDone();
      }
      await this.write();
    } finally {
      this.abandon();
      await this.#loop;
    }
  }

  /** Stops at once, as a killed process would; what is being written may or may not become durable. */
  abandon(): void {
    if (this.#isRunning) this.#machine.become("finished");
    const error = new SwapstatsError("unavailable", "the checkpointer was stopped");
    this.#base?.controller.abort(error);
    this.#waitingForBatch?.reject(error);
    this.#waitingForBatch = undefined;
    this.#timer.wake();
  }

  get #isRunning(): boolean {
    return this.#machine.state === "running";
  }

  async #run(): Promise<void> {
    while (this.#isRunning) {
      // A failure is kept in `problem`; the interval is the pause before the next attempt.
      await this.write().then(
        () => this.#checkClaim(),
        () => {},
      );
      await this.#timer.pause(this.#options.snapshotIntervalMs);
    }
  }

  /**
   * An owner that has nothing to write, or must not write because dead letters wait, would never learn that the partition was claimed
   * by another, which may have let it go again since: readers who have seen the later epoch believe nothing of the earlier one, so
   * its tokens would stay stale.
   */
  async #checkClaim(): Promise<void> {
    if (!this.#isRunning || this.#hasSwapped) return;
    try {
      if (!(await this.#keeper.checkClaim(this.#options.nowMs()))) return;
      this.#keeper.discard(this.#chain.forget());
      this.#options.onReclaimed(this.#keeper.current.epoch);
    } catch (error) {
      // That the store is away is told by a write that needs it.
      if (error instanceof SwapstatsError && error.code === "checkpoint_conflict") this.#noteFailure(error);
    }
  }

  async #attempt(): Promise<void> {
    try {
      await this.#writeOnce();
      this.#problem = undefined;
    } catch (error) {
      this.#noteFailure(error);
      await this.#checkClaim();
      throw error;
    }
  }

  async #writeOnce(): Promise<void> {
    this.#hasSwapped = false;
    const { claim, beforeSwap, nowMs } = this.#options;
    const startedMs = performance.now();
    if (this.#isBetweenBatches()) this.#cut();
    else await this.#batchEnd();
    for (let cut = this.#chain.nextCut; cut !== undefined; cut = this.#chain.nextCut) {
      const name = `redo${this.#prefix}${this.#partCount++}`;
      await this.#putPart(name, cut.content);
      if (!this.#chain.cutStored(cut, name)) this.#keeper.discard([name]);
      freeMemory(cut.content);
    }
    await beforeSwap();
    const content = this.#chain.content();
    if (content === undefined || !this.#isRunning) return;
    const { current } = this.#keeper;
    const isBase = content.bases[0] !== current.bases[0];
    if (!isBase && content.nextOffset === current.nextOffset && !this.#mayRelease()) return;
    const { partition, owner } = claim.manifest;
    const { epoch } = current;
    const writtenAtMs = nowMs();
    const asOfMs = this.#options.asOfMs();
    const { logId } = this.#options;
    const log = logId === undefined ? {} : { logId };
    const manifest = { format: MANIFEST_FORMAT, partition, epoch, owner, ...log, asOfMs, writtenAtMs, ...content };
    await this.#swap(manifest);
    this.#hasSwapped = true;
    this.#setStatus(manifest);
    const durationMs = performance.now() - startedMs + (isBase ? this.#baseMs : 0);
    this.#options.observer.written({
      isBase,
      durationMs,
      bytes: checkpointBytes(manifest),
      nextOffset: manifest.nextOffset,
    });
    const floor = this.#keeper.neededLogOffset;
    if (floor !== undefined) await this.#options.release(floor);
    if (this.#mayRelease()) this.#timer.wake();
  }

  /** A part whose write failed may be there nevertheless, and will be written again under another name. */
  async #putPart(name: string, content: Uint8Array): Promise<void> {
    const { store, claim } = this.#options;
    try {
      await store.putPart(claim.manifest.partition, name, content);
    } catch (error) {
      this.#keeper.discard([name]);
      throw error;
    }
  }

  async #swap(manifest: Manifest): Promise<void> {
    try {
      await this.#keeper.swap(manifest);
    } finally {
      if (this.#keeper.hasLostParts) this.#keeper.discard(this.#chain.forget());
    }
  }

  #isBetweenBatches(): boolean {
    return this.#options.engine.counters.accepted === this.#acceptedAtAdvance;
  }

  /** Resolves in the call of `advance` that ends the batch, which cuts the delta; rejects when that will not come. */
  #batchEnd(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waitingForBatch = { resolve, reject };
    });
  }

  #cut(): void {
    this.#chain.cut();
    if (this.#chain.isBaseDue(this.#isPressed())) this.#beginBase();
  }

  /** The log presses, and one base image an interval is answer enough. */
  #isPressed(): boolean {
    return this.#isUnderPressure && this.#options.nowMs() - this.#baseBegunMs >= this.#options.snapshotIntervalMs;
  }

  /** Under pressure a manifest without news is worth it where only the one before holds the log back. */
  #mayRelease(): boolean {
    return this.#isUnderPressure && this.#keeper.isHeldByOlder;
  }

  /** Begins an image of this very moment; it is written beside the deltas, and `write` puts it into a manifest. */
  #beginBase(): void {
    const { store, claim, engine, observer, nowMs } = this.#options;
    const startedMs = performance.now();
    const offset = this.#chain.beginBase();
    const snapshot = engine.beginSnapshot();
    observer.paused(performance.now() - startedMs);
    this.#baseBegunMs = nowMs();
    const controller = new AbortController();
    const parts: string[] = [];
    const task = {
      store,
      partition: claim.manifest.partition,
      namePrefix: `base${this.#prefix}${this.#partCount++}`,
      snapshot,
      offset,
      takenAtMs: this.#baseBegunMs,
      signal: controller.signal,
      onPause: (ms: number) => observer.paused(ms),
      onPart: (name: string) => parts.push(name),
    };
    const done = writeBase(task).then(
      (image) => {
        this.#base = undefined;
        this.#baseMs = performance.now() - startedMs;
        if (!this.#chain.baseWritten(image)) this.#keeper.discard(parts);
        this.#timer.wake();
      },
      (error) => {
        this.#base = undefined;
        this.#keeper.discard([...parts, ...this.#chain.baseFailed()]);
        this.#noteFailure(error);
      },
    );
    this.#base = { controller, done };
  }

  #setStatus(manifest: Manifest): void {
    const { nextOffset, writtenAtMs } = manifest;
    this.#status = { offset: nextOffset, timeMs: writtenAtMs, bytes: checkpointBytes(manifest) };
  }

  #noteFailure(error: unknown): void {
    if (!this.#isRunning) return;
    const text = error instanceof Error ? error.message : String(error);
    this.#problem = `Checkpoints are not being written: ${text.replace(/\.$/, "")}. Writing is tried again until it works.`;
    if (!(error instanceof SwapstatsError) || error.code !== "checkpoint_conflict") return;
    this.#machine.become("fenced");
    this.#base?.controller.abort(error);
    this.#timer.wake();
    this.#options.onFenced(error);
  }
}
