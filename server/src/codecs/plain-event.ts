/**
 * The second pass of the decoder for events in plain form, as nearly all are: integers as digits, decimals as
 * `digits[.digits]`, strings without escapes and without upper-case hex. Each function returns false as soon as it meets
 * anything else, valid or not. CarefulEvent then decodes the record: nothing is rejected here.
 */
import type { SwapEvent } from "../engine/swaps/swap-event.ts";
import { KIND, SLOT } from "./event-fields.ts";
import { FIELD, fieldTable, fieldValues } from "./field-scanner.ts";
import * as limits from "./limits.ts";
import { readManyPlaces, readShort, setShortAmount, setShortPrice, setShortUsd } from "./short-decimal.ts";
import { readTime } from "./time-text.ts";

// Constants of this module, for the reason that field-scanner.ts gives.
const FIELDS = fieldTable;
const VALUES = fieldValues;
const { shift: FIELD_SHIFT, end: END, kind: KIND_AT } = FIELD;
const { string: STRING, stringUpper: STRING_UPPER, integer: INTEGER, number: NUMBER, true: TRUE, false: FALSE } = KIND;
const { chain_id: CHAIN_ID, tx_hash: TX_HASH, log_index: LOG_INDEX, event_id: EVENT_ID, token: TOKEN } = SLOT;
const { token_address: TOKEN_ADDRESS, token_symbol: TOKEN_SYMBOL, pool: POOL, pool_address: POOL_ADDRESS } = SLOT;
const { who: WHO, wallet: WALLET, trader: TRADER, maker: MAKER, side: SIDE, amount_token: AMOUNT_TOKEN } = SLOT;
const { amount: AMOUNT, amount_usd: AMOUNT_USD, usd: USD, price_usd: PRICE_USD, event_time: EVENT_TIME, ts: TS } = SLOT;
const { block_number: BLOCK_NUMBER, block_hash: BLOCK_HASH, removed: REMOVED, revision: REVISION } = SLOT;
const { schema_version: SCHEMA_VERSION, tx_index: TX_INDEX, transaction_index: TRANSACTION_INDEX } = SLOT;
const UINT32_MAX = limits.UINT32_MAX;
const EVENT_TIME_MS_MIN = limits.EVENT_TIME_MS_MIN;
const EVENT_TIME_MS_MAX = limits.EVENT_TIME_MS_MAX;
const STRING_BYTES_MAX = limits.STRING_BYTES_MAX;
const SYMBOL_BYTES_MAX = limits.SYMBOL_BYTES_MAX;
const RARE = (1 << REMOVED) | (1 << REVISION) | (1 << SCHEMA_VERSION) | (1 << TX_INDEX) | (1 << TRANSACTION_INDEX);
const NO_PRICE = Number.NaN;
/** "buy" and "sell" as little-endian words. */
const BUY = 0x797562;
const SELL = 0x6c6c6573;

function has(set: number, slot: number): boolean {
  return (set & (1 << slot)) !== 0;
}
function startOf(slot: number): number {
  return FIELDS[slot << FIELD_SHIFT];
}
function endOf(slot: number): number {
  return FIELDS[(slot << FIELD_SHIFT) + END];
}
function kindOf(slot: number): number {
  return FIELDS[(slot << FIELD_SHIFT) + KIND_AT];
}

/** Reads all fields of the set except the strings. */
export function fillPlainNumbers(buf: Uint8Array, view: DataView, set: number, out: SwapEvent): boolean {
  const time = has(set, EVENT_TIME) ? EVENT_TIME : TS;
  const required = (1 << CHAIN_ID) | (1 << LOG_INDEX) | (1 << SIDE) | (1 << time);
  if ((set & required) !== required) return false;
  if (kindOf(CHAIN_ID) !== INTEGER || kindOf(LOG_INDEX) !== INTEGER || kindOf(SIDE) !== STRING) return false;
  const chainId = VALUES[CHAIN_ID];
  const logIndex = VALUES[LOG_INDEX];
  if (chainId > UINT32_MAX || logIndex > UINT32_MAX) return false;
  out.chainId = chainId;
  out.logIndex = logIndex;

  const side = startOf(SIDE);
  const sideBytes = endOf(SIDE) - side;
  if (side + 4 > buf.length) return false;
  const word = view.getInt32(side, true);
  if (sideBytes === 3 && (word & 0xffffff) === BUY) out.isBuy = true;
  else if (sideBytes === 4 && word === SELL) out.isBuy = false;
  else return false;

  if (!fillPlainDecimals(view, buf.length, set, out)) return false;

  let timeMs = -1;
  if (kindOf(time) === INTEGER) timeMs = VALUES[time];
  else if (kindOf(time) <= STRING_UPPER) timeMs = readTime(buf, startOf(time), endOf(time));
  if (!(timeMs >= EVENT_TIME_MS_MIN && timeMs <= EVENT_TIME_MS_MAX)) return false;
  out.eventTimeMs = timeMs;
  out.blockNumber = -1;
  if (has(set, BLOCK_NUMBER)) {
    if (kindOf(BLOCK_NUMBER) !== INTEGER) return false;
    out.blockNumber = VALUES[BLOCK_NUMBER];
  }
  out.txIndex = 0;
  out.removed = false;
  out.revision = 0;
  return (set & RARE) === 0 || fillRare(set, out);
}

