import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createSharedClock, SharedClock } from "../../src/bus/shared-clock.ts";
import { toEngineConfig } from "../../src/config/config.ts";
import { defaultConfig } from "../../src/config/load.ts";
import type { RecordMapper } from "../../src/mapping/mapper.ts";
import { DeadLetterBuffer } from "../../src/pipeline/dead-letter-buffer.ts";
import type { PartitionHistory } from "../../src/pipeline/history/partition-history.ts";
import { PartitionRunner } from "../../src/pipeline/partition-runner.ts";
import { ThreadShare } from "../../src/pipeline/thread-share.ts";
import type { CheckpointStore } from "../../src/ports/checkpoint-store.ts";
import type { DeadLetterSink } from "../../src/ports/source.ts";
import { SwapstatsError } from "../../src/shared/errors.ts";
import { createVersionBoard, VersionBoard } from "../../src/shared/version-board.ts";
import { BatchBuilder } from "../../src/sources/embedded/log-format.ts";
import { EmbeddedLogReader } from "../../src/sources/embedded/log-reader.ts";
import { EmbeddedLogWriter, LOG_DATABASE_NAME, realLogParts } from "../../src/sources/embedded/log-writer.ts";
import { EmbeddedCheckpointStore } from "../../src/stores/embedded-checkpoint-store.ts";
import { realFileSystem } from "../../src/stores/file-system.ts";
import { tempDir } from "../support/tmp.ts";

export const START_MS = 1_767_225_600_000;

/** A data folder whose log is written in this thread, and runners that take its partition over one after the other. */
export class RunnerFolder {
  readonly dataDir: string;
  readonly logPath: string;
  readonly writer: EmbeddedLogWriter;
  readonly letters: string[] = [];
  /** Reports of the runners: `current`, and `failed` with its message. */
  readonly told: string[] = [];
  /** The history of the runners. */
  history: PartitionHistory | undefined;
  readonly #readers: EmbeddedLogReader[] = [];
  #serial = 0;

  constructor(t: TestContext) {
    this.dataDir = tempDir(t, "runner");
    const folder = join(this.dataDir, "log");
    mkdirSync(folder);
    this.logPath = join(folder, LOG_DATABASE_NAME);
    const limits = { partitions: 1, retentionMs: 3_600_000, retentionBytes: 2 ** 30, nowMs: START_MS };
    this.writer = new EmbeddedLogWriter({ folder, ...limits, ...realLogParts });
    t.after(() => this.writer.close());
  }

  /** Appends one batch of records as they are. */
  appendRecords(records: readonly string[]): void {
    const builder = new BatchBuilder();
    for (const record of records) {
      const bytes = Buffer.from(record);
      builder.add(bytes, 0, bytes.length);
    }
    this.#serial += records.length;
    this.writer.append([{ partition: 0, batch: builder }], START_MS + this.#serial * 10);
    this.notify();
  }

  /** Appends one batch of swaps, of one second each, and tells the reader. */
  append(count: number, more: object = {}): void {
    const builder = new BatchBuilder();
    for (let i = 0; i < count; i++) {
      const serial = this.#serial++;
      const swap = {
        chain_id: 1,
        tx_hash: `0x${serial.toString(16)}`,
        log_index: 0,
        token: `0x${serial % 7}`,
        side: "buy",
        amount_token: "2",
        amount_usd: "1.5",
        event_time: START_MS + serial * 10,
        ...more,
      };
      const bytes = Buffer.from(JSON.stringify(swap));
      builder.add(bytes, 0, bytes.length);
    }
    this.writer.append([{ partition: 0, batch: builder }], START_MS + this.#serial * 10);
    this.notify();
  }

  notify(): void {
    for (const reader of this.#readers) reader.notify(this.writer.range(0).endOffset, false);
  }

  runner(
    store = this.store(),
    sink?: DeadLetterSink,
    mapper?: RecordMapper,
  ): { runner: PartitionRunner; board: VersionBoard; clock: SharedClock } {
    const reader = new EmbeddedLogReader({
      path: this.logPath,
      partition: 0,
      release: (offset) => this.writer.release(0, offset),
      openAt: (offset) => {
        this.writer.raiseEnd(0, offset, START_MS);
        this.notify();
      },
      onClose: () => {},
    });
    this.#readers.push(reader);
    const config = defaultConfig();
    const board = new VersionBoard(createVersionBoard());
    const clock = new SharedClock(createSharedClock("event", config.app.maxSkewMs));
    const runner = new PartitionRunner({
      partition: 0,
      owner: "test",
      engine: toEngineConfig(config),
      reader,
      store,
      isStoreExclusive: false,
      circuit: undefined,
      board,
      clock,
      share: new ThreadShare(),
      history: this.history,
      openPast: undefined,
      deadLetters: new DeadLetterBuffer(
        {
          put: (records) => this.letters.push(...records.map((record) => `${record.offset}:${record.code}`)),
          newest: () => [],
        },
        sink,
      ),
      mapper,
      snapshotIntervalMs: 3_600_000,
      seenSinceMs: undefined,
      begin: undefined,
      sourceProblems: () => [],
      onCurrent: () => this.told.push("current"),
      onServedChanged: () => {},
      onCheckpoint: () => {},
      onFailed: (message) => this.told.push(`failed: ${message}`),
    });
    return { runner, board, clock };
  }

  store(): CheckpointStore {
    return new EmbeddedCheckpointStore(this.dataDir, realFileSystem);
  }

  /** A store that accepts only claims. Its owner has no checkpoint, as if it was killed before the first one. */
  storeWithoutParts(): CheckpointStore {
    const store = this.store();
    store.putPart = async () => {
      throw new SwapstatsError("storage_failed", "no parts here", { retryable: true });
    };
    return store;
  }

  async started(store?: CheckpointStore) {
    const parts = this.runner(store);
    await parts.runner.start();
    return parts;
  }
}
