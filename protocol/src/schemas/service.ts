/** Status and health of the service. */
import { type Static, Type } from "typebox";
import { count, optional, timeMs } from "./values.ts";

/** `GET /api/status`. */
export const Status = Type.Object({
  instance: Type.String(),
  version: Type.String(),
  uptime_ms: count(),
  tokens: count("Number of known tokens, including retired ones"),
  partitions: Type.Array(
    Type.Object({
      partition: count(),
      owner: Type.String(),
      epoch: Type.String(),
      next_offset: count("Position of the state. Later responses include every record below it"),
      end_offset: count(),
      lag: count("Number of stored records that are not yet in the state"),
      lag_ms: count(),
      seen_since: optional(timeMs("Time from which the state has seen every record")),
      watermark: Type.Record(Type.String(), Type.Integer(), { description: "By chain" }),
      checkpoint: optional(
        Type.Object({ offset: count(), time: timeMs("Time at which the checkpoint was written"), bytes: count() }),
      ),
      arrival_clock: optional(
        Type.Enum(["broker", "producer", "reader"], {
          description:
            "For a topic: the clock that set the arrivals of the records read last. With `producer`, the detection of swaps in the future relies on the producer's clock. With `reader`, the records have no usable timestamp, and their arrival is the time of reading",
        }),
      ),
      state: Type.Enum(["restoring", "running", "draining", "failed", "away"]),
      problems: Type.Array(Type.String()),
    }),
  ),
  counters: Type.Object({
    accepted: count(),
    applied: count(),
    duplicates: count(),
    late: count(),
    quarantined: count(),
    removed: count(),
    unresolved: count(),
    conflicts: count("Duplicates whose content differs from the first event. Not part of the sum"),
    replaced: count(
      "Announcements that replaced another announcement of the same swap, which counted and was not removed. Not part of the sum",
    ),
    removals_unmatched: count("Removals that arrived before their announcement. Not part of the sum"),
    labels_dropped: count("Records whose symbol was too long and was dropped. Not part of the sum"),
    dead_letters: Type.Record(Type.String(), count(), { description: "By code" }),
  }),
  instances: optional(
    Type.Array(
      Type.Object({
        instance: Type.String(),
        version: Type.String(),
        state: Type.Enum(["self", "live", "refused"]),
        partitions: Type.Array(count(), { description: "Partitions that the instance serves" }),
      }),
      { description: "All instances that this one knows. Present when there may be several" },
    ),
  ),
  problems: optional(Type.Array(Type.String(), { description: "Problems that concern no single partition" })),
});
export type Status = Static<typeof Status>;

/** `GET /healthz`. */
export const Health = Type.Object({ status: Type.Literal("ok") });
export type Health = Static<typeof Health>;

/** `GET /readyz`, 200. */
export const Ready = Type.Object({
  status: Type.Literal("ready"),
  reasons: Type.Array(Type.String()),
  problems: Type.Array(Type.String()),
});
export type Ready = Static<typeof Ready>;

/** `GET /` as JSON. */
export const Index = Type.Object({
  name: Type.String(),
  version: Type.String(),
  links: Type.Record(Type.String(), Type.String()),
});
export type Index = Static<typeof Index>;
