/** Builds the configuration of the source: each value of `ingest.source` has exactly the settings that it needs. */
import type { TableValues } from "../keys.ts";
import type { KafkaConfig } from "./kafka.ts";

type IngestValues = TableValues["ingest"];

export type GeneratorConfig = IngestValues["generator"];
export type EmbeddedLogConfig = IngestValues["embedded"];

/** With the other sources, Kafka is there for the commands that write to a topic: undefined where no brokers are set. */
export type IngestConfig =
  | { readonly source: "embedded"; readonly embedded: EmbeddedLogConfig; readonly kafka: KafkaConfig | undefined }
  | {
      readonly source: "generator";
      readonly embedded: EmbeddedLogConfig;
      readonly generator: GeneratorConfig;
      readonly kafka: KafkaConfig | undefined;
    }
  | { readonly source: "kafka"; readonly kafka: KafkaConfig };

/** Undefined where the brokers of the Kafka source are missing, which is reported already. */
export function buildIngest(
  { source, embedded, generator }: IngestValues,
  kafka: KafkaConfig | undefined,
): IngestConfig | undefined {
  switch (source) {
    case "embedded":
      return { source, embedded, kafka };
    case "generator":
      return { source, embedded, generator, kafka };
    case "kafka":
      return kafka === undefined ? undefined : { source, kafka };
  }
}
