/**
 * Listed tokens without a trade in the longest window. They leave the rankings when all their swaps are settled. The high of their chain
 * decides that, and not the time. They are kept by chain, in the order in which they leave, so a look costs by those that leave.
 */

type Heap = { readonly indexes: number[]; readonly atMs: number[] };

export class SilentTokens {
  /** By index: the token leaves when the high of its chain is above this. */
  readonly #dueMs = new Map<number, number>();
  readonly #heaps = new Map<number, Heap>();

  get size(): number {
    return this.#dueMs.size;
  }

  /** The token leaves once the high of its chain is above `dueMs`. */
  add(index: number, chainId: number, dueMs: number): void {
    if (this.#dueMs.get(index) === dueMs) return;
    this.#dueMs.set(index, dueMs);
    let heap = this.#heaps.get(chainId);
    if (heap === undefined) {
      heap = { indexes: [], atMs: [] };
      this.#heaps.set(chainId, heap);
    }
    push(heap, index, dueMs);
  }

  delete(index: number): void {
    this.#dueMs.delete(index);
  }

  /** Removes and returns a token that leaves; undefined if none does. `highMs` returns the high of a chain. */
  next(highMs: (chainId: number) => number): number | undefined {
    for (const [chainId, heap] of this.#heaps) {
      const highestMs = highMs(chainId);
      while (heap.indexes.length > 0 && (heap.atMs[0] as number) < highestMs) {
        const dueMs = heap.atMs[0] as number;
        const index = popped(heap);
        // Otherwise the entry was deleted, or added again for another instant.
        if (this.#dueMs.get(index) !== dueMs) continue;
        this.#dueMs.delete(index);
        return index;
      }
      if (heap.indexes.length === 0) this.#heaps.delete(chainId);
    }
    return undefined;
  }
}

function push({ indexes, atMs }: Heap, index: number, dueMs: number): void {
  let at = indexes.length;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if ((atMs[parent] as number) <= dueMs) break;
    indexes[at] = indexes[parent] as number;
    atMs[at] = atMs[parent] as number;
    at = parent;
  }
  indexes[at] = index;
  atMs[at] = dueMs;
}

function popped({ indexes, atMs }: Heap): number {
  const first = indexes[0] as number;
  const index = indexes.pop() as number;
  const dueMs = atMs.pop() as number;
  const { length } = indexes;
  if (length === 0) return first;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= length) break;
    if (child + 1 < length && (atMs[child + 1] as number) < (atMs[child] as number)) child += 1;
    if ((atMs[child] as number) >= dueMs) break;
    indexes[at] = indexes[child] as number;
    atMs[at] = atMs[child] as number;
    at = child;
  }
  indexes[at] = index;
  atMs[at] = dueMs;
  return first;
}
