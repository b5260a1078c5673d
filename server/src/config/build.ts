/** Puts checked values of keys together to a `Config`, with the checks that look at more than one key. */
import { buildKafka } from "./build-ingest.ts";
import { buildNats } from "./build-nats.ts";
import { buildStores } from "./build-stores.ts";
import type { ChainSetting, Config, LogLevel } from "./config.ts";
import { CHAINS_MAX } from "./keys.ts";
import type { ConfigProblem, Setting } from "./load.ts";
import { formatListenAddress, type ListenAddress } from "./units.ts";
import { DEFAULT_WINDOWS, type WindowSetting, windowsOf } from "./windows.ts";

const CHAIN_ID_MAX = 4_294_967_295;
/** Keys of `app.chains.<id>` and what they set. */
const CHAIN_FIELDS = {
  grace: "graceMs",
  reorg_horizon: "reorgHorizonMs",
  max_skew: "maxSkewMs",
  price_min_usd: "priceMinUsdMicro",
  address_bytes: "addressBytes",
} as const;

/** Adds what is wrong to `problems`; undefined where no configuration can be made. */
export function buildConfig(settings: readonly Setting[], problems: ConfigProblem[]): Config | undefined {
  const values = new Map(settings.map((setting) => [setting.path, setting.value]));
  // The casts hold because each kind of key has one type of value, and each key has a value or its default.
  const num = (path: string): number => values.get(path) as number;
  const word = <T extends string>(path: string): T => values.get(path) as T;
  const address = (path: string): ListenAddress | undefined => values.get(path) as ListenAddress | undefined;

  const problemsBefore = problems.length;
  const list = buildWindows(values.get("windows.list") as readonly string[], num("windows.bucket_step"), problems);
  const chains = buildChains(settings, num("app.grace"), num("app.reorg_horizon"), problems);
  checkListeners(address("api.http.addr"), address("metrics.prometheus"), problems);
  const kafka = buildKafka(values, problems);
  const stores = buildStores(values, kafka, problems);
  const pubsub = buildNats(values, problems);
  if (problems.length > problemsBefore) return undefined;

  return {
    dataDir: word("data_dir"),
    ingest: {
      source: word<"embedded" | "generator">("ingest.source"),
      embedded: {
        partitions: num("ingest.embedded.partitions"),
        retentionMs: num("ingest.embedded.retention"),
        retentionBytes: num("ingest.embedded.retention_bytes"),
      },
      generator: {
        ratePerSecond: num("ingest.generator.rate"),
        tokens: num("ingest.generator.tokens"),
        traders: num("ingest.generator.traders"),
        seed: num("ingest.generator.seed"),
      },
      kafka,
    },
    windows: { list, clock: word<"live" | "event">("windows.clock") },
    app: {
      graceMs: num("app.grace"),
      maxSkewMs: num("app.max_skew"),
      reorgHorizonMs: num("app.reorg_horizon"),
      priceMinUsdMicro: num("app.price_min_usd"),
      chains,
      snapshotIntervalMs: num("app.snapshot_interval"),
      instanceId: word("app.instance_id"),
      workers: num("app.workers"),
      readyLagMs: num("app.ready_lag"),
      maxTokens: num("app.max_tokens"),
      exactTraders: num("app.exact_traders"),
    },
    stores,
    pubsub,
    api: {
      http: {
        addr: address("api.http.addr"),
        maxBodyBytes: num("api.http.max_body"),
        maxBatch: num("api.http.max_batch"),
      },
      hosts: values.get("api.hosts") as readonly string[],
      cors: values.get("api.cors") as readonly string[],
      symbols: values.get("api.symbols") as "refuse" | "largest",
      ws: {
        coalesceMs: num("api.ws.coalesce_ms"),
        maxConn: num("api.ws.max_conn"),
        maxSubscriptions: num("api.ws.max_subscriptions"),
        maxMessageBytes: num("api.ws.max_message_bytes"),
        maxMessagesPerSec: num("api.ws.max_messages_per_sec"),
        messageBurst: num("api.ws.message_burst"),
        maxRows: num("api.ws.max_rows"),
        maxRowsTotal: num("api.ws.max_rows_total"),
      },
    },
    metrics: { prometheus: address("metrics.prometheus") },
    logging: { level: word<LogLevel>("logging.level"), format: word<"json" | "text">("logging.format") },
  };
}

function buildWindows(
  names: readonly string[],
  bucketStepMs: number | undefined,
  problems: ConfigProblem[],
): readonly WindowSetting[] {
  if (bucketStepMs !== undefined && bucketStepMs % 1_000 !== 0) {
    problems.push({
      path: "windows.bucket_step",
      where: "",
      message: "is not in whole seconds; write 1s, 5s or the like",
    });
    return [];
  }
  const result = windowsOf(names, bucketStepMs);
  // A step that was given for all is at fault where the default windows do not fit it.
  const isDefault = bucketStepMs !== undefined && names.join(",") === DEFAULT_WINDOWS;
  const path = isDefault ? "windows.bucket_step" : "windows.list";
  for (const message of result.problems) problems.push({ path, where: "", message });
  return result.windows;
}

function buildChains(
  settings: readonly Setting[],
  graceMs: number,
  reorgHorizonMs: number,
  problems: ConfigProblem[],
): ReadonlyMap<number, ChainSetting> {
  const chains = new Map<number, ChainSetting>();
  for (const { path, value } of settings) {
    const match = /^app\.chains\.([0-9]+)\.(grace|reorg_horizon|max_skew|price_min_usd|address_bytes)$/.exec(path);
    if (match === null || value === undefined) continue;
    const id = Number(match[1]);
    if (id > CHAIN_ID_MAX || String(id) !== match[1]) {
      const message = `"${match[1]}" is not a chain id; write a whole number from 0 to ${CHAIN_ID_MAX}`;
      problems.push({ path, where: "", message });
      continue;
    }
    const before = chains.get(id) ?? { graceMs, reorgHorizonMs };
    chains.set(id, { ...before, [CHAIN_FIELDS[match[2] as keyof typeof CHAIN_FIELDS]]: value as number });
  }
  if (chains.size > CHAINS_MAX) {
    problems.push({
      path: "app.chains",
      where: "",
      message: `names ${chains.size} chains; give at most ${CHAINS_MAX}`,
    });
  }
  return chains;
}

function checkListeners(
  http: ListenAddress | undefined,
  metrics: ListenAddress | undefined,
  problems: ConfigProblem[],
): void {
  if (http === undefined || metrics === undefined || http.port === 0) return;
  if (http.port !== metrics.port || http.host !== metrics.host) return;
  const message = `${formatListenAddress(metrics)} is taken by api.http.addr; choose another port`;
  problems.push({ path: "metrics.prometheus", where: "", message });
}
