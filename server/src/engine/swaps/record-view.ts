/** A record read into fields, and the flags of records. */

export const FLAG_BUY = 1;
/** The record's inclusion is the one by which the swap counts. */
export const FLAG_COUNTS = 2;
export const FLAG_REMOVAL = 4;
/** The index holds a group for the record's swap, not the record itself. */
export const FLAG_GROUPED = 8;
/** Settled: the index no longer holds the swap. */
export const FLAG_FORGOTTEN = 16;
export const FLAG_PRICE = 32;

/** Bits of a record's second byte of flags: how its transaction hash is stored, and which optional parts it has. */
export const PART = { HAS_EVENT_ID: 1, HAS_REVISION: 2, IS_TX_HEX: 4, HAS_BLOCK: 8, HAS_TX_INDEX: 16 } as const;

/** The variable part of one record, read into fields. */
export class RecordView {
  ref = 0;
  flags = 0;
  price = Number.NaN;
  pool = 0;
  symbol = 0;
  logIndex = 0;
  txIndex = 0;
  /** -1 when absent. */
  blockNumber = -1;
  revision = 0;
  usdMicro = 0;
  amount0 = 0;
  amount1 = 0;
  amount2 = 0;
  txHex = false;
  /** Ranges in the heap's bytes. */
  txStart = 0;
  txEnd = 0;
  idStart = 0;
  idEnd = 0;
}

type PricedSwap = {
  readonly price: number;
  readonly usdMicro: number;
  readonly amount0: number;
  readonly amount1: number;
  readonly amount2: number;
};

/** The price of a swap, or NaN for a swap below the minimum, in millionths of a dollar, even if its price was given. */
export function priceAbove(usdMicroMin: number, view: PricedSwap): number {
  return view.usdMicro < usdMicroMin ? Number.NaN : priceOf(view);
}

/** The price of a swap: the given price, else usd / amount. NaN when there is neither. */
export function priceOf(view: PricedSwap): number {
  if (!Number.isNaN(view.price)) return view.price;
  if (view.usdMicro === 0) return Number.NaN;
  return (view.usdMicro / ((view.amount2 * 1e15 + view.amount1) * 1e15 + view.amount0)) * 1e12;
}
