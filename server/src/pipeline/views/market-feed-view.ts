/** The feed of a worker's part of the market: the sums of each of its partitions. */
import { epochOfParts, type FeedUpdate } from "../../bus/responses.ts";
import type { SharedClock } from "../../bus/shared-clock.ts";
import type { Piecewise } from "../thread-share.ts";
import { marketCaughtUp, marketRows } from "./market/market-page.ts";
import { partRevisions, revisionOfPartitions, type ServedPartition } from "./served-partition.ts";

/** Nearly all sums change with every swap. With the time to merge and send them, clients see the market at most a second old. */
const EVERY_MS = 500;

export class MarketFeedView {
  readonly #partitions: readonly ServedPartition[];
  readonly #clock: SharedClock;
  readonly #nowMs: () => number;
  #seenRev: number | undefined;
  #sentRev: number | undefined;
  #madeMs = Number.NEGATIVE_INFINITY;

  /** `nowMs`: monotonic milliseconds. */
  constructor(
    partitions: readonly ServedPartition[],
    clock: SharedClock,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#partitions = partitions;
    this.#clock = clock;
    this.#nowMs = nowMs;
  }

  /** Returns whether it sums the tokens of exactly these partitions. */
  isWhole(partitions: readonly ServedPartition[]): boolean {
    const mine = this.#partitions;
    return mine.length === partitions.length && mine.every((home, i) => home === partitions[i]);
  }

  /** Makes the update that is due, or undefined. One at a time. */
  *update(): Piecewise<FeedUpdate | undefined> {
    const partitions = this.#partitions;
    const nowMs = this.#nowMs();
    if (nowMs - this.#madeMs < EVERY_MS) return undefined;
    const asOf = yield* marketCaughtUp(partitions, () => this.#clock.now());
    const rev = revisionOfPartitions(partitions);
    if (rev === this.#seenRev) return undefined;
    this.#madeMs = nowMs;
    this.#seenRev = rev;
    const parts = partRevisions(partitions);
    const wallMs = this.#clock.wallMs();
    const prevRev = this.#sentRev;
    this.#sentRev = rev;
    return {
      epoch: epochOfParts(parts),
      rev,
      prevRev,
      asOf,
      watermark: undefined,
      lagMs: partitions.reduce((most, home) => Math.max(most, home.board.lagMs(wallMs)), 0),
      data: undefined,
      rows: marketRows(partitions, asOf),
      patch: undefined,
      parts,
    };
  }
}
