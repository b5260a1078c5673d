/**
 * A partition in miniature for tests of checkpoints: an engine whose state is the text of all records, a log in memory
 * that drops what is released at once, and the loop that an owner runs.
 */
import { Checkpointer } from "../../../src/pipeline/checkpoint/checkpointer.ts";
import { RedoWriter, readRedo } from "../../../src/pipeline/checkpoint/redo-writer.ts";
import type { Restored } from "../../../src/pipeline/checkpoint/restore.ts";
import { restorePartition } from "../../../src/pipeline/checkpoint/restore.ts";
import type { CheckpointStore } from "../../../src/ports/checkpoint-store.ts";
import type { LogRange, RecordBatch } from "../../../src/ports/source.ts";
import { SwapstatsError } from "../../../src/shared/errors.ts";
import { EmbeddedCheckpointStore } from "../../../src/stores/embedded-checkpoint-store.ts";
import type { FileSystem } from "../../../src/stores/file-system.ts";
import { never, START_MS } from "../../sources/embedded/log-support.ts";
import type { SimulatedDisk } from "./simulated-disk.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

class ToyEngine {
  /** One character a record; `|` for a gap. */
  state = "";
  seenSince: number | undefined;
  readonly counters = { accepted: 0 };

  setSeenSince(ms: number): void {
    this.seenSince = ms;
  }

  noteGap(): void {
    this.state += "|";
  }

  apply(record: string): void {
    this.counters.accepted++;
    this.state += record;
  }

  beginSnapshot(): {
    header: Uint8Array;
    totalBytes: number;
    next(max: number): Uint8Array | undefined;
    abort(): void;
  } {
    const image = encoder.encode(this.state);
    let done = 0;
    return {
      header: encoder.encode(JSON.stringify({ fingerprint: "toy=1", seenSince: this.seenSince ?? null })),
      totalBytes: image.length,
      next: () => {
        const slice = image.slice(done, done + 100);
        done += slice.length;
        return slice.length === 0 ? undefined : slice;
      },
      abort: () => {
        done = image.length;
      },
    };
  }

  static restore(header: Uint8Array, chunks: Iterable<Uint8Array>): ToyEngine {
    const engine = new ToyEngine();
    const { fingerprint, seenSince } = JSON.parse(decoder.decode(header));
    if (fingerprint !== "toy=1") throw new SwapstatsError("checkpoint_incompatible", "another toy");
    engine.seenSince = seenSince ?? undefined;
    for (const chunk of chunks) engine.state += decoder.decode(chunk);
    return engine;
  }
}

/** The records [from, to) of a text as a batch. */
function batchOf(records: readonly string[], from: number, to: number): RecordBatch {
  const payload = encoder.encode(records.slice(from, to).join(""));
  const ends = Uint32Array.from({ length: to - from }, (_, i) => i + 1);
  return { partition: 0, baseOffset: from, nextOffset: to, count: to - from, payload, ends, arrivalsMs: START_MS };
}

function applyTo(engine: ToyEngine, { payload, count }: RecordBatch): void {
  for (const record of decoder.decode(payload.subarray(0, count))) engine.apply(record);
}

/** The records of a partition. Of a log of our own, what is released is gone at once. Another one loses records by itself. */
export class ToyLog {
  readonly records: string[];
  startOffset = 0;
  endOffset: number;
  logId: string | undefined;
  readonly keepsRecords: boolean;
  readonly isOwn: boolean;
  /** Called before each read of records again. */
  beforeRead: () => void = () => {};
  constructor(records: readonly string[], keepsRecords = false, isOwn = !keepsRecords) {
    this.records = [...records];
    this.endOffset = records.length;
    this.keepsRecords = keepsRecords;
    this.isOwn = isOwn;
  }
  async range(): Promise<LogRange> {
    const { startOffset, endOffset, logId } = this;
    return { startOffset, endOffset, logId, formerLogIds: [] };
  }
  /** Three records at most. */
  async read(position: number): Promise<RecordBatch> {
    this.beforeRead();
    if (position < this.startOffset || position >= this.endOffset)
      throw new SwapstatsError("log_damaged", `position ${position} of ${this.startOffset} to ${this.endOffset}`);
    return batchOf(this.records, position, Math.min(position + 3, this.endOffset));
  }
  async openAt(offset: number): Promise<void> {
    if (this.startOffset === this.endOffset && this.endOffset < offset) this.startOffset = offset;
    this.endOffset = Math.max(this.endOffset, offset);
  }
  async release(offset: number): Promise<void> {
    if (this.isOwn) this.startOffset = Math.max(this.startOffset, offset);
  }
}

export class ToyOwner {
  readonly engine: ToyEngine;
  readonly restored: Restored<ToyEngine>;
  readonly checkpointer: Checkpointer;
  epoch: number;
  beforeSwap: () => Promise<void> = async () => {};
  fenced: SwapstatsError | undefined;
  readonly whenFenced = Promise.withResolvers<SwapstatsError>();
  position: number;
  readonly #redo = new RedoWriter();
  readonly #log: ToyLog;
  nowMs: number;

