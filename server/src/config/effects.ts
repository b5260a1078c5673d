/** Settings that are given and change nothing, because the part that reads them is not in use. */
import type { ConfigProblem, Setting } from "./load.ts";

type Values = ReadonlyMap<string, unknown>;

type Rule = {
  /** Beginnings of the keys that it is about. */
  readonly keys: readonly string[];
  readonly isUsed: (values: Values) => boolean;
  /** Follows "has no effect". */
  readonly needs: string;
};

const isKafka = (values: Values): boolean => values.get("ingest.source") === "kafka";
const checkpointIs = (values: Values, store: string): boolean => values.get("stores.checkpoint") === store;

/** The first rule whose beginning a key has decides. */
const RULES: readonly Rule[] = [
  {
    keys: ["ingest.embedded."],
    isUsed: (values) => !isKafka(values),
    needs: "with `ingest.source: kafka`, which has a log of its own",
  },
  {
    keys: ["ingest.generator."],
    isUsed: (values) => values.get("ingest.source") === "generator",
    needs: "without `ingest.source: generator`",
  },
  {
    keys: ["ingest.brokers", "ingest.tls.", "ingest.sasl."],
    isUsed: (values) => isKafka(values) || checkpointIs(values, "kafka"),
    needs: "on the service without `ingest.source: kafka`; only commands that write to a topic use it",
  },
  {
    keys: ["ingest.topic", "ingest.topic_cfg."],
    isUsed: isKafka,
    needs: "on the service without `ingest.source: kafka`; only commands about topics use it",
  },
  { keys: ["ingest.source"], isUsed: () => true, needs: "" },
  { keys: ["ingest."], isUsed: isKafka, needs: "without `ingest.source: kafka`" },
  {
    keys: ["stores.redis."],
    isUsed: (values) => checkpointIs(values, "redis") || values.get("stores.hot") === "redis",
    needs: "without `stores.checkpoint: redis` or `stores.hot: redis`",
  },
  {
    keys: ["stores.hot_"],
    isUsed: (values) => values.get("stores.hot") !== "none",
    needs: "without `stores.hot: redis`",
  },
  {
    keys: ["stores.s3."],
    isUsed: (values) => checkpointIs(values, "s3"),
    needs: "without `stores.checkpoint: s3`",
  },
  {
    keys: ["stores.kafka."],
    isUsed: (values) => checkpointIs(values, "kafka"),
    needs: "without `stores.checkpoint: kafka`",
  },
  {
    keys: ["pubsub.nats."],
    isUsed: isKafka,
    needs: "without `ingest.source: kafka`: an embedded log belongs to one instance, which answers for all of it",
  },
  {
    keys: ["api."],
    isUsed: (values) => values.get("api.http.addr") !== undefined,
    needs: "while `api.http.addr` is empty",
  },
];

/** One warning for each setting that was given and is read by nothing; the rest of the configuration is sound. */
export function withoutEffect(settings: readonly Setting[]): ConfigProblem[] {
  const values = new Map(settings.map((setting) => [setting.path, setting.value]));
  const warnings: ConfigProblem[] = [];
  for (const { path, origin, where } of settings) {
    if (origin === "default" || path === "api.http.addr") continue;
    const rule = RULES.find(({ keys }) =>
      keys.some((key) => path === key || (/[._]$/.test(key) && path.startsWith(key))),
    );
    if (rule === undefined || rule.isUsed(values)) continue;
    warnings.push({ path, where, message: `has no effect ${rule.needs}` });
  }
  return warnings;
}
