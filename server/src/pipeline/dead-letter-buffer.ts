/**
 * Dead letters on their way to their store: written in groups, because a commit waits for the disk. While the store
 * fails they wait here, and beyond the number that the store keeps the oldest leave, as they would there.
 */
import {
  DEAD_LETTER_RAW_BYTES_MAX,
  DEAD_LETTERS_MAX,
  type DeadLetterRecord,
  type KeptDeadLetter,
} from "../stores/dead-letter-store.ts";

/** What is needed of the store. */
export type DeadLetterPort = {
  put(records: readonly DeadLetterRecord[]): void;
  newest(limit: number): KeptDeadLetter[];
};

export class DeadLetterBuffer {
  readonly #store: DeadLetterPort;
  #waiting: DeadLetterRecord[] = [];
  #problem: string | undefined;

  constructor(store: DeadLetterPort) {
    this.#store = store;
  }

  /** Why the latest write failed; undefined when it did not. */
  get problem(): string | undefined {
    return this.#problem;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Copies what is kept of bytes[start, end), which may be used again. */
  add(letter: Omit<DeadLetterRecord, "raw">, bytes: Uint8Array, start: number, end: number): void {
    const raw = bytes.slice(start, Math.min(end, start + DEAD_LETTER_RAW_BYTES_MAX));
    this.#waiting.push({ ...letter, raw });
    if (this.#waiting.length > 2 * DEAD_LETTERS_MAX) this.#waiting = this.#waiting.slice(-DEAD_LETTERS_MAX);
  }

  /** Writes what waits; false when the store failed, and all of it still waits. */
  flush(): boolean {
    if (this.#waiting.length === 0) return true;
    try {
      this.#store.put(this.#waiting);
      this.#waiting = [];
      this.#problem = undefined;
      return true;
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error);
      return false;
    }
  }

  /** The newest of the store, of all partitions, those that wait written first where that is possible. */
  newest(limit: number): KeptDeadLetter[] {
    this.flush();
    return this.#store.newest(limit);
  }
}
