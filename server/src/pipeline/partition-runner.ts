/**
 * Owns one partition from its checkpoint to its end:
 *
 *   restoring --state restored--> running
 *   restoring --refused, or the store fails--> failed       the caller is told, and the process does not start
 *   running   --records are damaged or missing--> running   a gap: told to the engine, kept in the redo, said in status
 *   running   --another owner claimed the partition--> failed
 *   running   --drain--> draining
 *   draining  --end of the log, or the limit--> stopped     last checkpoint, everything closed
 *   failed    --drain--> stopped
 *
 * While running and after a failure the state answers questions; `failed` only means that it does not go on. Records are
 * applied in slices of a few milliseconds, and between slices the thread answers what it was asked, so that a long catch-up
 * makes answers old, never slow.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { SharedClock } from "../bus/shared-clock.ts";
import { PartitionEngine } from "../engine/partition-engine.ts";
import { fingerprintOf } from "../engine/snapshot.ts";
import type { Counters, EngineConfig } from "../engine/types.ts";
import type { PartitionMetrics } from "../observability/metrics.ts";
import { LONG_SECONDS, PlainHistogram, SHORT_SECONDS } from "../observability/plain-histogram.ts";
import type { CheckpointStore } from "../ports/checkpoint-store.ts";
import type { BeginRule, PartitionReader, RecordBatch } from "../ports/source.ts";
import type { PartitionStatus } from "../ports/stats-bus.ts";
import type { Circuit } from "../shared/circuit.ts";
import { SwapstatsError } from "../shared/errors.ts";
import type { VersionBoard } from "../shared/version-board.ts";
import { arrivalOf, BatchApplier } from "./batch-applier.ts";
import { Checkpointer } from "./checkpoint/checkpointer.ts";
import { RedoWriter, readRedo } from "./checkpoint/redo-writer.ts";
import { type Restored, restorePartition } from "./checkpoint/restore.ts";
import type { DeadLetterBuffer } from "./dead-letter-buffer.ts";
import { newHashSeed } from "./hash-seed.ts";
import { LogFollower, type LogGap } from "./log-follower.ts";
import type { ThreadShare } from "./thread-share.ts";
import { ServedPartition } from "./views/served-partition.ts";

/** The as-of may be held this far ahead of the wall clock before status speaks of it. */
const HELD_AS_OF_MS = 60_000;
/** Sentences about gaps that are kept for status, the newest ones. */
const GAP_PROBLEMS_MAX = 16;

export type RunnerOptions = {
  readonly partition: number;
  readonly owner: string;
  readonly engine: EngineConfig;
  readonly reader: PartitionReader;
  readonly store: CheckpointStore;
  /** See `RestoreOptions`. */
  readonly isStoreExclusive: boolean;
  /** Of a store beside the data folder, for its metric. */
  readonly circuit?: Circuit | undefined;
  readonly board: VersionBoard;
  readonly clock: SharedClock;
  readonly deadLetters: DeadLetterBuffer;
  /** Of the thread, with the other partitions and all readers. */
  readonly share: ThreadShare;
  readonly snapshotIntervalMs: number;
  /** Since when a state that begins with the first record has seen everything; undefined: since its first high. */
  readonly seenSinceMs: number | undefined;
  readonly begin?: BeginRule | undefined;
  /** What is not as it should be with the source as a whole. */
  readonly sourceProblems?: () => readonly string[];
  /** The state has come up to what the log held when the partition was taken over. */
  readonly onCurrent?: (epoch: string) => void;
  /** `served` is another one, of another epoch. */
  readonly onServedChanged?: () => void;
  /** A checkpoint is durable that holds all records below. */
  readonly onCheckpoint?: (nextOffset: number) => void;
  /** It does not go on: claimed by another owner, or the log or the state cannot be read on. */
  readonly onFailed?: (message: string) => void;
};

