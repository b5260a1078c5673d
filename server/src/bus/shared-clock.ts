/**
 * The as-of of the process, shared by all threads: no response of any thread goes back behind a response of another. Live: the wall clock, held
 * while it steps back, and never below the highest `high` less `maxSkewMs` (accepted events do not lie further ahead than that). Event: the highest
 * `high` over all partitions and chains.
 *
 * Two 64-bit cells in shared memory, which are only ever raised. The rejected alternative was a message to each thread for each change: two threads
 * could then respond at different instants until the message arrives.
 */
type ClockMode = "live" | "event";

export type SharedClockHandle = {
  readonly buffer: SharedArrayBuffer;
  readonly mode: ClockMode;
  readonly maxSkewMs: number;
};

const AS_OF = 0;
const HIGH = 1;
const CELLS = 2;

export function createSharedClock(mode: ClockMode, maxSkewMs: number): SharedClockHandle {
  return { buffer: new SharedArrayBuffer(CELLS * BigInt64Array.BYTES_PER_ELEMENT), mode, maxSkewMs };
}

export class SharedClock {
  readonly handle: SharedClockHandle;
  readonly #cells: BigInt64Array;
  readonly #wallMs: () => number;

  /** `wallMs` gives the wall clock in ms since 1970; tests pass their own. */
  constructor(handle: SharedClockHandle, wallMs: () => number = Date.now) {
    this.handle = handle;
    this.#cells = new BigInt64Array(handle.buffer);
    this.#wallMs = wallMs;
  }

  /** Returns the as-of of a response that is made now, in ms; 0 with an event clock before the first event. */
  now(): number {
    const high = Number(Atomics.load(this.#cells, HIGH));
    if (this.handle.mode === "event") return high;
    return this.#raise(AS_OF, Math.max(this.#wallMs(), high - this.handle.maxSkewMs));
  }

  /** Returns the wall clock in ms, not held: for ages and delays, never for figures. */
  wallMs(): number {
    return this.#wallMs();
  }

  raiseHigh(highMs: number): void {
    this.#raise(HIGH, highMs);
  }

  /** Continues from the as-of of an earlier run. Has no effect on an event clock, which only events move. */
  raiseAsOf(asOfMs: number): void {
    this.#raise(AS_OF, asOfMs);
  }

  #raise(cell: number, value: number): number {
    let seen = Atomics.load(this.#cells, cell);
    const wanted = BigInt(value);
    while (seen < wanted) {
      const before = Atomics.compareExchange(this.#cells, cell, seen, wanted);
      if (before === seen) return value;
      seen = before;
    }
    return Number(seen);
  }
}
