/**
 * A partition in miniature for tests of checkpoints: an engine whose state is the text of all records, a log in memory
 * that drops what is released at once, and the loop that an owner runs.
 */
import { Checkpointer } from "../../../src/pipeline/checkpoint/checkpointer.ts";
import type { Restored } from "../../../src/pipeline/checkpoint/restore.ts";
import { restorePartition } from "../../../src/pipeline/checkpoint/restore.ts";
import type { CheckpointStore } from "../../../src/ports/checkpoint-store.ts";
import type { LogRange } from "../../../src/ports/source.ts";
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

class ToyRedo {
  text = "";
  get byteLength(): number {
    return this.text.length;
  }
  take(): Uint8Array {
    const bytes = encoder.encode(this.text);
    this.text = "";
    return bytes;
  }
}

/** The records of a partition; what is released is gone at once. */
export class ToyLog {
  readonly records: string[];
  startOffset = 0;
  endOffset: number;
  constructor(records: readonly string[]) {
    this.records = [...records];
    this.endOffset = records.length;
  }
  async range(): Promise<LogRange> {
    const { startOffset, endOffset } = this;
    return { startOffset, endOffset, logId: undefined, formerLogIds: [] };
  }
  readonly isOwn = true;
  async openAt(offset: number): Promise<void> {
    this.endOffset = Math.max(this.endOffset, offset);
  }
  async release(offset: number): Promise<void> {
    this.startOffset = Math.max(this.startOffset, offset);
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
  readonly #redo = new ToyRedo();
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
      engine: restored.engine,
      redo: this.#redo,
      snapshotIntervalMs: 5000,
      nowMs: () => this.nowMs,
      asOfMs: () => this.nowMs,
      beforeSwap: () => this.beforeSwap(),
      release: (offset) => log.release(offset),
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
      createEngine: () => new ToyEngine(),
      fingerprint,
      restoreEngine: (header, chunks) => {
        if (fingerprint !== "toy=1") throw new SwapstatsError("checkpoint_incompatible", "another toy");
        return ToyEngine.restore(header, chunks);
      },
      applyRedo: (content, engine) => {
        for (const record of decoder.decode(content)) engine.apply(record);
      },
      seenSinceMs: 77,
      signal: never,
    });
    return new ToyOwner(restored, store, log, nowMs);
  }

  /** Applies the next `count` records of the log. */
  apply(count: number): void {
    for (let i = 0; i < count && this.position < this.#log.endOffset; i++) {
      const record = this.#log.records[this.position]!;
      this.engine.apply(record);
      this.#redo.text += record;
      this.position++;
      this.checkpointer.advance(this.position);
    }
  }

  /** A batch of two records, with `between` called when only the first is applied. */
  applyInTwo(between: () => void): void {
    const records = this.#log.records.slice(this.position, this.position + 2);
    this.engine.apply(records[0]!);
    between();
    this.engine.apply(records[1]!);
    this.#redo.text += records.join("");
    this.position += 2;
    this.checkpointer.advance(this.position);
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
