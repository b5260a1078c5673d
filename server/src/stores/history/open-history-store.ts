/** Opens a history store in two steps, as checkpoint stores are: a setup of plain data, which can be posted to a thread, and the store. */

import type { ClickHouseHistoryConfig } from "../../config/build/clickhouse.ts";
import type { S3Config } from "../../config/build/stores.ts";
import type { Config } from "../../config/config.ts";
import type { HistoryStore } from "../../ports/history-store.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import type { ClickHouseHistorySetup } from "./clickhouse/clickhouse-setup.ts";
import type { ColdSetup } from "./embedded/cold-tier.ts";
import type { EmbeddedHistorySetup } from "./embedded/embedded-setup.ts";
import { type PostgresHistorySetup, postgresHistorySetup } from "./postgres/settings.ts";

export type HistoryStoreSetup = EmbeddedHistorySetup | ClickHouseHistorySetup | PostgresHistorySetup;

/** Limits of the embedded store's DuckDB, so that serving and applying keep most of a small machine. */
const EMBEDDED_MEMORY_BYTES = 512 * 1024 * 1024;
const EMBEDDED_THREADS = 1;
/** Disk for copies of old files that are in S3. */
const EMBEDDED_CACHE_BYTES = 4 * 1024 * 1024 * 1024;

/** `dataDir` is the resolved path of the data folder. Undefined: no history is configured. Throws `bad_config` for an address that is not understood. */
export function historyStoreSetup(config: Config, dataDir: string): HistoryStoreSetup | undefined {
  const { history } = config.stores;
  const { retentionMs } = config.history;
  switch (history.kind) {
    case "none":
      return undefined;
    case "clickhouse":
      return clickHouseSetup(history.clickhouse, retentionMs);
    case "postgres":
      return postgresHistorySetup(history.postgres, retentionMs);
    case "embedded":
      return {
        kind: "embedded",
        ...{ dataDir, retentionMs },
        ...{ memoryBytes: EMBEDDED_MEMORY_BYTES, threads: EMBEDDED_THREADS },
        cold: coldSetup(history.s3, config.history.coldAfterMs),
      };
  }
}

function coldSetup(s3: S3Config | undefined, afterMs: number): ColdSetup | undefined {
  if (afterMs === 0) return undefined;
  if (s3 !== undefined) return { s3, afterMs, cacheBytes: EMBEDDED_CACHE_BYTES };
  throw new SwapstatsError(
    "bad_config",
    "history.cold_after is set, and stores.s3.bucket is not. Give the bucket that takes old files of the history.",
  );
}

function clickHouseSetup(clickhouse: ClickHouseHistoryConfig, retentionMs: number): ClickHouseHistorySetup {
  const { url, user, password, tls, requestMs, database, cluster, storagePolicy, coldAfterMs, ...rest } = clickhouse;
  const ages = [rest.deleteAfterMs, retentionMs === 0 ? undefined : retentionMs].filter((age) => age !== undefined);
  const deleteAfterMs = ages.length === 0 ? undefined : Math.min(...ages);
  return {
    kind: "clickhouse",
    connection: { url, user, password, tls, limitMs: requestMs },
    tables: { database, cluster, storagePolicy, coldAfterMs, deleteAfterMs },
  };
}

/**
 * Rejects with `bad_config` where a package of the store is missing, or a file of its settings. The modules are imported where they are used
 * alone: they cost a start time that a service without history need not pay.
 */
export async function openHistoryStore(setup: HistoryStoreSetup): Promise<HistoryStore> {
  if (setup.kind === "clickhouse") {
    const { ClickHouseHistory } = await import("./clickhouse/clickhouse-history.ts");
    return new ClickHouseHistory(setup);
  }
  if (setup.kind === "postgres") {
    const { PostgresHistoryStore } = await import("./postgres/postgres-history-store.ts");
    return new PostgresHistoryStore(setup);
  }
  const { openEmbeddedHistory } = await import("./embedded/open-embedded-history.ts");
  return openEmbeddedHistory(setup);
}
