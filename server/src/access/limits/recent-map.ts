/**
 * A bounded map that forgets entries that were not used for long. Entries are in two generations; when the young one is full, the old one is forgotten,
 * and the young one becomes old. An entry that is used moves to the young generation. A least-recently-used list was rejected: it moves an entry with
 * each look-up, which costs several times as much, in the fast lane of `GET stats`.
 */
export class RecentMap<V extends object> {
  readonly #youngMax: number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();

  /** Holds at most `entriesMax`. The half of them that was used last is never forgotten. */
  constructor(entriesMax: number) {
    this.#youngMax = Math.max(1, Math.floor(entriesMax / 2));
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: string): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old === undefined) return undefined;
    this.#old.delete(key);
    this.set(key, old);
    return old;
  }

  set(key: string, value: V): void {
    if (this.#young.size >= this.#youngMax) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}
