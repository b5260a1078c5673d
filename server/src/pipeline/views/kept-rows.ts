/** Cache of the rows of rankings, shared by all pages, feeds and rounds with the same figures. Bounded by the length of the texts. */
import type { FiguresOfRow } from "./row-figures.ts";

/** A row of a page. It is valid until its token gets a new revision. */
export type PageRow = FiguresOfRow & {
  readonly partition: number;
  readonly index: number;
  readonly id: string;
  readonly symbol: string | undefined;
  /** Other partitions also have swaps of the token. */
  readonly isSplit: boolean;
  readonly rev: number;
  /** Text of its value in the data of a feed. Undefined until a feed has made it. */
  text: string | undefined;
  /** Merge patch from the row of another revision. Undefined until a feed has made it. */
  change: { readonly fromRev: number; readonly text: string } | undefined;
};

/** Limit for all rows of a partition. Beyond it all are dropped; rows in use are soon made again. */
const ROW_CHARS_MAX = 16 * 1024 * 1024;
/** Estimate for the objects around the text. */
const ROW_OVERHEAD_CHARS = 2000;

export class KeptRows {
  /** By the selection of figures, then by the index of the views. */
  readonly #rows = new Map<string, Map<number, PageRow>>();
  #chars = 0;

  get(key: string, index: number): PageRow | undefined {
    return this.#rows.get(key)?.get(index);
  }

  put(key: string, row: PageRow): void {
    if (this.#chars > ROW_CHARS_MAX) this.clear();
    let rows = this.#rows.get(key);
    if (rows === undefined) {
      rows = new Map();
      this.#rows.set(key, rows);
    }
    const before = rows.get(row.index);
    this.#chars += charsOf(row) - (before === undefined ? 0 : charsOf(before));
    rows.set(row.index, row);
  }

  clear(): void {
    this.#rows.clear();
    this.#chars = 0;
  }
}

function charsOf({ texts, id }: PageRow): number {
  return texts.reduce((sum, text) => sum + text.length, id.length + ROW_OVERHEAD_CHARS);
}
