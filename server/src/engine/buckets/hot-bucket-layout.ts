/**
 * Where the fields of a hot bucket lie.
 *
 * Bucket: u32 [0] previous, [1] next, [2] first and [8] last record, [3] level, [4] buys, [5] sells, [6] open and [7] close
 * record, [9] swaps that count and name a symbol; f64 [5] start, [6..7] and [8..9] dollars bought and sold, [10..12] and [13..15] tokens, [16] high, [17] low,
 * [18] first and [19] last trade time. Extremes hold NaN, trade times 0, while there are none.
 */
export const PREVIOUS = 0;
export const NEXT = 1;
export const FIRST_RECORD = 2;
export const LEVEL = 3;
export const BUYS = 4;
export const SELLS = 5;
export const OPEN_RECORD = 6;
export const CLOSE_RECORD = 7;
export const LAST_RECORD = 8;
export const SYMBOLS = 9;
export const START = 5;
export const USD_BUY = 6;
export const USD_SELL = 8;
export const TOKEN_BUY = 10;
export const TOKEN_SELL = 13;
export const HIGH = 16;
export const LOW = 17;
export const FIRST_TIME = 18;
export const LAST_TIME = 19;

/** The sums of a bucket: where each begins, and how many limbs it has. */
export const SUMS: readonly (readonly [number, 2 | 3])[] = [
  [USD_BUY, 2],
  [USD_SELL, 2],
  [TOKEN_BUY, 3],
  [TOKEN_SELL, 3],
];
/** Of 8 bytes. */
export const HOT_BUCKET_UNITS = 20;
