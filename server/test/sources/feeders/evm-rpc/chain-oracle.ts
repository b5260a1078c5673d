/** The swaps that a chain should give, from what was put into its blocks: without logs, decoders or code of the feeder. */
import { divideHalfEven, parseDecimal, power10, toPlaces } from "../../../model/decimal.ts";
import type { TestBlock, TestPool, TestSwap, TestTransaction } from "../../../support/test-chain.ts";

export type OraclePool = TestPool & {
  readonly tokens: readonly [string, string];
  readonly decimals: readonly [number, number];
  /** The token whose amount gives the dollars. */
  readonly leg: 0 | 1;
  readonly through?: OraclePool;
  readonly reported: readonly (0 | 1)[];
};

/** Amounts are exact: base units of the token, and 10^-18 dollars. */
type OracleSwap = {
  readonly key: string;
  readonly pool: string;
  readonly side: string;
  readonly who: string;
  readonly units: bigint;
  readonly usd18: bigint;
  readonly timeMs: number;
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly txIndex: number;
};

type WhoOf = (tx: TestTransaction) => string;

const DOLLAR_PLACES = 18;
const abs = (value: bigint): bigint => (value < 0n ? -value : value);

/** Blocks before `start` only give prices. */
export function expectedSwaps(
  blocks: readonly TestBlock[],
  start: number,
  chainId: number,
  pools: readonly OraclePool[],
  whoOf: WhoOf,
): Map<string, OracleSwap> {
  const byAddress = new Map(pools.map((pool) => [pool.address, pool]));
  const lastSwaps = new Map<string, TestSwap>();
  const expected = new Map<string, OracleSwap>();
  for (const block of blocks) {
    let log = 0;
    for (const [txIndex, tx] of block.transactions.entries()) {
      for (const swap of tx.swaps) {
        const { logIndex } = block.logs[log++]!;
        const pool = byAddress.get(swap.pool.address);
        if (pool === undefined) continue;
        const usd18 = dollars(pool, swap, lastSwaps);
        if (pool.through === undefined && hasPrice(swap)) lastSwaps.set(pool.address, swap);
        if (usd18 === undefined || block.number < start) continue;
        for (const index of pool.reported) {
          const amount = index === 0 ? swap.amount0 : swap.amount1;
          if (amount === 0n) continue;
          const key = `${chainId}:${pool.tokens[index]} ${chainId}:${tx.hash}:${logIndex}`;
          expected.set(key, {
            ...{
              key,
              pool: pool.address,
              side: amount < 0n ? "buy" : "sell",
              who: whoOf(tx),
              units: abs(amount),
              usd18,
            },
            ...{ timeMs: block.timestamp * 1000, blockNumber: block.number, blockHash: block.hash, txIndex },
          });
        }
      }
    }
  }
  return expected;
}

function hasPrice(swap: TestSwap): boolean {
  return swap.pool.version === "v3" ? swap.sqrtPrice > 0n : swap.amount0 !== 0n && swap.amount1 !== 0n;
}

function dollars(pool: OraclePool, swap: TestSwap, last: ReadonlyMap<string, TestSwap>): bigint | undefined {
  const amount = abs(pool.leg === 0 ? swap.amount0 : swap.amount1);
  const { through } = pool;
  if (through === undefined) return divideHalfEven(amount * power10(DOLLAR_PLACES), power10(pool.decimals[pool.leg]));
  const priced = last.get(through.address);
  if (priced === undefined) return undefined;
  // token1 for one base unit of token 0, as a fraction.
  const [up, down] =
    priced.pool.version === "v3"
      ? [priced.sqrtPrice * priced.sqrtPrice, 2n ** 192n]
      : [abs(priced.amount1), abs(priced.amount0)];
  const [numerator, denominator] = through.leg === 1 ? [up, down] : [down, up];
  const scale = power10(through.decimals[through.leg]);
  return divideHalfEven(amount * numerator * power10(DOLLAR_PLACES), denominator * scale);
}

/** Returns the differences between an event and what was expected of it. */
export function differences(event: Readonly<Record<string, unknown>>, swap: OracleSwap, decimals: number): string[] {
  const amount = parseDecimal(String(event.amount_token));
  const found = {
    ...{ pool: event.pool, side: event.side, who: event.who, timeMs: event.event_time },
    ...{ blockNumber: event.block_number, blockHash: event.block_hash, txIndex: event.tx_index },
    units: toPlaces(amount, decimals),
    usd18: toPlaces(parseDecimal(String(event.amount_usd)), DOLLAR_PLACES),
  };
  const names = Object.keys(found) as (keyof typeof found)[];
  return names.filter((name) => found[name] !== swap[name]).map((name) => `${name}: ${found[name]} !== ${swap[name]}`);
}
