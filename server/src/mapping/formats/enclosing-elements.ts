const FIRST_ELEMENTS = 16;

/**
 * Where the elements of one wildcard of `each` start in a record. The elements of `each` are inside them, and are taken in order.
 * Positions are those of bytes, or numbers of elements of `each`.
 */
export class EnclosingElements {
  #starts = new Int32Array(FIRST_ELEMENTS);
  #count = 0;
  #current = -1;

  clear(): void {
    this.#count = 0;
    this.#current = -1;
  }

  /** Adds the element that starts at a position, which is not before the last one. */
  add(start: number): void {
    if (this.#count === this.#starts.length) {
      const grown = new Int32Array(2 * this.#count);
      grown.set(this.#starts);
      this.#starts = grown;
    }
    this.#starts[this.#count++] = start;
  }

  /** Moves on to the element that the position is in: the last one that starts there or before. Returns whether it is another one. */
  moveTo(position: number): boolean {
    const before = this.#current;
    while (this.#current + 1 < this.#count && this.#starts[this.#current + 1]! <= position) this.#current++;
    return this.#current !== before;
  }

  /** Number of the element that was moved to, in the order in which they were added. */
  get current(): number {
    return this.#current;
  }

  /** Where it starts. */
  get start(): number {
    return this.#starts[this.#current]!;
  }
}
