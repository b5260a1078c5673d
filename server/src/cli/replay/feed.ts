/** Feeds lines into an engine at full speed, into a sort, past a check of the order, or into any sink at the pace of the swaps. */
import { SwapDecoder } from "../../codecs/swap-decoder.ts";
import type { PartitionEngine } from "../../engine/partition-engine.ts";
import { SwapEvent } from "../../engine/swaps/swap-event.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { DisorderWatch } from "./disorder.ts";
import type { ExternalSort } from "./external-sort.ts";
import { isBlank, LineReader } from "./line-reader.ts";
import type { Batch, Batches } from "./rows.ts";

/** Called after each batch with the number of lines so far. */
export type OnChunk = (lines: number) => void;

/** Returns the arrival of records: the time of reading, or one given time. */
export type Arrival = () => number;

/** Outcomes of valid events that are kept among the dead letters. */
const KEPT_OUTCOMES: ReadonlySet<string> = new Set([
  "quarantined",
  "too_many_inclusions",
  "too_many_tokens",
  "too_many_chains",
]);

/**
 * Applies all lines. This loop decides the speed of a replay, so it allocates nothing. With a watch it stops at the first swap that
 * is out of order by more than grace, and resolves to false. The state of the engine is then incomplete.
 */
export async function feedEngine(
  engine: PartitionEngine,
  batches: Batches,
  arrival: Arrival,
  watch: DisorderWatch | undefined,
  dead: DeadLetters,
  onChunk: OnChunk,
): Promise<boolean> {
  const lines = new LineReader();
  const decoder = new SwapDecoder(engine.config.chains);
  const event = new SwapEvent();
  let count = 0;
  const note = (code: string): void => dead.note(lines.file, lines.row, code, lines.bytes, lines.start, lines.end);
  const apply = (arrivalMs: number): boolean => {
    const code = decoder.decode(lines.bytes, lines.start, lines.end, event);
    if (code !== undefined) {
      if (isBlank(lines.bytes, lines.start, lines.end)) return true;
      engine.deadLetter(code);
      note(code);
      return true;
    }
    const outcome = engine.apply(event, arrivalMs);
    if (KEPT_OUTCOMES.has(outcome)) note(outcome);
    // A quarantined swap does not move the highest event time, so it does not count for the order.
    return watch === undefined || outcome === "quarantined" || watch.inOrder(event);
  };
  for await (const batch of batches) {
    const arrivalMs = arrival();
    for (const fault of batch.faults ?? []) {
      engine.deadLetter(fault.code);
      dead.noteFault(batch.file, fault);
    }
    lines.push(batch);
    while (lines.next()) {
      count++;
      if (!apply(arrivalMs)) return false;
    }
    onChunk(count);
  }
  return !lines.last() || apply(arrival());
}

/** Resolves to true when no swap is out of order by more than grace. Reads up to the first one that is. */
export async function isInOrder(
  batches: Batches,
  watch: DisorderWatch,
  maxSkewMs: number,
  onChunk: OnChunk,
): Promise<boolean> {
  const lines = new LineReader();
  const decoder = new SwapDecoder();
  const event = new SwapEvent();
  let count = 0;
  const check = (limitMs: number): boolean => {
    const code = decoder.decode(lines.bytes, lines.start, lines.end, event);
    return code !== undefined || event.eventTimeMs > limitMs || watch.inOrder(event);
  };
  for await (const batch of batches) {
    const limitMs = Date.now() + maxSkewMs;
    lines.push(batch);
    while (lines.next()) {
      count++;
      if (!check(limitMs)) return false;
    }
    onChunk(count);
  }
  return !lines.last() || check(Date.now() + maxSkewMs);
}

/**
 * Adds all lines to a sort. A line that is not a swap stays behind the line before it, so it is reported in its place. Rows that
 * made no line are noted at once.
 */
