/**
 * What the owners of partitions add to the history (types alone): the swaps that count and have not settled, and the settled ones that the store
 * may not have yet. Together with the rows of the store before the edges these are all swaps, each once.
 */
import type { CandleStep } from "../shared/candle-step.ts";
import type {
  CandleSums,
  Edge,
  SettledRow,
  Span,
  SpanSums,
  StreamKey,
  SwapPage,
  SwapPosition,
  TokenKey,
  TraderSets,
} from "./history-store.ts";

export type OwnedQuery =
  /** Sums of each span, and the wallets of each of the other spans. */
  | {
      readonly want: "sums";
      readonly tokens: readonly TokenKey[];
      readonly spans: readonly Span[];
      readonly walletsOf: readonly Span[];
    }
  /** The newest candles of the span, at most `limit`. */
  | {
      readonly want: "candles";
      readonly tokens: readonly [TokenKey];
      readonly step: CandleStep;
      readonly span: Span;
      readonly limit: number;
    }
  /** Sums of each span for all tokens that have swaps in one of them, in pages. */
  | {
      readonly want: "tokens";
      readonly tokens: readonly [];
      readonly spans: readonly Span[];
      /** Empty: the first page of every partition; else the page of each of these partitions, and nothing of the others. */
      readonly pages: readonly OwnedPage[];
      /** Sums of a page of a partition: tokens times spans. A page may have some more. */
      readonly limit: number;
    }
  | { readonly want: "swaps"; readonly tokens: readonly [TokenKey]; readonly page: SwapPage }
  /** Edges alone. */
  | { readonly want: "edges"; readonly tokens: readonly [] };

/** Where a page begins: at this part of the tokens of the partition, with the edge and owner of the first page. */
export type OwnedPage = {
  readonly partition: number;
  readonly owner: string;
  readonly edge: Edge | undefined;
  readonly part: number;
};

/** A token of a page. Undefined for a span without swaps. */
export type OwnedSums = TokenKey & {
  readonly sums: readonly (SpanSums | undefined)[];
  /** The last symbol that one of its swaps before the end of the spans named. */
  readonly symbol: { readonly text: string; readonly atMs: number } | undefined;
};

/** Swaps of a token that the store may not have. Members that were not asked for are empty. */
export type OwnedToken = {
  readonly sums: readonly SpanSums[];
  readonly wallets: readonly TraderSets[];
  /** The last symbol that one of its swaps before the end of the spans named. */
  readonly symbol: { readonly text: string; readonly at: SwapPosition } | undefined;
  readonly candles: readonly CandleSums[];
  readonly swaps: readonly SettledRow[];
};

/** The answer of the owner of a partition. */
export type OwnedPart = {
  readonly partition: number;
  /** Epoch of the owner. */
  readonly owner: string;
  /** Rows of the store from here on are in this answer. Undefined while the partition keeps no history. */
  readonly edge: Edge | undefined;
  /** False when rows from the edge on are no longer in memory, and not yet in the store. */
  readonly isWhole: boolean;
  readonly seenSinceMs: number | undefined;
  /** For each token of the query; undefined where the partition does not know the token. */
  readonly tokens: readonly (OwnedToken | undefined)[];
  /** For the query of all tokens: those of the page, and where the next one begins; undefined on the last. */
  readonly page?: { readonly tokens: readonly OwnedSums[]; readonly next: number | undefined } | undefined;
};

/** The settled swaps of a partition that the store may not have yet. */
export type SettledTail = {
  /** Undefined while there is no state. */
  readonly stream: StreamKey | undefined;
  /** All rows of the stream below this sequence are in the store. */
  readonly durable: number;
  /** Where the stream begins to be valid. Earlier swaps are those of the stream before, although the state may hold some of them as well. */
  readonly fromMs: number;
  /** Keeps the rows from there on in memory for half a minute after they are in the store, for an answer in several pages. */
  hold(): void;
  /**
   * Returns those of these tokens from the sequence on, up to the last that settled until now, in order. `isComplete`: none of them was dropped from
   * memory.
   */
  rows(
    from: number,
    only: TokenKey | ((chainId: number, token: string) => boolean),
  ): { readonly isComplete: boolean; readonly rows: Iterable<SettledRow> };
};
