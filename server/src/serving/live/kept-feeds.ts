/**
 * Feeds whose last client has left without closing its channels. They stay open at the bus for the time in which such clients can resume. They
 * are the first to go when anything is short.
 */
import type { ChannelFeed } from "./channel-feed.ts";

export class KeptFeeds {
  readonly #nowMs: () => number;
  /** In the order of leaving. */
  readonly #feeds = new Set<ChannelFeed>();
  #timer: NodeJS.Timeout | undefined;

  /** `nowMs` is monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get size(): number {
    return this.#feeds.size;
  }

  /** Keeps the feed until its `keptUntilMs`. */
  add(feed: ChannelFeed): void {
    this.#feeds.add(feed);
    this.#arm();
  }

  /** Notes that the feed has a client again. */
  remove(feed: ChannelFeed): void {
    this.#feeds.delete(feed);
  }

  /** Closes the feed that was left first. Returns false if there is none. */
  closeOne(): boolean {
    for (const feed of this.#feeds) {
      this.#feeds.delete(feed);
      feed.close();
      return true;
    }
    return false;
  }

  close(): void {
    clearTimeout(this.#timer);
    while (this.closeOne()) {}
  }

  #arm(): void {
    const [first] = this.#feeds;
    if (first === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#closeOld(), Math.max(1, first.keptUntilMs - this.#nowMs()));
    this.#timer.unref();
  }

  #closeOld(): void {
    this.#timer = undefined;
    const nowMs = this.#nowMs();
    for (const feed of this.#feeds) {
      if (feed.keptUntilMs > nowMs) break;
      this.#feeds.delete(feed);
      feed.close();
    }
    this.#arm();
  }
}
