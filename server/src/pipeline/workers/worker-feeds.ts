/**
 * The feeds of one worker: streams of a token's or a ranking's figures. Each open feed is checked at most every `coalesceMs`. The data of a feed with
 * a new revision is built, compared with the last sent data, and sent as data and patch. A feed with unchanged figures sends nothing, and its
 * next patch applies to the last sent revision.
 *
 * A pass over all feeds of a kind is done in pieces, and the next pass begins when it has ended. If building takes more time than the thread has,
 * updates come less often. They also come less often while the receiver has not taken the last ones. No updates are queued: the next one is the
 * difference to the last sent data.
 */

import { figureFilter } from "@swapstats/protocol/figure-text.ts";
import type { SortField } from "@swapstats/protocol/figures.ts";
import type { ChannelKind, SpecOf } from "../../bus/channels.ts";
import { type FeedUpdate, updateChars } from "../../bus/responses.ts";
import type { SharedClock } from "../../bus/shared-clock.ts";
import type { UpdateItem } from "../../bus/worker-protocol.ts";
import type { WindowSpec } from "../../engine/types.ts";
import type { ChannelSpec } from "../../ports/stats-bus.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import type { Lane, Piecewise } from "../thread-share.ts";
import { CandlesFeedView } from "../views/candles-feed-view.ts";
import { MarketFeedView } from "../views/market-feed-view.ts";
import { RankingFeedView } from "../views/ranking-feed-view.ts";
import { keyOfRow, RankingSource } from "../views/ranking-source.ts";
import { RowFigures } from "../views/row-figures.ts";
import { compileQuery, ScreenSource } from "../views/screener/screen-source.ts";
import type { ServedPartition } from "../views/served-partition.ts";
import { SwapsFeedView } from "../views/swaps-feed-view.ts";
import { TokenFeedView } from "../views/token-feed-view.ts";
import { lookUp } from "../views/token-lookup.ts";
import { rowFiguresOf } from "./screener-queries.ts";

/** Largest number of characters of updates in transit to the main thread. Beyond it no update is made. A single one may be larger. */
export const UPDATE_CHARS_MAX = 8 * 1024 * 1024;

/** Passes over many queries of the screener would otherwise take all the time of the thread. They then take less than half of it. */
const SCREENS_PACE = 2.2;
/** Longest time from the begin of a pass to the next. A change reaches a feed within it. */
export const PASS_PERIOD_MS_MAX = 850;

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
  /** The next pass over these feeds begins after this multiple of the time that the last one took, at most PASS_PERIOD_MS_MAX. */
  readonly pace: number;
  /** Returns undefined if the partitions have no such token. */
  open(spec: SpecOf<K>, options: WorkerFeedsOptions): WorkerFeed | undefined;
};

/** How a worker serves each kind of feed. */
export const OPENERS: { readonly [K in ChannelKind]: Opener<K> } = {
  token: {
    lane: "feeds",
    pace: 0,
    open: (spec, { partitions, windowIndex, clock }) => {
      const found = lookUp(partitions(), spec.token)?.found[0];
      if (found === undefined) return undefined;
      const indexes = spec.windows.map((name) => windowIndex(name));
      const filter = figureFilter(spec.fields ?? [], false);
      return new TokenFeedView(found, spec.windows, indexes, filter, clock);
    },
  },
  candles: {
    lane: "feeds",
    pace: 0,
    open: (spec, { partitions, clock }) => {
      const found = lookUp(partitions(), spec.token)?.found[0];
      return found === undefined ? undefined : new CandlesFeedView(found, spec, clock);
    },
  },
  overview: {
    lane: "rankings",
    pace: 0,
    open: (spec, { partitions: served, windowIndex, windows, clock }) => {
      for (const name of [spec.window, ...(spec.windows ?? [])]) windowIndex(name);
      const partitions = served();
      const sort = spec.sort as SortField;
      const { order = "desc", limit: count } = spec;
      const ranking = { windowIndex: windowIndex(spec.window), sort, order, after: undefined, count };
      const source = new RankingSource(partitions, ranking);
      const figures = new RowFigures(spec.window, spec, windows);
      return new RankingFeedView({
        partitions,
        source,
        figures,
        keyOf: (row) => keyOfRow(row, sort),
        asText: spec.asText === true,
        clock,
      });
    },
  },
  screener: {
    lane: "screens",
    pace: SCREENS_PACE,
    open: ({ query, asText = false }, { partitions: served, windowIndex, windows, clock }) => {
      for (const name of query.windows) windowIndex(name);
      const partitions = served();
      const source = new ScreenSource(partitions, compileQuery(query, windowIndex), query.limit, false);
      const figures = rowFiguresOf(query, windows);
      return new RankingFeedView({
        partitions,
        source,
        figures,
        keyOf: (row, picked) => source.keyOf(row, picked),
        asText,
        clock,
      });
    },
  },
  swaps: {
    lane: "feeds",
    pace: 0,
    open: (spec, { partitions, clock }) => {
      const found = lookUp(partitions(), spec.token)?.found[0];
      return found === undefined ? undefined : new SwapsFeedView(found, spec, clock);
    },
  },
  market: {
    lane: "rankings",
    pace: 0,
    open: (spec, { partitions, windowIndex, clock }) => {
      for (const name of spec.windows) windowIndex(name);
      return new MarketFeedView(partitions(), clock);
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

  /** Returns whether there are feeds that have not sent their first update. */
  isAnyNew(kind: ChannelKind): boolean {
    return this.#of(kind).first.size > 0;
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
