/** Answers that may have to be given again while their owner is away: the newest of each question, bounded in size. */
import { compareEpochs } from "./cluster-contract.ts";

export const KNOWN_CHARS_MAX = 64 * 2 ** 20;
export const KNOWN_NAMES_MAX = 50_000;
export const KNOWN_REVISIONS_MAX = 200_000;

/** Values by text; the one that was put longest ago goes first when there is too much. */
export class BoundedMap<Value> {
  readonly #values = new Map<string, { readonly value: Value; readonly size: number }>();
  readonly #sizeMax: number;
  #size = 0;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  get(key: string): Value | undefined {
    return this.#values.get(key)?.value;
  }

  put(key: string, value: Value, size: number): void {
    this.delete(key);
    this.#values.set(key, { value, size });
    this.#size += size;
    for (const oldest of this.#values.keys()) {
      if (this.#size <= this.#sizeMax) return;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const before = this.#values.get(key);
    if (before === undefined) return;
    this.#values.delete(key);
    this.#size -= before.size;
  }

  values(): Value[] {
    return [...this.#values.values()].map((entry) => entry.value);
  }
}

export type Revision = { readonly partition: number; readonly epoch: string; readonly rev: number };

/** The newest revision of each token that was shown; nothing older of it is shown as if it were of now. */
export class ShownRevisions {
  readonly #shown = new BoundedMap<Revision>(KNOWN_REVISIONS_MAX);

  /** False: a newer one was shown. Revisions of different partitions do not compare: the token has moved. */
  show(id: string, next: Revision): boolean {
    const before = this.#shown.get(id);
    if (before !== undefined && before.partition === next.partition) {
      const order = compareEpochs(next.epoch, before.epoch);
      if (order < 0 || (order === 0 && next.rev < before.rev)) return false;
    }
    const { partition, epoch, rev } = next;
    this.#shown.put(id, { partition, epoch, rev }, 1);
    return true;
  }

  get(id: string): Revision | undefined {
    return this.#shown.get(id);
  }
}
