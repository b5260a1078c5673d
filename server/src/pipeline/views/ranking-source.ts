/** The rows of an overview: all tokens, ranked by one figure of one window. */
import type { SortField } from "@swapstats/protocol/figures.ts";
import { compareRankKeys } from "../../bus/rank-order.ts";
import type { RankKey } from "../../bus/responses.ts";
import type { PageRow } from "./kept-rows.ts";
import type { PageSource } from "./overview-page.ts";
import { headOf, type Picked, pickRows } from "./pick-rows.ts";
import type { RankOrder } from "./rank-keys.ts";
import { Ranking, servedValue } from "./ranking.ts";
import type { ServedPartition } from "./served-partition.ts";
import type { Work } from "./token-views.ts";

type RankingRequest = {
  readonly windowIndex: number;
  readonly sort: SortField;
  readonly order: RankOrder;
  readonly after: RankKey | undefined;
  readonly count: number;
};

export class RankingSource implements PageSource {
  readonly #partitions: readonly ServedPartition[];
  readonly #request: RankingRequest;

  constructor(partitions: readonly ServedPartition[], request: RankingRequest) {
    this.#partitions = partitions;
    this.#request = request;
  }

  syncSome(home: ServedPartition, asOfMs: number, work: Work): boolean {
    return this.#rankingOf(home).syncSome(asOfMs, work);
  }

  pick(): Picked[] {
    const { order, after, count } = this.#request;
    const heads = this.#partitions.flatMap((home) => headOf(home, this.#rankingOf(home).walk(order, after)));
    const compare = (a: Picked, b: Picked): number =>
      Ranking.compareKeys(this.#rankingOf(a.home), a.index, this.#rankingOf(b.home), b.index, order);
    return pickRows(heads, compare, count);
  }

  sorted(rows: PageRow[]): PageRow[] {
    const { sort, order } = this.#request;
    return rows.sort((a, b) => compareRankKeys(keyOfRow(a, sort), keyOfRow(b, sort), order));
  }

  #rankingOf(home: ServedPartition): Ranking {
    return home.ranking(this.#request.windowIndex, this.#request.sort);
  }
}

export function keyOfRow({ ranked, id }: PageRow, sort: SortField): RankKey {
  return { value: servedValue(ranked, sort), id };
}
