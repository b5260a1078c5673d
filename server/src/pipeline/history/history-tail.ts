/**
 * Settled rows of a partition that the history store does not have yet, for answers about them and for images that must carry them. The memory is
 * bounded: the oldest rows are dropped first, and only the history thread has them then.
 */
import type { SettledChunk } from "../../codecs/settled-form.ts";
import { readSettledRows, type SettledTokens } from "../../codecs/settled-rows.ts";
import type { SettledRow } from "../../ports/history-store.ts";

/** How long rows are held for an answer in several pages: longer than a request to the history may take. */
const HOLD_MS = 30_000;

/** The memory that the tails of a thread share. */
export class TailBudget {
  readonly bytesMax: number;
  usedBytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }
}

export class HistoryTail {
  readonly #budget: TailBudget;
  #chunks: SettledChunk[] = [];
  /** Sequence behind the last row. */
  #end: number;
  readonly #monotonicMs: () => number;
  #holds: { readonly from: number; readonly untilMs: number }[] = [];

  constructor(budget: TailBudget, end: number, monotonicMs: () => number) {
    this.#budget = budget;
    this.#end = end;
    this.#monotonicMs = monotonicMs;
  }

  /** Sequence of the first row that is here; that of the next one where none is. */
  get from(): number {
    return this.#chunks[0]?.fromSequence ?? this.#end;
  }

  get end(): number {
    return this.#end;
  }

  /** Adds the rows that follow. */
  add(chunk: SettledChunk): void {
    this.#chunks.push(chunk);
    this.#end = chunk.fromSequence + chunk.count;
    this.#budget.usedBytes += chunk.bytes.length;
    while (this.#budget.usedBytes > this.#budget.bytesMax && this.#chunks.length > 0) this.#dropFirst();
  }

  /** Keeps the rows from this sequence on for HOLD_MS, as far as the memory reaches. */
  hold(from: number): void {
    this.#endHolds();
    this.#holds.push({ from, untilMs: this.#monotonicMs() + HOLD_MS });
  }

  /** Drops what is neither needed for rows from this sequence on nor held. */
  dropBelow(sequence: number): void {
    this.#endHolds();
    const neededFrom = this.#holds.reduce((least, { from }) => Math.min(least, from), sequence);
    for (let first = this.#chunks[0]; first !== undefined; first = this.#chunks[0]) {
      if (first.fromSequence + first.count > neededFrom) return;
      this.#dropFirst();
    }
  }

  clear(): void {
    while (this.#chunks.length > 0) this.#dropFirst();
  }

  /** Returns the chunks that hold the rows from the sequence on; undefined when some were dropped. */
  chunksFrom(sequence: number): readonly SettledChunk[] | undefined {
    if (sequence < this.from) return undefined;
    return this.#chunks.filter((chunk) => chunk.fromSequence + chunk.count > sequence);
  }

  /** Returns the rows from the sequence on that are here now, in their order; with `only`, those of these tokens. They stay readable. */
  rows(sequence: number, only?: SettledTokens): Iterable<SettledRow> {
    const chunks = this.#chunks.filter((chunk) => chunk.fromSequence + chunk.count > sequence);
    return rowsOf(chunks, sequence, only);
  }

  #endHolds(): void {
    const nowMs = this.#monotonicMs();
    this.#holds = this.#holds.filter(({ untilMs }) => untilMs > nowMs);
  }

  #dropFirst(): void {
    const first = this.#chunks.shift();
    this.#budget.usedBytes -= first?.bytes.length ?? 0;
  }
}

function* rowsOf(
  chunks: readonly SettledChunk[],
  sequence: number,
  only: SettledTokens | undefined,
): Generator<SettledRow> {
  for (const { bytes } of chunks) yield* readSettledRows(bytes, sequence, only);
}
