/**
 * The table of all configuration keys. Reading, checking, `config show`, `config init`, the names of environment variables, the
 * documentation and the type of the configuration follow from it.
 */
import { type KeySpec, key, keysOf, type Section, type Values } from "./key.ts";
import { API } from "./keys/api.ts";
import { APP, WINDOWS } from "./keys/app.ts";
import { HISTORY } from "./keys/history.ts";
import { INGEST } from "./keys/ingest.ts";
import { ADDRESS, choice, PATH, SWITCH } from "./keys/kinds.ts";
import { PUBSUB } from "./keys/pubsub.ts";
import { RATE_LIMIT } from "./keys/rate-limit.ts";
import { SECURITY } from "./keys/security.ts";
import { STORES } from "./keys/stores.ts";

export const TABLE = {
  dataDir: key("data_dir", PATH, "./data", "Folder of the embedded log and the embedded checkpoints."),
  ingest: INGEST,
  windows: WINDOWS,
  app: APP,
  stores: STORES,
  history: HISTORY,
  pubsub: PUBSUB,
  security: SECURITY,
  api: API,
  rateLimit: RATE_LIMIT,
  metrics: {
    prometheus: key("metrics.prometheus", ADDRESS, "127.0.0.1:9091", "Address of `/metrics`. Empty: off."),
  },
  logging: {
    level: key(
      "logging.level",
      choice(["trace", "debug", "info", "warn", "error", "fatal", "silent"]),
      "info",
      "Lowest severity that is logged.",
    ),
    format: key(
      "logging.format",
      choice(["json", "text"]),
      "json",
      "`json`: one JSON object per line. `text`: lines for people.",
    ),
    audit: key(
      "logging.audit",
      SWITCH,
      "on",
      "Whether the log says who asked for credentials, who was refused and who was limited. A flood is summed up. See [audit log](rate-limits.md#audit-log).",
    ),
  },
} satisfies Section;

/** The value of each key, before keys are checked against each other. */
export type TableValues = Values<typeof TABLE>;

export const CONFIG_KEYS: readonly KeySpec[] = keysOf(TABLE);

/** Keys, or beginnings of keys (with a dot at the end), that belong to parts that this version does not have. */
export const LATER_KEYS: readonly string[] = ["stores.clickhouse.", "api.grpc.", "metrics.pprof", "alerts."];

/** Environment variables with the prefix that are no configuration keys: options of commands, and what tests use. */
export const RESERVED_ENV = [
  "SWAPSTATS_CONFIG",
  "SWAPSTATS_TOKEN",
  "SWAPSTATS_CA",
  "SWAPSTATS_DATA",
  "SWAPSTATS_SERVERS_DIR",
] as const;
export const RESERVED_ENV_PREFIX = "SWAPSTATS_TEST_";
