/** The history in the configuration: a union by where it is kept, and its settings. */
import { TABLE, type TableValues } from "../keys.ts";
import { buildClickHouseHistory, type ClickHouseHistoryConfig } from "./clickhouse.ts";
import { buildPostgresHistory, type PostgresHistoryConfig } from "./postgres.ts";
import type { Report } from "./report.ts";

type HistoryValues = TableValues["history"];
type S3Values = TableValues["stores"]["s3"];
type S3Bucket = Omit<S3Values, "bucket"> & { readonly bucket: string };

/** Where history is kept. */
export type HistoryStoreConfig =
  | { readonly kind: "none" }
  | {
      readonly kind: "embedded" /** The bucket for files older than `history.cold_after`, if one is set. */;
      readonly s3: S3Bucket | undefined;
    }
  | { readonly kind: "clickhouse"; readonly clickhouse: ClickHouseHistoryConfig }
  | { readonly kind: "postgres"; readonly postgres: PostgresHistoryConfig };

export type HistoryConfig = Omit<HistoryValues, "raw" | "flushIntervalMs"> & {
  /** Whether raw events are kept. */
  readonly raw: boolean;
  readonly flushIntervalMs: number;
};

const SERVER_FLUSH_MS = 200;
/** Each write of the embedded store makes a file. */
const EMBEDDED_FLUSH_MS = 30_000;

/** After a problem was reported, the result is of no use. */
export function buildHistoryStore(
  { history: kind, clickhouse: clickHouseValues, postgres: postgresValues }: TableValues["stores"],
  source: TableValues["ingest"]["source"],
  s3: S3Bucket | undefined,
  report: Report,
): HistoryStoreConfig {
  if (kind === "embedded" && source === "kafka") {
    const message =
      "is embedded, and ingest.source is kafka: partitions move between instances, and the files of one instance do not. " +
      "Set clickhouse or postgres";
    report(TABLE.stores.history, message);
  }
  if (kind === "clickhouse") {
    const clickhouse = buildClickHouseHistory(clickHouseValues, report);
    return clickhouse === undefined ? { kind: "none" } : { kind, clickhouse };
  }
  if (kind === "embedded") return { kind, s3 };
  if (kind === "none") return { kind };
  const postgres = buildPostgresHistory(postgresValues, report);
  return postgres === undefined ? { kind: "none" } : { kind, postgres };
}

export function buildHistory(values: HistoryValues, { kind }: HistoryStoreConfig): HistoryConfig {
  const flushIntervalMs = values.flushIntervalMs ?? (kind === "embedded" ? EMBEDDED_FLUSH_MS : SERVER_FLUSH_MS);
  return { ...values, raw: values.raw ?? kind === "clickhouse", flushIntervalMs };
}
