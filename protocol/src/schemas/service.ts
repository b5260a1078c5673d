/** Status and health of the service. */
import { type Static, Type } from "typebox";
import { count, optional, timeMs } from "./values.ts";

/** One feeder of `ingest.feeders`. The counts are those up to its kept position. */
export const FeederStatus = Type.Object({
  name: Type.String(),
  type: Type.String(),
  state: Type.Enum(["running", "retrying", "failed", "ended"], {
    description:
      "`running`: it reads, or waits for new records. `retrying`: a step failed and is repeated. `failed`: it has stopped, and `problem` says why",
  }),
  position: optional(Type.String({ description: "Short text about where it reads. Absent before the first batch" })),
  records: count("Number of records read"),
  swaps: count("Number of swaps that the log has taken from them"),
  rejected: count("Number of records with a swap that was refused. `/api/dead-letters` lists the newest"),
  skipped: count("Number of swaps that the mapping left out"),
  behind: optional(
    Type.Object(
      { count: count(), unit: Type.Enum(["records", "bytes", "blocks"]) },
      { description: "How much the origin holds behind the position, as far as it is known" },
    ),
  ),
  last_record_ms: optional(timeMs("Time at which the last records were taken, since the start of the process")),
  problem: optional(Type.String({ description: "Present problem in a plain sentence" })),
});
export type FeederStatus = Static<typeof FeederStatus>;

/** The circuit of one instance to a server that it depends on. */
export const CircuitStatus = Type.Object({
  instance: Type.String(),
  dependency: Type.String({
    description: "`nats`, `redis_hot`, or the store of the checkpoints: `redis`, `s3`, `kafka`",
  }),
  state: Type.Enum(["closed", "half_open", "open"], {
    description:
      "`closed`: the server works. `open`: three calls in a row failed, and further calls fail at once for a moment. `half_open`: the server is being tried",
  }),
  since: optional(
    timeMs(
      "Time at which it left the state `closed`, or came back to it. Absent when it has been closed since the start",
    ),
  ),
});
export type CircuitStatus = Static<typeof CircuitStatus>;

/** How the instance writes its history. */
export const HistoryWriting = Type.Object({
  store: Type.Enum(["embedded", "clickhouse", "postgres"]),
  partitions: Type.Array(
    Type.Object({
      partition: count(),
      durable: count("Number of the first settled swap of the partition's stream that the store may not have yet"),
      waiting_rows: count("Rows that wait for the store"),
      lag_ms: count("Time for which the oldest of them has waited"),
    }),
  ),
  memory_bytes: count("Memory of waiting rows"),
  spool_bytes: count("Files of waiting rows in the data folder"),
  rows_written: count("Rows written since the start of the process"),
  rows_lost: count("Rows left out since the start of the process, because the buffer was full"),
  gaps: count("Gaps that were found since the start of the process"),
  full: Type.Boolean({ description: "Whether the buffer is full. `history.on_failure` says what happens then" }),
  problem: optional(Type.String({ description: "Why rows are not being written now, in a plain sentence" })),
});
export type HistoryWriting = Static<typeof HistoryWriting>;

/** `GET /api/status`. */
export const Status = Type.Object({
  instance: Type.String(),
  version: Type.String(),
  uptime_ms: count(),
  time: optional(timeMs("Clock of the instance when it responded")),
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
      mapping: optional(
        Type.Object(
          {
            records: count("Number of records that were mapped, including those that could not be read"),
            skipped: count("Number of swaps that `when` left out"),
          },
          { description: "With `ingest.mapping`: since this instance took the partition over" },
        ),
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
  circuits: optional(
    Type.Array(CircuitStatus, {
      description:
        "Circuits to the servers that the service depends on. Present when there are any. That of `nats` is listed for the responding instance alone",
    }),
  ),
  feeders: optional(Type.Array(FeederStatus, { description: "Present when feeders are configured" })),
  history: optional(HistoryWriting),
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
