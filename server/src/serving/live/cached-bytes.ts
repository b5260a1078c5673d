/**
 * Memory that feeds use beside their newest data so that work is not repeated: patches for clients that are behind, and messages. All of it can
 * be made again or be replaced by a snapshot, so beyond the bound the feeds that were used least recently drop theirs.
 */
import { LRUCache } from "lru-cache";

type CacheOwner = {
  /** Drops everything that was counted. */
  dropCaches(): void;
};

/** Part of the bound above which memory counts as short. */
const SHORT_FACTOR = 0.75;
/** Bytes that are kept however short memory is, because many patches may belong to short data. */
const SHARE_MIN = 4_096;

export class CachedBytes {
  readonly #shortBytes: number;
  readonly #closeOne: () => boolean;
  /** Bytes by owner. They are the values, because a cache that is given the same value again keeps the old size. */
  readonly #owners: LRUCache<CacheOwner, number>;

  /** `closeOne` closes a feed that no client uses, and returns false if there is none. */
  constructor(bytesMax: number, closeOne: () => boolean = () => false) {
    this.#shortBytes = bytesMax * SHORT_FACTOR;
    this.#closeOne = closeOne;
    this.#owners = new LRUCache({
      maxSize: bytesMax,
      sizeCalculation: (bytes) => bytes,
      dispose: (_, owner, reason) => {
        if (reason === "evict") owner.dropCaches();
      },
    });
  }

  get total(): number {
    return this.#owners.calculatedSize;
  }

  /** Sets the bytes that the owner uses. Other owners, or this one if it alone is too large, may be told to drop theirs. */
  set(owner: CacheOwner, bytes: number): void {
    const isTooLarge = bytes > this.#owners.maxSize;
    if (bytes === 0 || isTooLarge) this.#owners.delete(owner);
    else this.#owners.set(owner, bytes);
    if (isTooLarge) owner.dropCaches();
    while (this.total > this.#shortBytes && this.#closeOne()) {}
  }

  /** Returns how many of the wanted bytes one owner may use now. */
  shareOf(wanted: number): number {
    if (this.total <= this.#shortBytes) return wanted;
    return Math.min(wanted, Math.max(SHARE_MIN, this.#shortBytes / this.#owners.size));
  }
}
