/**
 * Finds the tokens of the partitions of a worker by a part of a text: first those whose id, address or symbol begins with it, then those whose
 * symbol holds it elsewhere. In both, those with the most volume come first. Ids are found by their order, symbols by a pass over all of them,
 * which takes some milliseconds for 100,000 tokens and is done in pieces.
 */
import type { SearchRow } from "../../bus/responses.ts";
import type { WindowSpec } from "../../engine/types.ts";
import type { Piecewise } from "../thread-share.ts";
import { caughtUp } from "./overview-page.ts";
import { Ranking } from "./ranking.ts";
import type { ServedPartition } from "./served-partition.ts";

type SearchQuery = { readonly query: string; readonly chainId: number | undefined; readonly limit: number };
type Hit = { readonly home: ServedPartition; readonly ranking: Ranking; readonly index: number };

/** Tokens that are compared in a piece: less than a millisecond, even if all of them match. */
const TOKENS_PER_PIECE = 1_000;
const SORT = "volume_usd";

/** Returns the best rows of the partitions, and their as-of. `window`: that of the volume. */
export function* searchTokens(
  partitions: readonly ServedPartition[],
  { query, chainId, limit }: SearchQuery,
  window: { readonly spec: WindowSpec; readonly index: number },
  asOf: () => number,
): Piecewise<{ readonly asOf: number; readonly rows: readonly SearchRow[] }> {
  const asOfMs = yield* caughtUp(partitions, asOf, {
    syncSome: (home, atMs, work) =>
      home.ranking(window.index, SORT).syncSome(atMs, work) && home.symbols.syncSome(work),
  });
  const prefixed = new Best(limit);
  const parted = new Best(limit);
  for (const home of partitions) {
    const ranking = home.ranking(window.index, SORT);
    for (const prefix of idPrefixes(home, query, chainId)) {
      let passed = 0;
      for (const index of home.indexesWithPrefix(prefix)) {
        prefixed.offer({ home, ranking, index });
        if (++passed % TOKENS_PER_PIECE === 0) yield;
      }
    }
    const text = query.toLowerCase();
    for (let index = 0; index < home.views.count; index++) {
      if (index % TOKENS_PER_PIECE === TOKENS_PER_PIECE - 1) yield;
      const at = home.symbols.indexOf(text, index);
      if (at < 0 || (chainId !== undefined && home.engine.chainIdOf(home.views.tokenAt(index)) !== chainId)) continue;
      (at === 0 ? prefixed : parted).offer({ home, ranking, index });
    }
  }
  const rows: SearchRow[] = [];
  for (const [tier, best] of [prefixed, parted].entries()) {
    for (const hit of best.hits) {
      rows.push(rowOf(hit, tier, window, Math.max(asOfMs, hit.home.views.lastStepMs)));
      yield;
    }
  }
  return { asOf: asOfMs, rows };
}

/** Prefixes of ids: the text itself if it names a chain, else the text as an address on each chain. */
function idPrefixes({ engine }: ServedPartition, query: string, chainId: number | undefined): string[] {
  // The canonical form of hex is in lower case; other addresses distinguish the cases.
  const text = /^([0-9]+:)?0x/i.test(query) ? query.toLowerCase() : query;
  const colon = text.indexOf(":");
  if (colon > 0 && /^[0-9]+$/.test(text.slice(0, colon))) {
    return chainId === undefined || String(chainId) === text.slice(0, colon) ? [text] : [];
  }
  const chains = chainId === undefined ? [...engine.highs().keys()] : [chainId];
  return chains.map((chain) => `${chain}:${text}`);
}

/** The hits with the most volume. */
class Best {
  readonly #limit: number;
  /** Descending by volume. */
  readonly hits: Hit[] = [];
  readonly #known = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  offer(hit: Hit): void {
    const { hits } = this;
    if (!hit.home.views.isListedAt(hit.index)) return;
    const last = hits.at(-1);
    if (hits.length === this.#limit && last !== undefined && compareHits(hit, last) >= 0) return;
    const key = `${hit.home.partition}:${hit.index}`;
    if (this.#known.has(key)) return;
    this.#known.add(key);
    let low = 0;
    let high = hits.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareHits(hits[middle] as Hit, hit) <= 0) low = middle + 1;
      else high = middle;
    }
    hits.splice(low, 0, hit);
    const gone = hits.length > this.#limit ? hits.pop() : undefined;
    if (gone !== undefined) this.#known.delete(`${gone.home.partition}:${gone.index}`);
  }
}

/** Compares by volume, then by id. */
function compareHits(a: Hit, b: Hit): number {
  const byVolume = Ranking.compareKeys(a.ranking, a.index, b.ranking, b.index, "desc");
  if (byVolume !== 0) return byVolume;
  // Makes no texts: many tokens have the same volume.
  if (a.home === b.home) {
    return a.home.engine.compareIds(a.home.views.tokenAt(a.index), b.home.views.tokenAt(b.index));
  }
  const [one, other] = [a.home.views.idAt(a.index), b.home.views.idAt(b.index)];
  return one < other ? -1 : one > other ? 1 : 0;
}

function rowOf(
  { home, index }: Hit,
  tier: number,
  window: { readonly spec: WindowSpec; readonly index: number },
  asOfMs: number,
): SearchRow {
  const token = home.views.tokenAt(index);
  const { id, symbol, chainId } = home.engine.info(token);
  const { volume_usd } = home.engine.windowStats(token, window.index, asOfMs);
  const named = symbol === undefined ? {} : { symbol };
  return { tier, candidate: { id, ...named, chain_id: chainId, volume_usd, window: window.spec.name } };
}
