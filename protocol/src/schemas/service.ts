/** The service about itself. */
import { type Static, Type } from "typebox";
import { count, optional, timeMs } from "./values.ts";

/** `GET /api/status`. */
export const Status = Type.Object({
  instance: Type.String(),
  version: Type.String(),
  uptime_ms: count(),
  tokens: count("Known tokens, retired ones among them"),
  partitions: Type.Array(
    Type.Object({
      partition: count(),
      owner: Type.String(),
      epoch: Type.String(),
      next_offset: count("Position of the state from which every later answer is made"),
      end_offset: count(),
      lag: count("Records that are taken and not yet in the state"),
      lag_ms: count(),
      seen_since: optional(timeMs("Since when nothing was missed")),
      watermark: Type.Record(Type.String(), Type.Integer(), { description: "By chain" }),
      checkpoint: optional(Type.Object({ offset: count(), time: timeMs("When it was written"), bytes: count() })),
      arrival_clock: optional(
        Type.Enum(["broker", "producer", "reader"], {
          description:
            "Of a topic: whose clock set the arrivals of the records read last. A producer's is trusted to tell swaps from the future; `reader`: records bear no usable timestamp, and arrive when they are read",
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
    conflicts: count("Duplicates whose content differs from the first; not in the sum"),
    replaced: count(
      "Announcements that took the place of another one of their swap which counted and was not removed; not in the sum",
    ),
    removals_unmatched: count("Removals that came before their announcement; not in the sum"),
    labels_dropped: count("Records whose symbol was too long and was left out; not in the sum"),
    dead_letters: Type.Record(Type.String(), count(), { description: "By code" }),
  }),
  instances: optional(
    Type.Array(
      Type.Object({
        instance: Type.String(),
        version: Type.String(),
        state: Type.Enum(["self", "live", "refused"]),
        partitions: Type.Array(count(), { description: "Those that it answers for" }),
      }),
      { description: "Where there may be several: all that this one hears of" },
    ),
  ),
  problems: optional(Type.Array(Type.String(), { description: "What concerns no single partition" })),
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