type Running = {
  readonly engine: PartitionEngine;
  served: ServedPartition;
  readonly applier: BatchApplier;
  readonly checkpointer: Checkpointer;
  readonly redo: RedoWriter;
  readonly restored: Restored<PartitionEngine>;
  readonly countersAtStart: Counters;
};

export class PartitionRunner {
  readonly partition: number;
  readonly #options: RunnerOptions;
  readonly #follower: LogFollower;
  readonly #stop = new AbortController();
  readonly #applySeconds = new PlainHistogram(SHORT_SECONDS);
  readonly #checkpointSeconds = new PlainHistogram(LONG_SECONDS);
  #state: PartitionStatus["state"] = "restoring";
  #running: Running | undefined;
  #position = 0;
  /** Since when records wait that are not in hand; undefined: none do. */
  #waitingSinceMs: number | undefined;
  /** How long records were applied since readers had their turn. */
  #appliedMs = 0;
  /** Where the log ended at the take-over; undefined once the state has come up to it. */
  #endAtTakeover: number | undefined;
  #loop: Promise<void> | undefined;
  /** Where a drain ends; undefined: there is none. */
  #drainTo: { readonly offset: number; readonly deadlineMs: number } | undefined;
  #gapProblems: string[] = [];
  #failure: string | undefined;

  constructor(options: RunnerOptions) {
    this.partition = options.partition;
    this.#options = options;
    this.#follower = new LogFollower(options.partition, options.reader);
  }

  /** There is a state to be asked. */
  get isServing(): boolean {
    return this.#running !== undefined;
  }

