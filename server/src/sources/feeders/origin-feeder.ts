/**
 * Feeds the records of an origin into the log: reads a batch, maps it, hands its swaps over, and then keeps the position behind it. One
 * batch is under way at a time, so a log that takes nothing stops the reading (backpressure `block`). A crash between the last two steps
 * sends the records of one batch again, and the state recognises them by their identity.
 *
 *   running  --a step fails in a retryable way--> retrying   the step is repeated after a pause that grows
 *   retrying --the step succeeds--> running
 *   running, retrying --a step fails for good--> failed      reported until the next start; the service continues
 *   running  --the origin has ended--> ended                 only with `endsAtEnd`
 *
 * After a call of `stop` the reading ends at once. A batch that is being handed over is completed, within STOP_LIMIT_MS.
 */
import type { MappedRecord, RecordMapper } from "../../mapping/mapper.ts";
import type { Feeder, FeederEvents, FeederLetter, FeederStatus } from "../../ports/feeder.ts";
import type { IngestPort } from "../../ports/intake.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { type BackoffLimits, backoffMs } from "../../shared/retry.ts";
import type { ChainAddresses } from "../../shared/token-id.ts";
import { WakeableTimer } from "../../shared/wakeable-timer.ts";
import { EventBodies, type EventBody } from "./event-bodies.ts";
import { handOver } from "./hand-over.ts";
import type { Behind, Origin, OriginBatch } from "./origin.ts";
import { type FeederCounts, type Kept, NO_COUNTS, type PositionKeeper } from "./position-file.ts";

const BACKOFF: BackoffLimits = { firstMs: 500, longestMs: 30_000 };
/** Time for a running batch to become durable after a stop. */
const STOP_LIMIT_MS = 5_000;

export type OriginFeederOptions = {
  readonly name: string;
  readonly type: string;
  readonly origin: Origin;
  readonly mapper: RecordMapper | undefined;
  readonly keeper: PositionKeeper;
  readonly chains: ChainAddresses;
  /** Events that a body of the port may hold. */
  readonly bodyEventsMax: number;
  /** Keeps the refused records of a batch, before the position goes beyond them. Never throws. */
  readonly onRefused: (letters: readonly FeederLetter[]) => void;
  readonly events: FeederEvents;
  readonly nowMs: () => number;
};

export class OriginFeeder implements Feeder {
  readonly #options: OriginFeederOptions;
  readonly #bodies: EventBodies;
  readonly #reading = new AbortController();
  readonly #handing = new AbortController();
  readonly #timer = new WakeableTimer();
  readonly #countsAtStart: FeederCounts;
  #kept: Kept | undefined;
  #state: FeederStatus["state"] = "running";
  #problem: string | undefined;
  #behind: Behind | undefined;
  #lastRecordMs: number | undefined;
  #running: Promise<void> | undefined;

  /** Throws as the keeper's `read` does. */
  constructor(options: OriginFeederOptions) {
    this.#options = options;
    this.#kept = options.keeper.read();
    this.#countsAtStart = this.#kept?.counts ?? NO_COUNTS;
    this.#bodies = new EventBodies({ ...options, loadSchema: (mapper) => this.#loadSchema(mapper) });
  }

  async start(port: IngestPort): Promise<void> {
    this.#running = this.#run(port);
  }

  /** Resolves when the feeder has ended by itself, or after `stop`. Never rejects. */
  async ended(): Promise<void> {
    await this.#running;
  }

  async stop(): Promise<void> {
    this.#reading.abort(new Error("the feeder stops"));
    this.#timer.wake();
    const limit = setTimeout(() => {
      this.#handing.abort(new Error("the feeder stops"));
      this.#timer.wake();
    }, STOP_LIMIT_MS);
    await this.#running;
    clearTimeout(limit);
  }

