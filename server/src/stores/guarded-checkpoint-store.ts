/**
 * A checkpoint store behind a circuit breaker. While the store is away, calls fail at once with `storage_failed` instead of after their
 * timeouts, and it is asked again with growing pauses. A conflict is an answer: it shows that the store works.
 */
import type { Circuit } from "../shared/circuit.ts";
import { SwapstatsError } from "../shared/errors.ts";
import type { CheckpointStore, StoredManifest } from "./checkpoint-store.ts";

/** Whether an error of a store says that the store is away. */
export function isStoreFailure(error: unknown): boolean {
  return !(error instanceof SwapstatsError) || error.code === "storage_failed";
}

export class GuardedCheckpointStore implements CheckpointStore {
  readonly #store: CheckpointStore;
  readonly #circuit: Circuit;

  /** The circuit takes `isStoreFailure` for its failures, and `storage_failed` for its own error. */
  constructor(store: CheckpointStore, circuit: Circuit) {
    this.#store = store;
    this.#circuit = circuit;
  }

  readManifest(partition: number): Promise<StoredManifest | undefined> {
    return this.#circuit.run(() => this.#store.readManifest(partition));
  }

  readPreviousManifest(partition: number): Promise<Uint8Array | undefined> {
    return this.#circuit.run(() => this.#store.readPreviousManifest(partition));
  }

  swapManifest(partition: number, bytes: Uint8Array, expected: string | undefined): Promise<string> {
    return this.#circuit.run(() => this.#store.swapManifest(partition, bytes, expected));
  }

  putPart(partition: number, name: string, bytes: Uint8Array): Promise<void> {
    return this.#circuit.run(() => this.#store.putPart(partition, name, bytes));
  }

  getPart(partition: number, name: string): Promise<Uint8Array | undefined> {
    return this.#circuit.run(() => this.#store.getPart(partition, name));
  }

  listParts(partition: number): Promise<string[]> {
    return this.#circuit.run(() => this.#store.listParts(partition));
  }

  deletePart(partition: number, name: string): Promise<void> {
    return this.#circuit.run(() => this.#store.deletePart(partition, name));
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
