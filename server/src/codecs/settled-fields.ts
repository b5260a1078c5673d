/** Settled swaps read into fields: numbers, and texts as ranges of bytes. A store that copies bytes needs no object for each swap. settled-form.ts has the form. */
import { FLAG_BUY, FLAG_PRICE, PART, priceAbove } from "../engine/swaps/record-view.ts";
import { settledForm, VariablePart } from "./settled-form.ts";

const { CHUNK_WORDS, GROUP_WORDS, ROW_WORDS, WORD_BYTES, SAME } = settledForm;
const CHUNK_BYTES = CHUNK_WORDS * WORD_BYTES;
const GROUP_BYTES = GROUP_WORDS * WORD_BYTES;
const ROW_BYTES = ROW_WORDS * WORD_BYTES;
/** Byte offsets in the head of a group and of a row. */
const GROUP_SIZE = 4;
const GROUP_CHAIN = 8;
const GROUP_MINIMUM = 12;
const GROUP_TOKEN_LENGTH = 20;
const ROW_LENGTHS = 4;
const ROW_TIME_HIGH = 8;
const ROW_FLAGS = 10;
const ROW_PARTS = 11;
const ROW_VARIABLE_WORDS = 12;
const ROW_TX_LENGTH = 15;
const PRICE_BYTES = 8;
const TWO_32 = 2 ** 32;
const { HAS_BLOCK, HAS_EVENT_ID, HAS_REVISION, HAS_TX_INDEX, IS_TX_HEX } = PART;

/** The bytes [from, to) of the chunk are UTF-8. None: from = to. */
export class TextRange {
  from = 0;
  to = 0;

  /** Takes the string of this length at `at`, which may be that of the row before. Returns the position behind it. */
  take(length: number, at: number): number {
    if (length === SAME) return at;
    this.from = at;
    this.to = at + length;
    return at + WORD_BYTES * Math.ceil(length / WORD_BYTES);
  }

  clear(): void {
    this.to = this.from;
  }
}

/** Reads a chunk, row by row. The fields are those of the row that `next` came to. */
export class SettledFields {
  readonly bytes: Buffer;
  chainId = 0;
  readonly token = new TextRange();
  readonly who = new TextRange();
  readonly blockHash = new TextRange();
  readonly pool = new TextRange();
  readonly symbol = new TextRange();
  /** Text, or the bytes of a hash whose text has 0x and their digits. */
  readonly tx = new TextRange();
  isTxHex = false;
  /** None: the id is `<chain>:<transaction>:<log index>`. */
  readonly eventId = new TextRange();
  isBuy = false;
  eventTimeMs = 0;
  /** The given price, and the one that counts. NaN: none. */
  givenPrice = Number.NaN;
  price = Number.NaN;
  usdMicro = 0;
  /** Limbs of 15 digits of the amount in units of 10^-18, the lowest first. */
  amount0 = 0;
  amount1 = 0;
  amount2 = 0;
  logIndex = 0;
  txIndex = 0;
  /** -1: none. */
  blockNumber = -1;
  revision = 0;
  readonly #variable: VariablePart;
  #priceMinUsdMicro = 0;
  /** Where the next row and the next group begin. */
  #at = 0;
  #groupAt = CHUNK_BYTES;

  constructor(chunk: Uint8Array<ArrayBuffer>) {
    this.bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    this.#variable = new VariablePart(chunk, 0);
  }

  /** Comes to the next group, and returns the number of its rows; 0 at the end. Throws RangeError when `SettledRowWriter` did not write the bytes. */
  nextGroup(): number {
    const { bytes } = this;
    const at = this.#groupAt;
    if (at >= bytes.length) return 0;
    const end = at + WORD_BYTES * bytes.readUInt32LE(at + GROUP_SIZE);
    const rows = bytes.readUInt32LE(at);
    this.chainId = bytes.readUInt32LE(at + GROUP_CHAIN);
    this.#priceMinUsdMicro = bytes.readDoubleLE(at + GROUP_MINIMUM);
    this.#at = this.token.take(bytes.readUInt32LE(at + GROUP_TOKEN_LENGTH), at + GROUP_BYTES);
    if (end <= at || end > bytes.length || this.#at > end || rows === 0) {
      throw new RangeError(`a group of settled swaps at byte ${at} does not fit its ${bytes.length} bytes`);
    }
    this.who.clear();
    this.blockHash.clear();
    this.pool.clear();
    this.symbol.clear();
    this.#groupAt = end;
    return rows;
  }

  /** Comes to the next row of the group. `isRead` is false: only the position is needed. Throws RangeError as `nextGroup` does. */
  nextRow(isRead: boolean): void {
    const { bytes } = this;
    const at = this.#at;
    let text = at + ROW_BYTES + WORD_BYTES * bytes[at + ROW_VARIABLE_WORDS];
    text = this.who.take(bytes[at + ROW_LENGTHS], text);
    text = this.blockHash.take(bytes[at + ROW_LENGTHS + 1], text);
    text = this.pool.take(bytes[at + ROW_LENGTHS + 2], text);
    this.#at = this.symbol.take(bytes[at + ROW_LENGTHS + 3], text);
    if (!(this.#at <= bytes.length)) {
      throw new RangeError(`a settled swap at byte ${at} does not fit its ${bytes.length} bytes`);
    }
    if (isRead) this.#readRow(at);
  }

  #readRow(at: number): void {
    const { bytes } = this;
    const variable = this.#variable;
    const flags = bytes[at + ROW_FLAGS];
    const parts = bytes[at + ROW_PARTS];
    this.isBuy = (flags & FLAG_BUY) !== 0;
    this.eventTimeMs = bytes.readUInt32LE(at) + bytes.readUInt16LE(at + ROW_TIME_HIGH) * TWO_32;
    const hasPrice = (flags & FLAG_PRICE) !== 0;
    this.givenPrice = hasPrice ? bytes.readDoubleLE(at + ROW_BYTES) : Number.NaN;
    this.tx.from = at + ROW_BYTES + (hasPrice ? PRICE_BYTES : 0);
    this.tx.to = this.tx.from + bytes[at + ROW_TX_LENGTH];
    this.isTxHex = (parts & IS_TX_HEX) !== 0;
    variable.at = this.tx.to;
    this.logIndex = variable.varint();
    this.txIndex = (parts & HAS_TX_INDEX) === 0 ? 0 : variable.varint();
    this.blockNumber = (parts & HAS_BLOCK) === 0 ? -1 : variable.varint();
    this.revision = (parts & HAS_REVISION) === 0 ? 0 : variable.varint();
    this.usdMicro = variable.varint();
    this.amount0 = variable.sevenBytes();
    this.amount1 = variable.varint();
    this.amount2 = variable.varint();
    this.eventId.from = variable.at + 1;
    this.eventId.to = this.eventId.from + ((parts & HAS_EVENT_ID) === 0 ? 0 : bytes[variable.at]);
    const { usdMicro, amount0, amount1, amount2 } = this;
    this.price = priceAbove(this.#priceMinUsdMicro, { price: this.givenPrice, usdMicro, amount0, amount1, amount2 });
  }
}
