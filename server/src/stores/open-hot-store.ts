/** Opens the hot store from the configuration, in two steps: a setup of plain data, which can be posted to a thread, and the store. */
import type { Config } from "../config/config.ts";
import type { HotStore } from "../ports/hot-store.ts";
import { Circuit } from "../shared/circuit.ts";
import { isStoreFailure } from "./guarded-checkpoint-store.ts";
import type { RedisHotStoreOptions } from "./redis-hot-store.ts";

/** Limit of a batch. */
const CALL_LIMIT_MS = 5_000;

export type HotStoreSetup = RedisHotStoreOptions & {
  readonly intervalMs: number;
  readonly ttlMs: number;
};

export type OpenedHotStore = {
  readonly store: HotStore;
  readonly circuit: Circuit;
  /** Time between the starts of two rounds of writing. */
  readonly intervalMs: number;
  readonly ttlMs: number;
};

/** Returns undefined when no hot store is configured. */
export function hotStoreSetup({ stores }: Config): HotStoreSetup | undefined {
  const { hot } = stores;
  if (hot.kind === "none") return undefined;
  const { redis, intervalMs, ttlMs } = hot;
  return { redis: redis.server, prefix: redis.prefix, limitMs: CALL_LIMIT_MS, intervalMs, ttlMs };
}

/** Connects at the first call. Rejects with `bad_config` when a file of the settings cannot be read. */
export async function openHotStore(setup: HotStoreSetup): Promise<OpenedHotStore> {
  const { RedisHotStore } = await import("./redis-hot-store.ts");
  const circuit = new Circuit({
    dependency: "redis_hot",
    isFailure: isStoreFailure,
    openCode: "storage_failed",
    nowMs: Date.now,
  });
  const { intervalMs, ttlMs } = setup;
  return { store: new RedisHotStore(setup), circuit, intervalMs, ttlMs };
}
