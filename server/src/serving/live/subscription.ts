/**
 * One channel of one client.
 *
 *   opening --- no swap has named the token yet ---------------------> pending
 *   opening --- the bus knows the topic and the client was told -----> current
 *   pending --- a swap has named the token ---------------------------> current
 *   current --- the topic's data changed ----------------------------> behind
 *   behind ---- conflate_ms has not passed since the last message ----> held
 *   held ------ conflate_ms passed -----------------------------------> behind
 *   behind ---- the client has credit, one message was taken ---------> current
 *   any ------- unsubscribed, replaced, or the client left -----------> closed
 *
 * No state is stored but how many updates of the topic had come when the last message was taken: it is current when no more
 * have, and behind when more have. The message is made when it is taken, from the newest data, so that whatever came in
 * between is in it: that is the conflation. It makes an update of a topic cheap too, since nothing of its subscriptions
 * is touched then, only their clients are marked.
 */
import type { Topic } from "../../ports/stats-bus.ts";
import type { ChannelFeed } from "./channel-feed.ts";

type Named = {
  /** Canonical name. */
  readonly channel: string;
  /** The channel as the client named it. */
  readonly requestedAs: string;
  readonly topic: Topic;
  /** At most one message in this time; 0: as the topic goes. */
  readonly conflateMs: number;
};

export type OpenSubscription = Named & { readonly feed: ChannelFeed };
/** `cancel` ends the waiting for the token's first swap. */
export type PendingSubscription = Named & { readonly feed: undefined; readonly cancel: () => void };
export type Subscription = OpenSubscription | PendingSubscription;
