/**
 * Buffers dead letters and writes them to their store in groups, because a commit waits for the disk. While the store fails they wait here.
 * Beyond the number that the store keeps, the oldest are dropped, as in the store. The store is for inspection. A source may also have
 * its own sink, which must get every letter.
 */
import type { DeadLetterSink } from "../ports/source.ts";
import { SwapstatsError } from "../shared/errors.ts";
import {
  DEAD_LETTER_RAW_BYTES_MAX,
  DEAD_LETTERS_MAX,
  type DeadLetterRecord,
  type KeptDeadLetter,
  keptForm,
} from "../stores/dead-letter-store.ts";

/** The store, as the buffer uses it. */
type DeadLetterPort = {
  put(records: readonly DeadLetterRecord[]): void;
  newest(limit: number): KeptDeadLetter[];
};

export class DeadLetterBuffer {
  readonly #store: DeadLetterPort;
  readonly #sink: DeadLetterSink | undefined;
  #waiting: DeadLetterRecord[] = [];
  #problem: string | undefined;

  constructor(store: DeadLetterPort, sink?: DeadLetterSink) {
    this.#store = store;
    this.#sink = sink;
  }

  /** Why the latest write failed. Undefined when it succeeded. */
  get problem(): string | undefined {
    return this.#problem ?? this.#sink?.problem;
  }

  /** Whether so many letters wait for the source's own sink that no record may be applied before `room` resolves. */
  get isFull(): boolean {
    return this.#sink?.isFull ?? false;
  }

  async room(): Promise<void> {
    await this.#sink?.room();
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Adds a letter. Copies the kept part of bytes[start, end), which may be used again. */
  add(letter: Omit<DeadLetterRecord, "raw">, bytes: Uint8Array, start: number, end: number): void {
    const { code, message, partition, offset, arrival } = letter;
    this.#sink?.add({ code, message, partition, offset, arrivalMs: arrival }, bytes, start, end);
    this.addForStore(letter, bytes, start, end);
  }

  /** Adds a letter of a record that is applied again: it has reached the source's own sink before. */
  addForStore(letter: Omit<DeadLetterRecord, "raw">, bytes: Uint8Array, start: number, end: number): void {
    // `slice` would not copy, because the bytes of Kafka are a Buffer.
    const raw = new Uint8Array(bytes.subarray(start, Math.min(end, start + DEAD_LETTER_RAW_BYTES_MAX)));
    this.#waiting.push({ ...letter, raw });
    if (this.#waiting.length > 2 * DEAD_LETTERS_MAX) this.#waiting = this.#waiting.slice(-DEAD_LETTERS_MAX);
  }

  /** Writes the waiting letters. Returns false when the store failed, and all of them still wait. */
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

  /**
   * Makes the added letters durable, before a checkpoint goes beyond them. Rejects with `storage_failed` (retryable) while the source's
   * own sink does not take them. A store that fails delays nothing.
   */
  async settle(): Promise<void> {
    this.flush();
    if (this.#sink === undefined || (await this.#sink.flush())) return;
    const message = `Dead letters cannot be written: ${this.#sink.problem ?? "their topic is away"}`;
    throw new SwapstatsError("storage_failed", message, { retryable: true });
  }

  async close(): Promise<void> {
    await this.#sink?.close();
  }

  /** Returns the newest letters of all partitions, from the store and from those that wait here. Without a store it returns only the latter. */
  newest(limit: number): KeptDeadLetter[] {
    this.flush();
    let stored: KeptDeadLetter[] = [];
    try {
      stored = this.#store.newest(limit);
    } catch {
      // Letters in memory can still be shown. The store reports its own problem.
    }
    if (this.#waiting.length === 0) return stored;
    const waiting = this.#waiting.map(keptForm).reverse();
    const known = new Set(waiting.map(({ partition, offset }) => `${partition}:${offset}`));
    const others = stored.filter(({ partition, offset }) => !known.has(`${partition}:${offset}`));
    return [...waiting, ...others].sort((a, b) => b.arrival - a.arrival || b.offset - a.offset).slice(0, limit);
  }
}
