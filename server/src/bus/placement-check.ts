/**
 * Finds split tokens: their swaps are in several partitions, because a producer uses another key for its records. No partition then has all swaps of
 * such a token, and none of its figures is complete. Workers report tokens that are not in the partition of their id. All owners then report
 * whether they have these tokens, and a token in two partitions is marked as split in both. A producer that keys by the token in another way
 * than ours splits no token; its tokens only cause these requests. A mark is removed when only one partition still has the token.
 */
import { compareHomes } from "../shared/token-partition.ts";
import type { BusWorker } from "./bus-workers.ts";
import type { SplitMark } from "./requests.ts";

/** Tokens that a worker checks in one turn, and the largest number that it reports. */
export const WALK_TOKENS_MAX = 2_000;
export const NAMED_MAX = 500;
export const PLACEMENT_EVERY_MS = 1_000;

/** A worker of this process, or of another instance. */
export type PlacementWorker = Pick<BusWorker, "ask">;

type PlacementCheckOptions = {
  readonly own: readonly PlacementWorker[];
  /** All workers that serve partitions, including those of this process. */
  readonly all: () => readonly PlacementWorker[];
  readonly partitions: () => number;
  readonly everyMs: number;
};

export class PlacementCheck {
  readonly #options: PlacementCheckOptions;
  readonly #timer: NodeJS.Timeout;
  #isBusy = false;

  constructor(options: PlacementCheckOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.turn(), options.everyMs);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Runs one turn. Never rejects. A worker that does not respond is asked when the same tokens come up again. */
  async turn(): Promise<void> {
    const partitions = this.#options.partitions();
    if (this.#isBusy || partitions < 2) return;
    this.#isBusy = true;
    try {
      const lists = await Promise.all(
        this.#options.own.map((worker) => worker.ask({ kind: "misplaced", partitions }).catch(() => undefined)),
      );
      const ids = lists.flatMap((list) => list?.response ?? []);
      // One request for each partition stays far below the size of a message, however many partitions there are.
      for (let at = 0; at < ids.length; at += NAMED_MAX) await this.#compare(ids.slice(at, at + NAMED_MAX));
    } finally {
      this.#isBusy = false;
    }
  }

  async #compare(ids: readonly string[]): Promise<void> {
    const workers = this.#options.all();
    const responses = await Promise.all(
      workers.map(async (worker) => {
        const asking = worker.ask({ kind: "placements", ids });
        return (await asking.catch(() => undefined))?.response;
      }),
    );
    const partitions = this.#options.partitions();
    const places = ids.map((_, i) => [...new Set(responses.flatMap((response) => response?.places[i] ?? []))]);
    const split = ids.flatMap((id, i): SplitMark[] => {
      const [home, other] = (places[i] as number[]).sort((a, b) => compareHomes(id, partitions, a, b));
      return home === undefined || other === undefined ? [] : [{ id, home }];
    });
    // A partition that did not respond may have further swaps of a token.
    const served = new Set(responses.flatMap((response) => response?.served ?? []));
    const whole = served.size < partitions ? [] : ids.filter((_, i) => places[i]?.length === 1);
    await Promise.allSettled(workers.map((worker) => worker.ask({ kind: "split", split, whole })));
  }
}
