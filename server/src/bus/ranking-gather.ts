/** Merges pages of rankings, and the sums of the market, of all workers at one as-of. While an owner is away, its last known rows are used. */
import { createHash } from "node:crypto";
import type { MarketRequest, MarketResponse, OverviewRequest, OverviewResponse } from "../ports/stats-bus.ts";
import { SwapstatsError } from "../shared/errors.ts";
import type { BusWorkers } from "./bus-workers.ts";
import { marketOf } from "./market-sums.ts";
import { PageRounds } from "./page-rounds.ts";
import { decodeCursor, encodeCursor, mergeRanked, orderByValue } from "./rank-order.ts";
import { type PartedRows, upTo } from "./ranking-parts.ts";
import type { AsOfWish, RequestOf } from "./requests.ts";
import { epochOfParts, type PartRevision, type RankingPart, revisionOfParts } from "./responses.ts";

/** Above this length the text of all epochs is hashed to a short one, because it is part of an ETag. */
const EPOCH_CHARS_MAX = 96;
const TAG_CHARS = 22;

/** A request whose response has rows of all partitions of a worker. */
type PageRequest = RequestOf<"overview"> | RequestOf<"market">;
type Merged = { readonly lists: readonly PartedRows[]; readonly asOf: number; readonly stale: boolean };

export class RankingGather {
  readonly #workers: BusWorkers;
  readonly #rounds: PageRounds;

  constructor(workers: BusWorkers, finestStepMs: number, nowMs: () => number) {
    this.#workers = workers;
    this.#rounds = new PageRounds(workers, finestStepMs, nowMs, ["bad_request"]);
  }

  /** Rejects with `unavailable` when nothing is known of a partition, and with `bad_request` for a bad cursor or window. */
  async overview(request: OverviewRequest): Promise<OverviewResponse> {
    const { window, sort, order, limit, cursor, windows, fields, spark } = request;
    const after = cursor === undefined ? undefined : decodeCursor(request, cursor);
    const key = JSON.stringify([window, sort, order, limit, after, windows, fields, spark]);
    const asked = { window, sort, order, limit, windows, fields, spark };
    return merged(request, await this.#gather(key, (at) => ({ kind: "overview", request: asked, after, at })));
  }

  /** Rejects with `unavailable` when nothing is known of a partition. */
  async market({ windows }: MarketRequest): Promise<MarketResponse> {
    const { lists, asOf, stale } = await this.#gather("market", (at) => ({ kind: "market", at }));
    const sums = marketOf(
      lists.flatMap((list) => list.rows.map((row) => row.json)),
      windows,
    );
    const body = JSON.stringify(sums).slice(1, -1);
    return { ...standingOf(lists.flatMap((list) => list.parts)), asOf, body, stale };
  }

  /** Asks all workers, at one as-of. `key` is equal for requests with the same rows. */
  async #gather(key: string, request: (at: AsOfWish) => PageRequest): Promise<Merged> {
    const { responses, asOf } = await this.#rounds.gather(request);
    return this.#workers.mayBeAway ? this.#withKnown(key, responses, asOf) : present(responses, asOf);
  }

  /** Returns the present rows of each partition, or its last known ones. */
  #withKnown(key: string, responses: readonly RankingPart[], asOf: number): Merged {
    const workers = this.#workers;
    const known = this.#rounds.knownOf(key);
    const fresh = new Set<number>();
    const isCurrent = (partition: number, epoch: string) => workers.isCurrent(partition, epoch);
    for (const response of responses) {
      known.put({ ...response, lagMs: 0 }, isCurrent);
      for (const { partition, epoch } of response.parts) {
        // If a newer response overtook this one, the newer rows are used.
        if (isCurrent(partition, epoch)) fresh.add(partition);
        workers.confirm(partition, epoch);
      }
    }
    const parts = known.of(upTo(workers.partitions));
    if (parts === undefined) throw partUnknown();
    const lists = parts.map((part) => ({ ...part, parts: [part] }));
    const stale = fresh.size < parts.length;
    return { lists, stale, asOf: stale ? Math.min(...parts.map((part) => part.asOf)) : asOf };
  }
}

function present(responses: readonly RankingPart[], asOf: number): Merged {
  return { lists: responses.map((response) => ({ ...response, lagMs: 0 })), asOf, stale: false };
}

function merged(request: OverviewRequest, { lists, asOf, stale }: Merged): OverviewResponse {
  const { order, limit } = request;
  const rows = mergeRanked(
    lists.map((list) => list.rows),
    orderByValue(order),
    limit,
  );
  const isMore = lists.some((list) => list.more) || lists.reduce((sum, list) => sum + list.rows.length, 0) > limit;
  const last = rows.at(-1);
  return {
    ...standingOf(lists.flatMap((list) => list.parts)),
    items: `[${rows.map((row) => row.json).join(",")}]`,
    nextCursor: isMore && last !== undefined ? encodeCursor(request, last.key) : undefined,
    asOf,
    stale,
  };
}

/**
 * The epoch of a ranking names those of all its partitions in their order, so it is the same at every instance. Its revision is the sum
 * of theirs.
 */
export function standingOf(parts: readonly PartRevision[]): { readonly epoch: string; readonly rev: number } {
  const text = epochOfParts([...parts].sort((a, b) => a.partition - b.partition));
  const isLong = text.length > EPOCH_CHARS_MAX;
  const epoch = isLong ? createHash("sha256").update(text).digest("base64url").slice(0, TAG_CHARS) : text;
  return { epoch, rev: revisionOfParts(parts) };
}

export function partUnknown(): SwapstatsError {
  const message = "An owner of tokens is away, and nothing is known of its part of the ranking yet. Ask again.";
  return new SwapstatsError("unavailable", message, { retryable: true });
}
