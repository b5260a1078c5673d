/** Status of the service, swaps from producers, and credentials. Made from the schemas of protocol/src by `npm run docs`. */
import type { EventError } from "./problems.ts";

/** State of a feeder. The counts are those up to its kept position. */
export type FeederStatus = {
  readonly name: string;
  readonly type: string;
  /** `running`: it reads, or waits for new records. `retrying`: a step failed and is repeated. `failed`: it has stopped, and `problem` says why. */
  readonly state: "running" | "retrying" | "failed" | "ended";
  /** Short text about where it reads. Absent before the first batch. */
  readonly position?: string;
  /** Number of records read. */
  readonly records: number;
  /** Number of swaps that the log has taken from them. */
  readonly swaps: number;
  /** Number of records with a swap that was refused. `/api/dead-letters` lists the newest. */
  readonly rejected: number;
  /** Number of swaps that the mapping left out. */
  readonly skipped: number;
  /** How much the origin holds behind the position, as far as it is known. */
  readonly behind?: {
    readonly count: number;
    readonly unit: "records" | "bytes" | "blocks";
  };
  /** Time at which the last records were taken, since the start of the process, in ms since 1970. */
  readonly last_record_ms?: number;
  /** Present problem in a plain sentence. */
  readonly problem?: string;
};

/** State of a partition. */
export type PartitionStatus = {
  readonly partition: number;
  readonly owner: string;
  readonly epoch: string;
  /** Position of the state. Later responses include every record below it. */
  readonly next_offset: number;
  readonly end_offset: number;
  /** Number of stored records that are not yet in the state. */
  readonly lag: number;
  readonly lag_ms: number;
  /** Time from which the state has seen every record, in ms since 1970. */
  readonly seen_since?: number;
  /** By chain. */
  readonly watermark: { readonly [name: string]: number };
  readonly checkpoint?: {
    readonly offset: number;
    /** Time at which the checkpoint was written, in ms since 1970. */
    readonly time: number;
    readonly bytes: number;
  };
  /** For a topic: the clock that set the arrivals of the records read last. With `producer`, the detection of swaps in the future relies on the producer's clock. With `reader`, the records have no usable timestamp, and their arrival is the time of reading. */
  readonly arrival_clock?: "broker" | "producer" | "reader";
  /** With `ingest.mapping`: since this instance took the partition over. */
  readonly mapping?: {
    /** Number of records that were mapped, including those that could not be read. */
    readonly records: number;
    /** Number of swaps that `when` left out. */
    readonly skipped: number;
  };
  readonly state: "restoring" | "running" | "draining" | "failed" | "away";
  readonly problems: readonly string[];
};

/** State of an instance. */
export type InstanceStatus = {
  readonly instance: string;
  readonly version: string;
  readonly state: "self" | "live" | "refused";
  /** Partitions that the instance serves. */
  readonly partitions: readonly number[];
};

/** Sums over all partitions since their first record. */
export type Counters = {
  readonly accepted: number;
  readonly applied: number;
  readonly duplicates: number;
  readonly late: number;
  readonly quarantined: number;
  readonly removed: number;
  readonly unresolved: number;
  /** Duplicates whose content differs from the first event. Not part of the sum. */
  readonly conflicts: number;
  /** Announcements that replaced another announcement of the same swap, which counted and was not removed. Not part of the sum. */
  readonly replaced: number;
  /** Removals that arrived before their announcement. Not part of the sum. */
  readonly removals_unmatched: number;
  /** Records whose symbol was too long and was dropped. Not part of the sum. */
  readonly labels_dropped: number;
  /** By code. */
  readonly dead_letters: { readonly [name: string]: number };
};

/** Status of ingestion. */
export type Status = {
  readonly instance: string;
  readonly version: string;
  readonly uptime_ms: number;
  /** Clock of the instance when it responded, in ms since 1970. */
  readonly time?: number;
  /** Number of known tokens, including retired ones. */
  readonly tokens: number;
  readonly partitions: readonly PartitionStatus[];
  readonly counters: Counters;
  /** All instances that this one knows. Present when there may be several. */
  readonly instances?: readonly InstanceStatus[];
  /** Circuits to the servers that the service depends on. Present when there are any. That of `nats` is listed for the responding instance alone. */
  readonly circuits?: readonly ({
    readonly instance: string;
    /** `nats`, `redis_hot`, or the store of the checkpoints: `redis`, `s3`, `kafka`. */
    readonly dependency: string;
    /** `closed`: the server works. `open`: three calls in a row failed, and further calls fail at once for a moment. `half_open`: the server is being tried. */
    readonly state: "closed" | "half_open" | "open";
    /** Time at which it left the state `closed`, or came back to it. Absent when it has been closed since the start, in ms since 1970. */
    readonly since?: number;
  })[];
  /** Present when feeders are configured. */
  readonly feeders?: readonly FeederStatus[];
  readonly history?: {
    readonly store: "embedded" | "clickhouse" | "postgres";
    readonly partitions: readonly {
      readonly partition: number;
      /** Number of the first settled swap of the partition's stream that the store may not have yet. */
      readonly durable: number;
      /** Rows that wait for the store. */
      readonly waiting_rows: number;
      /** Time for which the oldest of them has waited. */
      readonly lag_ms: number;
    }[];
    /** Memory of waiting rows. */
    readonly memory_bytes: number;
    /** Files of waiting rows in the data folder. */
    readonly spool_bytes: number;
    /** Rows written since the start of the process. */
    readonly rows_written: number;
    /** Rows left out since the start of the process, because the buffer was full. */
    readonly rows_lost: number;
    /** Gaps that were found since the start of the process. */
    readonly gaps: number;
    /** Whether the buffer is full. `history.on_failure` says what happens then. */
    readonly full: boolean;
    /** Why rows are not being written now, in a plain sentence. */
    readonly problem?: string;
  };
  /** Problems that concern no single partition. */
  readonly problems?: readonly string[];
};

