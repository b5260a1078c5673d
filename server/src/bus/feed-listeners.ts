/** The listeners of one feed. A new listener first gets the whole data, and then updates. It waits while updates of a log have none. */
import type { ChannelUpdate } from "../ports/stats-bus.ts";

type Listener = { readonly onUpdate: (update: ChannelUpdate) => void; isWaiting: boolean };

export class FeedListeners {
  readonly #listeners = new Set<Listener>();

  /** Adds a listener. Returns a function that removes it and returns whether it was the last one. */
  add(onUpdate: (update: ChannelUpdate) => void): () => boolean {
    const listener = { onUpdate, isWaiting: true };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener) && this.#listeners.size === 0;
  }

  /** Sends the whole data to the waiting listeners. */
  greet(whole: ChannelUpdate): void {
    for (const listener of this.#listeners) {
      if (!listener.isWaiting) continue;
      listener.isWaiting = false;
      listener.onUpdate(whole);
    }
  }

  /** Sends an update to all listeners, with its whole data to the waiting ones. */
  send(update: ChannelUpdate): void {
    const isWhole = update.log === undefined || update.data !== "";
    for (const listener of this.#listeners) {
      if (listener.isWaiting && !isWhole) continue;
      if (listener.isWaiting) listener.onUpdate(wholeOf(update));
      else listener.onUpdate(update);
      listener.isWaiting = false;
    }
  }
}

/** Returns the update without its patch. The text of the data is made on demand. */
export function wholeOf(update: ChannelUpdate): ChannelUpdate {
  const { epoch, rev, asOf, watermark, lagMs, stale, log } = update;
  return {
    ...{ epoch, rev, asOf, watermark, lagMs, stale, log, prevRev: undefined, patch: undefined },
    get data(): string {
      return update.data;
    },
  };
}
