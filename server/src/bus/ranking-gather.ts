/** Merges pages of rankings of all workers at one as-of. While an owner is away, its last known rows are used. */
import { createHash } from "node:crypto";
import type { OverviewRequest, OverviewResponse } from "../ports/stats-bus.ts";
import { SwapstatsError } from "../shared/errors.ts";
import type { BusWorker, BusWorkers } from "./bus-workers.ts";
import { decodeCursor, encodeCursor, mergeRanked } from "./rank-order.ts";
import { type PartedRows, RankingParts, upTo } from "./ranking-parts.ts";
import type { RequestOf } from "./requests.ts";
import { epochOfParts, type PartRevision, type RankingPart, revisionOfParts } from "./responses.ts";
import { atOneAsOf } from "./token-gather.ts";

/** Number of rankings (window, sort, order, limit and page) whose rows are kept for the time when an owner is away. */
const KNOWN_RANKINGS_MAX = 128;
/** Above this length the text of all epochs is hashed to a short one, because it is part of an ETag. */
const EPOCH_CHARS_MAX = 96;
const TAG_CHARS = 22;

type Merged = { readonly lists: readonly PartedRows[]; readonly asOf: number; readonly stale: boolean };

export class RankingGather {
  readonly #workers: BusWorkers;
  readonly #finestStepMs: number;
  readonly #nowMs: () => number;
  readonly #known = new Map<string, RankingParts>();

  constructor(workers: BusWorkers, finestStepMs: number, nowMs: () => number) {
    this.#workers = workers;
    this.#finestStepMs = finestStepMs;
    this.#nowMs = nowMs;
  }

  /** Rejects with `unavailable` when nothing is known of a partition, and with `bad_request` for a bad cursor or window. */
  async overview(request: OverviewRequest): Promise<OverviewResponse> {
    const { window, sort, order, limit, cursor, windows, fields } = request;
    const after = cursor === undefined ? undefined : decodeCursor(request, cursor);
    let responses: RankingPart[] = [];
    const ask = async (at: RequestOf<"overview">["at"]): Promise<number[]> => {
      const asked = { kind: "overview", request: { window, sort, order, limit, windows, fields }, after, at } as const;
      responses = (await Promise.all(this.#workers.all.map((worker) => this.#ask(worker, asked)))).flat();
      return responses.map((response) => response.asOf);
    };
    const asOf =
      this.#workers.all.length === 1
        ? Math.max(...(await ask(undefined)), 0)
        : await atOneAsOf(this.#nowMs(), this.#finestStepMs, ask);
    const { mayBeAway } = this.#workers;
    const key = JSON.stringify([window, sort, order, limit, after, windows, fields]);
    return merged(request, mayBeAway ? this.#withKnown(key, responses, asOf) : present(responses, asOf));
  }

  /** Returns the present rows of each partition, or its last known ones. */
  #withKnown(key: string, responses: readonly RankingPart[], asOf: number): Merged {
    const workers = this.#workers;
    const known = this.#knownOf(key);
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
    if (parts === undefined) throw away();
    const lists = parts.map((part) => ({ ...part, parts: [part] }));
    const stale = fresh.size < parts.length;
    return { lists, stale, asOf: stale ? Math.min(...parts.map((part) => part.asOf)) : asOf };
  }

  /** Asks one worker. Resolves with nothing if it may be away and does not respond. Rejects if it refuses the request. */
  async #ask(worker: BusWorker, request: RequestOf<"overview">): Promise<RankingPart[]> {
    try {
      return [(await worker.ask(request)).response];
    } catch (error) {
      const isRefusal = error instanceof SwapstatsError && error.code === "bad_request";
      if (isRefusal || !this.#workers.mayBeAway) throw error;
      return [];
    }
  }

  #knownOf(key: string): RankingParts {
    const known = this.#known.get(key) ?? new RankingParts();
    this.#known.delete(key);
    this.#known.set(key, known);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= KNOWN_RANKINGS_MAX) break;
      this.#known.delete(oldest);
    }
    return known;
  }
}

function present(responses: readonly RankingPart[], asOf: number): Merged {
  return { lists: responses.map((response) => ({ ...response, lagMs: 0 })), asOf, stale: false };
}

function merged(request: OverviewRequest, { lists, asOf, stale }: Merged): OverviewResponse {
  const { order, limit } = request;
  const rows = mergeRanked(
    lists.map((list) => list.rows),
    order,
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

function away(): SwapstatsError {
  const message = "An owner of tokens is away, and nothing is known of its part of the ranking yet. Ask again.";
  return new SwapstatsError("unavailable", message, { retryable: true });
}
