/**
 * The configuration as the program uses it. Its fields and their types come from the table of keys; what several keys decide
 * together is a union. Units end the names.
 */
import type { ApiConfig } from "./build/api.ts";
import type { ChainSetting, WindowsConfig } from "./build/app.ts";
import type { HistoryConfig } from "./build/history.ts";
import type { IngestConfig } from "./build/ingest.ts";
import type { NatsConfig } from "./build/nats.ts";
import type { RateLimitConfig } from "./build/rate-limit.ts";
import type { SecurityConfig } from "./build/security.ts";
import type { StoresConfig } from "./build/stores.ts";
import type { TableValues } from "./keys.ts";

type AppValues = TableValues["app"];

export type Config = Omit<
  TableValues,
  "ingest" | "windows" | "app" | "stores" | "history" | "pubsub" | "security" | "api" | "rateLimit"
> & {
  readonly ingest: IngestConfig;
  readonly windows: WindowsConfig;
  readonly app: Omit<AppValues, "chains"> & { readonly chains: ReadonlyMap<number, ChainSetting> };
  readonly stores: StoresConfig;
  readonly history: HistoryConfig;
  readonly security: SecurityConfig;
  readonly api: ApiConfig;
  readonly rateLimit: RateLimitConfig;
  /** Undefined: there are no other instances. */
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
