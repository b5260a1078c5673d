/** Finds the price that a pool had before a block, in the pool's last swap before it. */
import type { ChainReader } from "./chain-reader.ts";
import type { Pool } from "./pools.ts";
import { priceText } from "./prices.ts";
import { decodeSwap } from "./swap-logs.ts";

/** Blocks that are searched at first; each further search covers twice as many. */
const BLOCKS_FIRST = 64;
const BLOCKS_MAX = 20_000;

/** `last` is the last block that may have the swap. Undefined: none of the 20,000 blocks up to it has one with a price. */
export async function findPrice(
  reader: ChainReader,
  pool: Pool,
  last: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const first = Math.max(0, last - BLOCKS_MAX + 1);
  let to = last;
  for (let blocks = BLOCKS_FIRST; to >= first; blocks *= 2) {
    const from = Math.max(first, to - blocks + 1);
    const price = await lastPrice(reader, pool, from, to, signal);
    if (price !== undefined) return price;
    to = from - 1;
  }
  return undefined;
}

async function lastPrice(reader: ChainReader, pool: Pool, from: number, to: number, signal: AbortSignal) {
  let price: string | undefined;
  for (let next = from; next <= to; ) {
    const range = await reader.logsOfRange(next, to, [pool.address], signal);
    for (const log of range.logs) {
      const swap = decodeSwap(pool.version, log);
      if (swap !== undefined) price = priceText(swap, pool.leg === 0) ?? price;
    }
    next = range.to + 1;
  }
  return price;
}
