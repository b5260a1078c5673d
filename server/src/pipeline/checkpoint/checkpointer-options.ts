/** What a checkpointer needs of its owner. */
import type { CheckpointStore } from "../../ports/checkpoint-store.ts";
import type { SwapstatsError } from "../../shared/errors.ts";
import type { Snapshot } from "./checkpoint-base.ts";
import type { CheckpointHistory } from "./checkpoint-history.ts";
import type { Manifest } from "./manifest.ts";
import type { RedoBuffer, RestoredChain } from "./redo-chain.ts";

/** Result of a restore: its claim, and the chain of the restored state. */
export type Claim = {
  /** The manifest that the claim wrote. */
  readonly manifest: Manifest;
  /** The store's version of it. */
  readonly version: string;
  readonly chain: RestoredChain;
};

export type CheckpointObserver = {
  /** A manifest is durable; `isBase`: with a new base image. The duration covers all writes for it. */
  written(checkpoint: { isBase: boolean; durationMs: number; bytes: number; nextOffset: number }): void;
  /** Called with the ms for which the stream waited for a slice, or for the begin of an image. */
  paused(ms: number): void;
};

export type CheckpointerOptions = {
  readonly store: CheckpointStore;
  readonly claim: Claim;
  /** Names the log that offsets refer to from now on. */
  readonly logId?: string | undefined;
  /** `counters.accepted` grows with every record. It tells whether a record was applied since the last `advance`. */
  readonly engine: { beginSnapshot(): Snapshot; readonly counters: { readonly accepted: number } };
  readonly redo: RedoBuffer;
  /** Undefined where no history is kept. */
  readonly history?: CheckpointHistory | undefined;
  readonly snapshotIntervalMs: number;
  readonly nowMs: () => number;
  /** Returns the latest as-of of any response. */
  readonly asOfMs: () => number;
  /** Makes dead letters durable, which must not be behind the checkpoint. Called before each swap. */
  readonly beforeSwap: () => Promise<void>;
  /** Tells the source that records below the offset are no longer needed. */
  readonly release: (offset: number) => Promise<void>;
  /** Resolves with the first offset that the log still has. Called where the redo needs records of the log. Rejects when it is not known. */
  readonly logStart: () => Promise<number>;
  readonly observer: CheckpointObserver;
  /** Called when the store had lost the claim and holds it again, under this epoch. All later responses have this epoch. */
  readonly onReclaimed: (epoch: number) => void;
  /** Called once, when another owner has claimed the partition. This one must stop. */
  readonly onFenced: (error: SwapstatsError) => void;
};
