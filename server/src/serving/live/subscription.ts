/**
 * One channel of one client.
 *
 *   opening --- no swap has named the token yet ---------------------> pending
 *   opening --- the bus opened it and the client was notified --------> current
 *   pending --- a swap has named the token ---------------------------> current
 *   current --- the feed's data changed -----------------------------> behind
 *   behind ---- conflate_ms has not passed since the last message ----> held
 *   held ------ conflate_ms passed -----------------------------------> behind
 *   behind ---- the client has credit, one message was taken ---------> current
 *   any ------- unsubscribed, replaced, or the client left -----------> closed
 *
 * The only stored state is the number of updates that the feed had when the last message was taken. The channel is current while the feed has no
 * more, and behind when it has more. The message is made from the newest data when it is taken, so it includes everything that came in
 * between: this is the conflation. It also makes an update cheap, because it does not touch subscriptions and only marks their clients.
 */
import type { ChannelSpec } from "../../ports/stats-bus.ts";
import type { ChannelFeed } from "./channel-feed.ts";

type Named = {
  /** Canonical name. */
  readonly channel: string;
  /** The channel as the client named it. */
  readonly requestedAs: string;
  readonly spec: ChannelSpec;
  /** At most one message in this time; 0: one for each update. */
  conflateMs: number;
  /** Whether checksums are sent. */
  checksum: boolean;
};

export type OpenSubscription = Named & {
  readonly feed: ChannelFeed;
  /** The feed's `count` at what the client already holds; 0: nothing. */
  heldCount: number;
};
/** `cancel` stops waiting for the token's first swap. */
export type PendingSubscription = Named & { readonly feed: undefined; readonly cancel: () => void };
export type Subscription = OpenSubscription | PendingSubscription;
