/** The subscriptions of one client that have news, first come first served, and the making of their messages. */
import type { MessageFrames } from "./frames.ts";
import type { Subscription } from "./subscription.ts";
import type { TopicFeed } from "./topic-feed.ts";

export class WaitingQueue {
  readonly #items: Subscription[] = [];
  #oldestTakenMs = Number.POSITIVE_INFINITY;

  add(subscription: Subscription): void {
    this.#items.push(subscription);
  }

  remove(subscription: Subscription): void {
    const index = this.#items.indexOf(subscription);
    if (index >= 0) this.#items.splice(index, 1);
  }

  /**
   * Appends messages to `frames`, first come first served, each made of the newest data at this moment, while their frames
   * fit `bytesFree`. A message of several frames ends the taking: its first frame is appended and it is returned,
   * for the rest of it has to follow before any other message. Returns undefined when no message is left begun.
   */
  take(frames: Buffer[], bytesFree: number, nowMs: number): MessageFrames | undefined {
    const items = this.#items;
    let free = bytesFree;
    let begun: MessageFrames | undefined;
    let at = 0;
    while (at < items.length && begun === undefined) {
      const subscription = items[at] as Subscription;
      const message = (subscription.feed as TopicFeed).messageFrom(subscription.sentGeneration, subscription.sentRev);
      const first = message[0] as Buffer;
      free -= first.length;
      if (free < 0) break;
      frames.push(first);
      if (message.length > 1) begun = message;
      if (subscription.waitingSinceMs < this.#oldestTakenMs) this.#oldestTakenMs = subscription.waitingSinceMs;
      subscription.markSent(nowMs);
      at += 1;
    }
    if (at === items.length) items.length = 0;
    else if (at > 0) items.splice(0, at);
    return begun;
  }

  /** Monotonic; since when the oldest of what was taken since the last call had waited. */
  drainOldestTakenMs(): number | undefined {
    const oldestMs = this.#oldestTakenMs;
    this.#oldestTakenMs = Number.POSITIVE_INFINITY;
    return oldestMs === Number.POSITIVE_INFINITY ? undefined : oldestMs;
  }
}
