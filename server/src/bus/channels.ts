/**
 * Serves a channel by its spec. A spec with a `token` is served by the token's owner, and its updates are passed on unchanged (TokenFeed). A spec
 * without one is served by all workers, and their rows are merged (RankingFeed, row-mergers.ts). Equal specs share one
 * feed. A new kind needs an opener in pipeline/workers/worker-feeds.ts and a name in serving/live/channels.ts; the type check fails until both exist.
 */
import type { ChannelSpec } from "../ports/stats-bus.ts";
import type { OwnedChannel } from "./token-feed.ts";

export type ChannelKind = ChannelSpec["kind"];
export type SpecOf<K extends ChannelKind> = Extract<ChannelSpec, { readonly kind: K }>;

export function isOwned(spec: ChannelSpec): spec is OwnedChannel {
  return "token" in spec;
}
