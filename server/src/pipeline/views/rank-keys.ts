/**
 * The key of each token of a ranking, by the index of the views. A key is one to four numbers; the arrays of the further ones exist
 * once any token needs them. NaN as the first number: the token has no such figure.
 */
import type { RankKey } from "../../engine/reads/rank-key.ts";

const INITIAL_TOKENS = 1024;

export type RankOrder = "asc" | "desc";

export class RankKeys {
  #k0 = new Float64Array(INITIAL_TOKENS);
  #k1: Float64Array | undefined;
  #k2: Float64Array | undefined;
  #k3: Float64Array | undefined;

  get bytes(): number {
    return [this.#k0, this.#k1, this.#k2, this.#k3].reduce((sum, array) => sum + (array?.byteLength ?? 0), 0);
  }

  /** Indexes below it have a place. */
  get capacity(): number {
    return this.#k0.length;
  }

  /** The first numbers of all keys, by index. `reserve` may replace the array. */
  get firsts(): Float64Array {
    return this.#k0;
  }

  /** Whether the first number of every key is the whole key. */
  get isSingle(): boolean {
    return this.#k1 === undefined;
  }

  /** Sets `key` to the one of the token. */
  read(index: number, key: RankKey): void {
    key.k0 = this.#k0[index] as number;
    key.k1 = this.#k1?.[index] ?? 0;
    key.k2 = this.#k2?.[index] ?? 0;
    key.k3 = this.#k3?.[index] ?? 0;
  }

  /** The first number of the key. */
  first(index: number): number {
    return this.#k0[index] as number;
  }

  isPresent(index: number): boolean {
    return !Number.isNaN(this.#k0[index] as number);
  }

  store(index: number, { k0, k1, k2, k3 }: RankKey): void {
    this.#k0[index] = k0;
    if (k1 !== 0) this.#k1 ??= new Float64Array(this.#k0.length);
    if (this.#k1 !== undefined) this.#k1[index] = k1;
    if (k2 !== 0) this.#k2 ??= new Float64Array(this.#k0.length);
    if (this.#k2 !== undefined) this.#k2[index] = k2;
    if (k3 !== 0) this.#k3 ??= new Float64Array(this.#k0.length);
    if (this.#k3 !== undefined) this.#k3[index] = k3;
  }

  /** Sets the keys from `start` on to those of these indexes of another ranking. There is room for them. */
  copy(from: RankKeys, indexes: Uint32Array, start: number): void {
    gather(from.#k0, indexes, this.#k0, start);
    this.#k1 = this.#copied(from.#k1, indexes, this.#k1, start);
    this.#k2 = this.#copied(from.#k2, indexes, this.#k2, start);
    this.#k3 = this.#copied(from.#k3, indexes, this.#k3, start);
  }

  #copied(
    from: Float64Array | undefined,
    indexes: Uint32Array,
    to: Float64Array | undefined,
    start: number,
  ): Float64Array | undefined {
    if (from === undefined) return to;
    const target = to ?? new Float64Array(this.capacity);
    gather(from, indexes, target, start);
    return target;
  }

  /** Ascending; tokens without the figure are last, whatever the order, and tie among themselves. */
  compare(a: number, b: number): number {
    return RankKeys.compareOf(this, a, this, b, "asc");
  }

  /** The same of tokens in rankings of two partitions by one field; 0: the ids decide. */
  static compareOf(a: RankKeys, i: number, b: RankKeys, j: number, order: RankOrder): number {
    const x = a.#k0[i] as number;
    const y = b.#k0[j] as number;
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    const byKeys =
      x - y ||
      (a.#k1?.[i] ?? 0) - (b.#k1?.[j] ?? 0) ||
      (a.#k2?.[i] ?? 0) - (b.#k2?.[j] ?? 0) ||
      (a.#k3?.[i] ?? 0) - (b.#k3?.[j] ?? 0);
    return order === "asc" ? byKeys : -byKeys;
  }

  /** Compares a token's key with another one, ascending. */
  compareTo(index: number, key: RankKey): number {
    const own = this.#k0[index] as number;
    if (!key.isPresent) return Number.isNaN(own) ? 0 : -1;
    if (Number.isNaN(own)) return 1;
    const { k0, k1, k2, k3 } = key;
    return own - k0 || (this.#k1?.[index] ?? 0) - k1 || (this.#k2?.[index] ?? 0) - k2 || (this.#k3?.[index] ?? 0) - k3;
  }

  /** Makes room for so many tokens, and then some. */
  reserve(count: number): void {
    if (count <= this.#k0.length) return;
    const capacity = Math.max(count, Math.ceil(this.#k0.length * 1.5));
    this.#k0 = grown(this.#k0, capacity);
    this.#k1 = this.#k1 === undefined ? undefined : grown(this.#k1, capacity);
    this.#k2 = this.#k2 === undefined ? undefined : grown(this.#k2, capacity);
    this.#k3 = this.#k3 === undefined ? undefined : grown(this.#k3, capacity);
  }
}

function gather(from: Float64Array, indexes: Uint32Array, to: Float64Array, start: number): void {
  for (let i = 0; i < indexes.length; i++) to[start + i] = from[indexes[i] as number] as number;
}

function grown(old: Float64Array<ArrayBufferLike>, capacity: number): Float64Array<ArrayBuffer> {
  const next = new Float64Array(capacity);
  next.set(old);
  return next;
}
