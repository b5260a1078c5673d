/** The subscription of a feed at the bus: without a name until the bus has opened it, then open, then closed. */
import { type ChannelHead, channelHead } from "./channel-head.ts";

export class FeedSubscription {
  #head: ChannelHead | undefined;
  #close: (() => void) | undefined;
  #isClosed = false;

  /** Throws if the bus has not opened the channel. */
  get head(): ChannelHead {
    if (this.#head === undefined) throw new Error("a feed that is not open has no name");
    return this.#head;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** `close` ends the subscription at the bus. */
  opened(channel: string, close: () => void): void {
    this.#head = channelHead(channel);
    this.#close = close;
  }

  /** Returns false if it was closed before. */
  close(): boolean {
    if (this.#isClosed) return false;
    this.#isClosed = true;
    this.#close?.();
    return true;
  }
}
