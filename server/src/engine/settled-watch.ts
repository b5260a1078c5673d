import type { Heap } from "./memory/heap.ts";
import type { Labels } from "./memory/labels.ts";
import type { Strings } from "./memory/strings.ts";
import type { TokenRef } from "./types.ts";

/** Follows which swaps settle. It costs nothing while no one watches. */
export type SettledWatch = {
  /**
   * Called during `apply`, before the records are freed: the counting swaps of these records settle, in this order. They get the sequences
   * from `PartitionEngine.settledCount` - `records.length` on. Records are read through `PartitionEngine.source` until the call returns.
   */
  settled(token: TokenRef, records: readonly number[]): void;
};

/** Where the bytes of records and of their strings lie, for those who copy swaps out of the engine. */
export type RecordSource = {
  readonly heap: Heap;
  readonly strings: Strings;
  readonly labels: Labels;
  readonly chains: { readonly list: readonly { readonly id: number; readonly priceMinUsdMicro: number }[] };
};

/** Names the state of a partition: the log in which it began, and the epoch of the claim under which it began. */
export type StreamName = { readonly logId: string; readonly epoch: number };
