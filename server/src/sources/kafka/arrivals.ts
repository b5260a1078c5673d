/**
 * Arrivals of the records of one partition. A producer may leave the timestamp of a record out (-1), or write seconds where Kafka has
 * milliseconds. As arrivals, both would lie half a century back, and every swap would be quarantined as one from the future. Such a
 * record counts as arrived when it is read.
 */
import type { ArrivalClock, RecordBatch } from "../../ports/source.ts";

/** Milliseconds below this are taken for seconds, as in event times: as milliseconds they lie before March 1973. */
export const ARRIVAL_MIN_MS = 100_000_000_000;

export class ArrivalWatch {
  readonly #topic: string;
  readonly #partition: number;
  #isProducersClock: boolean | undefined;
  /** A timestamp of the latest batch that is no arrival. Undefined: all of them are. */
  #unknown: number | undefined;

  constructor(topic: string, partition: number) {
    this.#topic = topic;
    this.#partition = partition;
  }

  get clock(): ArrivalClock | undefined {
    if (this.#unknown !== undefined) return "reader";
    if (this.#isProducersClock === undefined) return undefined;
    return this.#isProducersClock ? "producer" : "broker";
  }

  /** Says what to do about timestamps that are no arrivals. Undefined while the latest batch has none. */
  get problem(): string | undefined {
    const found = this.#unknown;
    if (found === undefined) return undefined;
    const what = found < 0 ? "have no timestamp" : `have timestamps such as ${found}, which are not in milliseconds`;
    return (
      `Records of partition ${this.#partition} of topic ${this.#topic} ${what}. The time at which they are read is taken for their ` +
      "arrival, so lag_ms and app.max_skew cannot tell when they came. Let the producer write milliseconds, or set " +
      "message.timestamp.type to LogAppendTime (swapstats topic ensure)."
    );
  }

  /** Undefined when the batches read last do not identify the clock. */
  noteClock(isProducersClock: boolean | undefined): void {
    this.#isProducersClock = isProducersClock ?? this.#isProducersClock;
  }

  /** Returns the batch with `nowMs` in the place of arrivals that are unknown. */
  known(batch: RecordBatch, nowMs: number): RecordBatch {
    const { batch: known, unknown } = knownArrivals(batch, nowMs);
    if (known.count > 0) this.#unknown = unknown;
    return known;
  }
}

type KnownArrivals = {
  readonly batch: RecordBatch;
  /** One of the timestamps that are no arrivals. Undefined: all of them are. */
  readonly unknown: number | undefined;
};

/** Returns the batch with `nowMs` in the place of arrivals that are unknown. */
export function knownArrivals(batch: RecordBatch, nowMs: number): KnownArrivals {
  const { arrivalsMs, count } = batch;
  if (count === 0) return { batch, unknown: undefined };
  if (typeof arrivalsMs === "number") {
    if (arrivalsMs >= ARRIVAL_MIN_MS) return { batch, unknown: undefined };
    return { batch: { ...batch, arrivalsMs: nowMs }, unknown: arrivalsMs };
  }
  let unknown: number | undefined;
  for (let i = 0; i < count; i++) {
    if (arrivalsMs[i]! >= ARRIVAL_MIN_MS) continue;
    unknown = arrivalsMs[i];
    arrivalsMs[i] = nowMs;
  }
  return { batch, unknown };
}
