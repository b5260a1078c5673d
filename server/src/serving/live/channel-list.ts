/**
 * The active channels of one client, from which its door takes messages. Columns instead of objects: every client is visited in every tick,
 * and with tens of thousands of subscriptions the processor's caches are the limit of the fan-out.
 */
import type { ChannelFeed } from "./channel-feed.ts";
import { Checksums } from "./checksums.ts";
import type { Reply, SharedMessage } from "./shared-message.ts";
import type { OpenSubscription } from "./subscription.ts";
import type { WorkShare } from "./work-share.ts";

export type Taken = {
  /** Updates that were replaced by newer ones before they were sent. */
  conflated: number;
  /** Monotonic; the as-of of the oldest patch, on that clock. Infinity: none was taken. */
  oldestSinceMs: number;
  /** Monotonic; when the first channel that is held may send. Infinity: none is held. */
  dueMs: number;
};

export class ChannelList {
  readonly #subscriptions: OpenSubscription[] = [];
  readonly #feeds: ChannelFeed[] = [];
  /** The feed's `count` when the last message was taken; 0: none was. */
  readonly #sentCounts: number[] = [];
  readonly #conflateMs: number[] = [];
  /** With conflate_ms: the slot in which the last message was taken. Slots have that length and are counted from the start of the clock. */
  readonly #sentSlots: number[] = [];
  /** Index of the next channel to serve. It follows the last served channel, so scarce credit is shared. */
  #next = 0;
  /** Channels that were resumed and have sent nothing yet. */
  #resumed: OpenSubscription[] = [];
  readonly #checksums: Checksums;

  /** `checksumMs` is the time between two checksums of a channel, `share` that of the checksums of all clients. */
  constructor(checksumMs: number, share: WorkShare) {
    this.#checksums = new Checksums(checksumMs, share);
  }

  add(subscription: OpenSubscription, nowMs: number): void {
    this.#subscriptions.push(subscription);
    this.#feeds.push(subscription.feed);
    this.#sentCounts.push(subscription.heldCount);
    this.#conflateMs.push(subscription.conflateMs);
    this.#sentSlots.push(-1);
    if (subscription.heldCount > 0) this.#resumed.push(subscription);
    if (subscription.checksum) this.#checksums.add(subscription, nowMs);
  }

  /** Takes over the subscription's conflate_ms and checksum, which have changed. */
  set(subscription: OpenSubscription, nowMs: number): void {
    const index = this.#subscriptions.indexOf(subscription);
    if (index < 0) return;
    const { conflateMs, checksum } = subscription;
    if (this.#conflateMs[index] !== conflateMs) {
      this.#conflateMs[index] = conflateMs;
      // As if a message had been taken now: at most one in this time.
      this.#sentSlots[index] = conflateMs === 0 ? -1 : slotOf(nowMs, conflateMs);
    }
    this.#checksums.remove(subscription);
    if (checksum) this.#checksums.add(subscription, nowMs);
  }

  remove(subscription: OpenSubscription): void {
    const index = this.#subscriptions.indexOf(subscription);
    if (index < 0) return;
    this.#subscriptions.splice(index, 1);
    this.#feeds.splice(index, 1);
    this.#sentCounts.splice(index, 1);
    this.#conflateMs.splice(index, 1);
    this.#sentSlots.splice(index, 1);
    if (index < this.#next) this.#next -= 1;
    if (this.#resumed.length > 0) this.#resumed = this.#resumed.filter((resumed) => resumed !== subscription);
    this.#checksums.remove(subscription);
  }

  /** Offers one message for each channel that is behind, and the checksums that are due, until the door has no room. */
  take(nowMs: number, offer: (message: SharedMessage) => Reply): Taken {
    const taken: Taken = { conflated: 0, oldestSinceMs: Infinity, dueMs: Infinity };
    if (this.#resumed.length > 0 && !this.#takeResumed(offer)) return taken;
    if (this.#takeStates(nowMs, offer, taken) && this.#checksums.size > 0) {
      const isCurrent = (one: OpenSubscription): boolean => this.#isCurrent(one);
      taken.dueMs = Math.min(taken.dueMs, this.#checksums.take(nowMs, offer, isCurrent));
    }
    return taken;
  }

  /** Returns whether the door has room for more. */
  #takeStates(nowMs: number, offer: (message: SharedMessage) => Reply, taken: Taken): boolean {
    const feeds = this.#feeds;
    const sentCounts = this.#sentCounts;
    const length = feeds.length;
    let i = this.#next < length ? this.#next : 0;
    let hasRoom = true;
    for (let left = length; left > 0 && hasRoom; left--) {
      const feed = feeds[i] as ChannelFeed;
      const sent = sentCounts[i] as number;
      if (sent !== feed.count && !this.#isHeld(i, nowMs, taken)) {
        const reply = offer(feed.messageFrom(sent));
        hasRoom = reply === "taken";
        if (reply === "full") break;
        this.#mark(i, feed, sent, nowMs, taken);
      }
      i = i + 1 === length ? 0 : i + 1;
    }
    this.#next = i;
    return hasRoom;
  }

  /**
   * Offers a message for each resumed channel whose client already holds the newest state: it tells the present as-of. The others are behind, and
   * get their message like all that are. Returns whether the door has room for more.
   */
  #takeResumed(offer: (message: SharedMessage) => Reply): boolean {
    for (let one = this.#resumed[0]; one !== undefined; one = this.#resumed[0]) {
      const reply = this.#isCurrent(one) ? offer(one.feed.messageFrom(one.feed.count)) : "taken";
      if (reply === "full") return false;
      this.#resumed.shift();
      if (reply === "last") return false;
    }
    return true;
  }

  /** Returns whether the client was sent the newest state. A feed without data has none. */
  #isCurrent(subscription: OpenSubscription): boolean {
    const sent = this.#sentCounts[this.#subscriptions.indexOf(subscription)] ?? 0;
    return sent > 0 && sent === subscription.feed.count;
  }

  #mark(i: number, feed: ChannelFeed, sent: number, nowMs: number, taken: Taken): void {
    if (sent > 0) {
      const replaced = feed.count - sent - 1;
      if (replaced > 0 && !feed.isLog) taken.conflated += replaced;
      if (feed.newestSinceMs < taken.oldestSinceMs) taken.oldestSinceMs = feed.newestSinceMs;
    }
    this.#sentCounts[i] = feed.count;
    const conflateMs = this.#conflateMs[i] as number;
    if (conflateMs > 0) this.#sentSlots[i] = slotOf(nowMs, conflateMs);
  }

  /** Slots are the same for all clients with the same conflate_ms, so that these share their messages. */
  #isHeld(i: number, nowMs: number, taken: Taken): boolean {
    const conflateMs = this.#conflateMs[i] as number;
    if (conflateMs === 0) return false;
    const slot = this.#sentSlots[i] as number;
    if (slotOf(nowMs, conflateMs) !== slot) return false;
    taken.dueMs = Math.min(taken.dueMs, (slot + 1) * conflateMs);
    return true;
  }
}

const slotOf = (nowMs: number, conflateMs: number): number => Math.floor(nowMs / conflateMs);
