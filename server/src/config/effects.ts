/** Settings that are given and have no effect, because the part of the program that reads them is not in use. */
import { hasLimits } from "./build/rate-limit.ts";
import type { Part, SourcePart } from "./key.ts";
import type { TableValues } from "./keys.ts";
import type { ConfigProblem, Setting } from "./settings.ts";

type Rule = {
  readonly isUsed: (values: TableValues) => boolean;
  /** Follows "has no effect". */
  readonly needs: string;
};

const isKafka = ({ ingest }: TableValues): boolean => ingest.source === "kafka";

const hasCredentials = ({ security }: TableValues): boolean =>
  security.jwt.isEnabled || security.apiKeysPath !== undefined;

const isKafkaMapped = ({ source, mappingPath }: TableValues["ingest"]): boolean =>
  source === "kafka" && mappingPath !== undefined;

const RULES: Readonly<Record<Exclude<Part, SourcePart>, Rule>> = {
  "embedded log": {
    isUsed: (values) => !isKafka(values),
    needs: "with `ingest.source: kafka`, which has a log of its own",
  },
  mappings: {
    isUsed: ({ ingest }) =>
      isKafkaMapped(ingest) ||
      ingest.mappingsFolder !== undefined ||
      ingest.feeders.some((feeder) => "mapping" in feeder && feeder.mapping !== undefined),
    needs: "without `ingest.mapping`, `ingest.mappings` or a feeder with a mapping",
  },
  brokers: {
    isUsed: (values) => isKafka(values) || values.stores.checkpoint === "kafka",
    needs: "on the service without `ingest.source: kafka`; only commands that write to a topic use it",
  },
  topics: {
    isUsed: isKafka,
    needs: "on the service without `ingest.source: kafka`; only commands about topics use it",
  },
  redis: {
    isUsed: (values) =>
      values.stores.checkpoint === "redis" ||
      values.stores.hot.kind === "redis" ||
      hasCredentials(values) ||
      hasLimits(values.rateLimit),
    needs: "without `stores.checkpoint: redis`, `stores.hot: redis`, tickets of `security` or `rate_limit`",
  },
  "hot store": {
    isUsed: ({ stores }) => stores.hot.kind !== "none",
    needs: "without `stores.hot: redis`",
  },
  history: {
    isUsed: ({ stores }) => stores.history !== "none",
    needs: "without `stores.history`",
  },
  "clickhouse history": {
    isUsed: ({ stores }) => stores.history === "clickhouse",
    needs: "without `stores.history: clickhouse`",
  },
  "postgres history": {
    isUsed: ({ stores }) => stores.history === "postgres",
    needs: "without `stores.history: postgres`",
  },
  s3: {
    isUsed: ({ stores }) => stores.checkpoint === "s3",
    needs: "without `stores.checkpoint: s3`",
  },
  "checkpoint topic": {
    isUsed: ({ stores }) => stores.checkpoint === "kafka",
    needs: "without `stores.checkpoint: kafka`",
  },
  cluster: {
    isUsed: isKafka,
    needs: "without `ingest.source: kafka`: an embedded log belongs to one instance, which serves all of it",
  },
  tokens: {
    isUsed: ({ security }) => security.jwt.isEnabled,
    needs: "while `security.jwt.enabled` is off",
  },
  credentials: {
    isUsed: hasCredentials,
    needs: "without `security.jwt.enabled` or `security.api_keys_path`",
  },
  api: {
    isUsed: ({ api }) => api.http.addr !== undefined,
    needs: "while `api.http.addr` is empty",
  },
};

function ruleOf(part: Part): Rule {
  if (!isSourcePart(part)) return RULES[part];
  return { isUsed: ({ ingest }) => part === `ingest.source: ${ingest.source}`, needs: `without \`${part}\`` };
}

function isSourcePart(part: Part): part is SourcePart {
  return part.startsWith("ingest.source: ");
}

/** Returns one warning for each setting that was given and has no effect; the rest of the configuration is sound. */
export function withoutEffect(settings: readonly Setting[], values: TableValues): ConfigProblem[] {
  return settings.flatMap(({ path, where, origin, spec: { part } }) => {
    if (origin === "default" || part === undefined) return [];
    const { isUsed, needs } = ruleOf(part);
    if (isUsed(values)) return [];
    return [{ path, where, message: `has no effect ${needs}` }];
  });
}
