/**
 * The memory image by name: every structure of the heap, its fields in the order in which they lie, and their widths. The
 * offset of a field counts elements of its own width, from the start of the structure: with r a ref, a u8 field is
 * `u8[8 * r + FIELD]`, a u32 field `u32[2 * r + FIELD]`, an f64 field `f64[r + FIELD]`.
 *
 * A file takes the fields that it uses into constants of its own: `const { NEXT, TOKEN } = RECORD;`. V8 compiles such a
 * constant as a literal. An imported constant is loaded from memory at each use (the import binding is not constant for the
 * compiler), and so is `RECORD.NEXT`: in a loop of reads and writes, a step took 1.97 ns with either and 1.35 ns with constants
 * of the file or with literals.
 *
 * The rule for index expressions in engine/: the only bare numbers are 0, 1 and the factors `2 *` and `8 *` that turn a
 * ref into a word or a byte. Everything else has a name. memory/bytes.ts is exempt: it takes numbers apart into bytes.
 *
 * Images of equal logs are equal byte by byte, and IMAGE_FORMAT (snapshot.ts) names this layout: a change here is a new format.
 */

/** `count` elements of `width` bytes each. */
type Field = { readonly width: 1 | 4 | 8; readonly count: number };
/** Offsets by field. BYTES and UNITS measure the fixed part; UNITS is rounded up. */
type Layout<Fields> = { readonly [Name in keyof Fields]: number } & { readonly BYTES: number; readonly UNITS: number };

const u8: Field = { width: 1, count: 1 };
const u32: Field = { width: 4, count: 1 };
const f64: Field = { width: 8, count: 1 };

function times(count: number, { width }: Field): Field {
  return { width, count };
}

/** Elements behind the fixed part, as many as the allocation holds. */
function rest({ width }: Field): Field {
  return { width, count: 0 };
}

/** Lays fields out one after another. Throws RangeError for a field that is not aligned to its width. */
export function layout<const Fields extends Readonly<Record<string, Field>>>(fields: Fields): Layout<Fields> {
  const offsets: Record<string, number> = {};
  let bytes = 0;
  for (const [name, { width, count }] of Object.entries(fields)) {
    if (bytes % width !== 0)
      throw new RangeError(`layout: ${name} would lie at byte ${bytes}, not at a multiple of ${width}`);
    offsets[name] = bytes / width;
    bytes += width * count;
  }
  return { ...offsets, BYTES: bytes, UNITS: Math.ceil(bytes / UNIT_BYTES) } as Layout<Fields>;
}

/** Refs count in units of so many bytes. */
export const UNIT_BYTES = 8;
/** The heap's exact size classes end here (units); above there are eight per doubling. */
export const EXACT_UNITS_MAX = 64;
export const SIZE_CLASSES = EXACT_UNITS_MAX + 1 + 8 * 26;
/** Registers of one group of a sketch. */
export const GROUP_REGISTERS = 64;

/** The heap's header, at ref 0. */
export const HEAP_HEADER = layout({
  /** Never used, because ref 0 means "none". */
  NOTHING: f64,
  /** Ref of the first unit that was never allocated. */
  BREAK: f64,
  /** Units of live allocations. */
  IN_USE: f64,
  /** First free allocation of each size class. */
  FREE_LISTS: times(SIZE_CLASSES, u32),
});

/** A free allocation. */
export const FREE_ALLOCATION = layout({ NEXT: u32 });

/** An interned string (strings.ts). */
export const STRING = layout({ REFERENCES: u32, HASH: u32, LENGTH: u32, TEXT: rest(u8) });

/** A segment of a hash index (hash-index.ts), and its entries. Value 0 marks an empty slot. */
export const HASH_SEGMENT = layout({ CAPACITY: u32, COUNT: u32, ENTRIES: rest(u32) });
export const HASH_ENTRY = layout({ HASH: u32, VALUE: u32 });

/** Pools and symbols of a token (labels.ts): refs of strings, then their texts, each behind a byte with its length. */
export const LABEL_LIST = layout({ COUNT: u32, TEXT_BYTES: u32, REFS: rest(u32) });

/** A token (tokens.ts). */
export const TOKEN_ROW = layout({
  CHAIN_INDEX: u32,
  FLAGS: u32,
  VERSION: u32,
  /** Active block; 0 for a retired token. */
  ACTIVE: u32,
  /** Symbol among settled swaps. */
  SETTLED_SYMBOL: u32,
  /** Neighbours in the slot of the wheel. */
  WHEEL_NEXT: u32,
  WHEEL_PREVIOUS: u32,
  HASH: u32,
  SYMBOL: u32,
  TEXT_LENGTH: u32,
  /** Slot of the wheel, or -1. */
  WHEEL_SLOT: f64,
  LATE: f64,
  REMOVED: f64,
  UNRESOLVED: f64,
  /** Latest event time of any remembered event. */
  LAST_RECORD_MS: f64,
  /** Neighbours among the tokens of the same symbol. */
  SYMBOL_NEXT: u32,
  SYMBOL_PREVIOUS: u32,
  REPLACED: f64,
  REMOVALS_UNMATCHED: f64,
  TEXT: rest(u8),
});

