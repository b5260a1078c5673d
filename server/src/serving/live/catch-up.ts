/**
 * Clients that resume at an instance which has not received yet what another one has sent them. They wait until it has, because a snapshot would take
 * them back to an older state. An owner sends no revision in which nothing of the channel's selection changed; only a new look at it tells that one.
 */
import type { ChannelFeed } from "./channel-feed.ts";
import type { Position } from "./channel-requests.ts";

/** Epochs of a single partition are numbers that grow with each claim. Other epochs have no order. */
const ORDERED_EPOCH = /^\d{1,15}$/;

/** Returns whether a state with this epoch and number (`rev`, or `seq` of a log) comes before what the client holds. */
export function isBefore(epoch: string, number: number, position: Position): boolean {
  if (epoch === position.epoch) return number < ("rev" in position ? position.rev : position.seq);
  return ORDERED_EPOCH.test(epoch) && ORDERED_EPOCH.test(position.epoch) && Number(epoch) < Number(position.epoch);
}

export class CatchUps {
  readonly #timeoutMs: number;
  readonly #lookEveryMs: number;
  readonly #waiters = new Map<ChannelFeed, Set<() => void>>();

  /** After `timeoutMs` a client gets what there is: its position may be wrong, or the owner's messages do not arrive. */
  constructor(timeoutMs: number, lookEveryMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#lookEveryMs = lookEveryMs;
  }

  /** Resolves when the feed is no longer behind the position, or after the time limit. Until then `look` asks the owner again and again. */
  async wait(feed: ChannelFeed, from: Position, look: () => void): Promise<void> {
    if (!feed.isBehind(from)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const check = (): void => {
      if (!feed.isBehind(from)) resolve();
    };
    const waiters = this.#waiters.get(feed) ?? new Set();
    this.#waiters.set(feed, waiters.add(check));
    const timeout = setTimeout(resolve, this.#timeoutMs);
    const looks = setInterval(look, this.#lookEveryMs);
    await promise;
    clearTimeout(timeout);
    clearInterval(looks);
    waiters.delete(check);
    if (waiters.size === 0) this.#waiters.delete(feed);
  }

  /** Called after each update of a feed. */
  updated(feed: ChannelFeed): void {
    for (const check of this.#waiters.get(feed) ?? []) check();
  }
}
