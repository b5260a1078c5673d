/**
 * One channel of one client.
 *
 *   opening --- the bus knows the topic and the client was told ---> current
 *   current --- the topic has a revision that was not sent --------> waiting, or held while conflate_ms has not passed
 *   held ------ conflate_ms passed --------------------------------> waiting
 *   waiting --- the client has credit, one message was taken ------> current
 *   any ------- unsubscribed, replaced, or the client left --------> closed
 *
 * Nothing is stored for a subscription that waits or is held but the revision it was sent last: the message is made when
 * it is taken, from the newest data. That is the conflation: whatever came in between is in that one message.
 */
import type { TopicFeed } from "./topic-feed.ts";

export type SubscriptionState = "opening" | "current" | "held" | "waiting" | "closed";

/** What a client is to the hub. */
export type PushTarget = {
  /** Set by the hub while the client is to be flushed. */
  isDirty: boolean;
  /** The subscription waits; the client takes it when `flush` is called or it gets credit. */
  enqueue(subscription: Subscription): void;
  dequeue(subscription: Subscription): void;
  flush(nowMs: number): void;
};

export class Subscription {
  readonly client: PushTarget;
  /** The channel as the client named it. */
  readonly requestedAs: string;
  /** 0: every update. */
  readonly conflateMs: number;
  state: SubscriptionState = "opening";
  feed: TopicFeed | undefined;
  /** Undefined: nothing was sent. */
  sentRev: number | undefined;
  sentGeneration = 0;
  /** Which stretch of `conflateMs` the last message was taken in, counted from the start of the monotonic clock. */
  sentSlot = -1;
  /** Monotonic; since when the oldest unsent update waits, counted from its as-of where that is the wall clock. */
  waitingSinceMs = 0;

  constructor(client: PushTarget, requestedAs: string, conflateMs: number) {
    this.client = client;
    this.requestedAs = requestedAs;
    this.conflateMs = conflateMs;
  }

  /** The slot of a moment. Slots are the same for all clients with the same conflateMs, so they share their messages. */
  slotOf(nowMs: number): number {
    return Math.floor(nowMs / this.conflateMs);
  }

  /** Monotonic; before this nothing may be sent. */
  dueMs(nowMs: number): number {
    if (this.conflateMs === 0 || this.sentSlot !== this.slotOf(nowMs)) return nowMs;
    return (this.sentSlot + 1) * this.conflateMs;
  }

  /** The newest revision was taken for sending. */
  markSent(nowMs: number): void {
    const feed = this.feed as TopicFeed;
    this.state = "current";
    this.sentRev = feed.rev;
    this.sentGeneration = feed.generation;
    if (this.conflateMs > 0) this.sentSlot = this.slotOf(nowMs);
  }
}
