/**
 * One decoded swap event, as codecs pass it to the engine. The object is reused: a decoder fills it, the engine reads it, and
 * nothing keeps it. Strings are byte ranges of `bytes` in canonical form (UTF-8, escapes resolved, hex in lower case as the
 * semantics require). A range with start === end is an absent value.
 */
export class SwapEvent {
  /** Buffer that all ranges below refer to; valid until the next decode. */
  bytes: Uint8Array = new Uint8Array(0);
  chainId = 0;
  logIndex = 0;
  /** Index of the transaction within its block; 0 when the event names none. */
  txIndex = 0;
  /** True for a buy of the token by the trader, false for a sell. */
  isBuy = true;
  /** True when the event removes its inclusion. */
  removed = false;
  revision = 0;
  /** Milliseconds since 1970. */
  eventTimeMs = 0;
  /** -1 when absent. */
  blockNumber = -1;
  /** Integer micro-dollars, 0 to 2^53 - 1. */
  usdMicro = 0;
  /**
   * amount_token x 10^18 in limbs of base 10^15, least significant first; each limb is an integer below 10^15, the
   * highest below 10^8.
   */
  amount0 = 0;
  amount1 = 0;
  amount2 = 0;
  /** The given price_usd, rounded to 15 significant digits, as the nearest double; NaN when absent. */
  priceUsd = Number.NaN;
  tokenStart = 0;
  tokenEnd = 0;
  txHashStart = 0;
  txHashEnd = 0;
  /** Absent when the event has none, or exactly the default `<chain_id>:<tx_hash>:<log_index>`. */
  eventIdStart = 0;
  eventIdEnd = 0;
  whoStart = 0;
  whoEnd = 0;
  poolStart = 0;
  poolEnd = 0;
  /** True when the symbol was too long and was dropped. The range is then empty. */
  symbolDropped = false;
  symbolStart = 0;
  symbolEnd = 0;
  blockHashStart = 0;
  blockHashEnd = 0;
}
