/** What it takes to open a history store in ClickHouse: plain data, which can be posted to a thread. */
import type { ClickHouseSettings } from "../../../clients/clickhouse/connection.ts";

export type ClickHouseHistorySetup = {
  readonly kind: "clickhouse";
  readonly connection: ClickHouseSettings;
  readonly tables: ClickHouseTables;
};

/** Where the tables are, and how they are made. */
export type ClickHouseTables = {
  readonly database: string;
  /** Name of a cluster of one shard, whose replicas have the same tables. Undefined: tables of one server. */
  readonly cluster: string | undefined;
  /** Undefined: the default of the server, and nothing moves. */
  readonly storagePolicy: string | undefined;
  /** Age at which rows move to the volume `cold` of the policy. Undefined: never. */
  readonly coldAfterMs: number | undefined;
  /** Age at which rows are deleted. Undefined: never. */
  readonly deleteAfterMs: number | undefined;
};
