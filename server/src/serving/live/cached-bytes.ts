/**
 * What feeds keep beside their newest data so that work is not done twice: patches for clients that are behind, and messages that were
 * made. All of it can be made again or be replaced by a snapshot, so beyond the bound the feeds that were used longest ago let theirs go.
 */

export type CacheOwner = {
  /** Lets all go that was told of. */
  dropCaches(): void;
};

export class CachedBytes {
  readonly #bytesMax: number;
  /** Least recently used first. */
  readonly #byOwner = new Map<CacheOwner, number>();
  #total = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get total(): number {
    return this.#total;
  }

  /** The owner keeps so many bytes now. Others, and the owner itself where it alone is too large, may be told to let theirs go. */
  set(owner: CacheOwner, bytes: number): void {
    this.#total += bytes - (this.#byOwner.get(owner) ?? 0);
    this.#byOwner.delete(owner);
    if (bytes > 0) this.#byOwner.set(owner, bytes);
    if (this.#total <= this.#bytesMax) return;
    for (const [oldest, held] of this.#byOwner) {
      if (this.#total <= this.#bytesMax) return;
      this.#byOwner.delete(oldest);
      this.#total -= held;
      oldest.dropCaches();
    }
  }
}
