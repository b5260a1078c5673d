/**
 * The marks of a stream: about once a minute, before which time everything has settled. The scan of the state is spread over batches of records, and a
 * mark counts once the store has its rows.
 */
import type { PartitionEngine } from "../../engine/partition-engine.ts";
import type { SettledMark } from "../../ports/history-store.ts";
import { largestGraceMs, minuteFloor } from "./stream-clock.ts";

const EVERY_MS = 60_000;
/** The same until the first mark, before which nothing of the stream is final. */
const FIRST_MS = 5_000;
/** Parts of the tokens that one step looks at. */
const PARTS_PER_STEP = 8;

export class StreamMarks {
  readonly #engine: PartitionEngine;
  readonly #monotonicMs: () => number;
  #scan: Generator<undefined, number | undefined> | undefined;
  #nextMs: number;
  #sentMs: number;
  #durableMs: number;
  /** Sent marks that are not durable, ascending. */
  #sent: SettledMark[] = [];

  /** `durableMs`: the newest mark that the store has; 0 without one. */
  constructor(engine: PartitionEngine, monotonicMs: () => number, durableMs: number) {
    this.#engine = engine;
    this.#monotonicMs = monotonicMs;
    this.#nextMs = monotonicMs() + FIRST_MS;
    this.#sentMs = durableMs;
    this.#durableMs = durableMs;
  }

  /** The latest mark. */
  get sentMs(): number {
    return this.#sentMs;
  }

  /** No row from the durable position on is older than this. */
  get durableMs(): number {
    return this.#durableMs;
  }

  /**
   * Returns a whole minute before which every swap has a sequence below the present `settledCount`, when a scan ends here and its result lies behind
   * the latest mark. Marks ascend: a new chain with older swaps makes a gap instead. So they stay behind by the largest grace, because the first swap of
   * a chain may be out of order like any other.
   */
  step(): number | undefined {
    const settledMs = this.#scanned();
    if (settledMs === undefined) return undefined;
    const beforeMs = minuteFloor(settledMs - largestGraceMs(this.#engine));
    return beforeMs <= this.#sentMs ? undefined : beforeMs;
  }

  /** Notes a mark that was sent. */
  add(mark: SettledMark): void {
    this.#sentMs = mark.beforeMs;
    this.#sent.push(mark);
  }

  /** The store has all rows below the sequence. */
  settle(sequence: number): void {
    for (let mark = this.#sent[0]; mark !== undefined && mark.sequence <= sequence; mark = this.#sent[0]) {
      this.#durableMs = mark.beforeMs;
      this.#sent.shift();
    }
  }

  #scanned(): number | undefined {
    if (this.#scan === undefined) {
      const nowMs = this.#monotonicMs();
      if (nowMs < this.#nextMs) return undefined;
      this.#nextMs = nowMs + (this.#sentMs === 0 ? FIRST_MS : EVERY_MS);
      this.#scan = this.#engine.unsettled.settledBeforeMs();
    }
    for (let i = 0; i < PARTS_PER_STEP; i++) {
      const { done, value } = this.#scan.next();
      if (done !== true) continue;
      this.#scan = undefined;
      return value;
    }
    return undefined;
  }
}
