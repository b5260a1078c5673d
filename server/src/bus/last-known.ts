/** Figures that may have to be given again while their owner is away: the newest of each request, bounded in size. */
import type { BodyAnswer, TokenAnswer } from "../ports/stats-bus.ts";
import type { FoundAt, NameLookup } from "./responses.ts";

export const KNOWN_CHARS_MAX = 64 * 2 ** 20;
export const KNOWN_NAMES_MAX = 50_000;
export const KNOWN_REVISIONS_MAX = 200_000;

/** Values by text. The one that was put longest ago goes first when there is too much. */
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
}

/** The revision of each token that was shown last. An older one of the same epoch is not shown as if it were current. */
export class ShownRevisions {
  readonly #shown = new BoundedMap<FoundAt>(KNOWN_REVISIONS_MAX);

  /**
   * Returns false when a newer one of the same epoch was shown. Which epoch counts is decided before, by the table of peers: an epoch that nobody
   * has any more does not bind for ever. Revisions of different partitions do not compare: the token has moved.
   */
  show(id: string, next: FoundAt): boolean {
    const before = this.#shown.get(id);
    const isComparable = before?.partition === next.partition && before.epoch === next.epoch;
    if (isComparable && next.rev < before.rev) return false;
    const { partition, epoch, rev } = next;
    this.#shown.put(id, { partition, epoch, rev }, 1);
    return true;
  }
}

/** What a bus remembers for when an owner is away. */
export class LastKnown {
  readonly stats = new BoundedMap<Extract<TokenAnswer, { kind: "stats" }>>(KNOWN_CHARS_MAX);
  readonly bodies = new BoundedMap<Extract<BodyAnswer, { kind: "body" }>>(KNOWN_CHARS_MAX / 2);
  readonly shown = new ShownRevisions();
  /** Partitions of tokens that are not where their id belongs. */
  readonly homes = new BoundedMap<number>(KNOWN_NAMES_MAX);
  /** What names stood for when all were asked. */
  readonly names = new BoundedMap<NameLookup>(KNOWN_NAMES_MAX);
}
