/**
 * The configuration as the program uses it. Its fields and their types come from the table of keys; what several keys decide
 * together is a union. Units end the names.
 */
import type { ChainSetting, WindowsConfig } from "./build/app.ts";
import type { KafkaConfig } from "./build/kafka.ts";
import type { NatsConfig } from "./build/nats.ts";
import type { StoresConfig } from "./build/stores.ts";
import type { TableValues } from "./keys.ts";

type IngestValues = TableValues["ingest"];
type AppValues = TableValues["app"];

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

export type Config = Omit<TableValues, "ingest" | "windows" | "app" | "stores" | "pubsub"> & {
  readonly ingest: IngestConfig;
  readonly windows: WindowsConfig;
  readonly app: Omit<AppValues, "chains"> & { readonly chains: ReadonlyMap<number, ChainSetting> };
  readonly stores: StoresConfig;
  /** Undefined: this instance knows of no others. */
  readonly pubsub: { readonly nats: NatsConfig | undefined };
};

/** The engine's part of the configuration; has the shape of the engine's own `EngineConfig`. */
export type EngineSettings = Pick<
  Config["app"],
  "graceMs" | "reorgHorizonMs" | "maxSkewMs" | "priceMinUsdMicro" | "chains" | "maxTokens" | "exactTraders"
> & { readonly windows: WindowsConfig["list"] };

export function toEngineConfig({ windows, app }: Config): EngineSettings {
  const { graceMs, reorgHorizonMs, maxSkewMs, priceMinUsdMicro, chains, maxTokens, exactTraders } = app;
  return {
    ...{ windows: windows.list, graceMs, reorgHorizonMs, maxSkewMs, priceMinUsdMicro, chains },
    ...{ maxTokens, exactTraders },
  };
}
