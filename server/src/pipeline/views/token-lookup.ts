/** Looks tokens up by a text: an id, else an exact token of any chain, else a symbol in use. */
import { LOOKUP_TIERS, type LookupTier } from "../../bus/responses.ts";
import type { TokenRef } from "../../engine/types.ts";
import { type ChainAddresses, canonicalForms, canonicalToken, parseTokenId } from "../../shared/token-id.ts";
import { compareHomes } from "../../shared/token-partition.ts";
import type { ServedEngine } from "./served-engine.ts";
import type { ServedPartition } from "./served-partition.ts";

export type FoundToken = { readonly home: ServedPartition; readonly token: TokenRef };
export type Lookup = { readonly tier: LookupTier; readonly found: readonly FoundToken[] };

/** Returns the tokens of the first tier with a hit in these partitions; undefined if there is none. */
export function lookUp(partitions: readonly ServedPartition[], text: string): Lookup | undefined {
  for (const tier of LOOKUP_TIERS) {
    const found: FoundToken[] = [];
    for (const home of partitions) for (const token of hits(home, tier, text)) found.push({ home, token });
    if (found.length > 0) return { tier, found: found.length === 1 ? found : withoutCopies(found) };
  }
  return undefined;
}

/** Keeps one of a token that several partitions have against the rule. */
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

function hits({ engine }: ServedPartition, tier: LookupTier, text: string): readonly TokenRef[] {
  if (tier === "symbol") return engine.findBySymbol(text);
  const { chains } = engine.config;
  if (tier === "token") return tokensOf(engine, text, chains);
  const id = parseTokenId(text, chains);
  const hit = id === undefined ? undefined : engine.findById(id.chainId, id.token);
  return hit === undefined ? [] : [hit];
}

/** Returns the tokens of any chain with this address or name, in the form of each chain. */
function tokensOf(engine: ServedEngine, text: string, chains: ChainAddresses): readonly TokenRef[] {
  const found: TokenRef[] = [];
  for (const form of canonicalForms(text, chains)) {
    for (const token of engine.findByToken(form)) {
      const { addressBytes } = chains.get(engine.info(token).chainId) ?? {};
      if (canonicalToken(text, addressBytes) === form) found.push(token);
    }
  }
  return found;
}
