/** Looks up the tokens that requests to the history name: those that the service knows now, else those of the history. */
import type { HistoryReader, TokenKey } from "../../ports/history-store.ts";
import type { Chosen, Preference } from "../../ports/stats-bus.ts";
import {
  type ChainAddresses,
  canonicalForms,
  canonicalToken,
  formatTokenId,
  parseTokenId,
} from "../../shared/token-id.ts";
import { ambiguousToken, ProblemError, unknownToken } from "../problems.ts";
import type { QueryExecutor } from "../query-executor.ts";

export type PastToken = {
  readonly key: TokenKey;
  readonly id: string;
  readonly chosen: Chosen | undefined;
  /** False: only the form of its id is known. */
  readonly isKnown: boolean;
};

const NO_FIGURES = { windows: [], fields: [], tag: "" } as const;

export class PastTokens {
  readonly #executor: QueryExecutor;
  readonly #reader: HistoryReader;
  readonly #chains: ChainAddresses;

  constructor(executor: QueryExecutor, reader: HistoryReader, chains: ChainAddresses) {
    this.#executor = executor;
    this.#reader = reader;
    this.#chains = chains;
  }

  /** Rejects with ProblemError `unknown_token`, `ambiguous_token` or `unavailable`. */
  async find(text: string, prefer: Preference | undefined): Promise<PastToken> {
    try {
      const { id, chosen } = await this.#executor.tokenStats(text, NO_FIGURES, prefer);
      return { key: keyOf(id), id, chosen, isKnown: true };
    } catch (error) {
      const code = error instanceof ProblemError ? error.code : undefined;
      if (code !== "unknown_token" && code !== "unavailable") throw error;
      const key = parseTokenId(text, this.#chains);
      if (key !== undefined)
        return { key, id: formatTokenId(key.chainId, key.token), chosen: undefined, isKnown: false };
      if (code === "unavailable") throw error;
    }
    return this.#findInHistory(text);
  }

  async #findInHistory(text: string): Promise<PastToken> {
    const lists = await Promise.all([...canonicalForms(text, this.#chains)].map((form) => this.#reader.find(form)));
    const found = new Map(lists.flat().map((key) => [formatTokenId(key.chainId, key.token), key]));
    const isToken = ({ chainId, token }: TokenKey): boolean =>
      token === canonicalToken(text, this.#chains.get(chainId)?.addressBytes);
    const tokens = [...found.values()].filter(isToken);
    const hits = tokens.length > 0 ? tokens : [...found.values()];
    const [key] = hits;
    if (key === undefined) throw unknownToken(text);
    if (hits.length > 1) {
      const candidates = hits
        .slice(0, 20)
        .map(({ chainId, token }) => ({ id: formatTokenId(chainId, token), chain_id: chainId }));
      throw ambiguousToken(text, { candidates, more: hits.length - candidates.length, isRanked: false });
    }
    return { key, id: formatTokenId(key.chainId, key.token), chosen: undefined, isKnown: true };
  }
}

function keyOf(id: string): TokenKey {
  const at = id.indexOf(":");
  return { chainId: Number(id.slice(0, at)), token: id.slice(at + 1) };
}
