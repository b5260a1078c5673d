/**
 * What the hub and clients need of a feed: one subscription at the bus, shared by every client that subscribed to the same data. A feed makes
 * each message once: clients that were sent the same state share the message. There are feeds of states (StateFeed), which send snapshots
 * and patches, and of swaps (SwapFeed), which send snapshots and what followed.
 *
 * States of a feed: `waiting` (no data yet) -> `live` (data of a revision) -> `closed` (the last client left, and it is not kept any longer).
 */
import type { ChannelUpdate } from "../../ports/stats-bus.ts";
import type { ChannelHead } from "./channel-head.ts";
import type { Position } from "./channel-requests.ts";
import type { SharedMessage } from "./shared-message.ts";
import type { WorkShare } from "./work-share.ts";

/** A client as feeds and the hub see it; each door has its own, such as `ClientSession` of the WebSocket door. */
export type PushTarget = {
  /** Set by the hub while the client needs a flush. */
  isDirty: boolean;
  /** Rows that its channels hold. */
  readonly rows: number;
  /** Sends what the client's channels have and its credit allows. */
  flush(nowMs: number): void;
};

export type ChannelFeed = {
  /** Number of subscriptions of each client: two for a moment, while one replaces another. */
  readonly clients: Map<PushTarget, number>;
  /** New states so far; 0 while there is no data. */
  readonly count: number;
  /** Monotonic time of the as-of of the newest data, as far as it is known. */
  readonly newestSinceMs: number;
  /** Monotonic; arrival of the newest data. */
  readonly newestAtMs: number;
  /** Name and number in messages. Throws if the bus has not opened the channel. */
  readonly head: ChannelHead;
  /** Whether a message brings all that came in between, and not only the newest state. */
  readonly isLog: boolean;
  readonly isClosed: boolean;
  /** Monotonic; until when the feed stays open without clients, so that those that lost their connection can resume. */
  keptUntilMs: number;

  /** Notes that the bus opened the channel; `close` ends it there. */
  opened(channel: string, close: () => void): void;
  close(): void;
  /** Takes an update. Returns true if clients have something new to send. `sinceMs` is the update's as-of on the monotonic clock. */
  accept(update: ChannelUpdate, nowMs: number, sinceMs: number): boolean;
  /** Takes a second look at the same data, of which only as-of, watermark and lag may be newer. */
  refresh(update: ChannelUpdate, nowMs: number): void;
  /**
   * Returns the message that brings a client from what it was sent last to the newest state. Requires data. `sentCount` is the `count` at the
   * client's last message; 0: nothing was sent.
   */
  messageFrom(sentCount: number): SharedMessage;
  /** Returns the `count` at which a client was sent this position. Undefined if no message leads from there to the newest state. */
  countAt(position: Position): number | undefined;
  /** Returns whether the newest data is older than what a client holds, from another instance. */
  isBehind(position: Position): boolean;
  /** Returns the checksum of the newest data; undefined if the feed has none, or if `share` has no time for it now. */
  checksum(share: WorkShare): SharedMessage | undefined;
  /** Drops everything that is kept beside the newest data. Clients that are behind get a snapshot. */
  dropCaches(): void;
};
