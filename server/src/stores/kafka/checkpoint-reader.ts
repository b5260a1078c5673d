/**
 * Follows one partition of the checkpoint topic that holds manifests and the places of parts, and keeps their index. It reads when it is
 * asked, from where it stopped.
 *
 * The index is dropped and read again from the start when another leader was elected or the topic was re-created, since records may be
 * gone; and after a long time without a request, since tombstones are removed some time after the records that they delete.
 */

import { isKafkaError } from "../../clients/kafka/client.ts";
import type { OnRecord } from "../../clients/kafka/record-reader.ts";
import type { LogEnds, LogRecord, ReadTo } from "../../clients/kafka/topic-log.ts";
import { CheckpointIndex } from "./checkpoint-index.ts";

/** What the store needs of `TopicLog`. */
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
  /** Undefined: nothing is known. */
  #history: string | undefined;
  #position = 0;
  #readAtMs = 0;
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<CheckpointIndex> | undefined;

  constructor(log: CheckpointLog, partition: number) {
    this.#log = log;
    this.#partition = partition;
  }

  /** Reads to the end; what was acknowledged before the call is in what it answers. */
  sync(): Promise<CheckpointIndex> {
    // One that has begun may have asked for the end too early for this caller; those that come while it runs share the next.
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

  /** False: it became another log meanwhile. */
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
