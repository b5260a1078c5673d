/**
 * One subscription of the bus, shared by every client that subscribed to the same data. It keeps the newest data and a
 * ring of patches, and makes each message once: clients that were sent the same revision share the bytes.
 *
 * States of a feed: `waiting` (no data yet) -> `live` (data of a revision) -> `closed` (the last client left).
 */
import type { TopicUpdate } from "../../bus/stats-bus.ts";
import { type MessageFrames, textFrames } from "./frames.ts";
import type { WebSocketLimits } from "./limits.ts";
import { patchText, snapshotText } from "./messages.ts";
import { PatchRing } from "./patch-ring.ts";
import type { Subscription } from "./subscription.ts";

export class TopicFeed {
  readonly subscribers = new Set<Subscription>();
  readonly #limits: WebSocketLimits;
  readonly #ring: PatchRing;
  #channel = "";
  #newest: TopicUpdate | undefined;
  /** Monotonic; when `newest` came. */
  #newestAtMs = 0;
  /** Grows when revisions before cannot be patched any more: another epoch, or a gap. */
  #generation = 0;
  /** The message of the newest revision for the revision before, which nearly every client was sent. */
  #usual: MessageFrames | undefined;
  #usualFromRev: number | undefined;
  /** Messages of the newest revision for older ones, by these. */
  readonly #patches = new Map<number, MessageFrames>();
  #snapshot: MessageFrames | undefined;
  #close: (() => void) | undefined;
  #isClosed = false;

  constructor(limits: WebSocketLimits) {
    this.#limits = limits;
    this.#ring = new PatchRing(limits.ringPatchesMax, limits.ringCharsMax);
  }

  /** Canonical name. */
  get channel(): string {
    return this.#channel;
  }

  get isLive(): boolean {
    return this.#newest !== undefined;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get rev(): number | undefined {
    return this.#newest?.rev;
  }

  get generation(): number {
    return this.#generation;
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
  }

  /** Takes an update in; returns whether the revision is a new one. */
  accept(update: TopicUpdate, nowMs: number): boolean {
    const before = this.#newest;
    const isSameEpoch = before !== undefined && before.epoch === update.epoch;
    // Readers never see revisions go back, whatever a bus does.
    if (isSameEpoch && update.rev < before.rev) return false;
    const isSame = isSameEpoch && before.rev === update.rev;
    if (!isSame) {
      if (isSameEpoch && before.rev === update.prevRev && update.patch !== undefined) {
        this.#ring.push(update.prevRev, update.patch);
      } else {
        this.#ring.clear();
        this.#generation += 1;
      }
    }
    this.#newest = update;
    this.#newestAtMs = nowMs;
    this.#forgetMessages();
    return !isSame;
  }

  /** A second look at the same data: only what it stands on may be newer. Another revision comes by `accept`, in its order. */
  refresh(update: TopicUpdate, nowMs: number): void {
    if (this.#newest?.epoch === update.epoch && this.#newest.rev === update.rev) this.accept(update, nowMs);
  }

  /**
   * The message that brings a client from what it was sent last to the newest revision: the owner's own patch, or one
   * made of several where that can be done and is not longer than the data, else a snapshot. Only while live. `sentRev`
   * undefined: nothing was sent.
   */
  messageFrom(sentGeneration: number, sentRev: number | undefined): MessageFrames {
    if (sentRev !== undefined && sentGeneration === this.#generation) {
      if (sentRev === this.#usualFromRev && this.#usual !== undefined) return this.#usual;
      const known = this.#patches.get(sentRev) ?? this.#makePatch(sentRev);
      if (known !== undefined) return known;
    }
    this.#snapshot ??= textFrames(snapshotText(this.#channel, this.#live()), this.#limits.fragmentBytesMax);
    return this.#snapshot;
  }

  #makePatch(sentRev: number): MessageFrames | undefined {
    const newest = this.#live();
    const patch = this.#ring.patchFrom(sentRev);
    if (patch === undefined || (sentRev !== newest.prevRev && patch.length > newest.data.length)) return undefined;
    const frames = textFrames(patchText(this.#channel, newest, sentRev, patch), this.#limits.fragmentBytesMax);
    if (sentRev === newest.prevRev) {
      this.#usual = frames;
      this.#usualFromRev = sentRev;
    } else {
      this.#patches.set(sentRev, frames);
    }
    return frames;
  }

  #live(): TopicUpdate {
    if (this.#newest === undefined) throw new Error("a feed without data has no message");
    return this.#newest;
  }

  #forgetMessages(): void {
    this.#usual = undefined;
    if (this.#patches.size > 0) this.#patches.clear();
    this.#snapshot = undefined;
  }
}
