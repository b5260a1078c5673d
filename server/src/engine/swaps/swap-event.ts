/**
 * One decoded swap event, in the form in which codecs hand it to the engine. The object is reused: a decoder fills
 * it, the engine reads it, and nobody keeps it. Strings are byte ranges of `bytes` in canonical form (UTF-8, escapes
 * resolved, hex lower-cased as semantics asks); a range with start === end is an absent value.
 */
export class SwapEvent {
  /** Buffer that all ranges below refer to; valid until the next decode. */
  bytes: Uint8Array = new Uint8Array(0);
  chainId = 0;
  logIndex = 0;
  /** Index of the transaction within its block; 0 when the event names none. */
  txIndex = 0;
  /** True for a buy, false for a sell, from the trader's view of the token. */
  isBuy = true;
  /** True when the event takes its inclusion out of the chain. */
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
  /** Absent when the event names none, or names exactly the default `<chain_id>:<tx_hash>:<log_index>`. */
  eventIdStart = 0;
  eventIdEnd = 0;
  whoStart = 0;
  whoEnd = 0;
  poolStart = 0;
  poolEnd = 0;
  /** The event named a symbol that was too long and is left out; the range is then empty. */
  symbolDropped = false;
  symbolStart = 0;
  symbolEnd = 0;
  blockHashStart = 0;
  blockHashEnd = 0;
}
