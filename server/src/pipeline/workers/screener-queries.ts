/** Responds to queries of the screener about the tokens of one worker, and keeps their orders for further pages. */
import type { ScreenerQuery } from "@swapstats/protocol/screener/query.ts";
import type { RequestOf } from "../../bus/requests.ts";
import type { RankingPart } from "../../bus/responses.ts";
import type { WindowSpec } from "../../engine/types.ts";
import type { Piecewise } from "../thread-share.ts";
import { type PageSource, rankedPage } from "../views/overview-page.ts";
import { pageTexts } from "../views/page-texts.ts";
import type { Picked } from "../views/pick-rows.ts";
import { RowFigures } from "../views/row-figures.ts";
import { KeptOrder } from "../views/screener/kept-order.ts";
import { KeptOrders } from "../views/screener/kept-orders.ts";
import { compileQuery, ScreenSource } from "../views/screener/screen-source.ts";
import { partRevisions, type ServedPartition } from "../views/served-partition.ts";
import type { WorkerPartitions, WorkerQueries } from "./worker-queries.ts";

export class ScreenerQueries {
  readonly #partitions: WorkerPartitions;
  readonly #queries: WorkerQueries;
  readonly #windows: readonly WindowSpec[];
  readonly #orders = new KeptOrders<KeptOrder>();

  constructor(partitions: WorkerPartitions, queries: WorkerQueries, windows: readonly WindowSpec[]) {
    this.#partitions = partitions;
    this.#queries = queries;
    this.#windows = windows;
  }

  close(): void {
    this.#orders.close();
  }

  /** Throws `absence` of the partitions if it is set, `bad_request` for a window that is not configured, and `cursor_expired`. */
  page(request: RequestOf<"screener">): Piecewise<RankingPart> {
    const { served, absence } = this.#partitions;
    if (absence !== undefined) throw absence;
    const { query, order, position } = request;
    for (const name of [...query.windows, ...(query.spark === undefined ? [] : [query.spark.window])]) {
      this.#queries.windowIndex(name);
    }
    return position === undefined
      ? this.#first(request, served)
      : this.#further(request, served, this.#orders.get(order, served), position);
  }

  *#first(request: RequestOf<"screener">, partitions: readonly ServedPartition[]): Piecewise<RankingPart> {
    const { query, order, isPart } = request;
    const { limit } = query;
    const compiled = compileQuery(query, (name) => this.#queries.windowIndex(name));
    const source = new ScreenSource(partitions, compiled, limit + 1, true);
    const { figures, page } = yield* this.#page(request, partitions, source);
    const parts = partRevisions(partitions);
    const more = page.rows.length > limit;
    if (more || isPart) this.#orders.put(order, new KeptOrder(source, partitions));
    const keys = page.rows.map((row, at) => source.keyOf(row, page.picked[at] as Picked));
    const rows = yield* pageTexts(page.rows.slice(0, limit), keys, figures, page.asOf);
    return { asOf: page.asOf, parts, rows, more };
  }

  *#further(
    request: RequestOf<"screener">,
    partitions: readonly ServedPartition[],
    order: KeptOrder,
    position: number,
  ): Piecewise<RankingPart> {
    const { limit } = request.query;
    const source = order.source(position, limit);
    const { figures, page } = yield* this.#page(request, partitions, source);
    const parts = partRevisions(partitions);
    const rows = yield* pageTexts(page.rows, source.keysOf(), figures, page.asOf);
    return { asOf: page.asOf, parts, rows, more: order.hasFrom(position + limit) };
  }

  *#page(request: RequestOf<"screener">, partitions: readonly ServedPartition[], source: PageSource) {
    const figures = rowFiguresOf(request.query, this.#windows);
    const page = yield* rankedPage(partitions, source, figures, () => this.#queries.asOf(partitions, request.at));
    return { figures, page };
  }
}

/** Returns the figures of the rows of a query. */
export function rowFiguresOf(
  { windows: names, fields, spark }: ScreenerQuery,
  windows: readonly WindowSpec[],
): RowFigures {
  return new RowFigures(names[0] as string, { windows: names, fields, spark }, windows);
}
