/** The numbers of the doors whose streams go one way: server-sent events and gRPC. */
import { byLabel, type Family, histogram } from "./exposition.ts";
import { LONG_SECONDS, PlainHistogram } from "./plain-histogram.ts";

export class StreamNumbers {
  readonly door: string;
  readonly closedByReason = new Map<string, number>();
  readonly pushLagSeconds = new PlainHistogram(LONG_SECONDS);
  clientsNow = 0;
  conflatedTotal = 0;

  constructor(door: string) {
    this.door = door;
  }

  /** Notes how many streams there are now. */
  clients(count: number): void {
    this.clientsNow = count;
  }

  /** Counts updates that a newer one replaced before they were sent. */
  conflated(count: number): void {
    this.conflatedTotal += count;
  }

  /** Counts a stream that ended for this reason, of a closed list. */
  closed(reason: string): void {
    this.closedByReason.set(reason, (this.closedByReason.get(reason) ?? 0) + 1);
  }

  /** Notes the time from the as-of of the oldest patch of a write to the write. */
  pushLag(seconds: number): void {
    this.pushLagSeconds.observe(seconds);
  }
}

export function streamFamilies(streams: readonly StreamNumbers[]): Family[] {
  return [
    byLabel(
      "stream_clients",
      "gauge",
      "Open streams, by door",
      "door",
      streams.map(({ door, clientsNow }) => [door, clientsNow]),
    ),
    byLabel(
      "stream_conflated_total",
      "counter",
      "Updates replaced by newer ones before they were sent on a stream",
      "door",
      streams.map(({ door, conflatedTotal }) => [door, conflatedTotal]),
    ),
    {
      ...{ name: "stream_closed_total", type: "counter", help: "Streams that ended, by door and reason" },
      samples: streams.flatMap(({ door, closedByReason }) =>
        [...closedByReason].map(([reason, value]) => ({ labels: { door, reason }, value })),
      ),
    },
    histogram(
      "stream_push_lag_seconds",
      "Time from the as-of of an update to its stream",
      streams.map(({ door, pushLagSeconds }) => ({ labels: { door }, numbers: pushLagSeconds.numbers() })),
    ),
  ];
}
