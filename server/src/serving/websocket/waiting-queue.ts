/** The subscriptions of one client that have news, first come first served, and the making of their messages. */
import type { MessageFrames } from "./frames.ts";
import type { Subscription } from "./subscription.ts";
import type { TopicFeed } from "./topic-feed.ts";

export class WaitingQueue {
  #items: Subscription[] = [];
  /** Items before this index were taken; they are cut off once the rest is small or the queue is empty. */
  #at = 0;
  #oldestTakenMs = Number.POSITIVE_INFINITY;

  add(subscription: Subscription): void {
    this.#items.push(subscription);
  }

  remove(subscription: Subscription): void {
    const index = this.#items.indexOf(subscription, this.#at);
    if (index >= 0) this.#items.splice(index, 1);
  }

  /** The message of the first, if its first frame has at most `bytesFree`; made of the newest data at this moment. */
  take(bytesFree: number, nowMs: number): MessageFrames | undefined {
    const subscription = this.#items[this.#at];
    if (subscription === undefined) {
      this.#items.length = 0;
      this.#at = 0;
      return undefined;
    }
    const feed = subscription.feed as TopicFeed;
    const message = feed.messageFrom(subscription.sentGeneration, subscription.sentRev);
    if ((message[0] as Buffer).length > bytesFree) {
      this.#items.splice(0, this.#at);
      this.#at = 0;
      return undefined;
    }
    this.#at += 1;
    this.#oldestTakenMs = Math.min(this.#oldestTakenMs, subscription.waitingSinceMs);
    subscription.markSent(nowMs);
    return message;
  }

  /** Monotonic; since when the oldest of what was taken since the last call had waited. */
  drainOldestTakenMs(): number | undefined {
    const oldestMs = this.#oldestTakenMs;
    this.#oldestTakenMs = Number.POSITIVE_INFINITY;
    return oldestMs === Number.POSITIVE_INFINITY ? undefined : oldestMs;
  }
}
