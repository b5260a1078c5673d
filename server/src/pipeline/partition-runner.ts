/**
 * Runs one partition from its checkpoint to its end. States and steps (`RUNNER_STEPS`):
 *
 *   restoring --state restored--> running
 *   restoring --the checkpoint is refused, or the store fails--> failed     `start` rejects
 *   restoring --drain--> stopped                                            `start` rejects
 *   running   --drain--> draining
 *   running   --another owner claimed the partition, or its log cannot be read any further--> failed
 *   draining  --end of the log, or the limit--> stopped                     last checkpoint written, everything closed
 *   draining  --as in running--> failed
 *   failed    --drain--> stopped
 *
 * Records that are damaged or missing are no step: a running partition reports the gap to the engine, the redo delta and status.
 * A partition with a restored state responds to requests in all states; `failed` only means that it does not continue. Records are
 * applied in slices of a few milliseconds. Between slices the thread responds to requests: a long catch-up makes responses old, not slow.
 */
import type { Counters } from "../engine/types.ts";
import type { PartitionMetrics } from "../observability/partition-metrics.ts";
import { LONG_SECONDS, PlainHistogram, SHORT_SECONDS } from "../observability/plain-histogram.ts";
import type { RecordBatch } from "../ports/source.ts";
import type { PartitionStatus } from "../ports/stats-bus.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { StateMachine, type Steps } from "../shared/state-machine.ts";
import { arrivalOf } from "./arrivals.ts";
import { LogFollower, type LogGap } from "./log-follower.ts";
import { SchemaLoading } from "./mapped/schema-loading.ts";
import { type PartitionParts, partsOf, type RunnerOptions, restoreState } from "./partition-parts.ts";
import { type PartitionFacts, partitionMetrics, partitionStatus } from "./partition-report.ts";
import { SlicedApplying } from "./sliced-applying.ts";
import { ServedPartition } from "./views/served-partition.ts";
import { WaitingRecords } from "./waiting-records.ts";

/** Sentences about gaps that are kept for status, the newest ones. */
const GAPS_MAX = 16;

type RunnerState = "restoring" | "running" | "draining" | "failed" | "stopped";

export const RUNNER_STEPS: Steps<RunnerState> = {
  restoring: ["running", "failed", "stopped"],
  running: ["draining", "failed"],
  draining: ["stopped", "failed"],
  failed: ["stopped"],
  stopped: [],
};

export class PartitionRunner {
  readonly partition: number;
  readonly #options: RunnerOptions;
  readonly #machine: StateMachine<RunnerState>;
  readonly #follower: LogFollower;
  readonly #waiting: WaitingRecords;
  readonly #stop = new AbortController();
  readonly #applying: SlicedApplying;
  readonly #schemas = new SchemaLoading();
  readonly #applySeconds = new PlainHistogram(SHORT_SECONDS);
  readonly #checkpointSeconds = new PlainHistogram(LONG_SECONDS);
  /** Undefined while there is no state. */
  #parts: PartitionParts | undefined;
  /** Next offset to read. */
  #position = 0;
  /** End of the log at the take-over; undefined once the state has reached it. */
  #endAtTakeover: number | undefined;
  /** Resolves when the partition is being drained, or was stopped. */
  readonly #drained = Promise.withResolvers<void>();
  #started: Promise<void> | undefined;
  #loop: Promise<void> | undefined;
  /** Undefined while no drain has begun, or its end is not known. */
  #drainTo: { readonly offset: number; readonly deadlineMs: number } | undefined;
  #gaps: string[] = [];
  #failure: string | undefined;

  constructor(options: RunnerOptions) {
    this.partition = options.partition;
    this.#options = options;
    this.#machine = new StateMachine<RunnerState>(`Partition ${options.partition}`, RUNNER_STEPS, "restoring");
    this.#follower = new LogFollower(options.partition, options.reader);
    this.#waiting = new WaitingRecords(options.reader, options.clock);
    this.#stop.signal.addEventListener("abort", () => this.#drained.resolve());
    const { deadLetters, share } = options;
    const onSlice = (batch: RecordBatch, done: number): void => this.#publishSlice(batch, done);
    this.#applying = new SlicedApplying({ deadLetters, share, signal: this.#stop.signal, onSlice });
  }

