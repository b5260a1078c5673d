/** Builds the configuration of the source: each value of `ingest.source` has exactly the settings that it needs. */

import type { FeederType } from "../keys/feeders.ts";
import { TABLE, type TableValues } from "../keys.ts";
import type { KafkaConfig } from "./kafka.ts";
import { checkBothOrNeither, type Report, refuseEach } from "./report.ts";

type IngestValues = TableValues["ingest"];

export type GeneratorConfig = IngestValues["generator"];
export type EmbeddedLogConfig = IngestValues["embedded"];
/** An entry of `ingest.feeders`. */
export type FeederConfig<T extends FeederType = FeederType> = Extract<IngestValues["feeders"][number], { type: T }>;

/** How a schema registry is reached. `caPath` names a file in PEM. */
export type RegistryConfig = IngestValues["registry"] & { readonly url: string };

type WithRegistry = {
  /** Undefined: mappings use schema files alone. */
  readonly registry: RegistryConfig | undefined;
};

type OfLog = WithRegistry & {
  readonly embedded: EmbeddedLogConfig;
  /** Folder with the mappings of bodies. */
  readonly mappingsFolder: string | undefined;
  readonly feeders: readonly FeederConfig[];
  readonly kafka: KafkaConfig | undefined;
};

/** With the other sources, Kafka is there for the commands that write to a topic: undefined where no brokers are set. */
export type IngestConfig =
  | (OfLog & { readonly source: "embedded" })
  | (OfLog & { readonly source: "generator"; readonly generator: GeneratorConfig })
  | (WithRegistry & {
      readonly source: "kafka";
      readonly kafka: KafkaConfig;
      /** Undefined: the records are canonical events. */
      readonly mappingPath: string | undefined;
    });

/** Undefined where the brokers of the Kafka source are missing, which is reported already. */
export function buildIngest(
  { source, embedded, generator, feeders, mappingPath, mappingsFolder, registry: values }: IngestValues,
  kafka: KafkaConfig | undefined,
  report: Report,
): IngestConfig | undefined {
  const registry = buildRegistry(values, report);
  const ofLog = { embedded, feeders, kafka, mappingsFolder, registry };
  switch (source) {
    case "embedded":
      return { source, ...ofLog };
    case "generator":
      return { source, generator, ...ofLog };
    case "kafka":
      if (feeders.length > 0) {
        const message =
          "is set, and ingest.source is kafka; feeders write to the embedded log. Fill the topic by `swapstats feed --to kafka`, or remove them";
        report(TABLE.ingest.feeders.list, message);
      }
      return kafka === undefined ? undefined : { source, kafka, mappingPath, registry };
  }
}

/** Undefined where no address is set. */
function buildRegistry(values: IngestValues["registry"], report: Report): RegistryConfig | undefined {
  const { url, username, password, token, caPath } = values;
  const keys = TABLE.ingest.registry;
  checkBothOrNeither([keys.username, username, "username"], [keys.password, password, "password"], report);
  if (token !== undefined && username !== undefined) {
    report(keys.token, "is set, and ingest.registry.username is; give a token or a user");
  }
  if (caPath !== undefined && url?.startsWith("http:") === true) {
    report(
      keys.caPath,
      "is set, and ingest.registry.url begins with http:, which has no certificates; use https: or remove it",
    );
  }
  if (url !== undefined) return { ...values, url };
  const given = [
    [keys.username, username] as const,
    [keys.password, password] as const,
    [keys.token, token] as const,
    [keys.caPath, caPath] as const,
  ];
  refuseEach(given, report, "is set without ingest.registry.url; give the address of the registry, or remove it");
  return undefined;
}
