/** Rows of a stream as their worker sent them. A store that reads the bytes itself needs no object for each row. */
import { readSettledRows } from "../codecs/settled-rows.ts";
import type { SettledBatch, SettledRow, StreamKey } from "../ports/history-store.ts";

export class FlatBatch implements SettledBatch {
  readonly logId: string;
  readonly partition: number;
  readonly epoch: number;
  readonly fromSequence: number;
  readonly chunks: readonly Uint8Array<ArrayBuffer>[];
  #rows: readonly SettledRow[] | undefined;

  /** The chunks follow each other from `fromSequence` on. */
  constructor(key: StreamKey, fromSequence: number, chunks: readonly Uint8Array<ArrayBuffer>[]) {
    this.logId = key.logId;
    this.partition = key.partition;
    this.epoch = key.epoch;
    this.fromSequence = fromSequence;
    this.chunks = chunks;
  }

  get rows(): readonly SettledRow[] {
    this.#rows ??= this.chunks.flatMap((chunk) => [...readSettledRows(chunk)]);
    return this.#rows;
  }
}
