/** Data of channels. Made from the schemas of protocol/src by `npm run docs`. */
import type { ChannelFigures } from "./figures.ts";
import type { MarketFigures, MarketScope } from "./market.ts";
import type { Candle, SparkValues, Swap } from "./tokens.ts";

/** Data of a channel `token:<id>`. */
export type TokenData = {
  /** `<chain_id>:<token>`, canonical. */
  readonly id: string;
  readonly symbol?: string;
  /** Present when other partitions also have swaps of the token: every figure then lacks those swaps. */
  readonly split?: true;
  /** Swaps of the token that arrived too late to count. */
  readonly late: number;
  /** Removals of swaps of the token. */
  readonly removed: number;
  /** Removals that arrived too late. */
  readonly unresolved: number;
  /** Announcements that replaced another announcement of the same swap, which counted and was not removed. */
  readonly replaced: number;
  /** Removals that arrived before their announcement. */
  readonly removals_unmatched: number;
  readonly windows: { readonly [name: string]: ChannelFigures };
};

/** A row of a ranking, with the figures of its window. */
export type OverviewRow = {
  readonly symbol?: string;
  /** Present when other partitions also have swaps of the token: every figure then lacks those swaps. */
  readonly split?: true;
  readonly stats: ChannelFigures;
  /** Values of the sparkline, the oldest first. null: the slice has none. */
  readonly spark?: SparkValues;
};

/** Data of a channel `overview:<window>:<sort>`. `stats` is of that window. */
export type OverviewData = {
  /** Ids in the order of the ranking. */
  readonly order: readonly string[];
  readonly rows: { readonly [name: string]: OverviewRow };
};

/** A row with figures by window. */
export type ScreenerRow = {
  readonly symbol?: string;
  /** Present when other partitions also have swaps of the token: every figure then lacks those swaps. */
  readonly split?: true;
  readonly windows: { readonly [name: string]: ChannelFigures };
  /** Values of the sparkline, the oldest first. null: the slice has none. */
  readonly spark?: SparkValues;
};

/** Data of a channel `screener`, and of an overview with `windows`. */
export type ScreenerData = {
  /** Ids in the order of the ranking. */
  readonly order: readonly string[];
  readonly rows: { readonly [name: string]: ScreenerRow };
};

/** Data of a channel `candles:<id>:<interval>`: candles by `open_time`. */
export type CandlesData = {
  /** `<chain_id>:<token>`, canonical. */
  readonly id: string;
  readonly interval: string;
  /** Present when other partitions also have swaps of the token: every figure then lacks those swaps. */
  readonly split?: true;
  readonly items: { readonly [name: string]: Candle };
};

/** Data of a snapshot of a channel `swaps:<id>`, newest first. */
export type SwapsData = {
  readonly items: readonly Swap[];
};

/** Data of the channel `market`. */
export type MarketData = {
  /** Tokens with a swap in the longest window. */
  readonly tokens_active: number;
  /** Sums by window. Traders are not summed: a wallet that trades several tokens would count several times. */
  readonly windows: { readonly [name: string]: MarketFigures };
  /** The same by chain. A chain without a swap in any window is left out. */
  readonly chains: { readonly [name: string]: MarketScope };
};
