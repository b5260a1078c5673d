/** Settings that are given and have no effect, because the part of the program that reads them is not in use. */
import type { Part, SourcePart } from "./key.ts";
import type { TableValues } from "./keys.ts";
import type { ConfigProblem, Setting } from "./settings.ts";

type Rule = {
  readonly isUsed: (values: TableValues) => boolean;
  /** Follows "has no effect". */
  readonly needs: string;
};

const isKafka = ({ ingest }: TableValues): boolean => ingest.source === "kafka";

const RULES: Readonly<Record<Exclude<Part, SourcePart>, Rule>> = {
  "embedded log": {
    isUsed: (values) => !isKafka(values),
    needs: "with `ingest.source: kafka`, which has a log of its own",
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
    isUsed: ({ stores }) => stores.checkpoint === "redis" || stores.hot.kind === "redis",
    needs: "without `stores.checkpoint: redis` or `stores.hot: redis`",
  },
  "hot store": {
    isUsed: ({ stores }) => stores.hot.kind !== "none",
    needs: "without `stores.hot: redis`",
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