  private constructor(restored: Restored<ToyEngine>, store: CheckpointStore, log: ToyLog, nowMs: number) {
    this.restored = restored;
    this.engine = restored.engine;
    this.epoch = restored.epoch;
    this.position = restored.nextOffset;
    this.nowMs = nowMs;
    this.#log = log;
    this.checkpointer = new Checkpointer({
      store,
      claim: restored.claim,
      logId: log.logId,
      engine: restored.engine,
      redo: this.#redo,
      snapshotIntervalMs: 5000,
      nowMs: () => this.nowMs,
      asOfMs: () => this.nowMs,
      beforeSwap: () => this.beforeSwap(),
      release: (offset) => log.release(offset),
      logStart: async () => log.startOffset,
      observer: { written: () => {}, paused: () => {} },
      onReclaimed: (epoch) => {
        this.epoch = epoch;
      },
      onFenced: (error) => {
        this.fenced = error;
        this.whenFenced.resolve(error);
      },
    });
  }

  static start(
    fs: FileSystem,
    log: ToyLog,
    nowMs: number = START_MS,
    fingerprint = "toy=1",
    dataDir = "/data",
  ): Promise<ToyOwner> {
    return ToyOwner.startOver(new EmbeddedCheckpointStore(dataDir, fs), log, nowMs, fingerprint, true);
  }

  /** The same over any store. */
  static async startOver(
    store: CheckpointStore,
    log: ToyLog,
    nowMs: number = START_MS,
    fingerprint = "toy=1",
    isStoreExclusive = false,
  ): Promise<ToyOwner> {
    const restored = await restorePartition({
      store,
      isStoreExclusive,
      partition: 0,
      owner: "toy",
      nowMs: () => nowMs,
      log,
      readLog: (position) => log.read(position),
      createEngine: () => new ToyEngine(),
      fingerprint,
      restoreEngine: (header, chunks) => {
        if (fingerprint !== "toy=1") throw new SwapstatsError("checkpoint_incompatible", "another toy");
        return ToyEngine.restore(header, chunks);
      },
      applyRedo: async (content, engine, readRange) => {
        for (const entry of readRedo(content, 0)) {
          if (entry.type === "batch") applyTo(engine, entry.batch);
          else for await (const batch of readRange(entry.range)) applyTo(engine, batch);
        }
      },
      seenSinceMs: 77,
      signal: never,
    });
    return new ToyOwner(restored, store, log, nowMs);
  }

  /** Applies the next `count` records of the log. */
  apply(count: number): void {
    for (let i = 0; i < count && this.position < this.#log.endOffset; i++) {
      this.engine.apply(this.#log.records[this.position]!);
      this.position++;
      this.#keep(1);
    }
  }

  /** Adds the last records before the position to the redo. */
  #keep(count: number): void {
    const batch = batchOf(this.#log.records, this.position - count, this.position);
    if (this.#log.keepsRecords) this.#redo.addRange(batch);
    else this.#redo.add(batch);
    this.checkpointer.advance(this.position);
  }

  /** A batch of two records, with `between` called when only the first is applied. */
  applyInTwo(between: () => void): void {
    const records = this.#log.records.slice(this.position, this.position + 2);
    this.engine.apply(records[0]!);
    between();
    this.engine.apply(records[1]!);
    this.position += 2;
    this.#keep(2);
  }

  /** Skips to `offset`, as an owner does where the log says that records are missing. */
  skipTo(offset: number): void {
    this.engine.noteGap();
    this.position = offset;
    this.checkpointer.noteGap(offset);
  }

  /** A checkpoint with a new base image in it, through the pressure that the log would put on. */
  async writeBase(): Promise<void> {
    this.nowMs += 10_000;
    this.checkpointer.setLogPressure(true);
    await this.checkpointer.write();
    await this.checkpointer.baseDone();
    await this.checkpointer.write();
    this.checkpointer.setLogPressure(false);
  }
}

export const RECORDS = Array.from({ length: 400 }, (_, i) => String.fromCharCode(0x61 + (i % 26)));
/** The state when all records are applied. */
export const WHOLE = RECORDS.join("");
export const PART_FOLDER = "/data/checkpoints/p0";

export function filesOf(disk: SimulatedDisk, pattern: RegExp): string[] {
  return [...disk.files().keys()].filter((path) => pattern.test(path)).sort();
}

/** Takes the partition over, and applies the rest of its log. */
export async function finishRun(disk: SimulatedDisk, log: ToyLog): Promise<ToyOwner> {
  const owner = await ToyOwner.start(disk.fs, log, START_MS + 100_000);
  owner.apply(RECORDS.length);
  return owner;
}
