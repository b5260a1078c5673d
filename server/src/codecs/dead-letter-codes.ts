/**
 * The closed list of reasons for which a record becomes a dead letter. docs/dead-letters.md shows an example of each.
 *
 * When a record breaks several rules, the codes that concern the whole record win, in the order of this list. Then the fields
 * are checked one by one, numbers and choices before strings, in the order of their codes in this list, and the first field
 * that is missing or bad decides: a record without `side` whose `chain_id` is bad gets `bad_chain_id`, one without `chain_id`
 * whose `side` is bad gets `missing_field`.
 */
export const DEAD_LETTER_MESSAGES = {
  record_too_large: "the record is larger than 1 MiB; send fewer or shorter unknown fields",
  invalid_utf8: "the record is not valid UTF-8",
  too_deep: "objects and arrays are nested more than 512 deep",
  malformed_json: "the record is not one JSON value",
  not_an_object: "the record is JSON, but not an object",
  malformed_record: "the record cannot be read in the format of its mapping",
  too_many_swaps:
    "the record makes more than 10000 swaps by its mapping, or more than 8 MiB of them, or has too much text for its expressions; send it in parts",
  missing_field:
    "a required field is missing, null or empty; required are chain_id, tx_hash, log_index, token (or token_address), side, amount_token (or amount), amount_usd (or usd) and event_time (or ts)",
  bad_chain_id: "chain_id must be an integer from 0 to 4294967295, as a JSON number",
  bad_log_index: "log_index must be an integer from 0 to 4294967295, as a JSON number",
  bad_tx_index: "tx_index (or transaction_index) must be an integer from 0 to 4294967295, as a JSON number",
  bad_side: "side must be the string buy or sell, in lower case",
  bad_amount_token:
    "amount_token (or amount) must be a decimal that, rounded to 18 places, is above 0 and below 10^20; a string of it has at most 100 characters",
  bad_amount_usd:
    "amount_usd (or usd) must be a decimal that, rounded to 6 places, is from 0 to 9007199254.740991; a string of it has at most 100 characters",
  bad_price_usd:
    "price_usd must be zero, which stands for no price, or a decimal that, rounded to 15 significant digits, is from 10^-60 to 10^60; a string of it has at most 100 characters",
  time_in_seconds: "event_time (or ts) is an integer below 100000000000: give milliseconds since 1970, not seconds",
  bad_event_time:
    "event_time (or ts) must be integer milliseconds since 1970, or RFC 3339 with T, a zone and a date that exists, up to the year 9999",
  bad_block_number: "block_number must be an integer from 0 to 9007199254740991, as a JSON number",
  bad_removed: "removed must be true or false",
  bad_revision: "revision must be an integer from 0 to 9007199254740991, as a JSON number",
  bad_schema_version: "schema_version must be an integer, as a JSON number",
  bad_tx_hash: "tx_hash must be a string of 1 to 128 bytes",
  bad_event_id: "event_id must be a string of 1 to 128 bytes",
  bad_token: "token (or token_address) must be a string of 1 to 128 bytes",
  bad_token_symbol:
    "token_symbol must be a string of well-formed UTF-8; so must token, where token_address names the token and token_symbol is not given",
  bad_pool: "pool (or pool_address) must be a string of 1 to 128 bytes",
  bad_who: "who (or wallet, trader, maker) must be a string of 1 to 128 bytes",
  bad_block_hash: "block_hash must be a string of 1 to 128 bytes",
  quarantined: "event_time is further ahead of the arrival than app.max_skew; the swap is never applied",
  too_many_inclusions: "the swap has 16 inclusions already",
  too_many_tokens: "the token is new, and there are as many tokens as app.max_tokens allows",
  too_many_chains: "the chain is new, and there are as many chains as a partition can hold",
} as const;

export type DeadLetterCode = keyof typeof DEAD_LETTER_MESSAGES;

export function isDeadLetterCode(text: string): text is DeadLetterCode {
  return Object.hasOwn(DEAD_LETTER_MESSAGES, text);
}

export function deadLetterMessage(code: DeadLetterCode): string {
  return DEAD_LETTER_MESSAGES[code];
}
