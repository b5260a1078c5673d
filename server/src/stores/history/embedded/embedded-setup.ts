import type { ColdSetup } from "./cold-tier.ts";

/** Settings of the embedded history, as plain data. */
export type EmbeddedHistorySetup = {
  readonly kind: "embedded";
  /** The data folder. The history is in its folder `history`. */
  readonly dataDir: string;
  /** True: the store is opened for reading alone, also when no one writes it. */
  readonly isReader?: true;
  /** Limit of DuckDB's memory. */
  readonly memoryBytes: number;
  /** Threads of DuckDB. */
  readonly threads: number;
  /** Compaction drops rows whose time is older than this; 0 keeps them. */
  readonly retentionMs: number;
  /** The second tier. Undefined: all files stay below the folder. */
  readonly cold: ColdSetup | undefined;
};
