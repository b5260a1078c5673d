/** The columns that settled and raw rows share, filled from the bytes of a worker or from objects. */
import type { SettledFields, TextRange } from "../../../codecs/settled-fields.ts";
import type { SettledRow } from "../../../ports/history-store.ts";
import type { Duck } from "./duck.ts";
import type { Column, RowTable } from "./row-table.ts";
import type { TextHeap } from "./text-heap.ts";

/** Settled and raw rows. */
type SwapRow = Omit<SettledRow, "price">;

/** Numbers of the columns. */
const CHAIN_ID = 0;
const TOKEN = 1;
const SYMBOL = 2;
const POOL = 3;
const WHO = 4;
const IS_BUY = 5;
const AMOUNT = 6;
const USD = 7;
const GIVEN_PRICE = 8;
const TIME = 9;
const TX_HASH = 10;
const LOG_INDEX = 11;
const TX_INDEX = 12;
const EVENT_ID = 13;
const BLOCK_NUMBER = 14;
const BLOCK_HASH = 15;
const REVISION = 16;

/** Returns them in the order of their numbers. */
export function swapColumns({ BIGINT, DECIMAL, DOUBLE, TIMESTAMP_MS, UINTEGER, VARCHAR }: Duck["api"]): Column[] {
  return [
    { name: "chain_id", type: UINTEGER, words: 1 },
    { name: "token", type: VARCHAR, words: 4 },
    { name: "token_symbol", type: VARCHAR, words: 4 },
    { name: "pool", type: VARCHAR, words: 4 },
    { name: "who", type: VARCHAR, words: 4 },
    { name: "is_buy", type: UINTEGER, words: 1 },
    { name: "amount_token", type: DECIMAL(38, 18), words: 4 },
    { name: "amount_usd", type: DECIMAL(18, 6), words: 2 },
    { name: "price_usd", type: DOUBLE, words: 2 },
    { name: "event_time", type: TIMESTAMP_MS, words: 2 },
    { name: "tx_hash", type: VARCHAR, words: 4 },
    { name: "log_index", type: UINTEGER, words: 1 },
    { name: "tx_index", type: UINTEGER, words: 1 },
    { name: "event_id", type: VARCHAR, words: 4 },
    { name: "block_number", type: BIGINT, words: 2 },
    { name: "block_hash", type: VARCHAR, words: 4 },
    { name: "revision", type: BIGINT, words: 2 },
  ];
}

/** Sets the columns of the table's row. `base` is where the heap has the bytes of the fields. */
export function setFields(table: RowTable, heap: TextHeap, fields: SettledFields, base: number): void {
  const { bytes, tx, givenPrice, blockNumber } = fields;
  table.u32(CHAIN_ID, fields.chainId);
  setRange(table, TOKEN, fields.token, base);
  setRange(table, SYMBOL, fields.symbol, base);
  setRange(table, POOL, fields.pool, base);
  setRange(table, WHO, fields.who, base);
  table.u32(IS_BUY, fields.isBuy ? 1 : 0);
  table.limbs(AMOUNT, fields.amount0, fields.amount1, fields.amount2);
  table.u64(USD, fields.usdMicro);
  if (!Number.isNaN(givenPrice)) table.double(GIVEN_PRICE, givenPrice);
  table.u64(TIME, fields.eventTimeMs);
  if (fields.isTxHex) table.text(TX_HASH, heap.addHex(bytes, tx.from, tx.to), heap.end);
  else table.text(TX_HASH, base + tx.from, base + tx.to);
  table.u32(LOG_INDEX, fields.logIndex);
  table.u32(TX_INDEX, fields.txIndex);
  setRange(table, EVENT_ID, fields.eventId, base);
  if (blockNumber >= 0) table.u64(BLOCK_NUMBER, blockNumber);
  setRange(table, BLOCK_HASH, fields.blockHash, base);
  table.u64(REVISION, fields.revision);
}

function setRange(table: RowTable, column: number, { from, to }: TextRange, base: number): void {
  if (from < to) table.text(column, base + from, base + to);
}

/** Sets the columns of the table's row. */
export function setRow(table: RowTable, heap: TextHeap, row: SwapRow): void {
  const { chainId, txHash, logIndex, eventId, givenPrice, blockNumber } = row;
  const isDefaultId = eventId === `${chainId}:${txHash}:${logIndex}`;
  table.u32(CHAIN_ID, chainId);
  setText(table, TOKEN, heap, row.token);
  setText(table, SYMBOL, heap, row.symbol);
  setText(table, POOL, heap, row.pool);
  setText(table, WHO, heap, row.who);
  table.u32(IS_BUY, row.isBuy ? 1 : 0);
  table.u128(AMOUNT, row.amountUnits);
  table.u64(USD, row.usdMicro);
  if (givenPrice !== undefined) table.double(GIVEN_PRICE, givenPrice);
  table.u64(TIME, row.eventTimeMs);
  setText(table, TX_HASH, heap, txHash);
  table.u32(LOG_INDEX, logIndex);
  table.u32(TX_INDEX, row.txIndex);
  setText(table, EVENT_ID, heap, isDefaultId ? undefined : eventId);
  if (blockNumber !== undefined) table.u64(BLOCK_NUMBER, blockNumber);
  setText(table, BLOCK_HASH, heap, row.blockHash);
  table.u64(REVISION, row.revision);
}

export function setText(table: RowTable, column: number, heap: TextHeap, text: string | undefined): void {
  if (text !== undefined) table.text(column, heap.add(text), heap.end);
}
