/** The order of a query's rows: its sorts one after the other, each with absent figures last, then the ids. */
import type { ScreenerSort } from "@swapstats/protocol/screener/query.ts";
import type { RankKey as RankText } from "../../../bus/responses.ts";
import { scaledText } from "../../../engine/decimal.ts";
import { RankKey } from "../../../engine/reads/rank-key.ts";
import { RankKeys } from "../rank-keys.ts";
import { type ColumnSpec, columnOf } from "./column-spec.ts";
import type { TextColumn } from "./text-column.ts";
import { numberText } from "./threshold.ts";

/** Values of columns by index. */
export type ColumnValues = {
  numbers(spec: ColumnSpec): RankKeys;
  texts(spec: ColumnSpec): TextColumn;
};

type Sort = { readonly column: ColumnSpec; readonly isDescending: boolean };

/** The values of the sorts of some tokens: one of the two for each sort. They are found once, and not for each comparison. */
type BoundSort = {
  readonly numbers: RankKeys | undefined;
  readonly texts: readonly (string | undefined)[];
  readonly isDescending: boolean;
};
export type BoundOrder = readonly BoundSort[];

/** A place in the order, which stays when figures change: the keys of a token, and the token for ties. */
export type OrderPlace = { readonly keys: readonly (RankKey | string | undefined)[]; readonly index: number };

export class ScreenOrder {
  readonly columns: readonly ColumnSpec[];
  readonly #sorts: readonly Sort[];

  /** `windowIndexOf` throws for a window that is not configured. */
  constructor(sorts: readonly ScreenerSort[], windowIndexOf: (window: string) => number) {
    this.#sorts = sorts.map((sort) => ({ column: columnOf(sort, windowIndexOf), isDescending: sort.order === "desc" }));
    this.columns = this.#sorts.map(({ column }) => column);
  }

  /** Returns the values of the sorts. They are valid until columns are added or dropped. */
  bound(columns: ColumnValues): BoundOrder {
    return this.#sorts.map(({ column, isDescending }) => ({
      numbers: column.isText ? undefined : columns.numbers(column),
      texts: column.isText ? columns.texts(column).texts : [],
      isDescending,
    }));
  }

  placeOf(columns: ColumnValues, index: number): OrderPlace {
    const keys = this.#sorts.map(({ column }) => {
      if (column.isText) return columns.texts(column).texts[index];
      const key = new RankKey();
      columns.numbers(column).read(index, key);
      return key;
    });
    return { keys, index };
  }

  /** Returns the place of a row, with the values of the sorts as served. */
  keyOf(columns: ColumnValues, index: number, id: string): RankText {
    const key = new RankKey();
    const [value, ...more] = this.#sorts.map(({ column }) => {
      if (column.isText) return columns.texts(column).texts[index] ?? null;
      columns.numbers(column).read(index, key);
      return keyText(key, column.places);
    });
    return { value: value ?? undefined, id, ...(more.length === 0 ? {} : { more }) };
  }

  /** Returns numbers that order the first `count` indexes by the first sort, ascending, as far as one number can tell. */
  firstNumbers(columns: ColumnValues, count: number): Float64Array {
    const [first] = this.#sorts;
    const numbers = new Float64Array(count);
    if (first === undefined || first.column.isText) return numbers;
    const { firsts } = columns.numbers(first.column);
    const sign = first.isDescending ? -1 : 1;
    for (let i = 0; i < count; i++) {
      const value = firsts[i] as number;
      numbers[i] = Number.isNaN(value) ? Number.POSITIVE_INFINITY : sign * value;
    }
    return numbers;
  }
}

/** Compares two tokens of one partition, or of two. 0: they tie in all sorts. */
export function compareSorts(a: BoundOrder, i: number, b: BoundOrder, j: number): number {
  for (let at = 0; at < a.length; at++) {
    const { numbers, texts, isDescending } = a[at] as BoundSort;
    const other = b[at] as BoundSort;
    const order =
      numbers === undefined
        ? compareTexts(texts[i], other.texts[j], isDescending)
        : RankKeys.compareOf(numbers, i, other.numbers as RankKeys, j, isDescending ? "desc" : "asc");
    if (order !== 0) return order;
  }
  return 0;
}

/** Compares a token with a place of the same partition in the sorts. */
export function compareToPlace(order: BoundOrder, index: number, { keys }: OrderPlace): number {
  for (let at = 0; at < order.length; at++) {
    const { numbers, texts, isDescending } = order[at] as BoundSort;
    const key = keys[at];
    const byKey =
      numbers === undefined
        ? compareTexts(texts[index], key as string | undefined, isDescending)
        : compareToKey(numbers, index, key as RankKey, isDescending);
    if (byKey !== 0) return byKey;
  }
  return 0;
}

function compareTexts(a: string | undefined, b: string | undefined, isDescending: boolean): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined) return a === undefined ? 1 : -1;
  return a < b === isDescending ? 1 : -1;
}

function compareToKey(keys: RankKeys, index: number, key: RankKey, isDescending: boolean): number {
  const order = keys.compareTo(index, key);
  return isDescending && key.isPresent && keys.isPresent(index) ? -order : order;
}

/** Returns the text of a key as served; null: it is absent. */
function keyText(key: RankKey, places: number | undefined): string | null {
  if (!key.isPresent) return null;
  const { k0, k1, k2, k3 } = key;
  if (places === undefined) return numberText(k0);
  const value = k1 === 0 ? BigInt(k0) : BigInt(k0) + BigInt(k1) + BigInt(k2) + BigInt(k3);
  const size = scaledText(value === 0n ? "" : String(value < 0n ? -value : value), places);
  return value < 0n ? `-${size}` : size;
}
