/**
 * The life of a partition's owner with the real engine, checkpointer and history writer over any stores: restore, apply, write, end anywhere. The
 * thread's port is a queue here, so that a life can end with messages on their way.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type OutcomeWatch, RawRowWriter, readRawRows } from "../../src/codecs/raw-rows.ts";
import { SettledRowWriter } from "../../src/codecs/settled-row-writer.ts";
import { readSettledRows } from "../../src/codecs/settled-rows.ts";
import { PartitionEngine } from "../../src/engine/partition-engine.ts";
import { fingerprintOf } from "../../src/engine/snapshot.ts";
import type { EngineConfig } from "../../src/engine/types.ts";
import { HistoryWriter } from "../../src/history/history-writer.ts";
import { RowBuffer } from "../../src/history/row-buffer.ts";
import { Spool } from "../../src/history/spool.ts";
import { takenOut } from "../../src/history/taken-out.ts";
import { BatchApplier } from "../../src/pipeline/batch-applier.ts";
import { Checkpointer } from "../../src/pipeline/checkpoint/checkpointer.ts";
import { RedoWriter, readRedo } from "../../src/pipeline/checkpoint/redo-writer.ts";
import { type Restored, restorePartition } from "../../src/pipeline/checkpoint/restore.ts";
import { HistoryLink } from "../../src/pipeline/history/history-link.ts";
import { TailBudget } from "../../src/pipeline/history/history-tail.ts";
import { PartitionHistory } from "../../src/pipeline/history/partition-history.ts";
import type { CheckpointStore } from "../../src/ports/checkpoint-store.ts";
import type { HistoryStore, RawRow, SettledRow } from "../../src/ports/history-store.ts";
import type { FromHistory, RawGap, ToHistory } from "../../src/ports/history-stream.ts";
import type { RecordBatch } from "../../src/ports/source.ts";
import { CONFIG, partOf } from "../pipeline/checkpoint/engine-life.ts";
import { never, START_MS } from "../sources/embedded/log-support.ts";
import { TEST_SEED } from "../support/hash-seed.ts";
import type { Random } from "../support/seed.ts";

/** Swaps settle after some seconds. */
export const SETTLING: EngineConfig = { ...CONFIG, graceMs: 2_000, reorgHorizonMs: 5_000, maxSkewMs: 2_000 };

export type LifeOptions = {
  readonly checkpoints: CheckpointStore;
  readonly history: HistoryStore;
  readonly batches: readonly RecordBatch[];
  readonly random: Random;
  readonly folder: string;
  readonly onFailure: "gap" | "block";
  readonly memoryBytes: number;
  readonly spoolBytes: number;
  /** Chance of pressure of the log, by which new bases begin. */
  readonly pressure: number;
  /** Gets the gaps of raw events that are told. */
  readonly rawGaps?: RawGap[] | undefined;
};

let spools = 0;

function applierOf(engine: PartitionEngine, watch?: OutcomeWatch): BatchApplier {
  const ignore = (): void => {};
  return new BatchApplier(engine, ignore, ignore, new Map(), watch);
}

/** All rows of a run without interruption, by sequence. */
export function rowsOfWholeRun(batches: readonly RecordBatch[]): SettledRow[] {
  const engine = new PartitionEngine(SETTLING, TEST_SEED);
  engine.setSeenSince(START_MS);
  const writer = new SettledRowWriter(engine.source, 0);
  engine.watchSettled(writer);
  for (const batch of batches) applierOf(engine).applySlice(batch, 0, Number.POSITIVE_INFINITY);
  const chunk = writer.cut();
  return chunk === undefined ? [] : [...readSettledRows(chunk.bytes)];
}

/** The time before which all swaps of a run without interruption have settled. Whole minutes. */
export function markOfWholeRun(batches: readonly RecordBatch[]): number {
  const engine = new PartitionEngine(SETTLING, TEST_SEED);
  for (const batch of batches) applierOf(engine).applySlice(batch, 0, Number.POSITIVE_INFINITY);
  const scan = engine.unsettled.settledBeforeMs();
  for (let step = scan.next(); ; step = scan.next()) {
    if (step.done === true) return Math.floor((step.value ?? 0) / 60_000) * 60_000;
  }
}

