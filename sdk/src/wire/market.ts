/** Sums over all tokens. Made from the schemas of protocol/src by `npm run docs`. */

/** Figures that can be added up over tokens. */
export type MarketSums = {
  /** Swaps. */
  readonly trades: number;
  /** Swaps that bought a token. */
  readonly buys: number;
  /** Swaps that sold a token. */
  readonly sells: number;
  /** Dollars of all swaps. */
  readonly volume_usd: string;
  /** Dollars of the buys. */
  readonly buy_volume_usd: string;
  /** Dollars of the sells. */
  readonly sell_volume_usd: string;
  /** buy_volume_usd less sell_volume_usd. */
  readonly net_volume_usd: string;
};

/** Sums over tokens in a window. */
export type MarketFigures = {
  /** Whether the service saw everything since the start of the window. */
  readonly complete: boolean;
  /** Swaps. */
  readonly trades: number;
  /** Swaps that bought a token. */
  readonly buys: number;
  /** Swaps that sold a token. */
  readonly sells: number;
  /** Dollars of all swaps. */
  readonly volume_usd: string;
  /** Dollars of the buys. */
  readonly buy_volume_usd: string;
  /** Dollars of the sells. */
  readonly sell_volume_usd: string;
  /** buy_volume_usd less sell_volume_usd. */
  readonly net_volume_usd: string;
  /** The same span before the window. */
  readonly previous?: MarketSums;
};

/** Sums of a chain. */
export type MarketScope = {
  /** Tokens with a swap in the longest window. */
  readonly tokens_active: number;
  /** Sums by window. Traders are not summed: a wallet that trades several tokens would count several times. */
  readonly windows: { readonly [name: string]: MarketFigures };
};

/** Sums over all tokens, whole and by chain. */
export type Market = {
  /** Time for which the sums are computed, in ms since 1970. */
  readonly as_of: number;
  readonly epoch: string;
  /** Revision, which grows when any figure of a token changes. */
  readonly rev: number;
  /** Tokens with a swap in the longest window. */
  readonly tokens_active: number;
  /** Sums by window. Traders are not summed: a wallet that trades several tokens would count several times. */
  readonly windows: { readonly [name: string]: MarketFigures };
  /** The same by chain. A chain without a swap in any window is left out. */
  readonly chains: { readonly [name: string]: MarketScope };
  /** Present while an owner is away: the response is then the last known one, with the as_of of that response. */
  readonly stale?: true;
};
