/**
 * Keeps the checkpoint of one partition, in the thread of its owner. The owner applies records, adds each to the redo, and calls
 * `advance` after each batch. The stream waits only for a slice of a base image now and then. Every snapshot interval the redo
 * becomes a delta, and the manifest is swapped. Base images are written at the same time (see redo-chain.ts). States (`CHECKPOINTER_STEPS`):
 *
 *   running  --another owner has claimed the partition--> fenced    nothing is written any more; the owner must stop
 *   running  --finish or abandon--> finished
 *
 * A failing store stops only the checkpoints. The log keeps the records that they lack.
 */

import { setTimeout as pause } from "node:timers/promises";
import { SwapstatsError } from "../../shared/errors.ts";
import { freeMemory } from "../../shared/free-memory.ts";
import { StateMachine, type Steps } from "../../shared/state-machine.ts";
import { WakeableTimer } from "../../shared/wakeable-timer.ts";
import { BaseImageWriter } from "./base-image-writer.ts";
import type { CheckpointerOptions } from "./checkpointer-options.ts";
import type { Manifest } from "./manifest.ts";
import { checkpointBytes, formatOf } from "./manifest.ts";
import { ManifestKeeper, partPrefix } from "./manifest-keeper.ts";
import { RedoChain } from "./redo-chain.ts";

/** Limit of the image that an owner leaves at its end. */
const LAST_IMAGE_MS_MAX = 5_000;

type CheckpointStatus = { readonly offset: number; readonly timeMs: number; readonly bytes: number };

type CheckpointerState = "running" | "fenced" | "finished";

