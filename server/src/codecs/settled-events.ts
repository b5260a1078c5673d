/** Settled swaps as canonical events: what a producer would have sent, had it known how each swap counted in the end. */
import type { SettledSwap } from "../engine/reads/past-sums.ts";

const USD_PLACES = 6;
const AMOUNT_PLACES = 18;

/** Returns the JSON text of the event. A decoder makes the same swap of it. */
export function settledEvent(swap: SettledSwap): string {
  return JSON.stringify({
    chain_id: swap.chainId,
    tx_hash: swap.txHash,
    log_index: swap.logIndex,
    tx_index: swap.txIndex,
    event_id: swap.eventId,
    token: swap.token,
    token_symbol: swap.symbol,
    pool: swap.pool,
    who: swap.who,
    side: swap.isBuy ? "buy" : "sell",
    amount_token: decimalText(swap.amountUnits, AMOUNT_PLACES),
    amount_usd: decimalText(BigInt(swap.usdMicro), USD_PLACES),
    price_usd: swap.givenPrice === undefined ? undefined : swap.givenPrice.toPrecision(15),
    event_time: swap.eventTimeMs,
    block_number: swap.blockNumber,
    block_hash: swap.blockHash,
    revision: swap.revision,
  });
}

/** Returns an integer of 10^-places as a decimal. */
function decimalText(value: bigint, places: number): string {
  const digits = value.toString().padStart(places + 1, "0");
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`;
}
