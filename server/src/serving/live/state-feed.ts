/**
 * A feed of states: it keeps the newest data and the patches that led to it. Clients get a snapshot, then patches.
 */
import { crc32 } from "node:zlib";
import { canonicalJson } from "@swapstats/protocol/canonical-json.ts";
import type { Json } from "@swapstats/protocol/json.ts";
import type { ChannelUpdate } from "../../ports/stats-bus.ts";
import type { CachedBytes } from "./cached-bytes.ts";
import { isBefore } from "./catch-up.ts";
import type { ChannelFeed, PushTarget } from "./channel-feed.ts";
import type { ChannelHead } from "./channel-head.ts";
import type { Position } from "./channel-requests.ts";
import { FeedSubscription } from "./feed-subscription.ts";
import type { MessageContent } from "./messages.ts";
import { PatchHistory } from "./patch-history.ts";
import { SharedMessage } from "./shared-message.ts";
import type { WorkShare } from "./work-share.ts";

type HistoryLimits = {
  /** Age of the oldest patch that is kept. */
  readonly windowMs: number;
  /** Bytes of the patches of one feed, while memory is not short. */
  readonly bytesMax: number;
};

const NO_CHANGE = "{}";

export class StateFeed implements ChannelFeed {
  readonly clients = new Map<PushTarget, number>();
  readonly isLog = false;
  count = 0;
  newestSinceMs = 0;
  newestAtMs = 0;
  keptUntilMs = 0;
  readonly #subscription = new FeedSubscription();
  readonly #cached: CachedBytes;
  readonly #history: PatchHistory;
  readonly #historyBytesMax: number;
  #newest: ChannelUpdate | undefined;
  /** The message for clients that were sent the revision before, which is nearly all of them. */
  #usual: SharedMessage | undefined;
  /** Messages for clients that are further behind, by how many revisions. Undefined: there is no patch for them. */
  readonly #patches = new Map<number, SharedMessage | undefined>();
  #snapshot: SharedMessage | undefined;
  #checksum: SharedMessage | undefined;
  /** Bytes that these messages keep. */
  #messageBytes = 0;

  /** `cached` counts the bytes that all feeds keep in addition to their data. */
  constructor(limits: HistoryLimits, cached: CachedBytes) {
    this.#cached = cached;
    this.#history = new PatchHistory(limits.windowMs);
    this.#historyBytesMax = limits.bytesMax;
  }

  get head(): ChannelHead {
    return this.#subscription.head;
  }

  get isClosed(): boolean {
    return this.#subscription.isClosed;
  }

  opened(channel: string, close: () => void): void {
    this.#subscription.opened(channel, close);
    // An update may arrive before the response that names the channel. Messages made of it would have no name.
    this.#forgetMessages();
  }

  close(): void {
    if (this.#subscription.close()) this.#cached.set(this, 0);
  }

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
      if (isTurn) this.#push(update.rev, NO_CHANGE, nowMs);
      else if (isSameEpoch && before.rev === update.prevRev && update.patch !== undefined) {
        this.#push(update.prevRev, update.patch, nowMs);
      } else if (isSameEpoch && before.data === update.data) {
        // A new look at the owner. The revisions in between changed nothing of this channel.
        this.#push(before.rev, NO_CHANGE, nowMs);
      } else {
        this.#history.clear();
      }
    }
    this.#newest = update;
    this.newestAtMs = nowMs;
    this.newestSinceMs = sinceMs;
    this.#forgetMessages();
    if (!this.isClosed) this.#cached.set(this, this.#history.bytes);
    return isNew;
  }

  /** Ignores any other revision: `accept` takes those in their order. */
  refresh(update: ChannelUpdate, nowMs: number): void {
    if (this.#newest?.epoch === update.epoch && this.#newest.rev === update.rev) this.accept(update, nowMs, nowMs);
  }

  /** The owner's own patch, one patch composed of several where that is possible and not longer than the data, or else a snapshot. */
  messageFrom(sentCount: number): SharedMessage {
    if (sentCount > 0) {
      const steps = this.count - sentCount;
      // Nearly all clients take this way.
      if (steps === 1 && this.#usual !== undefined) return this.#usual;
      const patch = this.#patchOver(steps);
      if (patch !== undefined) return patch;
    }
    this.#snapshot ??= this.#message({ kind: "snapshot" });
    return this.#snapshot;
  }

  countAt(position: Position): number | undefined {
    const newest = this.#newest;
    if (newest === undefined || !("rev" in position) || position.epoch !== newest.epoch) return undefined;
    const steps = position.rev === newest.rev ? 0 : this.#history.stepsFrom(position.rev);
    return steps === undefined || this.#patchOver(steps) === undefined ? undefined : this.count - steps;
  }

  isBehind(position: Position): boolean {
    return this.#newest !== undefined && isBefore(this.#newest.epoch, this.#newest.rev, position);
  }

  checksum(share: WorkShare): SharedMessage | undefined {
    if (this.#checksum !== undefined) return this.#checksum;
    const sum = share.run(() => crc32(canonicalJson(JSON.parse(this.#live().data) as Json)));
    if (sum !== undefined) this.#checksum = this.#message({ kind: "checksum", crc32: sum });
    return this.#checksum;
  }

  dropCaches(): void {
    this.#history.clear();
    this.#forgetMessages();
  }

  /** Counts bytes that a message of the newest data keeps. */
  readonly #keep = (update: ChannelUpdate, bytes: number): void => {
    if (this.isClosed || update !== this.#newest) return;
    this.#messageBytes += bytes;
    this.#cached.set(this, this.#history.bytes + this.#messageBytes);
  };

  #push(prevRev: number, patch: string, nowMs: number): void {
    this.#history.push(prevRev, patch, nowMs, this.#cached.shareOf(this.#historyBytesMax));
  }

  /** Returns the message with the effect of the newest `steps` (0 or more) patches; undefined if there is none, or if a snapshot is shorter. */
  #patchOver(steps: number): SharedMessage | undefined {
    if (steps === 1) {
      this.#usual ??= this.#patchMessage(1);
      return this.#usual;
    }
    if (this.#patches.has(steps)) return this.#patches.get(steps);
    const message = this.#patchMessage(steps);
    this.#patches.set(steps, message);
    // The history does not hold the text of a composed patch, so the message does.
    if (message?.content.kind === "patch") this.#keep(message.update, message.content.patch.length);
    return message;
  }

  #patchMessage(steps: number): SharedMessage | undefined {
    const newest = this.#live();
    const patch = steps === 0 ? { prevRev: newest.rev, text: NO_CHANGE } : this.#history.newest(steps);
    if (patch === undefined || (steps > 1 && patch.text.length > newest.data.length)) return undefined;
    return this.#message({ kind: "patch", prevRev: patch.prevRev, patch: patch.text });
  }

  #message(content: MessageContent): SharedMessage {
    return new SharedMessage(this.head, this.#live(), content, this.#keep);
  }

  #live(): ChannelUpdate {
    if (this.#newest === undefined) throw new Error("a feed without data has no message");
    return this.#newest;
  }

  #forgetMessages(): void {
    this.#messageBytes = 0;
    this.#usual = undefined;
    this.#snapshot = undefined;
    this.#checksum = undefined;
    if (this.#patches.size > 0) this.#patches.clear();
  }
}
