/** Four pools of every kind: v2 and v3, a dollar as either token, and prices through both. */
import type { PoolSettings } from "../../../../src/config/keys/feeders/pools.ts";
import type { Random } from "../../../support/seed.ts";
import { addressOf, hashOf, type TestSwap, type TestTransaction } from "../../../support/test-chain.ts";
import type { OraclePool } from "./chain-oracle.ts";

export const CHAIN_ID = 8453;

const TOKENS = { usdc: 6, weth: 18, dai: 18, wbtc: 8, coin: 0 } as const;
type TokenName = keyof typeof TOKENS;

function pool(name: string, version: "v2" | "v3", tokens: readonly [TokenName, TokenName]) {
  const [a, b] = tokens;
  return {
    ...{ address: addressOf(name), version },
    tokens: [addressOf(a), addressOf(b)] as const,
    decimals: [TOKENS[a], TOKENS[b]] as const,
  };
}

const DOLLAR_FIRST: OraclePool = { ...pool("usdc-weth", "v3", ["usdc", "weth"]), leg: 0, reported: [1] };
const DOLLAR_SECOND: OraclePool = { ...pool("weth-dai", "v2", ["weth", "dai"]), leg: 1, reported: [0] };
const THROUGH_FIRST: OraclePool = {
  ...pool("wbtc-weth", "v3", ["wbtc", "weth"]),
  ...{ leg: 1, through: DOLLAR_FIRST, reported: [0] },
};
const THROUGH_SECOND: OraclePool = {
  ...pool("weth-coin", "v2", ["weth", "coin"]),
  ...{ leg: 0, through: DOLLAR_SECOND, reported: [0, 1] },
};

export const POOLS: readonly OraclePool[] = [DOLLAR_FIRST, DOLLAR_SECOND, THROUGH_FIRST, THROUGH_SECOND];

/** The settings of the same pools: half of them name everything, the others nothing that the chain tells. */
export const POOL_SETTINGS: readonly PoolSettings[] = POOLS.map((one, index) => ({
  ...{ address: one.address, version: one.version },
  tokens: index % 2 === 0 ? [{}, {}] : [tokenSettings(one, 0), tokenSettings(one, 1)],
  dollar: one.through === undefined ? one.leg : { through: one.through.address },
  report: one.reported.length === 2 ? "both" : undefined,
}));

function tokenSettings(one: OraclePool, index: 0 | 1) {
  return { address: one.tokens[index], decimals: one.decimals[index], symbol: `T${index}` };
}

/** What the contracts answer. */
export const CONTRACTS: Readonly<Record<string, Readonly<Record<string, string>>>> = Object.fromEntries([
  ...POOLS.map((one) => [
    one.address,
    { "0x0dfe1681": word(BigInt(one.tokens[0])), "0xd21220a7": word(BigInt(one.tokens[1])) },
  ]),
  ...Object.entries(TOKENS).map(([name, decimals]) => [
    addressOf(name),
    { "0x313ce567": word(BigInt(decimals)), "0x95d89b41": abiText(name.toUpperCase()) },
  ]),
]);

function word(value: bigint): string {
  return `0x${value.toString(16).padStart(64, "0")}`;
}

function abiText(text: string): string {
  const bytes = Buffer.from(text).toString("hex").padEnd(64, "0");
  return `${word(32n)}${word(BigInt(text.length)).slice(2)}${bytes}`;
}

let made = 0;

/** A transaction with one to three swaps, now and then of nothing or of very much. */
export function randomTransaction(random: Random, limits: { readonly isHostile: boolean }): TestTransaction {
  const name = `tx ${made++} ${random.below(2 ** 31)}`;
  const swaps = Array.from({ length: 1 + random.below(3) }, () => randomSwap(random, limits.isHostile));
  const from = addressOf(`trader ${random.below(20)}`);
  return {
    hash: hashOf(name),
    from,
    sender: addressOf("router"),
    recipient: addressOf(`to ${random.below(5)}`),
    swaps,
  };
}

function randomSwap(random: Random, isHostile: boolean): TestSwap {
  const chosen = random.pick(POOLS);
  const sign = random.chance(0.5) ? 1n : -1n;
  const sizes = chosen.decimals.map((decimals) => 10n ** BigInt(decimals) * BigInt(1 + random.below(1000)));
  const amounts = sizes.map((size) => (isHostile ? hostile(random, size) : size + BigInt(random.below(1_000_000))));
  return {
    pool: { address: chosen.address, version: chosen.version },
    amount0: sign * amounts[0]!,
    amount1: -sign * amounts[1]!,
    sqrtPrice: isHostile && random.chance(0.05) ? 0n : randomSqrtPrice(random),
  };
}

function hostile(random: Random, size: bigint): bigint {
  if (random.chance(0.05)) return 0n;
  if (random.chance(0.05)) return 1n;
  return random.chance(0.05) ? 2n ** 254n + BigInt(random.below(1000)) : size + BigInt(random.below(1_000_000));
}

/** Around the price of one WETH in USDC: about 2^96 times 20000. */
function randomSqrtPrice(random: Random): bigint {
  return 2n ** 110n + 2n ** 80n * BigInt(random.below(2 ** 31));
}