  /** For questions; throws `unavailable` while there is no state. */
  get served(): ServedPartition {
    if (this.#running !== undefined) return this.#running.served;
    throw this.absence;
  }

  /** The state has come up to what the log held at the take-over: its figures are no older than those of the owner before. */
  get isCurrent(): boolean {
    return (this.#state === "running" || this.#state === "draining") && this.#endAtTakeover === undefined;
  }

  /** What to answer while there is no state. */
  get absence(): SwapstatsError {
    const why = this.#failure ?? "its state is being restored";
    return new SwapstatsError("unavailable", `partition ${this.partition}: ${why}`, { retryable: true });
  }

  /** Restores the state. Rejects as `restorePartition` does; the partition has then failed. */
  async restore(): Promise<void> {
    const { partition, owner, engine: config, reader, store, isStoreExclusive } = this.#options;
    const { deadLetters, seenSinceMs, begin, clock } = this.#options;
    try {
      const restored = await restorePartition<PartitionEngine>({
        store,
        isStoreExclusive,
        partition,
        owner,
        nowMs: Date.now,
        log: reader,
        createEngine: () => new PartitionEngine(config, newHashSeed()),
        fingerprint: fingerprintOf(config),
        restoreEngine: (header, chunks) => PartitionEngine.restore(config, header, chunks),
        applyRedo: (content, engine) => {
          const applier = new BatchApplier(
            engine,
            ignoreTouch,
            deadLetters.addForStore.bind(deadLetters),
            config.chains,
          );
          for (const batch of readRedo(content, partition)) applier.applySlice(batch, 0, Number.POSITIVE_INFINITY);
        },
        seenSinceMs,
        ...(begin === undefined ? {} : { begin }),
        signal: this.#stop.signal,
      });
      clock.raiseAsOf(restored.asOfMs);
      this.#running = this.#begin(restored);
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  /** Begins to read and apply. */
  start(): void {
    this.#running?.checkpointer.start();
    this.noteLogPressure();
    if (this.#state === "restoring") this.#state = "running";
    this.#endAtTakeover = this.#running?.restored.endOffset;
    this.#tellIfCurrent();
    this.#loop = this.#run();
  }

  /**
   * Applies what the log holds now, for at most `limitMs`, writes a last checkpoint and closes. Rejects with `storage_failed`
   * when that cannot be written; nothing is lost, the next start has more to read again.
   */
  async drain(limitMs: number): Promise<void> {
    const { reader } = this.#options;
    if (this.#state === "running") {
      this.#state = "draining";
      const { endOffset } = await reader.range();
      this.#drainTo = { offset: endOffset, deadlineMs: performance.now() + limitMs };
    }
    const limit = setTimeout(() => this.#stop.abort(), limitMs);
    if (this.#state !== "draining" || this.#isDrained()) this.#stop.abort();
    try {
      await this.#loop;
      await this.#running?.checkpointer.finish();
    } finally {
      clearTimeout(limit);
      this.#options.deadLetters.flush();
      await reader.close();
    }
  }

  /** The log has told the reader whether it is short of room. A full log takes nothing, so no batch would bring the news. */
  noteLogPressure(): void {
    this.#running?.checkpointer.setLogPressure(this.#options.reader.pressure);
  }

  async status(): Promise<PartitionStatus> {
    const { owner, reader, board } = this.#options;
    const { endOffset } = await reader.range();
    this.noteWaiting();
    const running = this.#running;
    const lag = running === undefined ? endOffset - this.#position : Math.max(0, endOffset - board.nextOffset());
    const seenSinceMs = running?.engine.seenSinceMs();
    const checkpoint = running?.checkpointer.status;
    return {
      partition: this.partition,
      owner,
      epoch: running?.served.epoch ?? "0",
      next_offset: running === undefined ? this.#position : board.nextOffset(),
      end_offset: endOffset,
      lag,
      lag_ms: lag === 0 ? 0 : this.#lagMs(),
      ...(seenSinceMs === undefined ? {} : { seen_since: seenSinceMs }),
      watermark: Object.fromEntries(running?.engine.watermarks() ?? []),
      ...(checkpoint === undefined
        ? {}
        : { checkpoint: { offset: checkpoint.offset, time: checkpoint.timeMs, bytes: checkpoint.bytes } }),
      ...(reader.arrivalClock === undefined ? {} : { arrival_clock: reader.arrivalClock }),
      state: this.#state,
      problems: this.#problems(),
    };
  }

  /** What was not as it should be at the restore: plain sentences. */
  get restoreProblems(): readonly string[] {
    return this.#running?.restored.problems ?? [];
  }

  get counters(): Counters | undefined {
    return this.#running?.engine.counters;
  }

  get knownTokens(): number {
    return this.#running?.engine.knownTokens ?? 0;
  }

  async metrics(): Promise<PartitionMetrics | undefined> {
    const running = this.#running;
    if (running === undefined) return undefined;
    const { lag, lag_ms } = await this.status();
    const { circuit, reader } = this.#options;
    return {
      partition: this.partition,
      counters: running.engine.counters,
      countersAtStart: running.countersAtStart,
      lagMs: lag_ms,
      lagRecords: lag,
      tokens: running.engine.knownTokens,
      tokensSplit: running.served.split.size,
      applySeconds: this.#applySeconds.numbers(),
      checkpointSeconds: this.#checkpointSeconds.numbers(),
      checkpointBytes: running.checkpointer.status?.bytes ?? 0,
      restoreSeconds: running.restored.durationMs / 1000,
      ...(reader.numbers === undefined ? {} : { source: reader.numbers }),
      storeCircuit: circuit === undefined ? undefined : { dependency: circuit.dependency, state: circuit.state },
      hot: undefined,
    };
  }

  #begin(restored: Restored<PartitionEngine>): Running {
    const { partition, reader, store, board, clock, deadLetters, snapshotIntervalMs } = this.#options;
    const { engine } = restored;
    const redo = new RedoWriter();
    const served = new ServedPartition(partition, String(restored.epoch), engine, board, clock);
    const checkpointer = new Checkpointer({
      store,
      claim: restored.claim,
      logId: restored.logId,
      engine,
      redo,
      snapshotIntervalMs,
      nowMs: Date.now,
      asOfMs: () => clock.now(),
      beforeSwap: () => deadLetters.settle(),
      release: (offset) => reader.release(offset),
      observer: {
        written: ({ durationMs, nextOffset }) => {
          this.#checkpointSeconds.observe(durationMs / 1000);
          this.#options.onCheckpoint?.(nextOffset);
        },
        paused: () => {},
      },
      onReclaimed: (epoch) => this.#reclaimed(running, epoch),
      onFenced: (error) => this.#fail(error),
    });
    this.#position = restored.nextOffset;
    this.#waitingSinceMs = undefined;
    served.publish(this.#position, this.#arrivalAt(this.#position));
    const applier = new BatchApplier(
      engine,
      (token) => running.served.touch(token),
      deadLetters.add.bind(deadLetters),
      engine.config.chains,
    );
    const countersAtStart = structuredClone(engine.counters);
    const running: Running = { engine, served, applier, checkpointer, redo, restored, countersAtStart };
    return running;
  }

  /** The same state under a new epoch: revisions begin anew, and whoever listens gets everything once more. */
  #reclaimed(running: Running, epoch: number): void {
    const { partition, board, clock } = this.#options;
    const served = new ServedPartition(partition, String(epoch), running.engine, board, clock);
    running.served = served;
    board.touchAll();
    served.publish(board.nextOffset(), this.#arrivalAt(board.nextOffset()));
    this.#options.onServedChanged?.();
    if (this.#endAtTakeover === undefined) this.#options.onCurrent?.(served.epoch);
  }

  async #run(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    try {
      while (!this.#stop.signal.aborted && !this.#isDrained()) {
        const next = await this.#follower.next(this.#position, this.#stop.signal, () => {
          running.served.publish(this.#position, this.#arrivalAt(this.#position));
        });
        if ("sentence" in next) this.#skipGap(running, next);
        else await this.#apply(running, next);
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#fail(error);
    }
  }

  /** Looks whether the log has gone on while nothing is applied, so that what waits grows old for all who ask. */
  noteWaiting(): void {
    const { board } = this.#options;
    if (this.#running === undefined || board.oldestArrivalMs() !== 0) return;
    const oldestArrivalMs = this.#arrivalAt(board.nextOffset());
    if (oldestArrivalMs !== 0) this.#running.served.publish(board.nextOffset(), oldestArrivalMs);
  }

  /** Of records that wait. While the state is being restored, of all that the log holds. */
  #lagMs(): number {
    const { board, clock, reader } = this.#options;
    const wallMs = clock.wallMs();
    if (this.#running !== undefined) return board.lagMs(wallMs);
    this.#waitingSinceMs ??= reader.arrivalFrom(this.#position) ?? wallMs;
    return Math.max(0, wallMs - this.#waitingSinceMs);
  }

  /** Arrival of the oldest record from an offset on that is not in hand; 0 when there is none. */
  #arrivalAt(offset: number): number {
    const { reader, clock } = this.#options;
    if (offset >= reader.knownEnd) {
      this.#waitingSinceMs = undefined;
      return 0;
    }
    this.#waitingSinceMs ??= reader.arrivalFrom(offset) ?? clock.wallMs();
    return this.#waitingSinceMs;
  }

  #tellIfCurrent(): void {
    const running = this.#running;
    if (running === undefined || this.#endAtTakeover === undefined || this.#position < this.#endAtTakeover) return;
    this.#endAtTakeover = undefined;
    this.#options.onCurrent?.(running.served.epoch);
  }

  #isDrained(): boolean {
    return this.#drainTo !== undefined && this.#position >= this.#drainTo.offset;
  }

  /** Goes on behind records that are gone for good. The engine, the redo and status know of it. */
  #skipGap(running: Running, { to, sentence }: LogGap): void {
    running.engine.noteGap();
    running.checkpointer.noteGap(to);
    this.#position = to;
    this.#gapProblems = [...this.#gapProblems, sentence].slice(-GAP_PROBLEMS_MAX);
    running.served.publish(to, this.#arrivalAt(to));
    this.#tellIfCurrent();
  }

  async #apply(running: Running, batch: RecordBatch): Promise<void> {
    const { checkpointer, redo } = running;
    if (batch.count === 0) {
      // Offsets that hold no record, such as the marks of transactions: the position moves, and nothing else.
      this.#position = batch.nextOffset;
      checkpointer.advance(batch.nextOffset);
      running.served.publish(batch.nextOffset, this.#arrivalAt(batch.nextOffset));
      return;
    }
    const seconds = await this.#applyRecords(running, batch);
    this.#applySeconds.observe(seconds);
    this.#position = batch.nextOffset;
    if (batch.count > 0) redo.add(batch);
    // Offsets behind the last record that are known to hold none.
    if (batch.nextOffset > batch.baseOffset + batch.count) {
      running.served.publish(batch.nextOffset, this.#arrivalAt(batch.nextOffset));
    }
    checkpointer.advance(batch.nextOffset);
    this.#tellIfCurrent();
    if (this.#drainTo !== undefined && performance.now() >= this.#drainTo.deadlineMs) this.#stop.abort();
  }

  /** Applies a batch in slices, between which readers of the state have their turn; returns how long it took without them. */
  async #applyRecords(running: Running, batch: RecordBatch): Promise<number> {
    const { deadLetters, share } = this.#options;
    let seconds = 0;
    for (let done = 0; ; ) {
      if (deadLetters.isFull) await this.#unlessStopped(deadLetters.room());
      const endApplying = share.beginApplying();
      const startedMs = performance.now();
      done = running.applier.applySlice(batch, done, share.applySliceMs);
      const tookMs = performance.now() - startedMs;
      share.noteApplied(tookMs);
      this.#appliedMs += tookMs;
      seconds += tookMs / 1000;
      if (done < batch.count) running.served.publish(batch.baseOffset + done, arrivalOf(batch, done));
      else {
        // Of what follows the arrival is not known yet; no record behind the last one of this batch is older.
        this.#waitingSinceMs = arrivalOf(batch, done - 1);
        running.served.publish(batch.nextOffset, this.#arrivalAt(batch.nextOffset));
      }
      // Small batches that are there already make one slice together.
      if (done < batch.count || this.#appliedMs >= share.applySliceMs) {
        this.#appliedMs = 0;
        await nextTurn();
      }
      endApplying();
      if (done === batch.count) return seconds;
    }
  }

  /** Resolves with the promise; rejects when the partition is stopped meanwhile. */
  async #unlessStopped(promise: Promise<void>): Promise<void> {
    const { signal } = this.#stop;
    const stopped = Promise.withResolvers<never>();
    const stop = (): void => stopped.reject(signal.reason);
    signal.addEventListener("abort", stop);
    try {
      signal.throwIfAborted();
      await Promise.race([promise, stopped.promise]);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  #problems(): string[] {
    const now = [
      this.#failure,
      this.#follower.problem,
      this.#options.reader.problem,
      this.#running?.checkpointer.problem,
      this.#options.deadLetters.problem,
      this.#heldAsOf(),
      this.#running?.served.split.problem,
    ];
    const ofSource = this.#options.sourceProblems?.() ?? [];
    const all = [
      ...this.restoreProblems,
      ...this.#gapProblems,
      ...now.filter((problem) => problem !== undefined),
      ...ofSource,
    ];
    return [...new Set(all)];
  }

  #heldAsOf(): string | undefined {
    const { clock } = this.#options;
    const aheadMs = clock.handle.mode === "live" ? clock.now() - clock.wallMs() : 0;
    if (aheadMs <= HELD_AS_OF_MS) return undefined;
    return (
      `The clock of this machine stepped back by ${Math.round(aheadMs / 1000)} s. As-of never goes back, so figures are ` +
      "those of the later instant until the clock gets there."
    );
  }

  #fail(error: unknown): void {
    if (this.#state === "failed") return;
    this.#state = "failed";
    this.#failure = error instanceof Error ? error.message : String(error);
    this.#stop.abort();
    this.#options.onFailed?.(this.#failure);
  }
}

function ignoreTouch(): void {}
