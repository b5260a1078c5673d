/** Makes the canonical events of swaps, and the removals of swaps whose block was dropped. */
import type { FeederConfig } from "../../../config/build/ingest.ts";
import type { MappedRecord } from "../../../mapping/mapper.ts";
import type { ChainLog } from "./chain-values.ts";
import type { Pool } from "./pools.ts";
import type { ListedBlock, ListedSwap, Prices } from "./position.ts";
import { amountText, dollarText, magnitude, priceText, readPrice } from "./prices.ts";
import { decodeSwap, type PoolSwap } from "./swap-logs.ts";

/** `from`: the account that sent the transaction. `sender`: the contract that called the pool. `recipient`: the address that received tokens. */
type Who = FeederConfig<"evm_rpc">["who"];

export type BlockSwaps = {
  readonly records: readonly MappedRecord[];
  /** The same events as they stand in the position; tokens are addresses. */
  readonly listed: readonly (readonly [txHash: string, logIndex: number, token: string])[];
  /** Prices that changed. */
  readonly prices: Prices;
  /** Swaps without a price in dollars, which are left out. */
  readonly unpriced: number;
};

export type SwapEventsOptions = {
  readonly chainId: number;
  readonly pools: ReadonlyMap<string, Pool>;
  readonly who: Who;
};

/**
 * Makes the events of logs in the order of the chain, all of one revision. `prices` are those before the first log. `senders` is needed for
 * `who: from` alone. A log that is no swap becomes a record of its own text, and so a dead letter. A swap of no amount of a token makes no
 * event of that token. Blocks before `firstBlock` give prices alone.
 */
export function eventsOf(
  { chainId, pools, who }: SwapEventsOptions,
  logs: readonly ChainLog[],
  revision: number,
  prices: Prices,
  senders: ReadonlyMap<string, string>,
  firstBlock: number,
): BlockSwaps {
  const records: MappedRecord[] = [];
  const listed: [string, number, string][] = [];
  const changed: Record<string, string> = {};
  let unpriced = 0;
  for (const log of logs) {
    const pool = pools.get(log.address);
    if (pool === undefined) continue;
    const swap = decodeSwap(pool.version, log);
    if (swap === undefined) {
      if (log.blockNumber >= firstBlock) records.push(recordOf(log));
      continue;
    }
    const dollars = dollarsOf(pool, swap, { ...prices, ...changed });
    if (pool.through === undefined) {
      const price = priceText(swap, pool.leg === 0);
      if (price !== undefined) changed[pool.address] = price;
    }
    if (log.blockNumber < firstBlock) continue;
    if (dollars === undefined) {
      unpriced++;
      continue;
    }
    const trader = who === "from" ? senders.get(log.txHash) : swap[who];
    for (const index of pool.reported) {
      const amount = index === 0 ? swap.amount0 : swap.amount1;
      if (amount === 0n) continue;
      const token = pool.tokens[index];
      records.push(
        recordOf({
          ...identityOf(chainId, log, revision),
          tx_index: log.txIndex,
          ...{ token: token.address, token_symbol: token.symbol, pool: pool.address, who: trader },
          // A pool that pays a token out sells it to the trader.
          side: amount < 0n ? "buy" : "sell",
          ...{ amount_token: amountText(amount, token.decimals), amount_usd: dollars, event_time: log.timeMs },
        }),
      );
      listed.push([log.txHash, log.logIndex, token.address]);
    }
  }
  return { records, listed, prices: changed, unpriced };
}

/**
 * Makes the removals of the listed swaps. The state finds a swap by its identity, so a removal has no amounts of its own: side and amounts
 * are only there because every event has them.
 */
export function removalsOf(chainId: number, block: ListedBlock, tokens: readonly string[]): MappedRecord[] {
  return block.swaps.map(([txHash, logIndex, token]: ListedSwap) => {
    const log = { txHash, logIndex, blockNumber: block.number, blockHash: block.hash };
    return recordOf({
      ...identityOf(chainId, log, block.revision),
      ...{ removed: true, token: tokens[token], side: "buy", amount_token: "1", amount_usd: "0" },
      event_time: block.timeMs,
    });
  });
}

type Place = Pick<ChainLog, "txHash" | "logIndex" | "blockNumber" | "blockHash">;

function identityOf(chainId: number, { txHash, logIndex, blockNumber, blockHash }: Place, revision: number): object {
  const inclusion = { block_number: blockNumber, block_hash: blockHash };
  return {
    chain_id: chainId,
    tx_hash: txHash,
    log_index: logIndex,
    ...inclusion,
    ...(revision > 0 ? { revision } : {}),
  };
}

/** Undefined: the token that gives the dollars has no price yet. */
function dollarsOf(pool: Pool, swap: PoolSwap, prices: Prices): string | undefined {
  const amount = magnitude(pool.leg === 0 ? swap.amount0 : swap.amount1);
  const { through } = pool;
  if (through === undefined) return dollarText(amount, { dollars: 1n, units: 1n }, pool.tokens[pool.leg].decimals);
  const text = prices[through.address];
  if (text === undefined || text === "") return undefined;
  return dollarText(amount, readPrice(text, through.leg === 0), through.tokens[through.leg].decimals);
}

function recordOf(value: object): MappedRecord {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return { bytes, start: 0, end: bytes.length };
}
