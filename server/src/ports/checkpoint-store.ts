import type { SwapstatsError } from "../shared/errors.ts";

/**
 * The contract of a checkpoint store: one manifest a partition, changed by compare-and-set, and immutable parts that
 * manifests name. The store knows nothing of what is in them; checksums and validity are the caller's. A backend
 * neither retries nor logs; it reports with SwapstatsError (`storage_failed`, `checkpoint_conflict`).
 */
export type StoredManifest = {
  readonly bytes: Uint8Array;
  /** Opaque; the expected value of the next swap. */
  readonly version: string;
  /** Why `bytes` are empty: of a store in files, the one file of the manifest cannot be read. */
  readonly unreadable?: SwapstatsError;
};

export type CheckpointStore = {
  /** The current manifest, or undefined when the partition never had one. */
  readManifest(partition: number): Promise<StoredManifest | undefined>;
  /**
   * The manifest before the current one, kept by the store, for the case that the current one is damaged; undefined if there is none.
   */
  readPreviousManifest(partition: number): Promise<Uint8Array | undefined>;
  /**
   * Replaces the manifest atomically and durably if its version is still `expected` (undefined: there is none yet),
   * and returns the new version; otherwise rejects with `checkpoint_conflict` and changes nothing.
   */
  swapManifest(partition: number, bytes: Uint8Array, expected: string | undefined): Promise<string>;
  /** Writes a part durably. Names are unique for ever; writing the same name again replaces it (a retry). */
  putPart(partition: number, name: string, bytes: Uint8Array): Promise<void>;
  /** The whole part, or undefined when there is none. */
  getPart(partition: number, name: string): Promise<Uint8Array | undefined>;
  listParts(partition: number): Promise<string[]>;
  /** Deleting what is not there is fine. */
  deletePart(partition: number, name: string): Promise<void>;
  close(): Promise<void>;
};
