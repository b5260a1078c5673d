/**
 * Divides a partition worker's thread between applying records and everything that reads the state. Reads are generators that
 * yield between pieces of work. They run in slices of a few milliseconds. While records wait, the next slice begins only after applying
 * has had as much time as the last slice took. Applying therefore gets at least half of the thread. Under a load of requests, responses
 * are delayed instead.
 *
 * Rejected: responding in the order of the messages. Sixteen clients that repeatedly request 500 tokens each then occupy the thread
 * without limit: in 20 s not one of 22,768 records was applied.
 */
import type { RequestLane } from "../bus/requests.ts";
import { SwapstatsError } from "../shared/errors.ts";

/** Work that is done in pieces: it yields between two of them, and returns its result. A piece is to take about a millisecond. */
export type Piecewise<T> = Generator<void, T, void>;

/** Time for which readers run before applying and the messages of other threads get their turn. */
export const READ_SLICE_MS = 3;
/** Time for which records are applied before readers get their turn. Partitions that apply at the same time share it. */
export const APPLY_SLICE_MS = 4;
const APPLY_SLICE_MS_MIN = 1;
/** Time of applying between two slices of readers, relative to the last slice: 1 is half of the thread. */
const APPLY_PER_READ = 1;
/** Time of one lane's turn within a slice. */
const TURN_MS = 1;
/** Largest number of waiting reads. Further ones are refused with `overloaded`. */
export const READS_WAITING_MAX = 4096;
/** Largest sum of the weights of waiting reads, in requested tokens. */
export const READS_WEIGHT_MAX = 262_144;

/** Readers of one lane run one after the other; the lanes take turns, so that a heavy kind of request delays no other kind. */
export type Lane = RequestLane | "feeds" | "rankings" | "screens" | "hot";

type ReadOptions = {
  readonly lane: Lane;
  /** Its part of READS_WEIGHT_MAX while it waits and runs. */
  readonly weight?: number;
  /** Time of the share's clock at which the request times out. The read is then dropped. */
  readonly deadlineMs?: number;
};

type Read = {
  readonly work: Piecewise<unknown>;
  readonly weight: number;
  readonly deadlineMs: number;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
};

type ThreadShareOptions = {
  /** A monotonic clock in ms. */
  readonly nowMs?: () => number;
  /** Calls back after the messages and timers that are due. */
  readonly schedule?: (call: () => void) => void;
};

export class ThreadShare {
  readonly #nowMs: () => number;
  readonly #schedule: (call: () => void) => void;
  /** Called at the end of each slice of readers, within its time. */
  onSliceEnd: () => void = () => {};
  readonly #lanes = new Map<Lane, Read[]>();
  #waiting = 0;
  #weight = 0;
  #appliers = 0;
  /** Time that applying gets before the next slice of readers. */
  #owedMs = 0;
  #isScheduled = false;

  constructor({ nowMs = () => performance.now(), schedule = setImmediate }: ThreadShareOptions = {}) {
    this.#nowMs = nowMs;
    this.#schedule = schedule;
  }

  /** Number of reads that wait or run. */
  get waiting(): number {
    return this.#waiting;
  }

  get nowMs(): number {
    return this.#nowMs();
  }

  /** Returns the time for which a partition may apply records before others get their turn. */
  get applySliceMs(): number {
    return Math.max(APPLY_SLICE_MS_MIN, APPLY_SLICE_MS / Math.max(1, this.#appliers));
  }

  /** Notes that a partition applies records, until the returned function is called. */
  beginApplying(): () => void {
    this.#appliers += 1;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#appliers -= 1;
    };
  }

  /** Notes the time for which records were applied. */
  noteApplied(ms: number): void {
    this.#owedMs = Math.max(0, this.#owedMs - ms);
  }

  /** Notes time that reading took outside its slices, for example to send responses. */
  noteRead(ms: number): void {
    this.#owedMs += ms * APPLY_PER_READ;
  }

  /**
   * Runs a read when its turn comes. Rejects with what it throws, with `overloaded` when too much waits already, and with
   * `unavailable` when its deadline passes.
   */
  run<T>(work: Piecewise<T>, { lane, weight = 1, deadlineMs = Number.POSITIVE_INFINITY }: ReadOptions): Promise<T> {
    if (this.#waiting >= READS_WAITING_MAX || (this.#waiting > 0 && this.#weight + weight > READS_WEIGHT_MAX)) {
      return Promise.reject(overloaded(this.#waiting));
    }
    return new Promise<T>((resolve, reject) => {
      const read: Read = { work, weight, deadlineMs, resolve: resolve as Read["resolve"], reject };
      const reads = this.#lanes.get(lane);
      if (reads === undefined) this.#lanes.set(lane, [read]);
      else reads.push(read);
      this.#waiting += 1;
      this.#weight += weight;
      this.#wake();
    });
  }

  #wake(): void {
    if (this.#isScheduled || this.#waiting === 0) return;
    this.#isScheduled = true;
    this.#schedule(() => {
      this.#isScheduled = false;
      this.#slice();
      this.#wake();
    });
  }

  #slice(): void {
    if (this.#appliers === 0) this.#owedMs = 0;
    if (this.#owedMs > 0) return;
    const startedMs = this.#nowMs();
    let nowMs = startedMs;
    while (nowMs - startedMs < READ_SLICE_MS) {
      const [first] = this.#lanes;
      if (first === undefined) break;
      const [lane, reads] = first;
      this.#turn(reads, nowMs, Math.min(nowMs + TURN_MS, startedMs + READ_SLICE_MS));
      // The lane goes to the end, so that the others come first.
      this.#lanes.delete(lane);
      if (reads.length > 0) this.#lanes.set(lane, reads);
      nowMs = this.#nowMs();
    }
    this.onSliceEnd();
    this.#owedMs = (this.#nowMs() - startedMs) * APPLY_PER_READ;
  }

  /** Runs the first read of a lane until it ends, or until its turn ends. */
  #turn(reads: Read[], nowMs: number, endMs: number): void {
    const read = reads[0] as Read;
    if (nowMs > read.deadlineMs) {
      this.#end(reads);
      read.work.return(undefined);
      read.reject(new SwapstatsError("unavailable", "the request waited too long; send it again", { retryable: true }));
      return;
    }
    try {
      do {
        const { done, value } = read.work.next();
        if (done !== true) continue;
        this.#end(reads);
        read.resolve(value);
        return;
      } while (this.#nowMs() < endMs);
    } catch (error) {
      this.#end(reads);
      read.reject(error);
    }
  }

  #end(reads: Read[]): void {
    const read = reads.shift() as Read;
    this.#waiting -= 1;
    this.#weight -= read.weight;
  }
}

/** Work of one piece. */
// biome-ignore lint/correctness/useYield: work of one piece
export function* atOnce<T>(make: () => T): Piecewise<T> {
  return make();
}

/** Calls back with the time that the pieces took, without the time between them. */
export function* timed<T>(work: Piecewise<T>, nowMs: () => number, done: (ms: number) => void): Piecewise<T> {
  let tookMs = 0;
  for (;;) {
    const startMs = nowMs();
    const { done: isDone, value } = work.next();
    tookMs += nowMs() - startMs;
    if (isDone === true) {
      done(tookMs);
      return value;
    }
    yield;
  }
}

/** Runs all pieces at once, for callers that need not share the thread. */
export function finished<T>(work: Piecewise<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

function overloaded(waiting: number): SwapstatsError {
  const message = `${waiting} requests wait for this thread already; send it again in a moment`;
  return new SwapstatsError("overloaded", message, { retryable: true });
}
