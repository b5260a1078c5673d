/**
 * The kinds of live feeds, declared once for the bus: by whom a kind is served, and its channel's canonical name. Equal specs share one feed. A kind with a
 * `token` is served by the token's owner and passes as it comes (TokenFeed); a kind with a `limit` is served by all workers and merged
 * by rows (RankingFeed). A new kind does not compile before it has an entry here and an opener in pipeline/workers/worker-feeds.ts.
 */
import type { ChannelSpec } from "../ports/stats-bus.ts";
import type { OwnedChannel } from "./token-feed.ts";

export type ChannelKind = ChannelSpec["kind"];
export type SpecOf<K extends ChannelKind> = Extract<ChannelSpec, { readonly kind: K }>;

type ChannelRule<T> = {
  readonly servedBy: "owner" | "all";
  /** `spec` names its token by the id. */
  nameOf(spec: T): string;
};

const channels: { readonly [K in ChannelKind]: ChannelRule<SpecOf<K>> } = {
  token: { servedBy: "owner", nameOf: ({ token }) => `token:${token}` },
  overview: { servedBy: "all", nameOf: ({ window, sort }) => `overview:${window}:${sort}` },
};

/** The same, for a spec of any kind. */
export const CHANNELS = channels as { readonly [K in ChannelKind]: ChannelRule<ChannelSpec> };

export function isOwned(spec: ChannelSpec): spec is OwnedChannel {
  return CHANNELS[spec.kind].servedBy === "owner";
}
