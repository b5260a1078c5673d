/**
 * The table of all configuration keys. Everything else is made from it: reading, checking, `config show`, the names of
 * environment variables, and the test of docs/configuration.md. A key stands here as soon as its part exists; keys and
 * values of parts that do not exist yet are refused with a message that says so.
 */
import { INGEST_KAFKA_KEYS } from "./ingest-keys.ts";
import { NATS_KEYS } from "./nats-keys.ts";
import { STORE_KEYS } from "./store-keys.ts";

export type KeyKind =
  | { readonly type: "duration"; readonly minMs: number; readonly maxMs: number }
  | { readonly type: "size"; readonly minBytes: number; readonly maxBytes: number }
  | { readonly type: "integer"; readonly min: number; readonly max: number }
  | { readonly type: "number"; readonly min: number; readonly max: number }
  /** Dollars with up to six places; the value is in millionths. */
  | { readonly type: "usd" }
  /** `later` holds values that the product's interfaces name and this version does not have. */
  | { readonly type: "choice"; readonly values: readonly string[]; readonly later: readonly string[] }
  | { readonly type: "text"; readonly bytesMax: number; readonly pattern: RegExp; readonly patternHint: string }
  | { readonly type: "path" }
  | { readonly type: "address" }
  /** Addresses to connect to, in one text with commas or a list. */
  | { readonly type: "endpoints"; readonly countMax: number }
  | { readonly type: "windows" }
  | { readonly type: "origins"; readonly countMax: number }
  /** Names or addresses with an optional port, in one text with commas or a list. */
  | { readonly type: "hosts"; readonly countMax: number }
  | { readonly type: "secret" };

export type KeySpec = {
  /** Dotted path; `<id>` stands for a chain id. */
  readonly path: string;
  readonly kind: KeyKind;
  /** As it would be written in the file; "" means not set, off or none. */
  readonly defaultText: string;
  readonly meaning: string;
};

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MIB = 2 ** 20;
const GIB = 2 ** 30;

const duration = (minMs: number, maxMs: number): KeyKind => ({ type: "duration", minMs, maxMs });
const integer = (min: number, max: number): KeyKind => ({ type: "integer", min, max });
const choice = (values: readonly string[], later: readonly string[] = []): KeyKind => ({
  type: "choice",
  values,
  later,
});

/** `0x` and the digits of so many bytes are still a string of 128 bytes, which is as long as a name in an event may be. */
const ADDRESS_BYTES_MAX = 63;
export const CHAINS_MAX = 256;

