/** Those who listen to one feed. One that has just joined waits for the whole data, and gets updates from then on. */
import type { ChannelUpdate } from "../ports/stats-bus.ts";

type Listener = { readonly onUpdate: (update: ChannelUpdate) => void; isWaiting: boolean };

export class FeedListeners {
  readonly #listeners = new Set<Listener>();

  /** Returns a function that takes the listener out again, and whether it was the last one. */
  add(onUpdate: (update: ChannelUpdate) => void): () => boolean {
    const listener = { onUpdate, isWaiting: true };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener) && this.#listeners.size === 0;
  }

  /** Gives the whole data to those who wait. */
  greet(whole: ChannelUpdate): void {
    for (const listener of this.#listeners) {
      if (!listener.isWaiting) continue;
      listener.isWaiting = false;
      listener.onUpdate(whole);
    }
  }

  /** Gives an update to all, and its whole data to those who wait. */
  send(update: ChannelUpdate): void {
    for (const listener of this.#listeners) {
      if (listener.isWaiting) listener.onUpdate(wholeOf(update));
      else listener.onUpdate(update);
      listener.isWaiting = false;
    }
  }
}

/** The update without its patch. The text of the data is made when somebody needs it, which is not always. */
export function wholeOf(update: ChannelUpdate): ChannelUpdate {
  const { epoch, rev, asOf, watermark, lagMs, stale } = update;
  return {
    ...{ epoch, rev, asOf, watermark, lagMs, stale, prevRev: undefined, patch: undefined },
    get data(): string {
      return update.data;
    },
  };
}
