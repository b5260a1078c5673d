/**
 * The feeds of one worker: streams of a token's or a ranking's figures. Each open feed is checked at most every `coalesceMs`. The data of a feed with
 * a new revision is built, compared with the last sent data, and sent as data and patch. A feed with unchanged figures sends nothing, and its
 * next patch applies to the last sent revision.
 *
 * A pass over all feeds of a kind is done in pieces, and the next pass begins when it has ended. If building takes more time than the thread has,
 * updates come less often. They also come less often while the receiver has not taken the last ones. No updates are queued: the next one is the
 * difference to the last sent data.
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

/** Largest number of characters of updates in transit to the main thread. Beyond it no update is made. A single one may be larger. */
export const UPDATE_CHARS_MAX = 8 * 1024 * 1024;

/** An open feed. */
type WorkerFeed = {
  /** Returns whether the feed still covers these partitions. */
  isWhole(partitions: readonly ServedPartition[]): boolean;
  /** Returns the due update, or undefined. Calls do not overlap. */
  update(): Piecewise<FeedUpdate | undefined>;
};

type WorkerFeedsOptions = {
  /** Partitions that serve requests. */
  readonly partitions: () => readonly ServedPartition[];
  readonly clock: SharedClock;
  readonly windows: readonly WindowSpec[];
  readonly windowIndex: (name: string) => number;
  readonly send: (updates: UpdateItem[]) => void;
  /** These feeds send no further updates. */
  readonly gone: (feedIds: number[]) => void;
};

type Opener<K extends ChannelKind> = {
  readonly lane: Lane;
  /** Returns undefined if the partitions have no such token. */
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
  /** New feeds that have not sent their first update. They get every other turn. */
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

  /** Opens a feed. Its whole data is sent soon, because every other turn is for new feeds. Throws `not_found` when the token is not known here. */
  open(feedId: number, spec: ChannelSpec): void {
    const feed = this.#opened(spec);
    if (feed === undefined) throw new SwapstatsError("not_found", "the token of the feed is not known here");
    const { entries, first } = this.#of(spec.kind);
    entries.set(feedId, { spec, feed });
    first.add(feedId);
  }

  /**
   * Called when partitions were assigned or revoked, or have a new epoch. A ranking restarts over the present partitions with its whole data. A
   * token's feed restarts, too, if its partition is still present; otherwise it ends.
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

  /** Checks each feed of a kind once, or until too much is in transit. There is one pass of a kind at a time. */
  *pass(kind: ChannelKind): Piecewise<void> {
    const { entries, first } = this.#of(kind);
    for (let left = entries.size; left > 0 && this.#charsOnWay < UPDATE_CHARS_MAX; left--) {
      // New feeds alternate with the others: clients that subscribe and leave in a loop must not block the updates of the others.
      const goesFirst = left % 2 === 0 && first.size > 0;
      const [feedId] = goesFirst ? first : entries.keys();
      const entry = feedId === undefined ? undefined : entries.get(feedId);
      if (feedId === undefined || entry === undefined) return;
      first.delete(feedId);
      entries.delete(feedId);
      entries.set(feedId, entry);
      const update = yield* entry.feed.update();
      // The feed may have been closed or restarted in between.
      if (update !== undefined && entries.get(feedId) === entry) this.#add({ feedId, ...update });
      yield;
    }
  }

  /** Sends the updates since the last call to `WorkerClient` in one message. Called at the end of each slice of reads. */
  flush(): void {
    if (this.#made.length === 0) return;
    const updates = this.#made;
    this.#made = [];
    this.#options.send(updates);
  }

  /** Notes that the main thread has received this number of characters of updates. */
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
