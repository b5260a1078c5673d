/**
 * Merges pages of a query of the screener. Each worker sends its best rows, and keeps the order of all its matches in that instant. A
 * cursor names that order, and how many rows of each worker were given. It holds no address, so any instance continues the pages.
 */
import { createHash, randomBytes } from "node:crypto";
import type { ScreenerQuery } from "@swapstats/protocol/screener/query.ts";
import type { ScreenerRequest, ScreenerResponse } from "../ports/stats-bus.ts";
import { SwapstatsError } from "../shared/errors.ts";
import type { BusWorkers } from "./bus-workers.ts";
import { PageRounds } from "./page-rounds.ts";
import { orderBySorts } from "./rank-order.ts";
import { partUnknown, standingOf } from "./ranking-gather.ts";
import { type PartedRows, upTo } from "./ranking-parts.ts";
import type { RankedRow, RankingPart } from "./responses.ts";
import { decodeScreenerCursor, encodeScreenerCursor, type ScreenerCursor } from "./screener-cursor.ts";

const ORDER_BYTES = 12;

/** The rows of one worker. `home` is one of its partitions, and `given` the number of its rows before this page. */
type WorkerRows = PartedRows & { readonly home: number; readonly given: number };
type Gathered = { readonly lists: readonly WorkerRows[]; readonly asOf: number; readonly stale: boolean };

export class ScreenerGather {
  readonly #workers: BusWorkers;
  readonly #rounds: PageRounds;

  constructor(workers: BusWorkers, finestStepMs: number, nowMs: () => number) {
    this.#workers = workers;
    this.#rounds = new PageRounds(workers, finestStepMs, nowMs, ["bad_request", "overloaded"]);
  }

  /**
   * Rejects with `bad_request` for a cursor of another query or a window that is not configured, with `cursor_expired`, and with
   * `unavailable` when nothing is known of a partition, or when an owner is away that has rows of a further page.
   */
  async page({ query, cursor }: ScreenerRequest): Promise<ScreenerResponse> {
    const tag = tagOf(query);
    if (cursor === undefined) {
      const order = randomBytes(ORDER_BYTES).toString("base64url");
      return merged(query, { order, tag }, await this.#first(query, order));
    }
    const from = decodeScreenerCursor(cursor, tag);
    return merged(query, from, await this.#further(query, from));
  }

  async #first(query: ScreenerQuery, order: string): Promise<Gathered> {
    const isPart = this.#workers.all.length > 1;
    const { responses, asOf } = await this.#rounds.gather((at) => {
      return { kind: "screener", query, order, position: undefined, isPart, at };
    });
    if (!this.#workers.mayBeAway) return { lists: responses.map((one) => rowsOf(one, 0)), asOf, stale: false };
    return this.#withKnown(JSON.stringify(query), responses, asOf);
  }

  async #further(query: ScreenerQuery, { order, given }: ScreenerCursor): Promise<Gathered> {
    const owners = given.map(([home, count]) => ({ owner: this.#workers.ownerOf(home), count }));
    let lists: WorkerRows[] = [];
    const asOf = await this.#rounds.atOneAsOf(owners.length, async (at) => {
      lists = await Promise.all(
        owners.map(async ({ owner, count }) => {
          if (owner === undefined) throw ownerGone();
          const isPart = owners.length > 1;
          const { response } = await owner.ask({ kind: "screener", query, order, position: count, isPart, at });
          return rowsOf(response, count);
        }),
      );
      return lists.map((list) => list.asOf);
    });
    for (const { partition, epoch } of lists.flatMap(({ parts }) => parts)) {
      // The order is that of a former owner, whose figures must not be shown.
      if (!this.#workers.isCurrent(partition, epoch)) throw ownerGone();
      this.#workers.confirm(partition, epoch);
    }
    return { lists, asOf, stale: false };
  }

  /** Returns the present rows of each worker, and the last known ones of partitions whose owner is away. */
  #withKnown(key: string, responses: readonly RankingPart[], asOf: number): Gathered {
    const workers = this.#workers;
    const known = this.#rounds.knownOf(key);
    const isCurrent = (partition: number, epoch: string): boolean => workers.isCurrent(partition, epoch);
    const fresh: WorkerRows[] = [];
    const covered = new Set<number>();
    for (const response of responses) {
      const given = rowsOf(response, 0);
      known.put(given, isCurrent);
      const isFresh = response.parts.every(({ partition, epoch }) => isCurrent(partition, epoch));
      for (const { partition, epoch } of response.parts) {
        if (isFresh) covered.add(partition);
        workers.confirm(partition, epoch);
      }
      if (isFresh) fresh.push(given);
    }
    const missing = [...upTo(workers.partitions)].filter((partition) => !covered.has(partition));
    if (missing.length === 0 && fresh.length > 0) return { lists: fresh, asOf, stale: false };
    const parts = known.of(missing);
    if (parts === undefined) throw partUnknown();
    const old = parts.map((part) => ({ ...part, parts: [part], home: part.partition, given: 0 }));
    return { lists: [...fresh, ...old], asOf: Math.min(...parts.map((part) => part.asOf)), stale: true };
  }
}

function rowsOf(response: RankingPart, given: number): WorkerRows {
  return { ...response, lagMs: 0, home: response.parts[0]?.partition ?? 0, given };
}

function merged(
  query: ScreenerQuery,
  { order, tag }: Pick<ScreenerCursor, "order" | "tag">,
  { lists, asOf, stale }: Gathered,
): ScreenerResponse {
  const byKey = orderBySorts(query.sort);
  const given = lists.map((list) => list.given);
  const candidates = lists.flatMap(({ rows }, list) => rows.map((row) => ({ row, list })));
  if (lists.length > 1) candidates.sort((a, b) => byKey(a.row.key, b.row.key));
  const known = new Set<string>();
  const rows: RankedRow[] = [];
  let taken = 0;
  for (; taken < candidates.length && rows.length < query.limit; taken++) {
    const { row, list } = candidates[taken] as (typeof candidates)[number];
    given[list] = (given[list] as number) + 1;
    // A token of several partitions is in the list of one alone. Until the partitions know that, its first row counts.
    if (known.has(row.key.id)) continue;
    known.add(row.key.id);
    rows.push(row);
  }
  const isMore = taken < candidates.length || lists.some((list) => list.more);
  const next = { order, tag, given: lists.map(({ home }, list) => [home, given[list] as number] as const) };
  return {
    ...standingOf(lists.flatMap((list) => list.parts)),
    items: `[${rows.map((row) => row.json).join(",")}]`,
    nextCursor: isMore ? encodeScreenerCursor(next) : undefined,
    asOf,
    stale,
  };
}

/** Returns a text that is the same for queries with the same matches in the same order. */
function tagOf({ filter, sort }: ScreenerQuery): string {
  return createHash("sha256")
    .update(JSON.stringify([filter ?? null, sort]))
    .digest("base64url")
    .slice(0, 16);
}

function ownerGone(): SwapstatsError {
  const message = "An owner of tokens has changed since the first page. Start again without the cursor.";
  return new SwapstatsError("cursor_expired", message);
}
