/**
 * The order of all matches of a query in one instant, for the pages behind the first. The keys of that instant are copied; they are sorted
 * only if a further page is requested.
 */

import type { RankKey } from "../../../bus/responses.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import { MergeSort } from "../merge-sort.ts";
import type { PageSource } from "../overview-page.ts";
import type { Picked } from "../pick-rows.ts";
import { RankKeys } from "../rank-keys.ts";
import type { ServedPartition } from "../served-partition.ts";
import type { Work } from "../token-views.ts";
import type { ColumnSpec } from "./column-spec.ts";
import { type BoundOrder, type ColumnValues, compareSorts, type ScreenOrder } from "./screen-order.ts";
import type { ScreenSource } from "./screen-source.ts";
import { TextColumn } from "./text-column.ts";

/** Bytes of a match for its place, and for sorting it. */
const PLACE_BYTES = 32;

/** The matches of one partition: they have the places from `start` on. */
type Part = { readonly home: ServedPartition; readonly start: number; readonly indexes: Uint32Array };

export class KeptOrder {
  readonly #order: ScreenOrder;
  readonly #parts: readonly Part[];
  readonly #values: FrozenColumns;
  readonly #bound: BoundOrder;
  readonly #count: number;
  #sort: MergeSort | undefined;
  #isSorted = false;

  /** Copies the matches of the instant at which `source` has picked its rows. To be called in the same piece. */
  constructor(source: ScreenSource, partitions: readonly ServedPartition[]) {
    this.#order = source.order;
    let start = 0;
    this.#parts = partitions.map((home) => {
      const part = { home, start, indexes: source.matchesOf(home).indexes() };
      start += part.indexes.length;
      return part;
    });
    this.#count = start;
    this.#values = new FrozenColumns(source.order.columns, this.#parts, start);
    this.#bound = source.order.bound(this.#values);
  }

  get bytes(): number {
    return this.#count * PLACE_BYTES + this.#values.bytes;
  }

  /** Returns whether the order is that of exactly these partitions. */
  isOf(partitions: readonly ServedPartition[]): boolean {
    return this.#parts.length === partitions.length && this.#parts.every(({ home }, i) => home === partitions[i]);
  }

  /** Returns whether there are rows from this position on. */
  hasFrom(position: number): boolean {
    return position < this.#count;
  }

  /** Returns the rows from this position on, with the figures of now. */
  source(position: number, count: number): PageSource & { keysOf(): RankKey[] } {
    const places = (): Uint32Array => (this.#sort as MergeSort).sorted.subarray(position, position + count);
    return {
      syncSome: (_home, _asOfMs, work) => this.#sortSome(work),
      pick: () => [...places()].map((place) => this.#pickedAt(place)),
      sorted: (rows) => rows,
      keysOf: () => [...places()].map((place) => this.#keyAt(place)),
    };
  }

  #sortSome(work: Work): boolean {
    if (this.#isSorted) return true;
    if (this.#sort === undefined) {
      const places = Uint32Array.from({ length: this.#count }, (_, place) => place);
      const numbers = this.#order.firstNumbers(this.#values, this.#count);
      this.#sort = new MergeSort(places, numbers, (a, b) => this.#compare(a, b));
    }
    this.#isSorted = this.#sort.sortSome(work);
    return this.#isSorted;
  }

  #compare(a: number, b: number): number {
    const bySorts = compareSorts(this.#bound, a, this.#bound, b);
    if (bySorts !== 0) return bySorts;
    const one = this.#pickedAt(a);
    const other = this.#pickedAt(b);
    if (one.home === other.home) {
      const { numbers } = one.home.columns.ids;
      return (numbers[one.index] as number) - (numbers[other.index] as number);
    }
    return one.home.views.idAt(one.index) < other.home.views.idAt(other.index) ? -1 : 1;
  }

  #pickedAt(place: number): Picked {
    const part = this.#parts.findLast(({ start }) => start <= place);
    if (part === undefined) throw new SwapstatsError("internal", `the order of a query has no place ${place}`);
    return { home: part.home, index: part.indexes[place - part.start] as number };
  }

  #keyAt(place: number): RankKey {
    const { home, index } = this.#pickedAt(place);
    return this.#order.keyOf(this.#values, place, home.views.idAt(index));
  }
}

/** Copies of columns, by place. */
class FrozenColumns implements ColumnValues {
  readonly #columns = new Map<string, RankKeys | TextColumn>();

  constructor(specs: readonly ColumnSpec[], parts: readonly Part[], count: number) {
    for (const spec of specs)
      this.#columns.set(spec.key, spec.isText ? textsOf(spec, parts) : keysOf(spec, parts, count));
  }

  get bytes(): number {
    return [...this.#columns.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  numbers({ key }: ColumnSpec): RankKeys {
    return this.#columns.get(key) as RankKeys;
  }

  texts({ key }: ColumnSpec): TextColumn {
    return this.#columns.get(key) as TextColumn;
  }
}

function keysOf(spec: ColumnSpec, parts: readonly Part[], count: number): RankKeys {
  const keys = new RankKeys();
  keys.reserve(count);
  for (const { home, start, indexes } of parts) keys.copy(home.columns.numbers(spec), indexes, start);
  return keys;
}

function textsOf(spec: ColumnSpec, parts: readonly Part[]): TextColumn {
  const column = new TextColumn();
  for (const { home, start, indexes } of parts) {
    const { texts } = home.columns.texts(spec);
    for (let i = 0; i < indexes.length; i++) column.store(start + i, texts[indexes[i] as number]);
  }
  return column;
}
