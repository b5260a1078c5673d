/** The rows of a query of the screener: its best matches in all partitions of a worker. */
import type { ScreenerQuery } from "@swapstats/protocol/screener/query.ts";
import type { RankKey } from "../../../bus/responses.ts";
import type { PageRow } from "../kept-rows.ts";
import type { PageSource } from "../overview-page.ts";
import { headOf, type Picked, pickRows } from "../pick-rows.ts";
import type { ServedPartition } from "../served-partition.ts";
import type { Work } from "../token-views.ts";
import type { ColumnSpec } from "./column-spec.ts";
import { compileFilter, type FilterProgram } from "./filter-program.ts";
import { MatchSet } from "./match-set.ts";
import { Screen } from "./screen.ts";
import { type BoundOrder, compareSorts, ScreenOrder } from "./screen-order.ts";

type CompiledQuery = {
  readonly program: FilterProgram;
  readonly order: ScreenOrder;
  readonly columns: readonly ColumnSpec[];
};

/** `windowIndexOf` throws for a window that is not configured. */
export function compileQuery(
  { filter, sort }: Pick<ScreenerQuery, "filter" | "sort">,
  windowIndexOf: (window: string) => number,
): CompiledQuery {
  const program = compileFilter(filter, windowIndexOf);
  const order = new ScreenOrder(sort, windowIndexOf);
  const columns = [...new Map([...program.columns, ...order.columns].map((spec) => [spec.key, spec])).values()];
  return { program, order, columns };
}

export class ScreenSource implements PageSource {
  readonly order: ScreenOrder;
  readonly #partitions: readonly ServedPartition[];
  readonly #columns: readonly ColumnSpec[];
  readonly #count: number;
  readonly #screens: ReadonlyMap<ServedPartition, Screen>;
  readonly #matches = new Map<ServedPartition, MatchSet>();

  /** `count`: rows of a page. `isWhole`: every match is to be known, and not only the best. */
  constructor(partitions: readonly ServedPartition[], query: CompiledQuery, count: number, isWhole: boolean) {
    this.#partitions = partitions;
    this.#columns = query.columns;
    this.order = query.order;
    this.#count = count;
    for (const home of partitions) home.columns.use(query.columns);
    if (isWhole) for (const home of partitions) this.#matches.set(home, new MatchSet());
    this.#screens = new Map(
      partitions.map((home) => {
        const screen = new Screen(home.columns, query.program, query.order, count, this.#matches.get(home));
        return [home, screen];
      }),
    );
  }

  syncSome(home: ServedPartition, asOfMs: number, work: Work): boolean {
    return home.columns.syncSome(this.#columns, asOfMs, work) && this.#screenOf(home).syncSome(work);
  }

  pick(): Picked[] {
    const heads = this.#partitions.flatMap((home) => headOf(home, this.#screenOf(home).best.values()));
    const bound = new Map(this.#partitions.map((home) => [home, this.order.bound(home.columns)]));
    const boundOf = (home: ServedPartition): BoundOrder => bound.get(home) as BoundOrder;
    const compare = (a: Picked, b: Picked): number => compareSorts(boundOf(a.home), a.index, boundOf(b.home), b.index);
    return pickRows(heads, compare, this.#count);
  }

  /** Rows keep the order of the instant at which they were picked. */
  sorted(rows: PageRow[]): PageRow[] {
    return rows;
  }

  /** The matches of a partition in the instant of the last pick. */
  matchesOf(home: ServedPartition): MatchSet {
    return this.#matches.get(home) as MatchSet;
  }

  /** Returns the place of a row in the instant of the last pick, for merging it with rows of other workers. */
  keyOf(row: PageRow, { home, index }: Picked): RankKey {
    return this.order.keyOf(home.columns, index, row.id);
  }

  #screenOf(home: ServedPartition): Screen {
    return this.#screens.get(home) as Screen;
  }
}
