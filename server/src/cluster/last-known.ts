/** Answers that may have to be given again while their owner is away: the newest of each question, bounded in size. */

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

/** The revision of each token that was shown last; nothing older of its epoch is shown as if it were of now. */
export class ShownRevisions {
  readonly #shown = new BoundedMap<Revision>(KNOWN_REVISIONS_MAX);

  /**
   * False: a newer one of the same epoch was shown. Which epoch counts is said by the table of peers, before this: one that nobody
   * has any more does not bind for ever. Revisions of different partitions do not compare: the token has moved.
   */
  show(id: string, next: Revision): boolean {
    const before = this.#shown.get(id);
    const isComparable = before?.partition === next.partition && before.epoch === next.epoch;
    if (isComparable && next.rev < before.rev) return false;
    const { partition, epoch, rev } = next;
    this.#shown.put(id, { partition, epoch, rev }, 1);
    return true;
  }

  get(id: string): Revision | undefined {
    return this.#shown.get(id);
  }
}
