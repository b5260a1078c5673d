/** The tokens of the generator: names, addresses, price levels, and the bytes of a record that never change for a token. */
import { mix32, type Random } from "./random.ts";

/** Known symbols with their order of price in dollars; addresses are made up. */
const KNOWN: readonly (readonly [string, number])[] = [
  ["WETH", 3200],
  ["USDC", 1],
  ["USDT", 1],
  ["WBTC", 65_000],
  ["PEPE", 0.000012],
  ["DAI", 1],
  ["LINK", 15],
  ["UNI", 8],
  ["AAVE", 150],
  ["SHIB", 0.00002],
  ["MKR", 1500],
  ["LDO", 1.2],
  ["ARB", 0.8],
  ["CRV", 0.4],
  ["SNX", 2],
  ["COMP", 50],
  ["APE", 1.1],
  ["POL", 0.5],
  ["GRT", 0.2],
  ["ENS", 20],
  ["FLOKI", 0.00015],
  ["RNDR", 6],
  ["ONDO", 0.9],
  ["FET", 1.5],
];
const STABLE = new Set(["USDC", "USDT", "DAI"]);
const EXCHANGES = ["uniswap_v2", "uniswap_v3", "uniswap_v4", "curve", "balancer_v2", "sushiswap"] as const;
const CHAIN_SHARES: readonly (readonly [number, number])[] = [
  [0.7, 1],
  [0.85, 8453],
  [0.95, 56],
  [1, 42161],
];
/** Digits of a price; its mantissa starts between 10^9 and 10^10 and walks within 2^53. */
const PRICE_DIGITS = 10;

export type CatalogueToken = {
  readonly chainId: number;
  /** `,"chain_id":..` to `"router":".."`. */
  readonly segment: Uint8Array;
  /** The price is mantissa / 10^scale dollars. */
  readonly priceMantissa: number;
  readonly priceScale: number;
  /** Bounds of the walk. */
  readonly priceMin: number;
  readonly priceMax: number;
  /** Largest step of the walk, relative. */
  readonly volatility: number;
  /** Places of amount_token. */
  readonly decimals: number;
};

export function makeCatalogue(count: number, seed: number, random: Random): CatalogueToken[] {
  return Array.from({ length: count }, (_, index) => makeToken(index, seed, random));
}

function makeToken(index: number, seed: number, random: Random): CatalogueToken {
  const known = KNOWN[index];
  const symbol = known?.[0] ?? symbolOf(index);
  const drawn = (1 + 9 * random.unit()) * POWERS_OF_TEN[random.below(POWERS_OF_TEN.length)]!;
  const price = known?.[1] ?? drawn;
  const share = random.unit();
  const chainId = known !== undefined ? 1 : (CHAIN_SHARES.find(([limit]) => share < limit)?.[1] ?? 1);
  const drawnDecimals = [18, 18, 18, 9, 8, 6][random.below(6)] as number;
  const decimals = known === undefined ? drawnDecimals : decimalsOf(symbol);
  let priceScale = PRICE_DIGITS - 1;
  for (let level = price; level >= 10; level /= 10) priceScale--;
  for (let level = price; level < 1; level *= 10) priceScale++;
  const priceMantissa = Math.round(price * Number(`1e${priceScale}`));
  const reach = STABLE.has(symbol) ? 1.004 : 50;
  const fields = {
    chain_id: chainId,
    token: addressOf(seed, 1, index),
    token_symbol: symbol,
    pool: addressOf(seed, 2, index),
    dex: EXCHANGES[random.below(EXCHANGES.length)],
    router: addressOf(seed, 3, random.below(EXCHANGES.length)),
  };
  return {
    chainId,
    segment: new TextEncoder().encode(`,${JSON.stringify(fields).slice(1, -1)}`),
    priceMantissa,
    priceScale,
    priceMin: Math.ceil(priceMantissa / reach),
    priceMax: Math.floor(priceMantissa * reach),
    volatility: STABLE.has(symbol) ? 0.0001 : 0.0006,
    decimals,
  };
}

function decimalsOf(symbol: string): number {
  if (symbol === "WBTC") return 8;
  return symbol === "USDC" || symbol === "USDT" ? 6 : 18;
}

const POWERS_OF_TEN = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100];
const CONSONANTS = "bdfghjklmnprstvz";
const VOWELS = "aeiou";

/** Three syllables or more, different for each index; longer than any known symbol, so none is met twice. */
function symbolOf(index: number): string {
  let text = "";
  let rest = index;
  for (let syllables = 0; syllables < 3 || rest > 0; syllables++) {
    text += CONSONANTS[rest % 16];
    rest = Math.floor(rest / 16);
    text += VOWELS[rest % 5];
    rest = Math.floor(rest / 5);
  }
  return text.toUpperCase();
}

/** Twenty bytes of hex that follow from the arguments alone. */
export function addressWord(seed: number, kind: number, index: number, word: number): number {
  return mix32(Math.imul(mix32(index + Math.imul(kind, 0x61c88647)) ^ mix32(seed ^ 0x2545f491), 5) + word * 0x1b873593);
}

function addressOf(seed: number, kind: number, index: number): string {
  const words = Array.from({ length: 5 }, (_, word) =>
    addressWord(seed, kind, index, word).toString(16).padStart(8, "0"),
  );
  return `0x${words.join("")}`;
}
