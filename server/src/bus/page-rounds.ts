/** Asks workers for pages of rows, at one as-of, and keeps rows for the time when an owner is away. */
import { LRUCache } from "lru-cache";
import { type ErrorCode, SwapstatsError } from "../shared/errors.ts";
import type { BusWorker, BusWorkers } from "./bus-workers.ts";
import { RankingParts } from "./ranking-parts.ts";
import type { AsOfWish, RequestOf } from "./requests.ts";
import type { RankingPart } from "./responses.ts";
import { atOneAsOf } from "./token-gather.ts";

/** A request whose response has rows of all partitions of a worker. */
type PageRequest = RequestOf<"overview"> | RequestOf<"market"> | RequestOf<"screener">;

/** Requests (queries and pages of rankings, and the market) whose rows are kept. */
const KNOWN_REQUESTS_MAX = 128;

export class PageRounds {
  readonly #workers: BusWorkers;
  readonly #finestStepMs: number;
  readonly #nowMs: () => number;
  readonly #refusals: readonly ErrorCode[];
  readonly #known = new LRUCache<string, RankingParts>({
    max: KNOWN_REQUESTS_MAX,
    memoMethod: () => new RankingParts(),
  });

  /** `refusals`: errors of a worker that refuse a request, also while owners may be away. */
  constructor(workers: BusWorkers, finestStepMs: number, nowMs: () => number, refusals: readonly ErrorCode[]) {
    this.#workers = workers;
    this.#finestStepMs = finestStepMs;
    this.#nowMs = nowMs;
    this.#refusals = refusals;
  }

  /** Asks all workers. Resolves with the responses of those that are present. Rejects if one refuses the request. */
  async gather(
    request: (at: AsOfWish) => PageRequest,
  ): Promise<{ readonly responses: readonly RankingPart[]; readonly asOf: number }> {
    let responses: readonly RankingPart[] = [];
    const asOf = await this.atOneAsOf(this.#workers.all.length, async (at) => {
      const asked = request(at);
      responses = (await Promise.all(this.#workers.all.map((worker) => this.#ask(worker, asked)))).flat();
      return responses.map((response) => response.asOf);
    });
    return { responses, asOf };
  }

  /** Calls `ask`, which asks so many workers, until all returned as-ofs are in one step. Resolves with the latest as-of. */
  async atOneAsOf(count: number, ask: (at: AsOfWish) => Promise<readonly number[]>): Promise<number> {
    return count === 1 ? Math.max(...(await ask(undefined)), 0) : atOneAsOf(this.#nowMs(), this.#finestStepMs, ask);
  }

  /** Returns the rows that are known for a request. `key` is equal for requests with the same rows. */
  knownOf(key: string): RankingParts {
    return this.#known.memo(key);
  }

  /** Asks one worker. Resolves with nothing if it may be away and does not respond. */
  async #ask(worker: BusWorker, request: PageRequest): Promise<RankingPart[]> {
    try {
      return [(await worker.ask(request)).response];
    } catch (error) {
      const isRefusal = error instanceof SwapstatsError && this.#refusals.includes(error.code);
      if (isRefusal || !this.#workers.mayBeAway) throw error;
      return [];
    }
  }
}
