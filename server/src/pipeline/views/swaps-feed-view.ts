/**
 * The feed of a token's swaps: first the newest ones that count, then which swaps began and ceased to count, in the order of the log. An update
 * that a list of the newest swaps cannot follow has the whole list again: when a swap ceased to count, and when changes were left out.
 */
import type { SpecOf } from "../../bus/channels.ts";
import type { FeedUpdate } from "../../bus/responses.ts";
import type { SharedClock } from "../../bus/shared-clock.ts";
import type { Piecewise } from "../thread-share.ts";
import type { ServedPartition } from "./served-partition.ts";
import type { SwapJournal } from "./swap-journal.ts";
import type { FoundToken } from "./token-lookup.ts";

const REMOVED = '{"action":"removed"';

export class SwapsFeedView {
  readonly #home: ServedPartition;
  readonly #token: number;
  readonly #limit: number;
  readonly #clock: SharedClock;
  #journal: SwapJournal | undefined;
  #sentSeq = 0;

  constructor(found: FoundToken, { limit }: SpecOf<"swaps">, clock: SharedClock) {
    this.#home = found.home;
    this.#token = found.token;
    this.#limit = limit;
    this.#clock = clock;
  }

  /** Returns whether its partition is still served. */
  isWhole(partitions: readonly ServedPartition[]): boolean {
    return partitions.includes(this.#home);
  }

  /** Makes the update that is due, or undefined. */
  *update(): Piecewise<FeedUpdate | undefined> {
    const home = this.#home;
    const journal = home.counted.journalOf(this.#token);
    const isFirst = journal !== this.#journal;
    if (!isFirst && journal.seq === this.#sentSeq) return undefined;
    const items = journal.behind(isFirst ? journal.from : this.#sentSeq);
    const isWhole =
      isFirst || items.length < journal.seq - this.#sentSeq || items.some((item) => item.startsWith(REMOVED));
    this.#journal = journal;
    this.#sentSeq = journal.seq;
    const { seq: rev, from } = journal;
    return {
      epoch: home.epoch,
      rev,
      prevRev: undefined,
      asOf: this.#clock.now(),
      watermark: home.watermarkMs(home.engine.chainIdOf(this.#token)),
      lagMs: home.board.lagMs(this.#clock.wallMs()),
      data: isWhole ? this.#data() : undefined,
      patch: undefined,
      rows: undefined,
      log: { from, items },
      parts: [{ partition: home.partition, epoch: home.epoch, rev }],
    };
  }

  /** The newest swaps, those ahead of the as-of among them: the log has them already. */
  #data(): string {
    const { items } = this.#home.engine.newestSwaps(this.#token, this.#limit, Number.POSITIVE_INFINITY);
    return JSON.stringify({ items });
  }
}
