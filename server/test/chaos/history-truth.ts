/**
 * The history that one partition must have: an engine in this process reads the topic from its first record on and is never interrupted, and what it
 * hands over is kept as bytes.
 */
import { RawRowWriter, readRawRows } from "../../src/codecs/raw-rows.ts";
import { SettledRowWriter } from "../../src/codecs/settled-row-writer.ts";
import { readSettledRows } from "../../src/codecs/settled-rows.ts";
import { PartitionEngine } from "../../src/engine/partition-engine.ts";
import type { EngineConfig } from "../../src/engine/types.ts";
import { BatchApplier } from "../../src/pipeline/batch-applier.ts";
import type { RawRow, SettledRow } from "../../src/ports/history-store.ts";
import type { ReadPartition } from "../crash/shadow.ts";
import { TEST_SEED } from "../support/hash-seed.ts";

const READ_BYTES = 4 * 1024 * 1024;

export class HistoryTruth {
  readonly partition: number;
  readonly engine: PartitionEngine;
  rawRows = 0;
  readonly #open: () => ReadPartition;
  readonly #config: EngineConfig;
  readonly #settled: SettledRowWriter;
  readonly #raw = new RawRowWriter();
  readonly #applier: BatchApplier;
  readonly #settledChunks: Uint8Array<ArrayBuffer>[] = [];
  readonly #rawChunks: Uint8Array<ArrayBuffer>[] = [];
  #position = 0;

  constructor(partition: number, open: () => ReadPartition, config: EngineConfig) {
    this.partition = partition;
    this.#open = open;
    this.#config = config;
    this.engine = new PartitionEngine(config, TEST_SEED);
    this.#settled = new SettledRowWriter(this.engine.source, 0);
    this.engine.watchSettled(this.#settled);
    const ignore = (): void => {};
    this.#applier = new BatchApplier(this.engine, ignore, ignore, config.chains, this.#raw);
  }

  /** Reads everything that the topic holds now. */
  async follow(): Promise<void> {
    const reader = this.#open();
    try {
      const { endOffset } = await reader.range();
      while (this.#position < endOffset) {
        const batch = await reader.read(this.#position, READ_BYTES, new AbortController().signal);
        this.#applier.applySlice(batch, 0, Number.POSITIVE_INFINITY);
        this.#position = batch.nextOffset;
      }
    } finally {
      await reader.close();
    }
    const settled = this.#settled.cut();
    if (settled !== undefined) this.#settledChunks.push(settled.bytes);
    const raw = this.#raw.cut();
    if (raw === undefined) return;
    this.#rawChunks.push(raw.bytes);
    this.rawRows += raw.count;
  }

  /** Offset behind the last record that was read. */
  get position(): number {
    return this.#position;
  }

  get settledRows(): number {
    return this.engine.settledCount;
  }

  /** In the order of their sequences, which begin with 0. */
  *settled(): Generator<SettledRow> {
    for (const bytes of this.#settledChunks) yield* readSettledRows(bytes);
  }

  /** In the order of their offsets. */
  *raw(): Generator<RawRow> {
    for (const bytes of this.#rawChunks) yield* readRawRows(bytes, this.#config.chains);
  }

  /** A time before which every swap has settled; undefined when nothing has. */
  settledBeforeMs(): number | undefined {
    const scan = this.engine.unsettled.settledBeforeMs();
    for (;;) {
      const { done, value } = scan.next();
      if (done === true) return value;
    }
  }
}
