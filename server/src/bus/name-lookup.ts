/** Combines the look-ups of a name at several workers, and chooses one token if the name stands for several. */

import type { Ambiguous, Candidate, Chosen, Preference } from "../ports/stats-bus.ts";
import { compareDecimals } from "../shared/decimal-order.ts";
import { parseTokenId } from "../shared/token-id.ts";
import { LOOKUP_IDS_MAX, LOOKUP_TIERS, type NameLookup } from "./responses.ts";

/** Compares by descending volume, with tokens without a volume last, and then by id. */
export function compareCandidates(a: Candidate, b: Candidate): number {
  const byVolume = compareDecimals(b.volume_usd ?? "-1", a.volume_usd ?? "-1");
  return byVolume !== 0 ? byVolume : a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** Returns the look-up of the first tier with a hit at any worker. It has the tokens of all workers, without repetition. */
export function mergeLookups(lookups: readonly (NameLookup | undefined)[]): NameLookup | undefined {
  for (const tier of LOOKUP_TIERS) {
    const hits = lookups.filter((lookup) => lookup?.tier === tier && lookup.ids.length > 0) as NameLookup[];
    if (hits.length === 0) continue;
    const byId = new Map<string, Candidate>();
    for (const one of hits.flatMap(candidatesOf)) if (!byId.has(one.id)) byId.set(one.id, one);
    const all = [...byId.values()].sort(compareCandidates);
    const candidates = all.slice(0, LOOKUP_IDS_MAX);
    const more = hits.reduce((sum, { more = 0 }) => sum + more, all.length - candidates.length);
    const isRanked = hits.every((lookup) => lookup.isRanked !== false);
    return { tier, ids: candidates.map(({ id }) => id), candidates, more, isRanked };
  }
  return undefined;
}

/** Returns one token, or the tokens to choose from. */
export function resolve(
  lookup: NameLookup,
  prefer: Preference | undefined,
): { readonly id: string; readonly chosen: Chosen | undefined } | Ambiguous {
  const [id, ...others] = lookup.ids;
  const more = lookup.more ?? 0;
  if (id !== undefined && others.length === 0 && more === 0) return { id, chosen: undefined };
  if (id !== undefined && prefer === "largest" && lookup.isRanked !== false) {
    return { id, chosen: { by: "largest", of: lookup.ids.length + more } };
  }
  return { kind: "ambiguous", candidates: candidatesOf(lookup), more, isRanked: lookup.isRanked !== false };
}

/** Returns the candidates of a look-up. If the worker sent only ids, they have no volume to order them by. */
function candidatesOf({ ids, candidates }: NameLookup): readonly Candidate[] {
  return candidates ?? ids.map((id) => ({ id, chain_id: parseTokenId(id)?.chainId ?? 0 }));
}
