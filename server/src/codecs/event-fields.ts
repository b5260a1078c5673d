/**
 * The names of the swap event as the byte decoder sees them: every name, canonical or alias, has a slot, and one more slot
 * stands for unknown names.
 */
export const SLOT = {
  chain_id: 0,
  tx_hash: 1,
  log_index: 2,
  event_id: 3,
  token: 4,
  token_address: 5,
  token_symbol: 6,
  pool: 7,
  pool_address: 8,
  who: 9,
  wallet: 10,
  trader: 11,
  maker: 12,
  side: 13,
  amount_token: 14,
  amount: 15,
  amount_usd: 16,
  usd: 17,
  price_usd: 18,
  event_time: 19,
  ts: 20,
  block_number: 21,
  block_hash: 22,
  removed: 23,
  revision: 24,
  schema_version: 25,
  tx_index: 26,
  transaction_index: 27,
} as const;

/** Below 31, so that a set of slots fits the bits of a positive 32-bit integer. */
export const SLOT_UNKNOWN = 30;
export const SLOT_COUNT = 31;

/** The kind of a slot's value after a scan. */
export const KIND = {
  /** Not in the record, null, or the empty string. */
  absent: 0,
  /** A string whose bytes between the quotes are its value. */
  string: 1,
  /** A PLAIN string with a byte in it that may be an upper-case letter. */
  stringUpper: 2,
  /** A string with at least one escape. */
  stringEscaped: 3,
  /** A JSON integer without sign and exponent and with at most 15 digits; its value is in VALUES. */
  integer: 4,
  /** Any other JSON number; its text is the range. */
  number: 5,
  true: 6,
  false: 7,
  /** An object or an array. */
  nested: 8,
} as const;
