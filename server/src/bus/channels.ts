/**
 * The kinds of live feeds, declared once for the bus: by whom a kind is served, and its channel's canonical name. Equal topics share one feed. A kind with a
 * `token` is served by the token's owner and passes as it comes (TokenFeed); a kind with a `limit` is served by all workers and merged
 * by rows (RankingFeed). A new kind does not compile before it has an entry here and an opener in pipeline/workers/worker-feeds.ts.
 */
import type { Topic } from "../ports/stats-bus.ts";
import type { OwnedTopic } from "./token-feed.ts";

export type ChannelKind = Topic["kind"];
export type TopicOf<K extends ChannelKind> = Extract<Topic, { readonly kind: K }>;

type ChannelRule<T> = {
  readonly servedBy: "owner" | "all";
  /** `topic` names its token by the id. */
  nameOf(topic: T): string;
};

const channels: { readonly [K in ChannelKind]: ChannelRule<TopicOf<K>> } = {
  token: { servedBy: "owner", nameOf: ({ token }) => `token:${token}` },
  overview: { servedBy: "all", nameOf: ({ window, sort }) => `overview:${window}:${sort}` },
};

/** The same, for a topic of any kind. */
export const CHANNELS = channels as { readonly [K in ChannelKind]: ChannelRule<Topic> };

export function isOwned(topic: Topic): topic is OwnedTopic {
  return CHANNELS[topic.kind].servedBy === "owner";
}