export async function feedSort(
  sort: ExternalSort,
  batches: Batches,
  onFault: (batch: Batch) => void,
  onChunk: OnChunk,
): Promise<void> {
  const lines = new LineReader();
  const decoder = new SwapDecoder();
  const event = new SwapEvent();
  event.blockNumber = 0;
  let count = 0;
  const place = { timeMs: 0, block: 0, txIndex: 0, logIndex: 0, file: 0, row: 0 };
  const add = (): void => {
    const { bytes, start, end } = lines;
    const code = decoder.decode(bytes, start, end, event);
    if (code === undefined) {
      place.timeMs = event.eventTimeMs;
      place.block = Math.max(event.blockNumber, 0);
      place.txIndex = event.txIndex;
      place.logIndex = event.logIndex;
    } else if (isBlank(bytes, start, end)) {
      return;
    }
    place.file = lines.file;
    place.row = lines.row;
    sort.add(bytes, start, end, place);
  };
  for await (const batch of batches) {
    if ((batch.faults?.length ?? 0) > 0) onFault(batch);
    lines.push(batch);
    while (lines.next()) {
      count++;
      add();
    }
    onChunk(count);
  }
  if (lines.last()) add();
}

export type SwapSink = {
  /** Copies the line, whose place is the row of the file. Returns a promise to wait for when the sink is behind. */
  take(bytes: Uint8Array, start: number, end: number, file?: number, row?: number): Promise<void> | undefined;
  /** Resolves when all lines have had their effect. */
  flush(): Promise<void>;
};

/**
 * Sends all lines to a sink. `speed` undefined: as fast as the sink takes them. Otherwise a multiple of the speed at which the swaps
 * happened, by their event times.
 */
export async function feedSink(
  sink: SwapSink,
  batches: Batches,
  speed: number | undefined,
  signal: AbortSignal,
  onFault: (batch: Batch) => void,
  onChunk: OnChunk,
): Promise<void> {
  const lines = new LineReader();
  const pacer = speed === undefined ? undefined : new Pacer(speed);
  let count = 0;
  const take = async (): Promise<void> => {
    const { bytes, start, end, file, row } = lines;
    const waitMs = pacer?.waitMs(bytes, start, end, performance.now()) ?? 0;
    if (waitMs >= 1) {
      await sink.flush();
      onChunk(count);
      await pause(waitMs, signal);
    }
    const behind = sink.take(bytes, start, end, file, row);
    if (behind !== undefined) await behind;
  };
  for await (const batch of batches) {
    if ((batch.faults?.length ?? 0) > 0) onFault(batch);
    lines.push(batch);
    while (lines.next()) {
      if (isBlank(lines.bytes, lines.start, lines.end)) continue;
      count++;
      if (pacer !== undefined) {
        await take();
        continue;
      }
      const behind = sink.take(lines.bytes, lines.start, lines.end, lines.file, lines.row);
      if (behind !== undefined) await behind;
    }
    onChunk(count);
    signal.throwIfAborted();
  }
  if (lines.last()) await take();
  await sink.flush();
}

/** Computes how long a swap must still wait. */
class Pacer {
  readonly #speed: number;
  readonly #decoder = new SwapDecoder();
  readonly #event = new SwapEvent();
  #firstTimeMs = Number.NaN;
  #startedMs = 0;

  constructor(speed: number) {
    this.#speed = speed;
  }

  /** Returns 0 for a line that is not a swap: it goes together with the line before it. */
  waitMs(bytes: Uint8Array, start: number, end: number, nowMs: number): number {
    if (this.#decoder.decode(bytes, start, end, this.#event) !== undefined) return 0;
    if (Number.isNaN(this.#firstTimeMs)) {
      this.#firstTimeMs = this.#event.eventTimeMs;
      this.#startedMs = nowMs;
    }
    return this.#startedMs + (this.#event.eventTimeMs - this.#firstTimeMs) / this.#speed - nowMs;
  }
}

/** Timers are limited to 24 days. A longer wait takes several timers. */
const TIMER_MS_MAX = 2 ** 31 - 1;

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  for (let left = ms; left > 0; left -= TIMER_MS_MAX) await pauseOnce(Math.min(left, TIMER_MS_MAX), signal);
}

function pauseOnce(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}