  /** Whether there is a state that can be read. */
  get isServing(): boolean {
    return this.#parts !== undefined;
  }

  /** Returns the state for requests. Throws `unavailable` while there is none. */
  get served(): ServedPartition {
    if (this.#parts !== undefined) return this.#parts.served;
    throw this.absence;
  }

  /** Whether the state has reached the end that the log had at the take-over: its figures are no older than the former owner's. */
  get isCurrent(): boolean {
    return this.#isReading && this.#endAtTakeover === undefined;
  }

  /** The error of a request while there is no state. */
  get absence(): SwapstatsError {
    const why = this.#failure ?? "its state is being restored";
    return new SwapstatsError("unavailable", `partition ${this.partition}: ${why}`, { retryable: true });
  }

  /** Problems of the restore: plain sentences. */
  get restoreProblems(): readonly string[] {
    return this.#parts?.restored.problems ?? [];
  }

  get counters(): Counters | undefined {
    return this.#parts?.engine.counters;
  }

  get knownTokens(): number {
    return this.#parts?.engine.knownTokens ?? 0;
  }

  /**
   * Restores the state, then reads and applies until it is drained. Resolves when the state is there. Rejects as
   * `restorePartition` does, and with the reason of the abort when the partition is drained meanwhile.
   */
  start(): Promise<void> {
    this.#started = this.#restore();
    return this.#started;
  }

  /**
   * Applies what the log holds now, for at most `limitMs`, writes a last checkpoint and closes. To be called once. Rejects with
   * `storage_failed` when the checkpoint cannot be written; nothing is lost, the next start reads more records again.
   */
  async drain(limitMs: number): Promise<void> {
    const deadlineMs = performance.now() + limitMs;
    const limit = setTimeout(() => this.#stop.abort(), limitMs);
    try {
      if (this.#machine.state === "running") {
        this.#machine.become("draining");
        const { endOffset } = await this.#options.reader.range();
        this.#drainTo = { offset: endOffset, deadlineMs };
        this.#drained.resolve();
      }
      const isWaitingForSchema = this.#schemas.problem !== undefined;
      if (this.#machine.state !== "draining" || this.#isDrained() || isWaitingForSchema) this.#stop.abort();
      // The caller of `start` gets the failure.
      await this.#started?.catch(() => {});
      await this.#loop;
      await this.#parts?.checkpointer.finish();
    } finally {
      clearTimeout(limit);
      this.#options.history?.leave();
      this.#stop.abort();
      this.#machine.become("stopped");
      this.#options.deadLetters.flush();
      await this.#options.reader.close();
    }
  }

  /** Passes on whether the log is short of space. A full log accepts no records, so no batch would report it. */
  noteLogPressure(): void {
    this.#parts?.checkpointer.setLogPressure(this.#options.reader.pressure);
  }

  /**
   * Runs every few milliseconds while no record is applied. Checks whether the log has grown, because the lag of all responses then grows, too. The history
   * goes on: what has settled is final also where no further record comes.
   */
  noteWaiting(): void {
    const { board, history } = this.#options;
    if (this.#parts === undefined || board.oldestArrivalMs() !== 0) return;
    const offset = board.nextOffset();
    if (this.#isReading) history?.afterBatch(offset);
    if (this.#waiting.oldestFrom(offset) !== 0) this.#publish(this.#parts, offset);
  }

  async status(): Promise<PartitionStatus> {
    return partitionStatus(this.#options, await this.#facts());
  }

  /** Undefined while there is no state. */
  async metrics(): Promise<PartitionMetrics | undefined> {
    const parts = this.#parts;
    if (parts === undefined) return undefined;
    return partitionMetrics(this.#options, parts, await this.#facts(), {
      applySeconds: this.#applySeconds.numbers(),
      checkpointSeconds: this.#checkpointSeconds.numbers(),
    });
  }

  async #facts(): Promise<PartitionFacts> {
    const { reader, board, clock } = this.#options;
    const { endOffset } = await reader.range();
    this.noteWaiting();
    const parts = this.#parts;
    return {
      state: this.#reportedState,
      parts,
      position: this.#position,
      endOffset,
      lagMs: parts === undefined ? this.#ageOfLog(endOffset) : board.lagMs(clock.wallMs()),
      failure: this.#failure,
      readProblem: this.#follower.problem ?? this.#schemas.problem,
      gaps: this.#gaps,
    };
  }

  #ageOfLog(endOffset: number): number {
    return this.#position < endOffset ? this.#waiting.ageFrom(this.#position) : 0;
  }

  /** A stopped partition is about to be removed; status has no state for it. */
  get #reportedState(): PartitionStatus["state"] {
    const { state } = this.#machine;
    if (state !== "stopped") return state;
    return this.#failure === undefined ? "draining" : "failed";
  }

  get #isReading(): boolean {
    return this.#machine.state === "running" || this.#machine.state === "draining";
  }

  async #restore(): Promise<void> {
    try {
      this.#stop.signal.throwIfAborted();
      const restored = await restoreState(this.#options, this.#stop.signal);
      this.#stop.signal.throwIfAborted();
      this.#options.clock.raiseAsOf(restored.asOfMs);
      this.#position = restored.nextOffset;
      this.#endAtTakeover = restored.endOffset;
      this.#parts = partsOf(this.#options, restored, {
        written: ({ durationMs, nextOffset }) => {
          this.#checkpointSeconds.observe(durationMs / 1000);
          this.#options.onCheckpoint(nextOffset);
        },
        onReclaimed: (epoch) => this.#reclaimed(epoch),
        onFenced: (error) => this.#fail(error),
      });
    } catch (error) {
      if (this.#machine.state === "restoring") this.#becomeFailed(error);
      throw error;
    }
    this.#machine.become("running");
    this.#begin(this.#parts);
  }

  #begin(parts: PartitionParts): void {
    this.#waiting.reset();
    this.#publish(parts, this.#position);
    parts.checkpointer.start();
    this.noteLogPressure();
    this.#tellIfCurrent(parts);
    this.#loop = this.#run(parts);
  }

