/**
 * The listening end of feeds of other instances. A feed is a numbered stream: first the whole data, then differences, each with the next number. After a
 * lost message or the death of an owner, the numbers or the response to the keep-alive show a gap. The feed is then opened again under another
 * id, and begins with the whole data. `STEPS` is the state machine of a feed:
 *
 *   opening    the feed was requested, and no update has arrived
 *   streaming  its updates come without a gap
 *   ended      the owner refused it, or its listener has left
 */

import type { OpenFeed } from "../bus/bus-workers.ts";
import type { FeedUpdate } from "../bus/responses.ts";
import type { ChannelSpec } from "../ports/stats-bus.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { StateMachine, type Steps } from "../shared/state-machine.ts";
import { fromWire } from "../shared/wire-error.ts";
import { FeedReader } from "./feed-items.ts";
import type { ClusterLink } from "./link.ts";
import type { EndedItem, ListeningItem, UpdateItem } from "./protocol.ts";

/** Largest number of open feeds of other instances. */
const REMOTE_FEEDS_MAX = 20_000;

type RemoteState = "opening" | "streaming" | "ended";
export const STEPS: Steps<RemoteState> = {
  opening: ["opening", "streaming", "ended"],
  streaming: ["opening", "ended"],
  ended: [],
};

type RemoteFeed = {
  /** `topicId` on the wire. */
  feedId: number;
  readonly address: string;
  readonly worker: number;
  readonly spec: ChannelSpec;
  readonly onUpdate: (update: FeedUpdate) => void;
  readonly onEnd: (error: SwapstatsError) => void;
  readonly machine: StateMachine<RemoteState>;
  reader: FeedReader;
  openedMs: number;
};

type RemoteFeedsOptions = {
  readonly link: Pick<ClusterLink, "post">;
  /** Time for the first data of a feed, after which it is opened again. */
  readonly openTimeoutMs: number;
  readonly nowMs: () => number;
};

export class RemoteFeeds {
  readonly #options: RemoteFeedsOptions;
  readonly #feeds = new Map<number, RemoteFeed>();
  /** Addresses that got feeds in the last keep-alive. Each gets one more keep-alive after its last feed was closed. */
  readonly #told = new Set<string>();
  #nextId = 1;

  constructor(options: RemoteFeedsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#feeds.size;
  }

  /** Opens a feed at another instance. `onEnd` is called when that fails. No function is called after `close`. */
  open(
    { address, worker, spec }: Pick<RemoteFeed, "address" | "worker" | "spec">,
    onUpdate: (update: FeedUpdate) => void,
    onEnd: (error: SwapstatsError) => void,
  ): OpenFeed {
    // The first update shows that the owner has opened the feed.
    const opened = Promise.resolve();
    if (this.#feeds.size >= REMOTE_FEEDS_MAX) {
      const message = `${REMOTE_FEEDS_MAX} feeds of other instances are open already; subscribe again later`;
      setImmediate(() => onEnd(new SwapstatsError("unavailable", message, { retryable: true })));
      return { opened, close: () => {} };
    }
    const machine = new StateMachine<RemoteState>("a remote feed", STEPS, "opening");
    const feed: RemoteFeed = {
      ...{ feedId: 0, address, worker, spec, onUpdate, onEnd, machine },
      ...{ reader: new FeedReader(), openedMs: 0 },
    };
    this.#begin(feed);
    const close = (): void => {
      const { feedId } = feed;
      if (!this.#feeds.delete(feedId)) return;
      machine.become("ended");
      this.#options.link.post(address, "close", { topicId: feedId });
    };
    return { opened, close };
  }

  takeUpdate(from: string, item: UpdateItem): void {
    const feed = this.#feeds.get(item.topicId);
    if (feed === undefined || feed.address !== from || item.seq <= feed.reader.seq) return;
    const update = feed.reader.take(item);
    if (update === undefined) {
      this.#begin(feed);
      return;
    }
    if (feed.machine.state === "opening") feed.machine.become("streaming");
    feed.onUpdate(update);
  }

  takeEnded(from: string, { topicId: feedId, error }: EndedItem): void {
    const feed = this.#feeds.get(feedId);
    if (feed === undefined || feed.address !== from) return;
    this.#feeds.delete(feedId);
    feed.machine.become("ended");
    feed.onEnd(fromWire(error));
  }

  /** Receives the newest number of each feed from its owner. A feed that the owner does not know, or with missing items, is opened again. */
  takeListening(from: string, { upTo, topics }: ListeningItem): void {
    const seqs = new Map(topics);
    for (const feed of [...this.#feeds.values()]) {
      if (feed.address !== from || feed.feedId > upTo) continue;
      if ((seqs.get(feed.feedId) ?? Number.POSITIVE_INFINITY) > feed.reader.seq) this.#begin(feed);
    }
  }

  /** Sends every owner the list of its feeds that are still in use. */
  keepAlive(): void {
    const { link } = this.#options;
    const upTo = this.#nextId - 1;
    const byAddress = new Map<string, number[]>();
    for (const address of this.#told) byAddress.set(address, []);
    for (const { feedId, address } of this.#feeds.values()) {
      const ids = byAddress.get(address);
      if (ids === undefined) byAddress.set(address, [feedId]);
      else ids.push(feedId);
    }
    this.#told.clear();
    for (const [address, topicIds] of byAddress) {
      link.post(address, "listen", { upTo, topicIds });
      if (topicIds.length > 0) this.#told.add(address);
    }
  }

  sweep(): void {
    const { nowMs, openTimeoutMs } = this.#options;
    for (const feed of [...this.#feeds.values()]) {
      if (feed.machine.state === "opening" && nowMs() - feed.openedMs > openTimeoutMs) this.#begin(feed);
    }
  }

  /** Requests the feed from its owner under a new id. */
  #begin(feed: RemoteFeed): void {
    feed.machine.become("opening");
    this.#feeds.delete(feed.feedId);
    feed.feedId = this.#nextId++;
    feed.reader = new FeedReader();
    feed.openedMs = this.#options.nowMs();
    this.#feeds.set(feed.feedId, feed);
    const { feedId: topicId, worker: host, spec: topic } = feed;
    this.#options.link.post(feed.address, "open", { topicId, host, topic });
  }
}
