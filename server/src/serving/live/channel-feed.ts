/**
 * One subscription of the bus, shared by every client that subscribed to the same data. It keeps the newest data and a
 * ring of patches, and makes each message once: clients that were sent the same revision share the bytes.
 *
 * States of a feed: `waiting` (no data yet) -> `live` (data of a revision) -> `closed` (the last client left).
 */
import type { TopicUpdate } from "../../ports/stats-bus.ts";
import { type MessageFrames, textFrames } from "../websocket/frames.ts";
import type { WebSocketLimits } from "../websocket/limits.ts";
import { lengthOf } from "../websocket/outbox.ts";
import type { CachedBytes } from "./cached-bytes.ts";
import { patchText, snapshotText } from "./messages.ts";
import { PatchRing } from "./patch-ring.ts";
import type { PushTarget } from "./subscription.ts";

export class ChannelFeed {
  /** Clients with how many of their subscriptions are here: two for a moment, while one replaces another. */
  readonly clients = new Map<PushTarget, number>();
  /** New revisions so far; 0 while there is no data. */
  count = 0;
  /** Monotonic; the as-of of the newest data on that clock, as well as it is known. */
  newestSinceMs = 0;
  readonly #limits: WebSocketLimits;
  readonly #cached: CachedBytes;
  readonly #ring: PatchRing;
  #channel = "";
  #newest: TopicUpdate | undefined;
  /** Monotonic; when the newest data came. */
  #newestAtMs = 0;
  /** The message for clients that were sent the revision before, as nearly all were. */
  #usual: MessageFrames | undefined;
  /** Messages for clients that are further behind, by how many revisions. */
  readonly #patches = new Map<number, MessageFrames>();
  #snapshot: MessageFrames | undefined;
  /** Length of the data when it last came whole or was sent whole; its text of now may not be made yet. */
  #dataChars = 0;
  /** Bytes of these messages. */
  #messageBytes = 0;
  #close: (() => void) | undefined;
  #isClosed = false;

  /** `cached` counts what is kept beside the data, for all feeds. */
  constructor(limits: WebSocketLimits, cached: CachedBytes) {
    this.#limits = limits;
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

  /** The bus opened the topic; `close` ends it there. */
  opened(channel: string, close: () => void): void {
    this.#channel = channel;
    this.#close = close;
    // An update may come before the answer that names the channel; messages made of it would have no name.
    this.#forgetMessages();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#close?.();
    this.#cached.set(this, 0);
  }

  /** Takes an update in; returns whether the revision is a new one. `sinceMs` is its as-of on the monotonic clock. */
  accept(update: TopicUpdate, nowMs: number, sinceMs: number): boolean {
    const before = this.#newest;
    const isSameEpoch = before !== undefined && before.epoch === update.epoch;
    // Readers never see revisions go back, whatever a bus does.
    if (isSameEpoch && update.rev < before.rev) return false;
    const isTurn = isSameEpoch && before.rev === update.rev && before.stale !== update.stale;
    const isNew = !isSameEpoch || before.rev !== update.rev || isTurn;
    if (isNew) {
      this.count += 1;
      // The owner went away or came back: the data is the same, and clients have to be told.
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

  /** A second look at the same data: only what it stands on may be newer. Another revision comes by `accept`, in its order. */
  refresh(update: TopicUpdate, nowMs: number): void {
    if (this.#newest?.epoch === update.epoch && this.#newest.rev === update.rev) this.accept(update, nowMs, nowMs);
  }

  /**
   * The message that brings a client from what it was sent last to the newest revision: the owner's own patch, or one
   * made of several where that can be done and is not longer than the data, else a snapshot. Only while there is data.
   * `sentCount` is the `count` at the client's last message; 0: nothing was sent.
   */
  messageFrom(sentCount: number): MessageFrames {
    if (sentCount > 0) {
      const steps = this.count - sentCount;
      if (steps === 1 && this.#usual !== undefined) return this.#usual;
      const known = this.#patches.get(steps) ?? this.#makePatch(steps);
      if (known !== undefined) return known;
    }
    if (this.#snapshot !== undefined) return this.#snapshot;
    const snapshot = textFrames(snapshotText(this.#channel, this.#live()), this.#limits.fragmentBytesMax);
    this.#snapshot = snapshot;
    this.#dataChars = this.#live().data.length;
    this.#keep(snapshot);
    return snapshot;
  }

  /** Patches and messages that are kept are let go; whoever is behind gets a snapshot. */
  dropCaches(): void {
    this.#ring.clear();
    this.#forgetMessages();
  }

  #keep(message: MessageFrames): void {
    this.#messageBytes += lengthOf(message);
    this.#cached.set(this, this.#ring.chars + this.#messageBytes);
  }

  #makePatch(steps: number): MessageFrames | undefined {
    const newest = this.#live();
    const patch = this.#ring.newest(steps);
    if (patch === undefined || (steps > 1 && patch.text.length > newest.data.length)) return undefined;
    const text = patchText(this.#channel, newest, patch.prevRev, patch.text);
    const frames = textFrames(text, this.#limits.fragmentBytesMax);
    if (steps === 1) this.#usual = frames;
    else this.#patches.set(steps, frames);
    this.#keep(frames);
    return frames;
  }

  #live(): TopicUpdate {
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
