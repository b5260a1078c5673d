/** The tokens of the generator: names, addresses, price levels, and the bytes of a record that never change for a token. */
import { mix32, type Random } from "./random.ts";

type KnownToken = { readonly symbol: string; readonly price: number; readonly chainId: number; readonly token: string };

const known = (symbol: string, price: number, token: string, chainId = 1): KnownToken => ({
  symbol,
  price,
  chainId,
  token,
});

/**
 * Well-known tokens with their real chains and addresses: a user's own swaps then name the same tokens as the generated
 * ones. Prices are about right.
 */
const KNOWN: readonly KnownToken[] = [
  known("WETH", 3200, "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"),
  known("USDC", 1, "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"),
  known("USDT", 1, "0xdac17f958d2ee523a2206206994597c13d831ec7"),
  known("WBTC", 65_000, "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599"),
  known("PEPE", 0.000012, "0x6982508145454ce325ddbe47a25d4ec3d2311933"),
  known("DAI", 1, "0x6b175474e89094c44da98b954eedeac495271d0f"),
  known("LINK", 15, "0x514910771af9ca656af840dff83e8264ecf986ca"),
  known("UNI", 8, "0x1f9840a85d5af5bf1d1762f925bdaddc4201f984"),
  known("AAVE", 150, "0x7fc66500c84a76ad7e9c93437bfc5ac33e2ddae9"),
  known("SHIB", 0.00002, "0x95ad61b0a150d79219dcf64e1e6cc01f0b64c4ce"),
  known("MKR", 1500, "0x9f8f72aa9304c8b593d555f12ef6589cc3a579a2"),
  known("LDO", 1.2, "0x5a98fcbea516cf06857215779fd812ca3bef1b32"),
  known("ARB", 0.8, "0x912ce59144191c1204e64559fe8253a0e49e6548", 42161),
  known("CRV", 0.4, "0xd533a949740bb3306d119cc777fa900ba034cd52"),
  known("SNX", 2, "0xc011a73ee8576fb46f5e1c5751ca3b9fe0af2a6f"),
  known("COMP", 50, "0xc00e94cb662c3520282e6f5717214004a7f26888"),
  known("APE", 1.1, "0x4d224452801aced8b2f0aebe155379bb5d594381"),
  known("POL", 0.5, "0x455e53cbb86018ac2b8092fdcd39d8444affc3f6"),
  known("GRT", 0.2, "0xc944e90c64b2c07662a292be6244bdf05cda44a7"),
  known("ENS", 20, "0xc18360217d8f7ab5e7c516566761ea12ce7f9d72"),
  known("FLOKI", 0.00015, "0xcf0c122c6b73ff809c693db761e7baebe62b6a2e"),
  known("RNDR", 6, "0x6de037ef9ad2725eb40118bb1702ebb27e4aeb24"),
  known("ONDO", 0.9, "0xfaba6f8e4a5e8ab82f62fe7c39859fa577269be3"),
  known("FET", 1.5, "0xaea46a60368a7bd060eec7df8cba43b7ef41ad85"),
  known("SOL", 150, "0xd31a59c85ae9d8edefec411d448f90841571b89c"),
  known("cbBTC", 65_000, "0xcbb7c0000ab88b473b1f5afd9ef808440eed33bf", 8453),
  known("BTCB", 65_000, "0x7130d2a12b9bcbfae4f2634d864a1ee1ce3ead9c", 56),
];
/** Decimal places of amounts where they are not 18. */
const DECIMALS: Readonly<Record<string, number>> = { USDC: 6, USDT: 6, WBTC: 8, cbBTC: 8, FLOKI: 9, SOL: 9 };
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
  /** Decimal places of amount_token. */
  readonly decimals: number;
};

export function makeCatalogue(count: number, seed: number, random: Random): CatalogueToken[] {
  return Array.from({ length: count }, (_, index) => makeToken(index, seed, random));
}

function makeToken(index: number, seed: number, random: Random): CatalogueToken {
  const real = KNOWN[index];
  const symbol = real?.symbol ?? symbolOf(index);
  const drawn = (1 + 9 * random.unit()) * POWERS_OF_TEN[random.below(POWERS_OF_TEN.length)]!;
  const price = real?.price ?? drawn;
  const share = random.unit();
  const chainId = real?.chainId ?? CHAIN_SHARES.find(([limit]) => share < limit)?.[1] ?? 1;
  const drawnDecimals = [18, 18, 18, 9, 8, 6][random.below(6)] as number;
  const decimals = real === undefined ? drawnDecimals : (DECIMALS[symbol] ?? 18);
  let priceScale = PRICE_DIGITS - 1;
  for (let level = price; level >= 10; level /= 10) priceScale--;
  for (let level = price; level < 1; level *= 10) priceScale++;
  const priceMantissa = Math.round(price * Number(`1e${priceScale}`));
  const reach = STABLE.has(symbol) ? 1.004 : 50;
  const fields = {
    chain_id: chainId,
    token: real?.token ?? addressOf(seed, 1, index),
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

const POWERS_OF_TEN = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100];
const CONSONANTS = "bdfghjklmnprstvz";
const VOWELS = "aeiou";

/**
 * Returns three syllables or more, different for each index and longer than any known symbol, so that none occurs
 * twice.
 */
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

/** Returns twenty bytes of hex that depend on the arguments alone. */
export function addressWord(seed: number, kind: number, index: number, word: number): number {
  return mix32(Math.imul(mix32(index + Math.imul(kind, 0x61c88647)) ^ mix32(seed ^ 0x2545f491), 5) + word * 0x1b873593);
}

function addressOf(seed: number, kind: number, index: number): string {
  const words = Array.from({ length: 5 }, (_, word) =>
    addressWord(seed, kind, index, word).toString(16).padStart(8, "0"),
  );
  return `0x${words.join("")}`;
}
