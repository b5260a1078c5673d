/**
 * The tokens of an ambiguous name, with symbol, chain and volume, the most volume first. Anybody can give a thousand tokens the symbol of
 * another one, so the search is bounded: a number of tokens from the index of symbols, and, if there are more, the head of the ranking by
 * volume. The largest token of the name is in that head, unless thousands of tokens with other names are larger.
 */

import { compareCandidates } from "../../bus/name-lookup.ts";
import { LOOKUP_IDS_MAX, type NameLookup } from "../../bus/responses.ts";
import { RankKey } from "../../engine/reads/rank-key.ts";
import { SYMBOL_HITS_MAX } from "../../engine/tokens.ts";
import type { WindowSpec } from "../../engine/types.ts";
import type { Candidate } from "../../ports/stats-bus.ts";
import type { Piecewise } from "../thread-share.ts";
import { caughtUp } from "./overview-page.ts";
import type { ServedPartition } from "./served-partition.ts";
import { type FoundToken, type Lookup, withoutCopies } from "./token-lookup.ts";

/** Tokens of one symbol whose volume a worker reads. Measured: 0.6 us each. */
export const EXAMINED_MAX = 2_000;
/** Tokens of a partition's ranking by volume that are searched for a symbol with more tokens. */
const RANKED_MAX = 1_000;
/** Volumes read in a piece, and candidates. */
const VOLUMES_PER_PIECE = 300;
const CANDIDATES_PER_PIECE = 20;
const DAY_MS = 86_400_000;

type RankedLookup = { readonly lookup: NameLookup; readonly best: FoundToken };
type Hits = { readonly found: readonly FoundToken[]; readonly isRanked: boolean };

export class LookupCandidates {
  /** The longest window of at most a day, else the shortest. */
  readonly window: WindowSpec;
  readonly windowIndex: number;
  readonly #key = new RankKey();

  constructor(windows: readonly WindowSpec[]) {
    const byLength = [...windows].sort((a, b) => a.lengthMs - b.lengthMs);
    this.window = (byLength.findLast(({ lengthMs }) => lengthMs <= DAY_MS) ?? byLength[0]) as WindowSpec;
    this.windowIndex = windows.indexOf(this.window);
  }

  *of(
    { tier, found: first }: Lookup,
    text: string,
    partitions: readonly ServedPartition[],
    asOfMs: number,
  ): Piecewise<RankedLookup> {
    const [only] = first;
    if (tier === "id" && only !== undefined) return { lookup: { tier, ids: [idOf(only)] }, best: only };
    const { found, isRanked } =
      tier === "symbol" && first.length >= SYMBOL_HITS_MAX
        ? yield* this.#more(text, partitions, asOfMs)
        : { found: first, isRanked: true };
    const volumes: { readonly one: FoundToken; readonly volume: number }[] = [];
    for (const one of found) {
      one.home.engine.rankKey(one.token, this.windowIndex, "volume_usd", asOfMs, this.#key);
      volumes.push({ one, volume: this.#key.k0 });
      if (volumes.length % VOLUMES_PER_PIECE === 0) yield;
    }
    // Rounded to numbers they may tie or swap places, so a few more are compared as decimals.
    const largest = volumes.sort((a, b) => b.volume - a.volume).slice(0, 2 * LOOKUP_IDS_MAX);
    const weighed: { readonly one: FoundToken; readonly candidate: Candidate }[] = [];
    for (const { one } of largest) {
      weighed.push({ one, candidate: this.#candidate(one, asOfMs) });
      if (weighed.length % CANDIDATES_PER_PIECE === 0) yield;
    }
    weighed.sort((a, b) => compareCandidates(a.candidate, b.candidate)).splice(LOOKUP_IDS_MAX);
    const candidates = weighed.map(({ candidate }) => candidate);
    const ids = candidates.map(({ id }) => id);
    const lookup = { tier, ids, candidates, more: found.length - candidates.length, isRanked };
    return { lookup, best: (weighed[0] as { one: FoundToken }).one };
  }

  #candidate({ home, token }: FoundToken, asOfMs: number): Candidate {
    const { id, symbol, chainId } = home.engine.info(token);
    const { volume_usd } = home.engine.windowStats(token, this.windowIndex, asOfMs);
    const named = symbol === undefined ? {} : { symbol };
    return { id, ...named, chain_id: chainId, volume_usd, window: this.window.name };
  }

  *#more(symbol: string, partitions: readonly ServedPartition[], asOfMs: number): Piecewise<Hits> {
    const hitsMax = Math.max(SYMBOL_HITS_MAX, Math.floor(EXAMINED_MAX / partitions.length));
    const found: FoundToken[] = [];
    let isRanked = true;
    for (const home of partitions) {
      const hits = home.engine.findBySymbol(symbol, hitsMax).map((token) => ({ home, token }));
      found.push(...hits);
      if (hits.length < hitsMax) continue;
      const ranked = yield* this.#ranked(home, symbol, asOfMs);
      found.push(...ranked);
      isRanked &&= ranked.length > 0;
    }
    return { found: withoutCopies(found), isRanked };
  }

  *#ranked(home: ServedPartition, symbol: string, asOfMs: number): Piecewise<FoundToken[]> {
    const folded = symbol.toLowerCase();
    const windowIndex = this.windowIndex;
    const sort = "volume_usd";
    yield* caughtUp([home], () => asOfMs, {
      syncSome: (_home, atMs, work) => home.ranking(windowIndex, sort).syncSome(atMs, work),
    });
    const found: FoundToken[] = [];
    let looked = 0;
    for (const index of home.ranking(windowIndex, sort).walk("desc", undefined)) {
      const token = home.views.tokenAt(index);
      if (home.engine.info(token).symbol?.toLowerCase() === folded) found.push({ home, token });
      if (++looked === RANKED_MAX) break;
    }
    return found;
  }
}

const idOf = ({ home, token }: FoundToken): string => home.engine.info(token).id;