export const CONFIG_KEYS: readonly KeySpec[] = [
  {
    path: "data_dir",
    kind: { type: "path" },
    defaultText: "./data",
    meaning: "Folder below which everything embedded lives: the log and the checkpoints.",
  },

  {
    path: "ingest.source",
    kind: choice(["embedded", "generator", "kafka"], ["redis_streams", "rabbitmq", "nats_jetstream", "pulsar"]),
    defaultText: "embedded",
    meaning:
      "Where swaps come from. `embedded`: `POST /api/swaps` into the log of the data folder. `generator`: the same log, fed by the built-in generator as well. `kafka`: a topic of Kafka or Redpanda, see [running on Kafka](kafka.md).",
  },
  {
    path: "ingest.embedded.partitions",
    kind: integer(1, 64),
    defaultText: "1",
    meaning: "Partitions of the embedded log. All swaps of one token are in one partition.",
  },
  {
    path: "ingest.embedded.retention",
    kind: duration(60_000, 365 * DAY_MS),
    defaultText: "1h",
    meaning: "How long the embedded log keeps records. It never removes what the previous checkpoint needs.",
  },
  {
    path: "ingest.embedded.retention_bytes",
    kind: { type: "size", minBytes: 16 * MIB, maxBytes: 1024 * 1024 * GIB },
    defaultText: "4GiB",
    meaning:
      "Size of the embedded log above which the oldest records go, whatever their age. Where the previous checkpoint still needs them, ingestion answers 503 until it does not.",
  },
  {
    path: "ingest.generator.rate",
    kind: { type: "number", min: 0.001, max: 1_000_000 },
    defaultText: "1000",
    meaning: "Swaps a second of the built-in generator.",
  },
  {
    path: "ingest.generator.tokens",
    kind: integer(1, 1_000_000),
    defaultText: "200",
    meaning: "Tokens of the built-in generator.",
  },
  {
    path: "ingest.generator.traders",
    kind: integer(1, 10_000_000),
    defaultText: "5000",
    meaning: "Wallets of the built-in generator.",
  },
  {
    path: "ingest.generator.seed",
    kind: integer(0, 4_294_967_295),
    defaultText: "1",
    meaning: "Seed of the built-in generator.",
  },
  ...INGEST_KAFKA_KEYS,

  {
    path: "windows.list",
    kind: { type: "windows" },
    defaultText: "1m,5m,15m,30m,1h,6h,24h",
    meaning: "The windows, at most 16, each from 10s to 30d and a multiple of its step. Short form: `WINDOWS`.",
  },
  {
    path: "windows.bucket_step",
    kind: duration(1_000, 30 * DAY_MS),
    defaultText: "",
    meaning:
      "One step for all windows, whole seconds. Not set: each window has the step of the rule below. Short form: `BUCKET_STEP`.",
  },
  {
    path: "windows.clock",
    kind: choice(["live", "event"]),
    defaultText: "live",
    meaning: "What as-of follows: the wall clock, or the highest event time (replays, back-tests).",
  },

  {
    path: "app.grace",
    kind: duration(0, DAY_MS),
    defaultText: "120s",
    meaning: "How far a swap may lie behind the highest event time of its chain before it is late.",
  },
  {
    path: "app.max_skew",
    kind: duration(0, DAY_MS),
    defaultText: "60s",
    meaning: "How far an event time may lie ahead of the arrival before the swap is quarantined.",
  },
  {
    path: "app.reorg_horizon",
    kind: duration(0, DAY_MS),
    defaultText: "15m",
    meaning: "How long removals, re-inclusions and copies of a swap are recognised.",
  },
  {
    path: "app.price_min_usd",
    kind: { type: "usd" },
    defaultText: "0",
    meaning:
      "Dollars below which a swap has no price, given or not, so that dust makes no high or low. It counts in everything else.",
  },
  {
    path: "app.chains.<id>.grace",
    kind: duration(0, DAY_MS),
    defaultText: "",
    meaning: "`app.grace` of one chain. Not set: that of all.",
  },
  {
    path: "app.chains.<id>.reorg_horizon",
    kind: duration(0, DAY_MS),
    defaultText: "",
    meaning: "`app.reorg_horizon` of one chain. Not set: that of all.",
  },
  {
    path: "app.chains.<id>.max_skew",
    kind: duration(0, DAY_MS),
    defaultText: "",
    meaning: "`app.max_skew` of one chain. Not set: that of all.",
  },
  {
    path: "app.chains.<id>.price_min_usd",
    kind: { type: "usd" },
    defaultText: "",
    meaning: "`app.price_min_usd` of one chain. Not set: that of all.",
  },
  {
    path: "app.chains.<id>.address_bytes",
    kind: integer(1, ADDRESS_BYTES_MAX),
    defaultText: "",
    meaning:
      "Bytes of an address of one chain, such as 32 on Sui and Aptos. Hex in tokens (up to a first `::`), pools and traders is then filled with zeros to that length, so that `0x2::sui::SUI` and its long form are one token; longer hex stays as it is. Not set: hex stays as long as it comes.",
  },
  {
    path: "app.snapshot_interval",
    kind: duration(100, HOUR_MS),
    defaultText: "5s",
    meaning: "Time between checkpoints.",
  },
  {
    path: "app.instance_id",
    kind: { type: "text", bytesMax: 128, pattern: /^[A-Za-z0-9._:-]+$/, patternHint: "letters, digits and . _ : -" },
    defaultText: "",
    meaning: "Name of this instance in status, logs and checkpoints. Not set: the host name.",
  },
  {
    path: "app.workers",
    kind: integer(1, 64),
    defaultText: "1",
    meaning: "Threads that own partitions; more than there are partitions do nothing.",
  },
  {
    path: "app.ready_lag",
    kind: duration(100, DAY_MS),
    defaultText: "10s",
    meaning: "Lag above which `/readyz` says not ready.",
  },
  {
    path: "app.max_tokens",
    kind: integer(1, 50_000_000),
    defaultText: "2000000",
    meaning: "Tokens that a partition knows at most; a swap of one more is a dead letter.",
  },
  {
    path: "app.exact_traders",
    kind: integer(1, 1_000_000),
    defaultText: "4096",
    meaning:
      "Wallets of a token in the longest window up to which unique traders are exact; estimated above, which the answer says.",
  },

  ...STORE_KEYS,
  ...NATS_KEYS,

  {
    path: "api.http.addr",
    kind: { type: "address" },
    defaultText: "127.0.0.1:8080",
    meaning: "Address of the HTTP API and the WebSocket. Empty: off.",
  },
  {
    path: "api.http.max_body",
    kind: { type: "size", minBytes: 1024, maxBytes: 1024 * MIB },
    defaultText: "16MiB",
    meaning: "Largest body of a request; beyond it 413.",
  },
  {
    path: "api.http.max_batch",
    kind: integer(1, 1_000_000),
    defaultText: "10000",
    meaning: "Most events of one `POST /api/swaps`; beyond it 413.",
  },
  {
    path: "api.hosts",
    kind: { type: "hosts", countMax: 64 },
    defaultText: "",
    meaning:
      "Hosts that are answered, such as `swapstats.example.com` or `10.0.0.7:8080`; beside them always `localhost`, 127.0.0.1 and [::1]. `*`: all. Empty: these loopback names alone where `api.http.addr` is one of them, else all; see [hosts and pages](http-api.md#hosts-and-pages).",
  },
  {
    path: "api.cors",
    kind: { type: "origins", countMax: 64 },
    defaultText: "",
    meaning:
      "Origins whose pages may call the API and open the WebSocket, such as `https://app.example.com`; `*` alone: every page may read, and none sends swaps. Empty: none.",
  },
  {
    path: "api.symbols",
    kind: { type: "choice", values: ["refuse", "largest"], later: [] },
    defaultText: "refuse",
    meaning:
      "A name that stands for several tokens: `refuse` answers 409 with the candidates, `largest` takes the token with the most volume and says so. A request may choose by `prefer=`.",
  },
  {
    path: "api.ws.coalesce_ms",
    kind: integer(10, 60_000),
    defaultText: "100",
    meaning: "Least time between two updates of a channel, in milliseconds.",
  },
  {
    path: "api.ws.max_conn",
    kind: integer(1, 1_000_000),
    defaultText: "5000",
    meaning: "WebSocket connections at most.",
  },
  {
    path: "api.ws.max_subscriptions",
    kind: integer(1, 100_000),
    defaultText: "500",
    meaning: "Channels that one connection may subscribe to.",
  },
  {
    path: "api.ws.max_message_bytes",
    kind: integer(256, 16 * MIB),
    defaultText: "65536",
    meaning: "Largest message from a client, in bytes.",
  },
  {
    path: "api.ws.max_messages_per_sec",
    kind: integer(1, 100_000),
    defaultText: "20",
    meaning: "Messages a second from one client, for as long as it likes.",
  },
  {
    path: "api.ws.message_burst",
    kind: integer(1, 100_000),
    defaultText: "200",
    meaning: "Messages that a client that was quiet may send at once.",
  },
  {
    path: "api.ws.max_rows",
    kind: integer(1, 10_000_000),
    defaultText: "10000",
    meaning: "Rows (figures of one token in one window) that the channels of one connection may hold together.",
  },
  {
    path: "api.ws.max_rows_total",
    kind: integer(1, 100_000_000),
    defaultText: "100000",
    meaning: "The same for all connections, what they share counted once. Each may have its equal share in any case.",
  },

  {
    path: "metrics.prometheus",
    kind: { type: "address" },
    defaultText: "127.0.0.1:9091",
    meaning: "Address of `/metrics`. Empty: off.",
  },

  {
    path: "logging.level",
    kind: choice(["trace", "debug", "info", "warn", "error", "fatal", "silent"]),
    defaultText: "info",
    meaning: "Lowest severity that is logged.",
  },
  {
    path: "logging.format",
    kind: choice(["json", "text"]),
    defaultText: "json",
    meaning: "One JSON object a line, or lines for people.",
  },
];

/** Keys, or beginnings of keys (with a dot at the end), that belong to parts that this version does not have. */
export const LATER_KEYS: readonly string[] = [
  "stores.history",
  "stores.clickhouse.",
  "security.",
  "rate_limit.",
  "api.grpc.",
  "metrics.pprof",
  "alerts.",
];

/** Environment variables with the prefix that are no configuration keys: the path of the file, and what tests use. */
export const RESERVED_ENV = ["SWAPSTATS_CONFIG", "SWAPSTATS_DATA", "SWAPSTATS_SERVERS_DIR"] as const;
export const RESERVED_ENV_PREFIX = "SWAPSTATS_TEST_";

/** `app.max_skew` gives `SWAPSTATS_APP_MAX_SKEW`. */
export function envNameOf(path: string): string {
  return `SWAPSTATS_${path.replaceAll(".", "_").toUpperCase()}`;
}
