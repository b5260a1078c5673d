/**
 * One subscription at the bus, shared by every client that subscribed to the same data. It keeps the newest data and a ring of patches, and
 * makes each message once: clients that were sent the same revision share the message.
 *
 * States of a feed: `waiting` (no data yet) -> `live` (data of a revision) -> `closed` (the last client left).
 */
import type { ChannelUpdate } from "../../ports/stats-bus.ts";
import type { CachedBytes } from "./cached-bytes.ts";
import type { LiveLimits } from "./live-limits.ts";
import { PatchRing } from "./patch-ring.ts";
import { SharedMessage } from "./shared-message.ts";

/** A client as feeds and the hub see it; each door has its own, such as `ClientSession` of the WebSocket door. */
export type PushTarget = {
  /** Set by the hub while the client needs a flush. */
  isDirty: boolean;
  /** Rows that its channels hold. */
  readonly rows: number;
  /** Sends what the client's channels have and its credit allows. */
  flush(nowMs: number): void;
};

export class ChannelFeed {
  /** Number of subscriptions of each client: two for a moment, while one replaces another. */
  readonly clients = new Map<PushTarget, number>();
  /** New revisions so far; 0 while there is no data. */
  count = 0;
  /** Monotonic time of the as-of of the newest data, as far as it is known. */
  newestSinceMs = 0;
  readonly #cached: CachedBytes;
  readonly #ring: PatchRing;
  #channel = "";
  #newest: ChannelUpdate | undefined;
  /** Monotonic; arrival of the newest data. */
  #newestAtMs = 0;
  /** The message for clients that were sent the revision before, which is nearly all of them. */
  #usual: SharedMessage | undefined;
  /** Messages for clients that are further behind, by how many revisions. */
  readonly #patches = new Map<number, SharedMessage>();
  #snapshot: SharedMessage | undefined;
  /** Length of the data when it last came whole or was sent whole. The text of the newest data may not be made yet. */
  #dataChars = 0;
  /** Bytes that these messages keep. */
  #messageBytes = 0;
  #close: (() => void) | undefined;
  #isClosed = false;

  /** `cached` counts the bytes that all feeds keep in addition to their data. */
  constructor(limits: LiveLimits, cached: CachedBytes) {
    this.#cached = cached;
    this.#ring = new PatchRing(limits.ringPatchesMax, limits.ringCharsMax);
  }

  /** Canonical name. */
  get channel(): string {
    return this.#channel;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get newestAtMs(): number {
    return this.#newestAtMs;
  }

  /** Notes that the bus opened the channel; `close` ends it there. */
  opened(channel: string, close: () => void): void {
    this.#channel = channel;
    this.#close = close;
    // An update may arrive before the response that names the channel. Messages made of it would have no name.
    this.#forgetMessages();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#close?.();
    this.#cached.set(this, 0);
  }

  /** Takes an update. Returns true if clients have something new to send. `sinceMs` is the update's as-of on the monotonic clock. */
  accept(update: ChannelUpdate, nowMs: number, sinceMs: number): boolean {
    const before = this.#newest;
    const isSameEpoch = before !== undefined && before.epoch === update.epoch;
    // Clients never see revisions go back, whatever a bus does.
    if (isSameEpoch && update.rev < before.rev) return false;
    const isTurn = isSameEpoch && before.rev === update.rev && before.stale !== update.stale;
    const isNew = !isSameEpoch || before.rev !== update.rev || isTurn;
    if (isNew) {
      this.count += 1;
      // The owner went away or came back. The data is the same, but clients need the new state.
      if (isTurn) this.#ring.push(update.rev, "{}", this.#dataChars);
      else if (isSameEpoch && before.rev === update.prevRev && update.patch !== undefined) {
        this.#ring.push(update.prevRev, update.patch, this.#dataChars);
      } else {
        this.#ring.clear();
      }
    }
    if (update.patch === undefined) this.#dataChars = update.data.length;
    this.#newest = update;
    this.#newestAtMs = nowMs;
    this.newestSinceMs = sinceMs;
    this.#forgetMessages();
    if (!this.#isClosed) this.#cached.set(this, this.#ring.chars);
    return isNew;
  }

  /** Takes a second look at the same data, of which only as-of, watermark and lag may be newer. Ignores any other revision: `accept` takes those in their order. */
  refresh(update: ChannelUpdate, nowMs: number): void {
    if (this.#newest?.epoch === update.epoch && this.#newest.rev === update.rev) this.accept(update, nowMs, nowMs);
  }

  /**
   * Returns the message that brings a client from what it was sent last to the newest revision: the owner's own patch, one patch composed of
   * several where that is possible and not longer than the data, or else a snapshot. Requires data. `sentCount` is the `count` at the client's
   * last message; 0: nothing was sent.
   */
  messageFrom(sentCount: number): SharedMessage {
    if (sentCount > 0) {
      const steps = this.count - sentCount;
      if (steps === 1 && this.#usual !== undefined) return this.#usual;
      const known = this.#patches.get(steps) ?? this.#makePatch(steps);
      if (known !== undefined) return known;
    }
    if (this.#snapshot !== undefined) return this.#snapshot;
    const newest = this.#live();
    const snapshot = new SharedMessage(this.#channel, newest, undefined, this.#keep);
    this.#snapshot = snapshot;
    this.#dataChars = newest.data.length;
    return snapshot;
  }

  /** Drops the patches and messages that are kept; clients that are behind get a snapshot. */
  dropCaches(): void {
    this.#ring.clear();
    this.#forgetMessages();
  }

  /** Counts bytes that a message of the newest data keeps. */
  readonly #keep = (update: ChannelUpdate, bytes: number): void => {
    if (this.#isClosed || update !== this.#newest) return;
    this.#messageBytes += bytes;
    this.#cached.set(this, this.#ring.chars + this.#messageBytes);
  };

  #makePatch(steps: number): SharedMessage | undefined {
    const newest = this.#live();
    const patch = this.#ring.newest(steps);
    if (patch === undefined || (steps > 1 && patch.text.length > newest.data.length)) return undefined;
    const message = new SharedMessage(this.#channel, newest, patch, this.#keep);
    if (steps === 1) this.#usual = message;
    else {
      this.#patches.set(steps, message);
      // The ring does not hold the text of a composed patch, so the message does.
      this.#keep(newest, patch.text.length);
    }
    return message;
  }

  #live(): ChannelUpdate {
    if (this.#newest === undefined) throw new Error("a feed without data has no message");
    return this.#newest;
  }

  #forgetMessages(): void {
    this.#messageBytes = 0;
    this.#usual = undefined;
    this.#snapshot = undefined;
    if (this.#patches.size > 0) this.#patches.clear();
  }
}
