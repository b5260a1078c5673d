/**
 * The active channels of one client, from which its door takes messages. Columns instead of objects: every client is visited in every tick,
 * and with tens of thousands of subscriptions the processor's caches are the limit of the fan-out.
 */
import type { ChannelFeed } from "./channel-feed.ts";
import type { SharedMessage } from "./shared-message.ts";
import type { OpenSubscription } from "./subscription.ts";

/**
 * A door's reply to a message that it is offered: `taken`; `last`, which means taken, and that the door wants no other message now; or
 * `full`, which means that the message was not taken and is offered again later.
 */
export type Reply = "taken" | "last" | "full";

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

  add(subscription: OpenSubscription): void {
    this.#subscriptions.push(subscription);
    this.#feeds.push(subscription.feed);
    this.#sentCounts.push(0);
    this.#conflateMs.push(subscription.conflateMs);
    this.#sentSlots.push(-1);
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
  }

  /** Offers one message for each channel that is behind, until the door has no room. */
  take(nowMs: number, offer: (message: SharedMessage) => Reply): Taken {
    const taken: Taken = { conflated: 0, oldestSinceMs: Infinity, dueMs: Infinity };
    const feeds = this.#feeds;
    const sentCounts = this.#sentCounts;
    const length = feeds.length;
    let i = this.#next < length ? this.#next : 0;
    for (let left = length; left > 0; left--) {
      const feed = feeds[i] as ChannelFeed;
      const sent = sentCounts[i] as number;
      let isLast = false;
      if (sent !== feed.count && !this.#isHeld(i, nowMs, taken)) {
        const reply = offer(feed.messageFrom(sent));
        if (reply === "full") break;
        this.#mark(i, feed, sent, nowMs, taken);
        isLast = reply === "last";
      }
      i = i + 1 === length ? 0 : i + 1;
      if (isLast) break;
    }
    this.#next = i;
    return taken;
  }

  #mark(i: number, feed: ChannelFeed, sent: number, nowMs: number, taken: Taken): void {
    if (sent > 0) {
      taken.conflated += feed.count - sent - 1;
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