export const CHECKPOINTER_STEPS: Steps<CheckpointerState> = {
  running: ["fenced", "finished"],
  fenced: [],
  finished: [],
};

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #keeper: ManifestKeeper;
  readonly #chain: RedoChain;
  readonly #timer = new WakeableTimer();
  readonly #prefix: string;
  readonly #machine: StateMachine<CheckpointerState>;
  /** Records that the engine had accepted at the last `advance`. */
  #acceptedAtAdvance: number;
  /** A write that waits for the end of the batch that is being applied. */
  #waitingForBatch: { readonly resolve: () => void; readonly reject: (error: SwapstatsError) => void } | undefined;
  readonly #base: BaseImageWriter;
  #isUnderPressure = false;
  #isEnding = false;
  /** First offset that the log had when it was last asked for. */
  #logStart = 0;
  #partCount = 0;
  /** Whether the last write swapped the manifest, which proved that the claim still holds. */
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
    this.#base = new BaseImageWriter(options.store, manifest.partition, {
      paused: (ms) => options.observer.paused(ms),
      written: (image, parts) => {
        if (!this.#chain.baseWritten(image)) this.#keeper.discard(parts);
        this.#timer.wake();
      },
      failed: (error, parts) => {
        this.#keeper.discard([...parts, ...this.#chain.baseFailed()]);
        this.#noteFailure(error);
      },
    });
    this.#prefix = partPrefix(manifest.epoch);
    this.#acceptedAtAdvance = options.engine.counters.accepted;
    if (manifest.bases.length > 0) this.#setStatus(manifest);
  }

  /** The newest durable checkpoint; undefined while there is none. */
  get status(): CheckpointStatus | undefined {
    return this.#status;
  }

  /** Why checkpoints are not being written now; undefined when they are. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /**
   * Notes that all records below `nextOffset`, and no others, are applied and in the redo. A delta is cut and an image begun only
   * in exactly this state: now, or later if no record has been applied by then.
   */
  advance(nextOffset: number): void {
    this.#acceptedAtAdvance = this.#options.engine.counters.accepted;
    if (this.#chain.advance(nextOffset)) {
      this.#options.history?.noteCut(nextOffset);
      this.#timer.wake();
    }
    const waiting = this.#waitingForBatch;
    if (waiting === undefined) return;
    this.#waitingForBatch = undefined;
    this.#cut();
    waiting.resolve();
  }

  /** Notes missing offsets. The engine has recorded the gap, and the next record has this offset. */
  noteGap(resumeOffset: number): void {
    this.#options.history?.noteCut(this.#chain.position);
    this.#chain.noteGap(resumeOffset);
  }

  /** Notes whether the log is short of room. */
  setLogPressure(isUnderPressure: boolean): void {
    if (isUnderPressure && !this.#isUnderPressure) this.#timer.wake();
    this.#isUnderPressure = isUnderPressure;
  }

  /** Begins to write a checkpoint every snapshot interval, until it is finished or fenced. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /**
   * Writes a checkpoint of everything that is applied now, if anything is new. Rejects with `storage_failed` (try again later) or
   * `checkpoint_conflict` (fenced). Calls do not overlap: a call during another one waits for it, then writes.
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

  /** Resolves when no base image is being written. */
  baseDone(): Promise<void> {
    return this.#base.done();
  }

  /**
   * Stops the loop and writes a last checkpoint. If the redo needs records of the log, an image is written too: the log may have lost them
   * when the next owner comes. Rejects as `write` does. The owner has applied its last record. If it failed within a batch,
   * nothing more is written, and the next owner reads that batch again.
   */
  async finish(): Promise<void> {
    if (!this.#isBetweenBatches()) this.abandon();
    try {
      if (this.#isRunning && this.#chain.state !== "whole") {
        // The last deltas need a base, so this waits for it.
        await this.write();
        await this.baseDone();
      }
      await this.write();
      if (this.#isRunning && this.#chain.readsLog) {
        await this.#writeLastImage();
        await this.write();
      }
    } finally {
      this.abandon();
      await this.#loop;
    }
  }

  /** The next owner waits meanwhile, so a large state is left to the redo. */
  async #writeLastImage(): Promise<void> {
    const limit = new AbortController();
    const isOver = pause(LAST_IMAGE_MS_MAX, undefined, { signal: limit.signal }).catch(() => {});
    const written = async (): Promise<void> => {
      await this.baseDone();
      this.#isEnding = true;
      if (this.#base.tookMs <= LAST_IMAGE_MS_MAX) await this.write();
      await this.baseDone();
    };
    try {
      await Promise.race([written(), isOver]);
    } finally {
      limit.abort();
      this.#base.abort(new SwapstatsError("unavailable", "the time for the last image is over"));
    }
  }

  /** Stops at once, like a killed process. Pending writes may or may not become durable. */
  abandon(): void {
    if (this.#isRunning) this.#machine.become("finished");
    const error = new SwapstatsError("unavailable", "the checkpointer was stopped");
    this.#base.abort(error);
    this.#waitingForBatch?.reject(error);
    this.#waitingForBatch = undefined;
    this.#timer.wake();
  }

  get #isRunning(): boolean {
    return this.#machine.state === "running";
  }

  async #run(): Promise<void> {
    while (this.#isRunning) {
      // A failure is kept in `problem`. The interval is the pause before the next attempt.
      await this.write().then(
        () => this.#checkClaim(),
        () => {},
      );
      await this.#timer.pause(this.#options.snapshotIntervalMs);
    }
  }

  /**
   * Looks at the claim where a write did not. An owner that has nothing to write, or must not write because dead letters wait, would
   * never learn that another owner claimed the partition. That owner may have given it up since. Readers that have seen its later epoch
   * refuse answers of the earlier one, so the tokens of this partition would stay stale.
   */
  async #checkClaim(): Promise<void> {
    if (!this.#isRunning || this.#hasSwapped) return;
    try {
      if (!(await this.#keeper.checkClaim(this.#options.nowMs()))) return;
      this.#keeper.discard(this.#chain.forget());
      this.#options.onReclaimed(this.#keeper.current.epoch);
    } catch (error) {
      // A write that needs the store reports that it is away.
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
    if (this.#chain.readsLog) this.#logStart = await this.#options.logStart().catch(() => this.#logStart);
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
    const history = this.#options.history === undefined ? {} : { history: this.#options.history.position() };
    const times = { asOfMs, writtenAtMs };
    const format = formatOf(content.deltas);
    const manifest = { format, partition, epoch, owner, ...log, ...times, ...history, ...content };
    await this.#swap(manifest);
    this.#options.history?.written(manifest);
    this.#hasSwapped = true;
    this.#setStatus(manifest);
    const durationMs = performance.now() - startedMs + (isBase ? this.#base.tookMs : 0);
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

  /** Writes a part. After a failure the part may be stored all the same, and its content is written again under another name. */
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

  /** Resolves in the call of `advance` that ends the batch and cuts the delta. Rejects when there will be no such call. */
  #batchEnd(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waitingForBatch = { resolve, reject };
    });
  }

  #cut(): void {
    this.#chain.cut();
    this.#options.history?.noteCut(this.#chain.position);
    if (this.#isBaseDue()) this.#beginBase();
  }

  #isBaseDue(): boolean {
    const isPressed = this.#isPressed();
    // The last image waits for the history: the next owner makes the rows again that the store does not have.
    if (!this.#chain.isBaseDue(isPressed || this.#isEnding)) return false;
    const { history } = this.#options;
    const [newest] = this.#chain.bases;
    if (history === undefined || newest === undefined) return true;
    if (this.#chain.state === "broken") return history.mayReplace(newest);
    return history.mayBase(newest, this.#chain.redoSinceBaseBytes, isPressed);
  }

  /** Whether the log is short of space, or will not have the redo's records for long. One base image an interval suffices. */
  #isPressed(): boolean {
    const isPressed = this.#isUnderPressure || this.#chain.isNearStart(this.#logStart);
    return isPressed && this.#options.nowMs() - this.#base.begunMs >= this.#options.snapshotIntervalMs;
  }

  /** Under pressure, a manifest without news is worth writing where only the previous manifest holds the log back. */
  #mayRelease(): boolean {
    return this.#isUnderPressure && this.#keeper.isHeldByOlder;
  }

  /** Begins an image of the present state. It is written while deltas continue, and `write` puts it into a manifest. */
  #beginBase(): void {
    const { engine, history, nowMs } = this.#options;
    const rows = history?.beginBase(this.#chain.bases);
    const offset = this.#chain.beginBase();
    const namePrefix = `base${this.#prefix}${this.#partCount++}`;
    this.#base.begin(() => engine.beginSnapshot(), { offset, namePrefix, rows }, nowMs());
  }

  #setStatus(manifest: Manifest): void {
    const { nextOffset, writtenAtMs } = manifest;
    this.#status = { offset: nextOffset, timeMs: writtenAtMs, bytes: checkpointBytes(manifest) };
  }

  #noteFailure(error: unknown): void {
    if (!this.#isRunning) return;
    const text = error instanceof Error ? error.message : String(error);
    this.#problem = `Checkpoints are not being written: ${text.replace(/\.$/, "")}. The service retries until it works.`;
    if (!(error instanceof SwapstatsError) || error.code !== "checkpoint_conflict") return;
    this.#machine.become("fenced");
    this.#base.abort(error);
    this.#timer.wake();
    this.#options.onFenced(error);
  }
}
