/**
 * A checkpoint store behind a circuit breaker. While the store is away, calls fail at once with `storage_failed` instead of after their
 * timeouts, and the store is tried again after growing pauses. A conflict is a response: it shows that the store works.
 *
 * A call that fails soon is retried a few times. Large stores refuse single requests (500, 503), and a restore of many parts, which starts
 * again after each failure, would never end. Every call but the swap may be repeated: only the caller of a swap can tell whether the stored
 * manifest is its own.
 */
import type { CheckpointStore, StoredManifest } from "../ports/checkpoint-store.ts";
import type { Circuit } from "../shared/circuit.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { retrying } from "../shared/retry.ts";

const RETRIES = 4;
const BACKOFF = { firstMs: 50, longestMs: 500 };
/** No attempt begins later than this after the first one: a store that lets calls wait is away. */
const RETRY_WITHIN_MS = 2_000;

/** Returns whether an error of a store says that the store is away. */
export function isStoreFailure(error: unknown): boolean {
  return !(error instanceof SwapstatsError) || error.code === "storage_failed";
}

export class GuardedCheckpointStore implements CheckpointStore {
  readonly #store: CheckpointStore;
  readonly #circuit: Circuit;

  /** The circuit uses `isStoreFailure` for failures, and `storage_failed` for its own error. */
  constructor(store: CheckpointStore, circuit: Circuit) {
    this.#store = store;
    this.#circuit = circuit;
  }

  readManifest(partition: number): Promise<StoredManifest | undefined> {
    return this.#repeat(() => this.#store.readManifest(partition));
  }

  readPreviousManifest(partition: number): Promise<Uint8Array | undefined> {
    return this.#repeat(() => this.#store.readPreviousManifest(partition));
  }

  swapManifest(partition: number, bytes: Uint8Array, expected: string | undefined): Promise<string> {
    return this.#circuit.run(() => this.#store.swapManifest(partition, bytes, expected));
  }

  putPart(partition: number, name: string, bytes: Uint8Array): Promise<void> {
    return this.#repeat(() => this.#store.putPart(partition, name, bytes));
  }

  getPart(partition: number, name: string): Promise<Uint8Array | undefined> {
    return this.#repeat(() => this.#store.getPart(partition, name));
  }

  listParts(partition: number): Promise<string[]> {
    return this.#repeat(() => this.#store.listParts(partition));
  }

  deletePart(partition: number, name: string): Promise<void> {
    return this.#repeat(() => this.#store.deletePart(partition, name));
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  /** Retries within one call to the circuit. */
  #repeat<T>(call: () => Promise<T>): Promise<T> {
    const endMs = performance.now() + RETRY_WITHIN_MS;
    const isWorthIt = (error: unknown): boolean => isStoreFailure(error) && performance.now() < endMs;
    return this.#circuit.run(() => retrying(BACKOFF, RETRIES, isWorthIt).execute(call));
  }
}