/** The data of a token that is not retired. */
export const ACTIVE_BLOCK = layout({
  HOT_HEAD: u32,
  HOT_TAIL: u32,
  HOT_COUNT: u32,
  /** Refs of packed blobs, in order of time. */
  COLD_LIST: u32,
  COLD_COUNT: u32,
  COLD_CAPACITY: u32,
  /** Record that names the symbol now in use. */
  SYMBOL_HOLDER: u32,
  TRADER_TABLE: u32,
  TRADER_SKETCH: u32,
  /** Newest settled swaps that are kept. */
  RECENT_HEAD: u32,
  RECENT_TAIL: u32,
  RECENT_COUNT: u32,
  /** Swaps in hot buckets that count. */
  HOT_COUNTING: u32,
  /** Pools and symbols of the token's records (labels.ts). */
  LABELS: u32,
  /** Bucket of each of the last seconds, for tokens with many buckets (hot-list.ts). */
  RING: u32,
  /** Oldest bucket of the finest step, or 0. */
  FINEST_HEAD: u32,
  /** From this time on the newest swaps are all held; 0: from the beginning. */
  RECENT_FROM: f64,
  /** High at which the packed buckets age again. */
  COLD_AT: f64,
  /** Event time of the symbol's holder. */
  SYMBOL_MS: f64,
});

/** A remembered announcement or removal (records.ts). Upkeep needs these 32 bytes alone: one line of memory, not two. */
export const RECORD = layout({
  /** Next record of the bucket. */
  NEXT: u32,
  TOKEN: u32,
  WHO: u32,
  BLOCK_HASH: u32,
  TIME_LOW: u32,
  /** Hash of the swap's identity. */
  IDENTITY_HASH: u32,
  TIME_HIGH: times(2, u8),
  FLAGS: u8,
  /** Which optional parts follow. */
  PARTS: u8,
  SIZE_UNITS: u8,
  /** Labels of the token, or LABEL_OWN. */
  POOL: u8,
  SYMBOL: u8,
  /** Length of the transaction hash. */
  TX_LENGTH: u8,
  /** Only where FLAG_PRICE is set; else VARIABLE begins here. */
  PRICE: rest(f64),
  VARIABLE: rest(u8),
});

/** Inclusions of a swap that has several, or a removal (inclusions.ts). */
export const INCLUSION_GROUP = layout({ COUNT: u32, CAPACITY: u32, INCLUSIONS: rest(u32) });
/** Records of an inclusion; 0 for one that did not come. */
export const INCLUSION = layout({ ANNOUNCEMENT: u32, REMOVAL: u32 });

/** A bucket whose swaps may still change (hot-buckets.ts). Extremes are NaN and trade times 0 while there are none. */
export const HOT_BUCKET = layout({
  PREVIOUS: u32,
  NEXT: u32,
  FIRST_RECORD: u32,
  LEVEL: u32,
  BUYS: u32,
  SELLS: u32,
  OPEN_RECORD: u32,
  CLOSE_RECORD: u32,
  LAST_RECORD: u32,
  /** Swaps that count and name a symbol. */
  SYMBOLS: u32,
  START: f64,
  /** Exact sums: limbs of base 10^15, the lowest first. */
  USD_BUY_0: f64,
  USD_BUY_1: f64,
  USD_SELL_0: f64,
  USD_SELL_1: f64,
  TOKEN_BUY_0: f64,
  TOKEN_BUY_1: f64,
  TOKEN_BUY_2: f64,
  TOKEN_SELL_0: f64,
  TOKEN_SELL_1: f64,
  TOKEN_SELL_2: f64,
  HIGH: f64,
  LOW: f64,
  FIRST_TIME: f64,
  LAST_TIME: f64,
});

/** Settled buckets of one step, packed (cold-blob.ts): a header that sums the rows up, then the rows as bits. */
export const COLD_BLOB = layout({
  LEVEL: u8,
  ROWS: u8,
  /** State of the row codec: scale of prices, unit of amounts, widths of numbers. */
  SCALE: u8,
  UNIT: u8,
  ALLOCATED_BYTES: u32,
  USED_BITS: u32,
  BUYS: u32,
  SELLS: u32,
  /** Steps from the first row to the last. */
  STEPS: u32,
  WIDTHS: times(4, u32),
  START: f64,
  USD_BUY_0: f64,
  USD_BUY_1: f64,
  USD_SELL_0: f64,
  USD_SELL_1: f64,
  TOKEN_BUY_0: f64,
  TOKEN_BUY_1: f64,
  TOKEN_BUY_2: f64,
  TOKEN_SELL_0: f64,
  TOKEN_SELL_1: f64,
  TOKEN_SELL_2: f64,
  OPEN: f64,
  HIGH: f64,
  LOW: f64,
  CLOSE: f64,
  FIRST_TIME: f64,
  LAST_TIME: f64,
  ROW_BITS: rest(u32),
});

/** Settled traders of a token, exact (trader-table.ts). Seconds count from base + 1; 0 is never. */
export const TRADER_TABLE = layout({ BASE_SECOND: f64, COUNT: u32, CAPACITY: u32, ENTRIES: rest(u32) });
export const TRADER_ENTRY = layout({ WHO: u32, BUY: u32, SELL: u32 });

/** Settled traders of a token, estimated (trader-sketch.ts): refs of groups of registers. */
export const SKETCH = layout({ GROUPS: rest(u32) });
export const SKETCH_GROUP = layout({
  BASE_SECOND: f64,
  ENTRY_COUNT: u32,
  CAPACITY: u32,
  /** Entries of each register. */
  COUNTS: times(GROUP_REGISTERS, u8),
  ENTRIES: rest(u8),
});
