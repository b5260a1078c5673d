/**
 * Reads one partition of the checkpoint topic, which holds manifests and the places of parts, and keeps their index. Each request reads on
 * from the last position.
 *
 * In two cases the index is dropped and read again from the start. After an election of another leader or a re-creation of the topic,
 * records may be missing. After a long time without a request, tombstones may be missing, because Kafka removes them some time after the
 * records that they delete.
 */

import { isKafkaError } from "../../clients/kafka/client.ts";
import type { OnRecord } from "../../clients/kafka/record-reader.ts";
import type { LogEnds, LogRecord, ReadTo } from "../../clients/kafka/topic-log.ts";
import { CheckpointIndex } from "./checkpoint-index.ts";

/** The part of `TopicLog` that the store uses. */
export type CheckpointLog = {
  partitions(): Promise<number>;
  append(partition: number, records: readonly LogRecord[]): Promise<number>;
  ends(partition: number): Promise<LogEnds>;
  read(partition: number, offset: number, bytesMax: number, onRecord: OnRecord): Promise<ReadTo>;
  close(): Promise<void>;
};

const READ_BYTES = 1024 * 1024;
/** Far below `delete.retention.ms` of the topic, which is a day. */
const AGE_MAX_MS = 3_600_000;
const HISTORIES_MAX = 5;

export class LoggedIndex {
  readonly #log: CheckpointLog;
  readonly #partition: number;
  #index = new CheckpointIndex();
  /** Undefined before the first read, and after an error that made the index unusable. */
  #history: string | undefined;
  #position = 0;
  #readAtMs = 0;
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<CheckpointIndex> | undefined;

  constructor(log: CheckpointLog, partition: number) {
    this.#log = log;
    this.#partition = partition;
  }

  /** Reads to the end. The returned index holds all records that were acknowledged before the call. */
  sync(): Promise<CheckpointIndex> {
    // A read that is in progress may have determined the end too early for this caller. All callers that come during it share the next read.
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      const reading = this.#readOn();
      this.#running = reading.catch(() => {});
      return reading;
    });
    return this.#next;
  }

  async #readOn(): Promise<CheckpointIndex> {
    for (let left = HISTORIES_MAX; left > 0; left--) {
      try {
        if (await this.#readToEnd()) return this.#index;
      } catch (error) {
        const isLost = error instanceof RangeError || error instanceof SyntaxError;
        if (isLost || isKafkaError(error, "OFFSET_OUT_OF_RANGE")) this.#history = undefined;
        throw error;
      }
    }
    throw new Error("the leaders of the topic change too fast");
  }

  /** Returns false when the log was replaced during the read. */
  async #readToEnd(): Promise<boolean> {
    const { startOffset, endOffset, history } = await this.#log.ends(this.#partition);
    const isOld = performance.now() - this.#readAtMs > AGE_MAX_MS;
    if (history !== this.#history || isOld || endOffset < this.#position) {
      this.#index = new CheckpointIndex();
      this.#position = startOffset;
      this.#history = history;
    }
    // Until the end does not move any more while it is read: else a tombstone behind it might have taken away what was not yet read.
    for (let end = endOffset; this.#position < end; ) {
      const read = await this.#log.read(this.#partition, this.#position, READ_BYTES, (offset, key, value) => {
        if (key !== undefined) this.#index.note(offset, key.toString(), value);
      });
      if (read.history !== history) {
        this.#history = undefined;
        return false;
      }
      this.#position = read.nextOffset;
      end = Math.max(endOffset, read.endOffset);
    }
    this.#readAtMs = performance.now();
    return true;
  }
}
