/**
 * The checksums that one client has asked for. They are due at the same times for all clients of a channel, so that one is computed for all, and at
 * other times for other channels.
 */
import { crc32 } from "node:zlib";
import type { Reply, SharedMessage } from "./shared-message.ts";
import type { OpenSubscription } from "./subscription.ts";
import type { WorkShare } from "./work-share.ts";

/** Channels are due in this many groups, so that few timers wake their clients. */
const GROUPS = 50;

export class Checksums {
  readonly #everyMs: number;
  readonly #share: WorkShare;
  /** When each is due next, on the monotonic clock. */
  readonly #dueMs = new Map<OpenSubscription, number>();

  /** `share` is that of the checksums of all clients. */
  constructor(everyMs: number, share: WorkShare) {
    this.#everyMs = everyMs;
    this.#share = share;
  }

  get size(): number {
    return this.#dueMs.size;
  }

  add(subscription: OpenSubscription, nowMs: number): void {
    this.#dueMs.set(subscription, this.#nextMs(subscription, nowMs));
  }

  remove(subscription: OpenSubscription): void {
    this.#dueMs.delete(subscription);
  }

  /**
   * Offers those that are due, each once its client was sent the newest state: `isCurrent`. Returns when the next is due; Infinity if a
   * message has to go out before.
   */
  take(
    nowMs: number,
    offer: (message: SharedMessage) => Reply,
    isCurrent: (subscription: OpenSubscription) => boolean,
  ): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [subscription, dueMs] of this.#dueMs) {
      if (dueMs > nowMs) {
        nextMs = Math.min(nextMs, dueMs);
        continue;
      }
      if (!isCurrent(subscription)) continue;
      const message = subscription.feed.checksum(this.#share);
      const reply = message === undefined ? "taken" : offer(message);
      if (reply === "full") return nextMs;
      const next = this.#nextMs(subscription, nowMs);
      this.#dueMs.set(subscription, next);
      nextMs = Math.min(nextMs, next);
      if (reply === "last") return nextMs;
    }
    return nextMs;
  }

  #nextMs({ channel }: OpenSubscription, nowMs: number): number {
    const phaseMs = ((crc32(channel) % GROUPS) * this.#everyMs) / GROUPS;
    return (Math.floor((nowMs - phaseMs) / this.#everyMs) + 1) * this.#everyMs + phaseMs;
  }
}
