/**
 * The active channels of one client, and the taking of their messages. Columns instead of objects: a client is looked at in every
 * tick, and with tens of thousands of subscriptions the processor's caches are what bounds the fan-out.
 */
import type { MessageFrames } from "../websocket/frames.ts";
import type { ChannelFeed } from "./channel-feed.ts";
import type { OpenSubscription } from "./subscription.ts";

export type Taken = {
  /** A message of several frames, of which only the first was taken; the rest has to follow before any other message. */
  begun: MessageFrames | undefined;
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
  /** Updates of the feed that had come when the last message was taken; 0: none was. */
  readonly #sentCounts: number[] = [];
  readonly #conflateMs: number[] = [];
  /** With conflate_ms: which stretch of that length, counted from the start of the clock, the last message was taken in. */
  readonly #sentSlots: number[] = [];
  /** Where the next taking begins: behind the last channel that was served, so that scarce credit goes round. */
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

  /** Appends to `frames` one message for each channel that is behind, as long as their frames fit `bytesFree`. */
  take(frames: Buffer[], bytesFree: number, nowMs: number): Taken {
    const taken: Taken = { begun: undefined, conflated: 0, oldestSinceMs: Infinity, dueMs: Infinity };
    const feeds = this.#feeds;
    const sentCounts = this.#sentCounts;
    const length = feeds.length;
    let free = bytesFree;
    let i = this.#next < length ? this.#next : 0;
    for (let left = length; left > 0; left--) {
      const feed = feeds[i] as ChannelFeed;
      const sent = sentCounts[i] as number;
      if (sent !== feed.count && !this.#isHeld(i, nowMs, taken)) {
        const message = feed.messageFrom(sent);
        const first = message[0] as Buffer;
        free -= first.length;
        if (free < 0) break;
        frames.push(first);
        this.#mark(i, feed, sent, nowMs, taken);
        if (message.length > 1) {
          taken.begun = message;
          break;
        }
      }
      i = i + 1 === length ? 0 : i + 1;
    }
    this.#next = taken.begun === undefined ? i : i + 1;
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
