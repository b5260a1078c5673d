/**
 * A feed of a token's swaps, which is a log: clients get a snapshot with the newest swaps, then which swaps began and ceased to count. Each change has
 * the next number, `seq`. A client that is further behind than the kept changes gets the newest of them, and how many were left out.
 *
 * `count` follows `seq`: it is `seq` and an offset, which a new epoch of the log raises, so that it never goes back.
 */
import { requestLimits } from "@swapstats/protocol/limits.ts";
import type { ChannelUpdate } from "../../ports/stats-bus.ts";
import type { CachedBytes } from "./cached-bytes.ts";
import { isBefore } from "./catch-up.ts";
import type { ChannelFeed, PushTarget } from "./channel-feed.ts";
import type { ChannelHead } from "./channel-head.ts";
import type { Position } from "./channel-requests.ts";
import { FeedSubscription } from "./feed-subscription.ts";
import type { MessageContent } from "./messages.ts";
import { SharedMessage } from "./shared-message.ts";
import { SwapList } from "./swap-list.ts";

/** Changes that are kept. */
export const KEPT_ITEMS_MAX = requestLimits.swapsMax;

export class SwapFeed implements ChannelFeed {
  readonly clients = new Map<PushTarget, number>();
  readonly isLog = true;
  newestSinceMs = 0;
  newestAtMs = 0;
  keptUntilMs = 0;
  readonly #subscription = new FeedSubscription();
  readonly #cached: CachedBytes;
  readonly #limit: number;
  #newest: ChannelUpdate | undefined;
  #list = new SwapList('{"items":[]}', 0);
  /** The newest changes; the last one has the number `#seq`. */
  #items: string[] = [];
  #itemChars = 0;
  #seq = 0;
  /** `count` less `seq`. */
  #offset = 0;
  /** The lowest `count` that belongs to the present log. */
  #firstCount = 0;
  #snapshot: SharedMessage | undefined;
  /** Messages by how many changes a client is behind. */
  readonly #messages = new Map<number, SharedMessage>();
  #messageBytes = 0;

  /** `limit`: swaps of a snapshot. `cached` counts the bytes that all feeds keep in addition to their data. */
  constructor(limit: number, cached: CachedBytes) {
    this.#limit = limit;
    this.#cached = cached;
  }

  get head(): ChannelHead {
    return this.#subscription.head;
  }

  get isClosed(): boolean {
    return this.#subscription.isClosed;
  }

  get count(): number {
    return this.#newest === undefined ? 0 : this.#offset + this.#seq;
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
    const { epoch, rev: seq, log, data } = update;
    if (log === undefined) return false;
    const isSameEpoch = this.#newest?.epoch === epoch;
    if (isSameEpoch && seq < this.#seq) return false;
    const fresh = log.items.slice(log.items.length - Math.max(0, seq - this.#seq));
    const isNext = isSameEpoch && log.from <= this.#seq;
    // Without the whole data only the very next changes lead on.
    if (data === "" && (!isNext || fresh.length < seq - this.#seq)) return false;
    const isNew = !isNext || seq > this.#seq;
    // The owner went away or came back. No change of the log says so, but a snapshot does.
    const isTurn = isNext && update.stale !== this.#newest?.stale;
    if (isNext) this.#append(fresh, seq);
    else this.#begin(log.items, seq);
    if (isTurn) this.#begin(this.#items, seq);
    if (data === "") this.#list.add(fresh);
    else this.#list = new SwapList(data, this.#limit);
    this.#newest = update;
    this.newestAtMs = nowMs;
    this.newestSinceMs = sinceMs;
    this.#forgetMessages();
    if (!this.isClosed) this.#cached.set(this, this.#itemChars);
    return isNew || isTurn;
  }

  /** Takes the whole data of the present log, and further changes. */
  refresh(update: ChannelUpdate, nowMs: number): void {
    this.accept(update, nowMs, nowMs);
  }

  messageFrom(sentCount: number): SharedMessage {
    if (sentCount < this.#firstCount || sentCount === 0) {
      this.#snapshot ??= this.#snapshotMessage();
      return this.#snapshot;
    }
    const behind = this.count - sentCount;
    let message = this.#messages.get(behind);
    if (message === undefined) {
      const items = behind === 0 ? [] : this.#items.slice(-behind);
      message = this.#message({ kind: "swaps", items, skipped: behind - items.length });
      this.#messages.set(behind, message);
    }
    return message;
  }

  countAt(position: Position): number | undefined {
    // Only a snapshot tells a client that the owner is away.
    if (!("seq" in position) || position.epoch !== this.#newest?.epoch || this.#newest.stale) return undefined;
    const behind = this.#seq - position.seq;
    const count = this.#offset + position.seq;
    return behind >= 0 && behind <= this.#items.length && count >= this.#firstCount ? count : undefined;
  }

  isBehind(position: Position): boolean {
    return this.#newest !== undefined && isBefore(this.#newest.epoch, this.#seq, position);
  }

  /** A log has no checksum: what a client holds of it depends on when it came. */
  checksum(): undefined {
    return undefined;
  }

  dropCaches(): void {
    this.#items = [];
    this.#itemChars = 0;
    this.#firstCount = this.count;
    this.#forgetMessages();
  }

  /** Begins with another log. Its kept changes can be resumed, too. */
  #begin(items: readonly string[], seq: number): void {
    const firstCount = this.count + 1;
    this.#items = [...items];
    this.#itemChars = charsOf(items);
    this.#seq = seq;
    this.#offset = firstCount - (seq - items.length);
    this.#firstCount = firstCount;
  }

  #append(fresh: readonly string[], seq: number): void {
    this.#items.push(...fresh);
    this.#itemChars += charsOf(fresh);
    const gone = this.#items.splice(0, Math.max(0, this.#items.length - KEPT_ITEMS_MAX));
    this.#itemChars -= charsOf(gone);
    this.#seq = seq;
  }

  #snapshotMessage(): SharedMessage {
    const { text } = this.#list;
    // Its update has the whole data, as of the newest change.
    const update = { ...this.#live(), data: text };
    return new SharedMessage(this.head, update, { kind: "snapshot" }, () => this.#keep(text.length));
  }

  #message(content: MessageContent): SharedMessage {
    const update = this.#live();
    return new SharedMessage(this.head, update, content, (_, bytes) => {
      if (update === this.#newest) this.#keep(bytes);
    });
  }

  #keep(bytes: number): void {
    if (this.isClosed) return;
    this.#messageBytes += bytes;
    this.#cached.set(this, this.#itemChars + this.#messageBytes);
  }

  #live(): ChannelUpdate {
    if (this.#newest === undefined) throw new Error("a feed without data has no message");
    return this.#newest;
  }

  #forgetMessages(): void {
    this.#messageBytes = 0;
    this.#snapshot = undefined;
    if (this.#messages.size > 0) this.#messages.clear();
  }
}

function charsOf(items: readonly string[]): number {
  return items.reduce((sum, item) => sum + item.length, 0);
}
