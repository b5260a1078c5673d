/** Raw rows of a partition that wait to be written, in the order of their offsets. */
import type { StreamKey } from "../ports/history-store.ts";
import type { Held, RowBuffer } from "./row-buffer.ts";

/** `held` is undefined where there are no rows, or there was no room for them. */
export type WaitingRaw = {
  readonly toOffset: number;
  readonly rows: number;
  readonly held: Held | undefined;
  readonly sinceMs: number;
  /** Whether there was no room for its rows. */
  readonly isLost: boolean;
};

export class RawQueue {
  readonly writer: StreamKey;
  #waiting: WaitingRaw[] = [];
  #rows = 0;
  #endsWithLoss = false;

  constructor(writer: StreamKey) {
    this.writer = writer;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Whether the rows that came last were lost. */
  get endsWithLoss(): boolean {
    return this.#endsWithLoss;
  }

  get sinceMs(): number | undefined {
    return this.#waiting[0]?.sinceMs;
  }

  add(item: WaitingRaw): void {
    this.#waiting.push(item);
    this.#rows += item.rows;
    if (item.held !== undefined || item.isLost) this.#endsWithLoss = item.isLost;
  }

  /** Returns what is written next, of about this many rows. */
  next(rowsMax: number): readonly WaitingRaw[] {
    let rows = 0;
    let count = 0;
    for (const item of this.#waiting) {
      if (rows >= rowsMax) break;
      rows += item.rows;
      count += 1;
    }
    return this.#waiting.slice(0, count);
  }

  /** Removes what `next` returned. Without effect on what is not there any more. */
  done(items: readonly WaitingRaw[], buffer: RowBuffer): void {
    for (const item of items) if (this.#waiting[0] === item) this.#remove(this.#waiting.shift(), buffer);
  }

  clear(buffer: RowBuffer): void {
    for (const item of this.#waiting.splice(0)) this.#remove(item, buffer);
  }

  #remove(item: WaitingRaw | undefined, buffer: RowBuffer): void {
    this.#rows -= item?.rows ?? 0;
    if (item?.held !== undefined) buffer.release(item.held);
  }
}
