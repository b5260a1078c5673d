/** Calls of the main thread to the history thread: those of the store, and what concerns the thread itself. */
import type { HistoryStore, SettledRow } from "../ports/history-store.ts";
import type { WireError } from "../shared/wire-error.ts";

/** `rows` is answered in batches, `compact` and `verify` can be aborted, and all have requests of their own. */
export type StoreCall = Exclude<keyof HistoryStore, "rows" | "close">;

export type Call =
  | { readonly id: number; readonly call: StoreCall; readonly args: readonly unknown[] }
  | { readonly id: number; readonly call: "health"; readonly args: readonly [] }
  | { readonly id: number; readonly call: "rows"; readonly args: readonly unknown[] }
  /** The reader has taken a batch of `rows`, and one more may be sent. */
  | { readonly id: number; readonly call: "more" }
  /** Ends `rows`, `compact` or `verify`. */
  | { readonly id: number; readonly call: "abort" };

export type Answer =
  | { readonly id: number; readonly type: "result"; readonly value: unknown }
  | { readonly id: number; readonly type: "error"; readonly error: WireError }
  | { readonly id: number; readonly type: "batch"; readonly rows: readonly SettledRow[] }
  | { readonly id: number; readonly type: "batches_end" };
