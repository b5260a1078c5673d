/** Every match of a query in one partition, by the index of the views. */
export class MatchSet {
  #isMatch = new Uint8Array(1024);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  set(index: number, isMatch: boolean): void {
    if (index >= this.#isMatch.length) this.#grow(index);
    const value = isMatch ? 1 : 0;
    this.#count += value - (this.#isMatch[index] as number);
    this.#isMatch[index] = value;
  }

  clear(): void {
    this.#isMatch.fill(0);
    this.#count = 0;
  }

  /** Returns the indexes of all matches, ascending. */
  indexes(): Uint32Array {
    const indexes = new Uint32Array(this.#count);
    let at = 0;
    for (let index = 0; at < this.#count; index++) if (this.#isMatch[index] === 1) indexes[at++] = index;
    return indexes;
  }

  #grow(index: number): void {
    const next = new Uint8Array(Math.max(index + 1, this.#isMatch.length * 2));
    next.set(this.#isMatch);
    this.#isMatch = next;
  }
}
