/** Messages between the main thread and the history thread, other than calls. */
import type { MessagePort } from "node:worker_threads";
import type { HistoryHealth } from "../ports/history-stream.ts";
import type { ChainAddresses } from "../shared/token-id.ts";
import type { WireError } from "../shared/wire-error.ts";
import type { HistoryStoreSetup } from "../stores/history/open-history-store.ts";

/** `workerData` of the thread. */
export type HistorySetup = {
  readonly store: HistoryStoreSetup;
  readonly kind: HistoryHealth["store"];
  /** Folder for rows that wait. It belongs to the thread alone. */
  readonly spoolFolder: string;
  readonly batchRows: number;
  readonly flushIntervalMs: number;
  readonly memoryBytes: number;
  readonly bufferBytes: number;
  readonly onFailure: "gap" | "block";
  readonly chains: ChainAddresses;
  /** The end of the connection with each worker. */
  readonly workerPorts: readonly MessagePort[];
  readonly callPort: MessagePort;
};

/** Writes what may be written, for at most `limitMs`, and ends. The response is `drained`. */
export type HistoryCommand = { readonly type: "drain"; readonly limitMs: number };

export type HistoryReport =
  /** The store is open, or away and tried again. */
  | { readonly type: "opened" }
  /** The store cannot be used as it is configured. */
  | { readonly type: "refused"; readonly error: WireError }
  /** Writing fails, or works again. */
  | { readonly type: "problem"; readonly problem: string | undefined }
  | { readonly type: "drained"; readonly problem: string | undefined };