/** Response of a process that is alive. */
export type Health = {
  readonly status: "ok";
};

/** Response of a service that is ready. */
export type Ready = {
  readonly status: "ready";
  readonly reasons: readonly string[];
  readonly problems: readonly string[];
};

/** Index of the service. */
export type Index = {
  readonly name: string;
  readonly version: string;
  readonly links: { readonly [name: string]: string };
};

/** A swap as a producer sends it. */
export type SwapEvent = {
  readonly chain_id: number;
  readonly tx_hash: string;
  readonly log_index: number;
  /** Index of the transaction in its block, for chains where log_index begins at 0 in each transaction. Alias: transaction_index. */
  readonly tx_index?: number | undefined;
  /** Default: `<chain_id>:<tx_hash>:<log_index>`. */
  readonly event_id?: string | undefined;
  /** Address or symbol. Alias: token_address. */
  readonly token: string;
  readonly token_symbol?: string | undefined;
  readonly pool?: string | undefined;
  /** Wallet. Aliases: wallet, trader, maker. */
  readonly who?: string | undefined;
  readonly side: "buy" | "sell";
  readonly amount_token: string | number;
  readonly amount_usd: string | number;
  readonly price_usd?: string | number | undefined;
  /** Milliseconds since 1970, or a time of RFC 3339. Alias: ts. */
  readonly event_time: number | string;
  readonly block_number?: number | undefined;
  readonly block_hash?: string | undefined;
  /** True when the chain dropped the block: the swap is then removed from the figures. */
  readonly removed?: boolean | undefined;
  readonly revision?: number | undefined;
  readonly schema_version?: number | undefined;
};

/** Result of sending swaps. */
export type Ingested = {
  /** Number of events that are on disk, including copies, late and quarantined swaps. */
  readonly accepted: number;
  readonly rejected: readonly EventError[];
  /** Number of accepted swaps that arrived behind the watermark and will not count, as far as it is known. `/api/status` has the exact sum. */
  readonly late?: number;
  /** Number of accepted swaps that are too far in the future and will not count. `/api/dead-letters` lists them. */
  readonly quarantined?: number;
  /** With `mapping`: number of records in the body. `index` in `rejected` is that of a record. */
  readonly records?: number;
  /** With `mapping`: number of swaps that the mapping's `when` left out. */
  readonly skipped?: number;
};

/** A record that was not applied, with the reason. */
export type DeadLetter = {
  readonly code: string;
  readonly message: string;
  readonly partition: number;
  /** Position in the partition. With `feeder`: number of the record, from 1. */
  readonly offset: number;
  /** Name of the feeder that read the record. It is in no partition then. */
  readonly feeder?: string;
  /** Time at which the record arrived, in ms since 1970. */
  readonly arrival: number;
  /** Text of the record, cut to 4 KiB, with bytes that are not UTF-8 replaced. */
  readonly raw: string;
  /** The same bytes in base64, if they are not UTF-8. */
  readonly raw_base64?: string;
};

/** Records that were not applied, newest first. */
export type DeadLetters = {
  readonly items: readonly DeadLetter[];
  /** Present while an owner is away: the response is then the last known one, with the as_of of that response. */
  readonly stale?: true;
};

/** A ticket for one connection. */
export type Ticket = {
  /** Goes into the address of a WebSocket or an event stream as `?ticket=`, once. */
  readonly ticket: string;
  /** Time at which the ticket ceases to be valid, in ms since 1970. */
  readonly expires_at: number;
};

/** A request for a token, for development. */
export type TokenBody = {
  /** Subject of the token. */
  readonly sub: string;
  /** `read`, `ingest` and `admin`, with spaces between them, by default `read`. */
  readonly scope?: string | undefined;
  /** Seconds for which the token is valid, by default an hour. */
  readonly ttl_sec?: number | undefined;
};

/** A token for development. */
export type MintedToken = {
  /** A JSON Web Token. */
  readonly token: string;
  /** Time at which the token expires, in ms since 1970. */
  readonly expires_at: number;
};
