/**
 * Ordered indexes, in blocks of a few hundred. An insertion or removal is a binary search and a shift within a block; any place is found by
 * a binary search. An entry costs 5 to 8 bytes. Rejected: one sorted array (each change shifts megabytes), and a pass over all tokens
 * that picks the best (3.5 s at 600,000 tokens whose figures tie, because each is compared with every other).
 */

const BLOCK_ENTRIES = 512;
/** Entries of an appended block; the rest of the block is room for later insertions. */
export const BULK_ENTRIES = (BLOCK_ENTRIES * 3) / 4;

/** The place of an entry. Valid until the list changes. */
export type RankPlace = { block: number; at: number };

export class RankList {
  readonly #compare: (a: number, b: number) => number;
  readonly #blocks: Uint32Array[] = [];
  readonly #sizes: number[] = [];
  #size = 0;

  /** `compare` must not return 0 for two different entries. */
  constructor(compare: (a: number, b: number) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#blocks.length * BLOCK_ENTRIES * Uint32Array.BYTES_PER_ELEMENT;
  }

  /** Inserts the index in its order, and returns its place. */
  insert(index: number): RankPlace {
    if (this.#blocks.length === 0) this.#addBlock(0, new Uint32Array(BLOCK_ENTRIES), 0);
    const before = (other: number): boolean => this.#compare(other, index) < 0;
    let block = this.#blockFor(before);
    if (this.#sizes[block] === BLOCK_ENTRIES) {
      this.#split(block);
      if (before((this.#blocks[block + 1] as Uint32Array)[0] as number)) block += 1;
    }
    const entries = this.#blocks[block] as Uint32Array;
    const size = this.#sizes[block] as number;
    const at = this.#within(block, before);
    entries.copyWithin(at + 1, at, size);
    entries[at] = index;
    this.#sizes[block] = size + 1;
    this.#size += 1;
    return { block, at };
  }

  /** Appends entries that are in order and belong behind all others, at most `BULK_ENTRIES` at once. */
  append(entries: Uint32Array): void {
    if (entries.length > BULK_ENTRIES) throw new RangeError(`ranking: ${entries.length} entries in one append`);
    if (entries.length === 0) return;
    const block = new Uint32Array(BLOCK_ENTRIES);
    block.set(entries);
    this.#addBlock(this.#blocks.length, block, entries.length);
    this.#size += entries.length;
  }

  /** Removes an entry. The order must still be that of its insertion. */
  remove(index: number): void {
    const { block, at } = this.seek((other) => this.#compare(other, index) < 0);
    const entries = this.#blocks[block];
    if (entries?.[at] !== index) throw new RangeError(`ranking: entry ${index} is not where it belongs`);
    const size = this.#sizes[block] as number;
    entries.copyWithin(at, at + 1, size);
    this.#sizes[block] = size - 1;
    this.#size -= 1;
    if (size === 1) this.#dropBlock(block);
    else if (size - 1 < BLOCK_ENTRIES / 4) this.#join(block);
  }

  /** Returns the first place whose entry `before` is false for. It must be true for all entries in front of some place, and false behind. */
  seek(before: (index: number) => boolean): RankPlace {
    if (this.#blocks.length === 0) return { block: 0, at: 0 };
    const block = this.#blockFor(before);
    const at = this.#within(block, before);
    return at === this.#sizes[block] ? { block: block + 1, at: 0 } : { block, at };
  }

  at({ block, at }: RankPlace): number | undefined {
    return block < this.#blocks.length ? (this.#blocks[block] as Uint32Array)[at] : undefined;
  }

  next(place: RankPlace): RankPlace {
    const next = { ...place };
    this.forward(next);
    return next;
  }

  /** Moves a place to the next entry. */
  forward(place: RankPlace): void {
    place.at += 1;
    if (place.at < (this.#sizes[place.block] ?? 0)) return;
    place.block += 1;
    place.at = 0;
  }

  /** Returns the place in front of this one; undefined at the beginning. */
  previous({ block, at }: RankPlace): RankPlace | undefined {
    if (at > 0) return { block, at: at - 1 };
    return block === 0 ? undefined : { block: block - 1, at: (this.#sizes[block - 1] as number) - 1 };
  }

  /** Returns the last block whose first entry `before` is true for, else the first block. */
  #blockFor(before: (index: number) => boolean): number {
    let low = 0;
    let high = this.#blocks.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (before((this.#blocks[middle] as Uint32Array)[0] as number)) low = middle;
      else high = middle;
    }
    return low;
  }

  #within(block: number, before: (index: number) => boolean): number {
    const entries = this.#blocks[block] as Uint32Array;
    let low = 0;
    let high = this.#sizes[block] as number;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (before(entries[middle] as number)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #split(block: number): void {
    const entries = this.#blocks[block] as Uint32Array;
    const half = BLOCK_ENTRIES / 2;
    const upper = new Uint32Array(BLOCK_ENTRIES);
    upper.set(entries.subarray(half));
    this.#sizes[block] = half;
    this.#addBlock(block + 1, upper, half);
  }

  #join(block: number): void {
    const other = block + 1 < this.#blocks.length ? block : block - 1;
    if (other < 0) return;
    const size = this.#sizes[other] as number;
    const moved = this.#sizes[other + 1] as number;
    if (size + moved > (BLOCK_ENTRIES * 3) / 4) return;
    (this.#blocks[other] as Uint32Array).set((this.#blocks[other + 1] as Uint32Array).subarray(0, moved), size);
    this.#sizes[other] = size + moved;
    this.#dropBlock(other + 1);
  }

  #addBlock(block: number, entries: Uint32Array, size: number): void {
    this.#blocks.splice(block, 0, entries);
    this.#sizes.splice(block, 0, size);
  }

  #dropBlock(block: number): void {
    this.#blocks.splice(block, 1);
    this.#sizes.splice(block, 1);
  }
}
