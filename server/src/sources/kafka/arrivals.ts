/**
 * Arrivals that are none. A producer may leave the timestamp of a record out (-1), or write seconds where Kafka has milliseconds; taken as
 * arrivals, both would lie half a century back, and every swap would be quarantined as one from the future. Such a record has arrived
 * when it is read.
 */
import type { RecordBatch } from "../../ports/source.ts";

/** Milliseconds below this are taken for seconds, as in event times: as milliseconds they lie before March 1973. */
export const ARRIVAL_MIN_MS = 100_000_000_000;

export type KnownArrivals = {
  readonly batch: RecordBatch;
  /** One of the timestamps that say nothing; undefined: all of them do. */
  readonly unknown: number | undefined;
};

/** The batch with `nowMs` in the place of arrivals that are unknown. */
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
