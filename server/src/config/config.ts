/** The configuration as the program uses it: every value checked, every unit in its name. */
import type { KafkaConfig } from "./build-ingest.ts";
import type { NatsConfig } from "./build-nats.ts";
import type { StoresConfig } from "./build-stores.ts";
import type { ListenAddress } from "./units.ts";
import type { WindowSetting } from "./windows.ts";

/** What a chain has of its own; both of the first are filled in, the others as for all chains where absent. */
export type ChainSetting = {
  readonly graceMs: number;
  readonly reorgHorizonMs: number;
  readonly maxSkewMs?: number;
  readonly priceMinUsdMicro?: number;
  /** Hex in tokens, pools and traders is filled with zeros to so many bytes; absent: it stays as long as it comes. */
  readonly addressBytes?: number;
};

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

export type Config = {
  /** As given; relative to the working folder. */
  readonly dataDir: string;
  readonly ingest: {
    readonly source: "embedded" | "generator" | "kafka";
    readonly embedded: { readonly partitions: number; readonly retentionMs: number; readonly retentionBytes: number };
    /** Used with source `generator`. */
    readonly generator: {
      readonly ratePerSecond: number;
      readonly tokens: number;
      readonly traders: number;
      readonly seed: number;
    };
    /** Undefined: no brokers are set. */
    readonly kafka: KafkaConfig | undefined;
  };
  readonly windows: {
    /** Ascending by length, 1 to 16. */
    readonly list: readonly WindowSetting[];
    readonly clock: "live" | "event";
  };
  readonly app: {
    readonly graceMs: number;
    readonly maxSkewMs: number;
    readonly reorgHorizonMs: number;
    /** A swap of fewer millionths of a dollar has no price. */
    readonly priceMinUsdMicro: number;
    /** By chain id. */
    readonly chains: ReadonlyMap<number, ChainSetting>;
    readonly snapshotIntervalMs: number;
    readonly instanceId: string;
    readonly workers: number;
    readonly readyLagMs: number;
    readonly maxTokens: number;
    readonly exactTraders: number;
  };
  readonly stores: StoresConfig;
  /** Undefined: this instance knows of no others. */
  readonly pubsub: { readonly nats: NatsConfig | undefined };
  readonly api: {
    readonly http: {
      /** Undefined: the listener is off. */
      readonly addr: ListenAddress | undefined;
      readonly maxBodyBytes: number;
      readonly maxBatch: number;
    };
    /** Hosts that are answered beside the loopback names, in lower case; empty: by the address that is listened on. */
    readonly hosts: readonly string[];
    /** Allowed origins, as a browser sends them (`https://app.example.com`); empty: none. */
    readonly cors: readonly string[];
    readonly symbols: "refuse" | "largest";
    readonly ws: {
      readonly coalesceMs: number;
      readonly maxConn: number;
      readonly maxSubscriptions: number;
      readonly maxMessageBytes: number;
      readonly maxMessagesPerSec: number;
      readonly messageBurst: number;
      readonly maxRows: number;
      readonly maxRowsTotal: number;
    };
  };
  /** Undefined: the listener is off. */
  readonly metrics: { readonly prometheus: ListenAddress | undefined };
  readonly logging: { readonly level: LogLevel; readonly format: "json" | "text" };
};

/** What an engine needs of the configuration; has the shape of the engine's own `EngineConfig`. */
export type EngineSettings = {
  readonly windows: readonly WindowSetting[];
  readonly graceMs: number;
  readonly reorgHorizonMs: number;
  readonly maxSkewMs: number;
  readonly priceMinUsdMicro: number;
  readonly chains: ReadonlyMap<number, ChainSetting>;
  readonly maxTokens: number;
  readonly exactTraders: number;
};

export function toEngineConfig(config: Config): EngineSettings {
  return {
    windows: config.windows.list,
    graceMs: config.app.graceMs,
    reorgHorizonMs: config.app.reorgHorizonMs,
    maxSkewMs: config.app.maxSkewMs,
    priceMinUsdMicro: config.app.priceMinUsdMicro,
    chains: config.app.chains,
    maxTokens: config.app.maxTokens,
    exactTraders: config.app.exactTraders,
  };
}
