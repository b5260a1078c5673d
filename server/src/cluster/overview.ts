/** Rankings over all instances, at one as-of while all owners are there; else with the last known rows of those who are away. */

import { decodeCursor, encodeCursor, mergeRanked } from "../bus/rank-order.ts";
import type { RankedRow, RankingPart } from "../bus/worker-protocol.ts";
import type { OverviewAnswer, OverviewRequest } from "../ports/stats-bus.ts";
import { SwapstatsError } from "../shared/errors.ts";
import type { ClusterNode } from "./node.ts";
import { epochOfParts, OverviewParts, type PartRows, revisionOfParts } from "./overview-parts.ts";
import type { Source } from "./peers.ts";
import { atOneAsOf } from "./token-finder.ts";

/** Rankings (window, sort, order, limit and page) whose rows are kept for when an owner is away. */
export const KNOWN_RANKINGS_MAX = 128;

type Asked = { readonly source: Source; readonly answer: RankingPart };

export class ClusterOverview {
  readonly #node: ClusterNode;
  readonly #finestStepMs: number;
  readonly #nowMs: () => number;
  readonly #known = new Map<string, OverviewParts<RankedRow>>();

  constructor(node: ClusterNode, finestStepMs: number, nowMs: () => number) {
    this.#node = node;
    this.#finestStepMs = finestStepMs;
    this.#nowMs = nowMs;
  }

  /** Rejects with `unavailable` when nothing is known of a partition, and with `bad_request` for a bad cursor or window. */
  async overview(request: OverviewRequest): Promise<OverviewAnswer> {
    const { window, sort, order, limit, cursor, windows, fields } = request;
    const after = cursor === undefined ? undefined : decodeCursor(request, cursor);
    let asked: Asked[] = [];
    const asOf = await atOneAsOf(this.#nowMs(), this.#finestStepMs, async (at) => {
      const question = {
        kind: "overview",
        request: { window, sort, order, limit, windows, fields },
        after,
        at,
      } as const;
      asked = (await Promise.all(this.#node.peers.sources.map((source) => this.#ask(source, question)))).flat();
      return asked.map(({ answer }) => answer.asOf);
    });
    const known = this.#knownOf(JSON.stringify([window, sort, order, limit, after, windows, fields]));
    const fresh = new Set<number>();
    const { peers } = this.#node;
    for (const { answer } of asked) {
      const isCurrent = (partition: number, epoch: string) => peers.isCurrent(partition, epoch);
      known.put({ ...answer, lagMs: 0 }, isCurrent);
      for (const { partition, epoch } of answer.parts) {
        // Where a newer answer overtook this one, that one is known, and as fresh.
        if (isCurrent(partition, epoch)) fresh.add(partition);
        peers.raiseFloor(partition, epoch);
      }
    }
    const parts = known.all(peers.partitions);
    if (parts === undefined) throw away();
    const stale = fresh.size < parts.length;
    return { ...this.#merged(request, parts), asOf: stale ? oldestAsOf(parts) : asOf, stale };
  }

  #merged(request: OverviewRequest, parts: readonly PartRows<RankedRow>[]): Omit<OverviewAnswer, "asOf" | "stale"> {
    const { order, limit } = request;
    const lists = parts.map((part) => part.rows);
    const rows = mergeRanked(lists, order, limit);
    const isMore = parts.some((part) => part.more) || lists.reduce((sum, list) => sum + list.length, 0) > limit;
    const last = rows.at(-1);
    return {
      epoch: epochOfParts(parts),
      rev: revisionOfParts(parts),
      items: `[${rows.map((row) => row.json).join(",")}]`,
      nextCursor: isMore && last !== undefined ? encodeCursor(request, last.key) : undefined,
    };
  }

  /** Empty when the owner does not answer; an answer that refuses the question is passed on. */
  async #ask(source: Source, question: Parameters<ClusterNode["ask"]>[1] & { kind: "overview" }): Promise<Asked[]> {
    try {
      const { answer } = await this.#node.ask(source, question);
      return [{ source, answer }];
    } catch (error) {
      if (error instanceof SwapstatsError && error.code === "bad_request") throw error;
      return [];
    }
  }

  #knownOf(key: string): OverviewParts<RankedRow> {
    const known = this.#known.get(key) ?? new OverviewParts<RankedRow>();
    this.#known.delete(key);
    this.#known.set(key, known);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= KNOWN_RANKINGS_MAX) break;
      this.#known.delete(oldest);
    }
    return known;
  }
}

function oldestAsOf(parts: readonly PartRows<RankedRow>[]): number {
  return parts.reduce((oldest, part) => Math.min(oldest, part.asOf), Number.POSITIVE_INFINITY);
}

function away(): SwapstatsError {
  const message = "An owner of tokens is away, and nothing is known of its part of the ranking yet. Ask again.";
  return new SwapstatsError("unavailable", message, { retryable: true });
}
