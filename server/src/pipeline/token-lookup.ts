/** Finding tokens by what a client writes: an id, else an exact token of any chain, else a symbol now in use. */
import { LOOKUP_TIERS, type LookupTier } from "../bus/host-protocol.ts";
import type { TokenRef } from "../engine/types.ts";
import { canonicalToken, parseTokenId } from "../shared/token-id.ts";
import { compareHomes } from "../shared/token-partition.ts";
import type { ServedPartition } from "./served-partition.ts";

export type FoundToken = { readonly home: ServedPartition; readonly token: TokenRef };
export type Lookup = { readonly tier: LookupTier; readonly found: readonly FoundToken[] };

/** The tokens of the first tier that hits in these partitions; undefined when none does. */
export function lookUp(partitions: readonly ServedPartition[], text: string): Lookup | undefined {
  const id = parseTokenId(text);
  const token = canonicalToken(text);
  for (const tier of LOOKUP_TIERS) {
    const found: FoundToken[] = [];
    for (const home of partitions) {
      for (const hit of hits(home, tier, id, token, text)) found.push({ home, token: hit });
    }
    if (found.length > 0) return { tier, found: found.length === 1 ? found : withoutCopies(found) };
  }
  return undefined;
}

/** Of a token that several partitions have, against the rule, one speaks. */
export function withoutCopies(found: readonly FoundToken[]): FoundToken[] {
  const byId = new Map<string, FoundToken>();
  for (const one of found) {
    const { id } = one.home.engine.info(one.token);
    const before = byId.get(id);
    const { partition, split } = one.home;
    if (before === undefined || compareHomes(id, split.partitions, partition, before.home.partition) < 0)
      byId.set(id, one);
  }
  return [...byId.values()];
}

function hits(
  home: ServedPartition,
  tier: LookupTier,
  id: ReturnType<typeof parseTokenId>,
  token: string,
  text: string,
): readonly TokenRef[] {
  if (tier === "symbol") return home.engine.findBySymbol(text);
  if (tier === "token") return home.engine.findByToken(token);
  const hit = id === undefined ? undefined : home.engine.findById(id.chainId, id.token);
  return hit === undefined ? [] : [hit];
}
