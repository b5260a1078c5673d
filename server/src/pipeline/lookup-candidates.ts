/**
 * The tokens that a name stands for, with what tells them apart: symbol, chain and volume, the most volume first. Anybody may give a thousand
 * tokens the symbol of another, so what is looked at is bounded: so many tokens of the index of symbols, and, where there are more, the head of
 * the ranking by volume, in which a token that is larger than all others of its name cannot be missing unless thousands of other names are larger.
 */
import { type HostLookup, LOOKUP_IDS_MAX } from "../bus/host-protocol.ts";
import { compareCandidates } from "../bus/name-lookup.ts";
import type { Candidate } from "../bus/stats-bus.ts";
import { SYMBOL_HITS_MAX } from "../engine/tokens.ts";
import type { WindowSpec } from "../engine/types.ts";
import type { ServedPartition } from "./served-partition.ts";
import { type FoundToken, type Lookup, withoutCopies } from "./token-lookup.ts";

/** Tokens of one symbol whose volume a host looks at. Measured: 0.6 us each. */
export const EXAMINED_MAX = 2_000;
/** Of the ranking by volume of a partition where a symbol has more tokens. */
export const RANKED_MAX = 1_000;
const DAY_MS = 86_400_000;

export type RankedLookup = { readonly lookup: HostLookup; readonly best: FoundToken };
type Hits = { readonly found: readonly FoundToken[]; readonly isRanked: boolean };

export class LookupCandidates {
  /** The longest window of at most a day, else the shortest. */
  readonly #window: WindowSpec;
  readonly #windowIndex: number;

  constructor(windows: readonly WindowSpec[]) {
    const byLength = [...windows].sort((a, b) => a.lengthMs - b.lengthMs);
    this.#window = (byLength.findLast(({ lengthMs }) => lengthMs <= DAY_MS) ?? byLength[0]) as WindowSpec;
    this.#windowIndex = windows.indexOf(this.#window);
  }

  of(
    { tier, found: first }: Lookup,
    text: string,
    partitions: readonly ServedPartition[],
    asOfMs: number,
  ): RankedLookup {
    const [only] = first;
    if (tier === "id" && only !== undefined) return { lookup: { tier, ids: [idOf(only)] }, best: only };
    const { found, isRanked } =
      tier === "symbol" && first.length >= SYMBOL_HITS_MAX
        ? this.#more(text, partitions, asOfMs)
        : { found: first, isRanked: true };
    const weighed = found
      .map((one) => ({ one, volume: one.home.engine.figure(one.token, this.#windowIndex, "volume_usd", asOfMs) ?? -1 }))
      .sort((a, b) => b.volume - a.volume)
      // As numbers they may be equal or change places by a rounding, so a few more are compared as decimals.
      .slice(0, 2 * LOOKUP_IDS_MAX)
      .map(({ one }) => ({ one, candidate: this.#candidate(one, asOfMs) }))
      .sort((a, b) => compareCandidates(a.candidate, b.candidate))
      .slice(0, LOOKUP_IDS_MAX);
    const candidates = weighed.map(({ candidate }) => candidate);
    const ids = candidates.map(({ id }) => id);
    const lookup = { tier, ids, candidates, more: found.length - candidates.length, isRanked };
    return { lookup, best: (weighed[0] as { one: FoundToken }).one };
  }

  #candidate({ home, token }: FoundToken, asOfMs: number): Candidate {
    const { id, symbol, chainId } = home.engine.info(token);
    const { volume_usd } = home.engine.windowStats(token, this.#windowIndex, asOfMs);
    const named = symbol === undefined ? {} : { symbol };
    return { id, ...named, chain_id: chainId, volume_usd, window: this.#window.name };
  }

  #more(symbol: string, partitions: readonly ServedPartition[], asOfMs: number): Hits {
    const hitsMax = Math.max(SYMBOL_HITS_MAX, Math.floor(EXAMINED_MAX / partitions.length));
    const found: FoundToken[] = [];
    let isRanked = true;
    for (const home of partitions) {
      const hits = home.engine.findBySymbol(symbol, hitsMax).map((token) => ({ home, token }));
      found.push(...hits);
      if (hits.length < hitsMax) continue;
      const ranked = this.#ranked(home, symbol, asOfMs);
      found.push(...ranked);
      isRanked &&= ranked.length > 0;
    }
    return { found: withoutCopies(found), isRanked };
  }

  #ranked(home: ServedPartition, symbol: string, asOfMs: number): FoundToken[] {
    const folded = symbol.toLowerCase();
    home.views.lookAll(asOfMs);
    const top = home.ranking(this.#windowIndex, "volume_usd").top(RANKED_MAX, "desc", undefined, asOfMs);
    return top
      .map((index) => ({ home, token: home.views.tokenAt(index) }))
      .filter(({ token }) => home.engine.info(token).symbol?.toLowerCase() === folded);
  }
}

const idOf = ({ home, token }: FoundToken): string => home.engine.info(token).id;
