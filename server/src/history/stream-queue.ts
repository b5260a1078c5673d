/** What waits to be written of one stream of settled rows, in order. */
import type { HistoryGap, SettledMark, Span, StreamKey } from "../ports/history-store.ts";
import type { Held, RowBuffer } from "./row-buffer.ts";

/** Rows [fromSequence, toSequence), since `sinceMs`. */
type WaitingRows = {
  readonly type: "rows";
  readonly fromSequence: number;
  readonly toSequence: number;
  readonly held: Held;
  readonly sinceMs: number;
};
type WaitingMark = { readonly type: "mark"; readonly toSequence: number; readonly mark: SettledMark };
/** Rows up to `toSequence` are missing. */
type WaitingGap = { readonly type: "gap"; readonly toSequence: number; readonly gap: HistoryGap };
export type Waiting = WaitingRows | WaitingMark | WaitingGap;

export class StreamQueue {
  readonly key: StreamKey;
  readonly span: Span;
  /** Whether the store was told of the stream by this process. */
  isBegun = false;
  #waiting: Waiting[] = [];
  #rows = 0;
  #covered = 0;
  /** Sequence behind the last row that is durable or missing. */
  durable: number;

  constructor(key: StreamKey, span: Span, durable: number) {
    this.key = key;
    this.span = span;
    this.durable = durable;
  }

  get rows(): number {
    return this.#rows;
  }

  get gaps(): number {
    return this.#waiting.filter(({ type }) => type === "gap").length;
  }

  /** When the oldest row came that may be written; undefined without one. */
  get sinceMs(): number | undefined {
    for (const item of this.#waiting) {
      if (item.toSequence > this.#covered) return undefined;
      if (item.type === "rows") return item.sinceMs;
    }
    return undefined;
  }

  /** When the oldest row came. */
  get oldestMs(): number | undefined {
    return this.#waiting.find((item) => item.type === "rows")?.sinceMs;
  }

  add(item: Waiting): void {
    this.#waiting.push(item);
    if (item.type === "rows") this.#rows += item.toSequence - item.fromSequence;
  }

  /** Notes rows that there was no room for. One gap stands for consecutive ones. */
  addLost(toSequence: number, gap: HistoryGap): void {
    const last = this.#waiting.at(-1);
    if (last?.type !== "gap" || last.gap.cause !== gap.cause || last.toSequence <= this.#covered) {
      this.add({ type: "gap", toSequence, gap });
      return;
    }
    const fromMs = Math.min(last.gap.fromMs, gap.fromMs);
    const toMs = Math.max(last.gap.toMs, gap.toMs);
    const from = Math.min(last.gap.sequences?.from ?? toSequence, gap.sequences?.from ?? toSequence);
    const sequences = { from, to: toSequence };
    this.#waiting[this.#waiting.length - 1] = { type: "gap", toSequence, gap: { ...gap, fromMs, toMs, sequences } };
  }

  cover(sequence: number): void {
    this.#covered = Math.max(this.#covered, sequence);
  }

  /** Whether something may be written. */
  get isReady(): boolean {
    const [first] = this.#waiting;
    return first !== undefined && first.toSequence <= this.#covered;
  }

  /** Returns what may be written next, of about this many rows: a gap alone, or rows and marks. */
  next(rowsMax: number): readonly Waiting[] {
    const [first] = this.#waiting;
    if (first?.type === "gap") return this.isReady ? [first] : [];
    let rows = 0;
    let count = 0;
    for (const item of this.#waiting) {
      if (item.type === "gap" || item.toSequence > this.#covered || rows >= rowsMax) break;
      if (item.type === "rows") rows += item.toSequence - item.fromSequence;
      count += 1;
    }
    return this.#waiting.slice(0, count);
  }

  /** Removes what `next` returned: it is durable. Without effect on what is not there any more. */
  done(items: readonly Waiting[], buffer: RowBuffer): void {
    for (const item of items) {
      this.durable = Math.max(this.durable, item.toSequence);
      if (this.#waiting[0] === item) this.#remove(this.#waiting.shift(), buffer);
    }
  }

  /** Drops rows that no checkpoint covers. */
  dropUncovered(buffer: RowBuffer): void {
    const from = this.#waiting.findIndex((item) => item.toSequence > this.#covered);
    if (from === -1) return;
    for (const item of this.#waiting.splice(from)) this.#remove(item, buffer);
  }

  clear(buffer: RowBuffer): void {
    for (const item of this.#waiting.splice(0)) this.#remove(item, buffer);
  }

  #remove(item: Waiting | undefined, buffer: RowBuffer): void {
    if (item?.type !== "rows") return;
    this.#rows -= item.toSequence - item.fromSequence;
    buffer.release(item.held);
  }
}
