/** Sums over all tokens. */
import { type Static, Type } from "typebox";
import { count, decimal, optional, stale, timeMs } from "./values.ts";

/** Figures that can be added up over tokens, in the order of a token's. */
const sums = {
  trades: count("Swaps"),
  buys: count("Swaps that bought a token"),
  sells: count("Swaps that sold a token"),
  volume_usd: decimal("Dollars of all swaps"),
  buy_volume_usd: decimal("Dollars of the buys"),
  sell_volume_usd: decimal("Dollars of the sells"),
  net_volume_usd: decimal("buy_volume_usd less sell_volume_usd"),
};

const PreviousMarketFigures = Type.Object(sums, { description: "The same span before the window" });
const MarketFigures = Type.Object({
  complete: Type.Boolean({ description: "Whether the service saw everything since the start of the window" }),
  ...sums,
  previous: optional(PreviousMarketFigures),
});

const perScope = {
  tokens_active: count("Tokens with a swap in the longest window"),
  windows: Type.Record(Type.String(), MarketFigures, {
    description:
      "Sums by window. Traders are not summed: a wallet that trades several tokens would count several times",
  }),
};

/** Members of the market, in the channel and over HTTP. */
export const marketMembers = {
  ...perScope,
  chains: Type.Record(Type.String(), Type.Object(perScope), {
    description: "The same by chain. A chain without a swap in any window is left out",
  }),
};

/** `GET /api/market`. */
export const Market = Type.Object({
  as_of: timeMs("Time for which the sums are computed"),
  epoch: Type.String(),
  rev: count("Revision, which grows when any figure of a token changes"),
  ...marketMembers,
  stale,
});
export type Market = Static<typeof Market>;