/** All raw events of a run without interruption. */
export function rawOfWholeRun(batches: readonly RecordBatch[]): RawRow[] {
  const engine = new PartitionEngine(SETTLING, TEST_SEED);
  engine.setSeenSince(START_MS);
  const writer = new RawRowWriter();
  for (const batch of batches) applierOf(engine, writer).applySlice(batch, 0, Number.POSITIVE_INFINITY);
  const chunk = writer.cut();
  return chunk === undefined ? [] : [...readRawRows(chunk.bytes, new Map())];
}

export class Life {
  readonly #options: LifeOptions;
  readonly #writer: HistoryWriter;
  readonly #link: HistoryLink;
  readonly #history: PartitionHistory;
  /** Of the restore. */
  problems: readonly string[] = [];
  #isDead = false;
  #checkpointer: Checkpointer | undefined;
  #nowMs = START_MS;
  /** Epochs of streams that were begun in this life. */
  readonly #begun = new Set<number>();

  constructor(options: LifeOptions, tail: { readonly tailBytes?: number | undefined } = {}) {
    const { tailBytes = options.random.pick([2_000, 200_000]) } = tail;
    this.#options = options;
    const { memoryBytes, spoolBytes, onFailure, folder, history } = options;
    const spool = new Spool(join(folder, `spool-${spools++}`));
    this.#writer = new HistoryWriter({
      kind: "embedded",
      store: history,
      buffer: new RowBuffer({ memoryBytes, spoolBytes, spool }),
      batchRows: 1 + options.random.below(200),
      flushIntervalMs: options.random.pick([1, 20]),
      onFailure,
      chains: new Map(),
      monotonicMs: () => performance.now(),
      onProblem: () => {},
    });
    let toWorker: (message: FromHistory) => void = () => {};
    const reply = (message: FromHistory): void => this.#later(() => toWorker(message));
    const giveBack = (memory: Uint8Array<ArrayBuffer>): void =>
      // What it held is gone, as rows that others are written over would be.
      reply({ type: "spare", memory: structuredClone(memory, { transfer: [memory.buffer] }).fill(255) });
    this.#writer.connect(reply);
    this.#link = new HistoryLink({
      postMessage: (message: ToHistory, memory: readonly ArrayBuffer[]) => {
        this.#checkBegun(message);
        if (message.type === "raw_gap") options.rawGaps?.push(message.gap);
        const moved = structuredClone(message, { transfer: [...memory] });
        this.#later(() => this.#writer.take(takenOut(moved, giveBack), reply));
      },
      on: (_event, call) => {
        toWorker = call;
      },
      close: () => {},
    });
    this.#history = new PartitionHistory({
      partition: 0,
      link: this.#link,
      budget: new TailBudget(tailBytes),
      keepsRaw: true,
      onFailure,
      bufferBytes: spoolBytes,
      monotonicMs: () => this.#nowMs,
    });
    this.#writer.start();
  }

  /** Applies batches from what the checkpoint holds up to this offset. */
  async run(until: number): Promise<void> {
    const { batches, random, pressure } = this.#options;
    const restored = await this.#restore();
    const { engine } = restored;
    this.problems = restored.problems;
    const redo = new RedoWriter();
    const checkpointer = this.#open(restored, redo);
    // As an owner does before the first record.
    void checkpointer.write().catch(() => {});
    const applier = applierOf(engine, this.#history.outcomeWatch);
    const rangeChance = random.pick([0, 0.5, 1]);
    let position = restored.nextOffset;
    for (const batch of batches) {
      if (batch.baseOffset < position) continue;
      if (batch.baseOffset >= until) break;
      this.#nowMs += 5_000;
      checkpointer.setLogPressure(random.chance(pressure));
      while (this.#history.isBlocked) {
        await checkpointer.write().catch(() => {});
        await nextTurn();
      }
      if (random.chance(0.3)) void checkpointer.write().catch(() => {});
      applier.applySlice(batch, 0, Number.POSITIVE_INFINITY);
      if (random.chance(rangeChance)) redo.addRange(batch);
      else redo.add(batch);
      position = batch.nextOffset;
      this.#history.afterBatch(position);
      checkpointer.advance(position);
      if (random.chance(0.5)) await nextTurn();
      if (random.chance(0.1)) await this.#turns(random.below(60));
    }
  }

  /** Spans of offsets whose raw events the history thread knows to be missing. */
  get rawGaps(): number {
    return this.#writer.health().rawGaps;
  }

  /** Ends like a killed process: nothing more is sent, and calls that have begun may still be applied. */
  kill(): void {
    this.#isDead = true;
    this.#checkpointer?.abandon();
    void this.#writer.stop();
  }

  /** Writes a checkpoint of everything. */
  async save(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#checkpointer?.write();
        await this.#checkpointer?.baseDone();
        await this.#checkpointer?.write();
        return;
      } catch (error) {
        if (attempt > 50) throw error;
      }
    }
  }

  /** Ends in order: everything that settled is written. */
  async finish(): Promise<void> {
    await this.save();
    await this.#turns(5);
    assert.equal(await this.#writer.drain(20_000), undefined);
    this.#checkpointer?.abandon();
  }

  #open(restored: Restored<PartitionEngine>, redo: RedoWriter): Checkpointer {
    this.#checkpointer = new Checkpointer({
      store: this.#options.checkpoints,
      claim: restored.claim,
      logId: restored.logId,
      engine: restored.engine,
      redo,
      history: this.#history,
      snapshotIntervalMs: 1_000,
      nowMs: () => this.#nowMs,
      asOfMs: () => this.#nowMs,
      beforeSwap: async () => {},
      release: async () => {},
      logStart: async () => 0,
      observer: { written: () => {}, paused: () => {} },
      onReclaimed: () => {},
      onFenced: () => {},
    });
    return this.#checkpointer;
  }

  #restore(): Promise<Restored<PartitionEngine>> {
    const { checkpoints: store, batches } = this.#options;
    const endOffset = batches.at(-1)?.nextOffset ?? 0;
    return restorePartition<PartitionEngine>({
      isStoreExclusive: false,
      store,
      partition: 0,
      owner: "test",
      nowMs: () => this.#nowMs,
      log: {
        range: async () => ({ startOffset: 0, endOffset, logId: "log", formerLogIds: [] }),
        isOwn: true,
        openAt: async () => {},
      },
      readLog: async (position) => partOf(batches, position, 100),
      createEngine: () => new PartitionEngine(SETTLING, TEST_SEED),
      fingerprint: fingerprintOf(SETTLING),
      restoreEngine: (header, chunks) => PartitionEngine.restore(SETTLING, header, chunks),
      applyRedo: async (content, engine, readRange) => {
        const apply = (batch: RecordBatch): void => {
          applierOf(engine, this.#history.redoWatch).applySlice(batch, 0, Number.POSITIVE_INFINITY);
          this.#history.afterBatch(batch.nextOffset);
        };
        for (const entry of readRedo(content, 0)) {
          if (entry.type === "batch") apply(entry.batch);
          else for await (const batch of readRange(entry.range)) apply(batch);
        }
      },
      seenSinceMs: START_MS,
      history: this.#history,
      signal: never,
    });
  }

  /** Asserts that a stream is begun before everything else of it. */
  #checkBegun(message: ToHistory): void {
    if (message.type === "begin") this.#begun.add(message.stream.epoch);
    const named = {
      ...("stream" in message ? message.stream : undefined),
      ...("mark" in message ? message.mark : undefined),
    };
    if (named.epoch !== undefined) assert.ok(this.#begun.has(named.epoch), `${message.type} comes before begin`);
  }

  #later(call: () => void): void {
    setImmediate(() => {
      if (!this.#isDead) call();
    });
  }

  async #turns(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await nextTurn();
  }
}