function fillRare(set: number, out: SwapEvent): boolean {
  if (has(set, REMOVED)) {
    out.removed = kindOf(REMOVED) === TRUE;
    if (!out.removed && kindOf(REMOVED) !== FALSE) return false;
  }
  if (has(set, REVISION)) {
    if (kindOf(REVISION) !== INTEGER) return false;
    out.revision = VALUES[REVISION];
  }
  const txIndex = has(set, TX_INDEX) ? TX_INDEX : TRANSACTION_INDEX;
  if (has(set, txIndex)) {
    if (kindOf(txIndex) !== INTEGER || VALUES[txIndex] > UINT32_MAX) return false;
    out.txIndex = VALUES[txIndex];
  }
  return !has(set, SCHEMA_VERSION) || kindOf(SCHEMA_VERSION) === INTEGER;
}

function fillPlainDecimals(view: DataView, viewEnd: number, set: number, out: SwapEvent): boolean {
  const amount = has(set, AMOUNT_TOKEN) ? AMOUNT_TOKEN : AMOUNT;
  if (!has(set, amount) || !readPlainDecimal(view, viewEnd, amount) || !setShortAmount(out)) return false;
  const usd = has(set, AMOUNT_USD) ? AMOUNT_USD : USD;
  if (!has(set, usd) || !(readPlainDecimal(view, viewEnd, usd) || readProduct(view, usd)) || !setShortUsd(out))
    return false;
  if (has(set, PRICE_USD)) return readPlainDecimal(view, viewEnd, PRICE_USD) && setShortPrice(out);
  out.priceUsd = NO_PRICE;
  return true;
}

function readPlainDecimal(view: DataView, viewEnd: number, slot: number): boolean {
  const end = endOf(slot);
  return kindOf(slot) <= NUMBER && end + 4 <= viewEnd && readShort(view, startOf(slot), end);
}

/** Mappings multiply amounts and prices, which gives more places than producers write. */
function readProduct(view: DataView, slot: number): boolean {
  return kindOf(slot) <= NUMBER && readManyPlaces(view, startOf(slot), endOf(slot));
}

/** Reads the strings of the set. They become ranges of `buf`. */
export function fillPlainTexts(buf: Uint8Array, set: number, out: SwapEvent): boolean {
  const hasAddress = has(set, TOKEN_ADDRESS);
  const token = hasAddress ? TOKEN_ADDRESS : TOKEN;
  if (!has(set, TX_HASH) || !has(set, token) || has(set, EVENT_ID)) return false;
  if (kindOf(TX_HASH) !== STRING || kindOf(token) !== STRING) return false;
  out.bytes = buf;
  out.eventIdStart = 0;
  out.eventIdEnd = 0;
  out.txHashStart = startOf(TX_HASH);
  out.txHashEnd = endOf(TX_HASH);
  out.tokenStart = startOf(token);
  out.tokenEnd = endOf(token);
  if (out.txHashEnd - out.txHashStart > STRING_BYTES_MAX || out.tokenEnd - out.tokenStart > STRING_BYTES_MAX)
    return false;

  const symbol = hasAddress && !has(set, TOKEN_SYMBOL) ? TOKEN : TOKEN_SYMBOL;
  out.symbolStart = 0;
  out.symbolEnd = 0;
  out.symbolDropped = false;
  if (has(set, symbol)) {
    if (kindOf(symbol) > STRING_UPPER) return false;
    if (endOf(symbol) - startOf(symbol) > SYMBOL_BYTES_MAX) {
      out.symbolDropped = true;
    } else {
      out.symbolStart = startOf(symbol);
      out.symbolEnd = endOf(symbol);
    }
  }
  const pool = has(set, POOL) ? POOL : POOL_ADDRESS;
  out.poolStart = 0;
  out.poolEnd = 0;
  if (has(set, pool)) {
    if (!isPlain(pool)) return false;
    out.poolStart = startOf(pool);
    out.poolEnd = endOf(pool);
  }
  let who: number = WHO;
  if (!has(set, WHO)) who = has(set, WALLET) ? WALLET : has(set, TRADER) ? TRADER : MAKER;
  out.whoStart = 0;
  out.whoEnd = 0;
  if (has(set, who)) {
    if (!isPlain(who)) return false;
    out.whoStart = startOf(who);
    out.whoEnd = endOf(who);
  }
  out.blockHashStart = 0;
  out.blockHashEnd = 0;
  if (has(set, BLOCK_HASH)) {
    if (!isPlain(BLOCK_HASH)) return false;
    out.blockHashStart = startOf(BLOCK_HASH);
    out.blockHashEnd = endOf(BLOCK_HASH);
  }
  return true;
}

function isPlain(slot: number): boolean {
  return kindOf(slot) === STRING && endOf(slot) - startOf(slot) <= STRING_BYTES_MAX;
}