  get status(): FeederStatus {
    const { name, type, origin } = this.#options;
    const problem = this.#problem ?? origin.problem;
    return {
      ...{ name, type, state: this.#state },
      ...(this.#kept === undefined ? {} : { position: origin.positionText(this.#kept.position) }),
      ...this.counts,
      ...(this.#behind === undefined ? {} : { behind: this.#behind }),
      ...(this.#lastRecordMs === undefined ? {} : { last_record_ms: this.#lastRecordMs }),
      ...(problem === undefined ? {} : { problem }),
    };
  }

  /** Counts up to the kept position. */
  get counts(): FeederCounts {
    return this.#kept?.counts ?? NO_COUNTS;
  }

  /** Counts since the start of this process. */
  get countsSinceStart(): FeederCounts {
    return summed(this.counts, this.#countsAtStart, -1);
  }

  async #run(port: IngestPort): Promise<void> {
    const { origin } = this.#options;
    try {
      for (;;) {
        const batch = await this.#retried(() => origin.read(this.#kept?.position, this.#reading.signal), this.#reading);
        if (batch === undefined) break;
        await this.#take(batch, port);
        if (this.#reading.signal.aborted) break;
      }
      this.#state = "ended";
    } catch (error) {
      const isStopped = [this.#reading, this.#handing].some(({ signal }) => error === signal.reason);
      this.#state = isStopped ? "ended" : "failed";
      if (!isStopped) this.#report(error, false);
    } finally {
      await origin.close();
    }
  }

  /** Hands over the swaps of a batch, then keeps its position. Rejects when stopped before both are done. */
  async #take(batch: OriginBatch, port: IngestPort): Promise<void> {
    const { records, position, behind } = batch;
    let swaps = 0;
    for await (const body of this.#bodies.of(records)) swaps += await this.#handOver(body, records, port);
    const { refusals, skipped } = this.#bodies;
    const before = this.counts;
    if (refusals.size > 0) {
      const letters = [...refusals].map(([index, { code, message }]): FeederLetter => {
        const { bytes, start, end } = records[index]!;
        const record = before.records + index + 1;
        return { feeder: this.#options.name, record, code, message, raw: bytes.subarray(start, end) };
      });
      this.#options.onRefused(letters);
    }
    const counts = summed(before, { records: records.length, swaps, rejected: refusals.size, skipped }, 1);
    await this.#retried(() => this.#options.keeper.keep({ position, counts }), this.#handing);
    this.#kept = { position, counts };
    this.#behind = behind;
    if (records.length > 0) this.#lastRecordMs = this.#options.nowMs();
  }

  /** Resolves to the number of swaps that the log has taken. */
  async #handOver({ bytes, places }: EventBody, records: readonly MappedRecord[], port: IngestPort): Promise<number> {
    const events: FeederEvents = { onProblem: (error, retrying) => this.#report(error, retrying) };
    const handed = await handOver(port, bytes, events, this.#handing.signal);
    if (handed.kind === "stopped") throw this.#handing.signal.reason;
    if (handed.kind === "refused") throw handed.error;
    this.#succeeded();
    const { accepted, rejected } = handed.result;
    for (const { index, code, message } of rejected) {
      const place = places[index]!;
      await this.#bodies.refuse(records[place.record]!, place, code, message);
    }
    return accepted;
  }

  async #loadSchema(mapper: RecordMapper): Promise<void> {
    await this.#retried(() => mapper.loadSchema(this.#handing.signal), this.#handing);
  }

  /** Repeats a call until it succeeds. Rejects with an error that is not retryable, and when stopped. */
  async #retried<T>(call: () => Promise<T>, { signal }: AbortController): Promise<T> {
    for (let failures = 1; ; failures++) {
      try {
        const result = await call();
        this.#succeeded();
        return result;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof SwapstatsError && !error.retryable) throw error;
        this.#report(error, true);
      }
      await this.#timer.pause(backoffMs(BACKOFF, failures));
      signal.throwIfAborted();
    }
  }

  #succeeded(): void {
    this.#state = "running";
    this.#problem = undefined;
  }

  #report(error: unknown, retrying: boolean): void {
    if (retrying) this.#state = "retrying";
    this.#problem = error instanceof Error ? error.message : String(error);
    this.#options.events.onProblem(error, retrying);
  }
}

function summed(a: FeederCounts, b: FeederCounts, sign: 1 | -1): FeederCounts {
  return {
    records: a.records + sign * b.records,
    swaps: a.swaps + sign * b.swaps,
    rejected: a.rejected + sign * b.rejected,
    skipped: a.skipped + sign * b.skipped,
  };
}