  /** Serves the same state under a new epoch. Revisions restart, and every subscriber gets the whole data again. */
  #reclaimed(epoch: number): void {
    const { board, clock, history } = this.#options;
    const parts = this.#parts as PartitionParts;
    parts.served = new ServedPartition(this.partition, String(epoch), parts.engine, board, clock, history);
    board.touchAll();
    this.#publish(parts, board.nextOffset());
    this.#options.onServedChanged();
    if (this.#endAtTakeover === undefined) this.#options.onCurrent(parts.served.epoch);
  }

  /** Reads and applies until the partition is drained or stopped: records from `LogFollower.next` go to `#apply`. */
  async #run(parts: PartitionParts): Promise<void> {
    try {
      while (!this.#stop.signal.aborted && !this.#isDrained()) {
        const next = await this.#follower.next(this.#position, this.#stop.signal, () => {
          this.#publish(parts, this.#position);
        });
        if ("sentence" in next) this.#skipGap(parts, next);
        else {
          await this.#roomInHistory();
          await this.#apply(parts, next);
        }
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#fail(error);
    }
  }

  /** With `history.on_failure: block`, waits while the rows of further records would have no room. Rejects when the partition is stopped. */
  async #roomInHistory(): Promise<void> {
    const { history } = this.#options;
    while (history?.isBlocked === true) {
      // The next owner waits in its turn.
      if (this.#drainTo !== undefined) this.#stop.abort();
      this.#stop.signal.throwIfAborted();
      await Promise.race([history.changed(), this.#drained.promise]);
    }
  }

  /** Puts highs, position and lag on the version board, where the main thread reads them. */
  #publish(parts: PartitionParts, nextOffset: number): void {
    parts.served.publish(nextOffset, this.#waiting.oldestFrom(nextOffset));
  }

  #tellIfCurrent(parts: PartitionParts): void {
    if (this.#endAtTakeover === undefined || this.#position < this.#endAtTakeover) return;
    this.#endAtTakeover = undefined;
    this.#options.onCurrent(parts.served.epoch);
  }

  #isDrained(): boolean {
    return this.#drainTo !== undefined && this.#position >= this.#drainTo.offset;
  }

  /** Continues behind permanently lost records. The engine, the redo delta and status record the gap. */
  #skipGap(parts: PartitionParts, { to, sentence }: LogGap): void {
    this.#options.history?.noteGap();
    parts.engine.noteGap();
    parts.checkpointer.noteGap(to);
    this.#position = to;
    this.#gaps = [...this.#gaps, sentence].slice(-GAPS_MAX);
    this.#publish(parts, to);
    this.#tellIfCurrent(parts);
  }

  /**
   * Applies a batch, adds it to the redo, and tells the checkpointer. A batch may be without records, and hold offsets alone, such as those of the
   * marks of transactions. Where a mapped record needs a schema, the records before it are finished first.
   */
  async #apply(parts: PartitionParts, batch: RecordBatch): Promise<void> {
    const { baseOffset, count, nextOffset } = batch;
    const { applier, redo, mapped } = parts;
    const { reader } = this.#options;
    let seconds = 0;
    for (let done = 0; done < count; ) {
      const slices = await this.#applying.run(applier, batch, done);
      done = slices.done;
      seconds += slices.seconds;
      if (mapped !== undefined) mapped.keep(batch, redo);
      else if (reader.keepsRecords) redo.addRange(batch);
      else redo.add(batch);
      if (done < count) await this.#continueAt(parts, baseOffset + done);
    }
    if (count > 0) this.#applySeconds.observe(seconds);
    this.#options.history?.afterBatch(nextOffset);
    this.#position = nextOffset;
    if (count === 0 || nextOffset > baseOffset + count) this.#publish(parts, nextOffset);
    parts.checkpointer.advance(nextOffset);
    this.#tellIfCurrent(parts);
    if (this.#drainTo !== undefined && performance.now() >= this.#drainTo.deadlineMs) this.#stop.abort();
  }

  /** Ends a part of a batch at this offset: checkpoints may begin here, also while the schema of the next record is being loaded. */
  async #continueAt(parts: PartitionParts, offset: number): Promise<void> {
    this.#position = offset;
    parts.checkpointer.advance(offset);
    const { mapped } = parts;
    if (mapped?.needsSchema !== true) return;
    // A partition that is to be released does not wait for a registry that is away. Its next owner does.
    await this.#schemas.run(mapped, this.#stop.signal, () => {
      if (this.#drainTo !== undefined) this.#stop.abort();
    });
  }

  #publishSlice(batch: RecordBatch, done: number): void {
    const parts = this.#parts as PartitionParts;
    if (done < batch.count) parts.served.publish(batch.baseOffset + done, arrivalOf(batch, done));
    else {
      this.#waiting.noteApplied(arrivalOf(batch, done - 1));
      this.#publish(parts, batch.nextOffset);
    }
  }

  /** Ends reading. Without effect on a partition that does not read any more. */
  #fail(error: unknown): void {
    if (!this.#isReading) return;
    const message = this.#becomeFailed(error);
    this.#stop.abort();
    this.#options.onFailed(message);
  }

  #becomeFailed(error: unknown): string {
    const message = error instanceof Error ? error.message : String(error);
    this.#machine.become("failed");
    this.#failure = message;
    return message;
  }
}
