import type { SwapstatsError } from "../shared/errors.ts";

/**
 * The contract of a checkpoint store. It keeps one manifest for each partition, changed by compare-and-set, and the immutable parts
 * that manifests name. The store does not interpret their content; the caller checks checksums and validity. A backend neither retries
 * nor logs; it reports with SwapstatsError (`storage_failed`, `checkpoint_conflict`).
 */
export type StoredManifest = {
  readonly bytes: Uint8Array;
  /** Opaque text; the expected version of the next swap. */
  readonly version: string;
  /** Why `bytes` are empty: in a store of files, the file of the manifest cannot be read. */
  readonly unreadable?: SwapstatsError;
};

export type CheckpointStore = {
  /** Resolves with the current manifest, or undefined when the partition never had one. */
  readManifest(partition: number): Promise<StoredManifest | undefined>;
  /**
   * Resolves with the manifest before the current one, or undefined if there is none. The store keeps it in case the current one is damaged.
   */
  readPreviousManifest(partition: number): Promise<Uint8Array | undefined>;
  /**
   * Replaces the manifest atomically and durably if its version is still `expected` (undefined: there is none yet), and resolves with
   * the new version. Otherwise rejects with `checkpoint_conflict` and changes nothing.
   */
  swapManifest(partition: number, bytes: Uint8Array, expected: string | undefined): Promise<string>;
  /** Writes a part durably. A name is never used for other content. A retry with the same name replaces the part. */
  putPart(partition: number, name: string, bytes: Uint8Array): Promise<void>;
  /** Resolves with the whole part, or undefined when there is none. */
  getPart(partition: number, name: string): Promise<Uint8Array | undefined>;
  listParts(partition: number): Promise<string[]>;
  /** Deletes a part. Resolves also when there is none. */
  deletePart(partition: number, name: string): Promise<void>;
  close(): Promise<void>;
};
