/**
 * The feeds of one worker: streams of a token's or a ranking's figures. At most every `coalesceMs` each open feed is looked at. One with a new
 * revision is built, compared with what was sent last, and sent as data and patch. A feed whose figures came out the same is not sent, so
 * the next patch still applies to the last revision that was.
 *
 * A pass over all feeds of a kind is done in pieces, and the next begins when it has ended: where there is more to build than the thread has time
 * for, updates come less often. The same holds while what was sent is not taken: nothing waits here but the difference to what was sent last.
 */
import type { ChannelKind, SpecOf } from "../../bus/channels.ts";
import { type FeedUpdate, updateChars } from "../../bus/responses.ts";
import type { SharedClock } from "../../bus/shared-clock.ts";
import type { UpdateItem } from "../../bus/worker-protocol.ts";
import type { WindowSpec } from "../../engine/types.ts";
import type { ChannelSpec } from "../../ports/stats-bus.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import type { Lane, Piecewise } from "../thread-share.ts";
import { RankingFeedView } from "../views/ranking-feed-view.ts";
import type { ServedPartition } from "../views/served-partition.ts";
import { figureFilter } from "../views/stats-json.ts";
import { TokenFeedView } from "../views/token-feed-view.ts";
import { lookUp } from "../views/token-lookup.ts";

/** Updates that are on their way to the main thread, in characters; beyond it none are made. A single one may be larger. */
export const UPDATE_CHARS_MAX = 8 * 1024 * 1024;

/** A feed that is open here. */
type WorkerFeed = {
  /** Whether it still is of these partitions. */
  isWhole(partitions: readonly ServedPartition[]): boolean;
  /** The update that is due, or undefined. One at a time. */
  update(): Piecewise<FeedUpdate | undefined>;
};

type WorkerFeedsOptions = {
  /** Those that can be asked. */
  readonly partitions: () => readonly ServedPartition[];
  readonly clock: SharedClock;
  readonly windows: readonly WindowSpec[];
  readonly windowIndex: (name: string) => number;
  readonly send: (updates: UpdateItem[]) => void;
  /** Nothing more comes of these feeds. */
  readonly gone: (feedIds: number[]) => void;
};

type Opener<K extends ChannelKind> = {
  readonly lane: Lane;
  /** Returns undefined where the partitions have no such token. */
  open(spec: SpecOf<K>, options: WorkerFeedsOptions): WorkerFeed | undefined;
};

/** How a worker serves each kind of feed. */
export const OPENERS: { readonly [K in ChannelKind]: Opener<K> } = {
  token: {
    lane: "feeds",
    open: (spec, { partitions, windowIndex, clock }) => {
      const found = lookUp(partitions(), spec.token)?.found[0];
      if (found === undefined) return undefined;
      const indexes = spec.windows.map((name) => windowIndex(name));
      const filter = figureFilter(spec.fields ?? [], false);
      return new TokenFeedView(found, spec.windows, indexes, filter, clock);
    },
  },
  overview: {
    lane: "rankings",
    open: (spec, { partitions, windowIndex, windows, clock }) => {
      for (const name of [spec.window, ...(spec.windows ?? [])]) windowIndex(name);
      return new RankingFeedView(partitions(), spec, windows, clock);
    },
  },
};
export const FEED_KINDS = Object.keys(OPENERS) as readonly ChannelKind[];

type Entry = { readonly spec: ChannelSpec; readonly feed: WorkerFeed };

/** The feeds of one kind. */
class Feeds {
  /** The feed whose turn it was goes to the end. */
  readonly entries = new Map<number, Entry>();
  /** Feeds that were opened and have sent nothing yet: every other turn is theirs. */
  readonly first = new Set<number>();
}

export class WorkerFeeds {
  readonly #options: WorkerFeedsOptions;
  readonly #kinds = new Map(FEED_KINDS.map((kind) => [kind, new Feeds()]));
  #made: UpdateItem[] = [];
  #charsOnWay = 0;

  constructor(options: WorkerFeedsOptions) {
    this.#options = options;
  }

  /** Opens a feed. Its whole data is sent before long, every other turn being of new ones. Throws `not_found` when the token is not known here. */
  open(feedId: number, spec: ChannelSpec): void {
    const feed = this.#opened(spec);
    if (feed === undefined) throw new SwapstatsError("not_found", "the token of the feed is not known here");
    const { entries, first } = this.#of(spec.kind);
    entries.set(feedId, { spec, feed });
    first.add(feedId);
  }

  /**
   * Partitions have come or gone, or have a new epoch. A ranking begins again over those that are there, with its whole data, and so does a
   * token's feed whose partition is still there; else it goes.
   */
  partitionsChanged(): void {
    const partitions = this.#options.partitions();
    const gone: number[] = [];
    for (const { entries } of this.#kinds.values()) {
      for (const [feedId, { feed, spec }] of entries) {
        if (feed.isWhole(partitions)) continue;
        const again = this.#opened(spec);
        if (again === undefined) gone.push(feedId);
        else entries.set(feedId, { spec, feed: again });
      }
    }
    for (const feedId of gone) this.close(feedId);
    if (gone.length > 0) this.#options.gone(gone);
  }

  close(feedId: number): void {
    for (const { entries, first } of this.#kinds.values()) {
      entries.delete(feedId);
      first.delete(feedId);
    }
  }

  size(kind: ChannelKind): number {
    return this.#of(kind).entries.size;
  }

  /** Looks at each feed of a kind once, or until too much is on its way. One pass of a kind at a time. */
  *pass(kind: ChannelKind): Piecewise<void> {
    const { entries, first } = this.#of(kind);
    for (let left = entries.size; left > 0 && this.#charsOnWay < UPDATE_CHARS_MAX; left--) {
      // In turn with the others, so that clients who subscribe and leave in a loop do not keep them from their updates.
      const goesFirst = left % 2 === 0 && first.size > 0;
      const [feedId] = goesFirst ? first : entries.keys();
      const entry = feedId === undefined ? undefined : entries.get(feedId);
      if (feedId === undefined || entry === undefined) return;
      first.delete(feedId);
      entries.delete(feedId);
      entries.set(feedId, entry);
      const update = yield* entry.feed.update();
      // It may have been closed, or begun again, in between.
      if (update !== undefined && entries.get(feedId) === entry) this.#add({ feedId, ...update });
      yield;
    }
  }

  /** Sends what was made since the last call, as one message, to `WorkerClient`. Called at the end of each slice of reads. */
  flush(): void {
    if (this.#made.length === 0) return;
    const updates = this.#made;
    this.#made = [];
    this.#options.send(updates);
  }

  /** So many characters of updates were taken by the main thread. */
  taken(chars: number): void {
    this.#charsOnWay -= chars;
  }

  #add(update: UpdateItem): void {
    this.#made.push(update);
    this.#charsOnWay += updateChars(update);
  }

  #opened(spec: ChannelSpec): WorkerFeed | undefined {
    const { open } = OPENERS[spec.kind] as Opener<ChannelKind>;
    return open(spec as never, this.#options);
  }

  #of(kind: ChannelKind): Feeds {
    return this.#kinds.get(kind) as Feeds;
  }
}
