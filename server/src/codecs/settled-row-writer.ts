/** Writes settled swaps as bytes, in the applying thread. settled-form.ts has the form. */
import { LABEL_OWN } from "../engine/memory/labels.ts";
import { RECORD, STRING, TOKEN_ROW } from "../engine/memory/layout.ts";
import type { RecordSource, SettledWatch } from "../engine/settled-watch.ts";
import { FLAG_BUY, FLAG_PRICE } from "../engine/swaps/record-view.ts";
import { type SettledChunk, settledForm, VariablePart } from "./settled-form.ts";

const { FORM, CHUNK_WORDS, GROUP_WORDS, ROW_WORDS, WORD_BYTES, SAME } = settledForm;
const UNIT_WORDS = 2;
const UNIT_BYTES = 8;
/** A larger group is written as several, so that a chunk can be cut at any of them. */
const GROUP_ROWS_MAX = 512;
/** A row with every part at its limit. */
const ROW_WORDS_MAX = 256;
/** The head of a group, with its token. */
const GROUP_WORDS_MAX = GROUP_WORDS + 32;
const INITIAL_WORDS = 64 * 1024;
/** A buffer that grew beyond this is not kept for the next chunk. */
const KEPT_WORDS_MAX = 1024 * 1024;

const RECORD_TIME = RECORD.TIME_LOW;
const RECORD_WHO = RECORD.WHO;
const RECORD_BLOCK_HASH = RECORD.BLOCK_HASH;
const RECORD_TX_LENGTH = RECORD.TX_LENGTH;
const RECORD_FLAGS = RECORD.FLAGS;
const RECORD_PARTS = RECORD.PARTS;
const FLAGS_WORD = RECORD.FLAGS >>> 2;
const SIZES_WORD = RECORD.SIZE_UNITS >>> 2;
const POOL_SHIFT = 8 * (RECORD.POOL - RECORD.SIZE_UNITS);
const SYMBOL_SHIFT = 8 * (RECORD.SYMBOL - RECORD.SIZE_UNITS);
const VARIABLE_AT = RECORD.VARIABLE;
const VARIABLE_WORD = RECORD.VARIABLE >>> 2;
const STRING_LENGTH = STRING.LENGTH;
const STRING_WORD = STRING.TEXT >>> 2;
const TOKEN_ACTIVE = TOKEN_ROW.ACTIVE;
const TOKEN_CHAIN = TOKEN_ROW.CHAIN_INDEX;
const TOKEN_LENGTH = TOKEN_ROW.TEXT_LENGTH;
const TOKEN_WORD = TOKEN_ROW.TEXT >>> 2;
/** Time and optional parts of the word of the flags, and the flags that rows keep. */
const KEPT_FLAGS = 0xff00ffff | ((FLAG_BUY | FLAG_PRICE) << 16);
const TX_LENGTH_BYTE = 0xff000000;

/** Copies words, and returns the position behind them. */
function copyWords(from: Uint32Array, start: number, words: number, out: Uint32Array, at: number): number {
  for (let i = 0; i < words; i++) out[at + i] = from[start + i];
  return at + words;
}

/** The length of a string as a row names it; `before` is that of the row before. */
function textLength(u32: Uint32Array, ref: number, before: number): number {
  return ref === 0 ? 0 : ref === before ? SAME : u32[2 * ref + STRING_LENGTH];
}

function copyText(u32: Uint32Array, ref: number, length: number, out: Uint32Array, at: number): number {
  return length === 0 || length === SAME ? at : copyWords(u32, 2 * ref + STRING_WORD, wordsOf(length), out, at);
}

function wordsOf(bytes: number): number {
  return (bytes + WORD_BYTES - 1) >>> 2;
}

/** Writes settled swaps into a growing buffer. */
export class SettledRowWriter implements SettledWatch {
  readonly #source: RecordSource;
  #out = new Uint32Array(INITIAL_WORDS);
  #at: number = CHUNK_WORDS;
  #count = 0;
  #fromSequence: number;
  readonly #double = new Float64Array(1);
  readonly #words = new Uint32Array(this.#double.buffer);
  /** Strings of the row before in its group. */
  #who = 0;
  #blockHash = 0;
  #pool = 0;
  #symbol = 0;

  /** The first swap gets this sequence. */
  constructor(source: RecordSource, fromSequence: number) {
    this.#source = source;
    this.#fromSequence = fromSequence;
  }

  /** Swaps since the last `cut`. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of the chunk that `cut` would return. */
  get bytes(): number {
    return this.#at * WORD_BYTES;
  }

  settled(token: number, records: readonly number[]): void {
    for (let from = 0; from < records.length; from += GROUP_ROWS_MAX) {
      this.#writeGroup(token, records, from, Math.min(records.length, from + GROUP_ROWS_MAX));
    }
  }

  /** Returns the swaps since the last call as a chunk with memory of its own; undefined when there are none. */
  cut(): SettledChunk | undefined {
    const count = this.#count;
    if (count === 0) return undefined;
    const fromSequence = this.#fromSequence;
    this.#out[0] = FORM;
    this.#out[1] = count;
    this.#putDouble(2, fromSequence);
    const bytes = new Uint8Array(this.#out.slice(0, this.#at).buffer);
    if (this.#out.length > KEPT_WORDS_MAX) this.#out = new Uint32Array(INITIAL_WORDS);
    this.#at = CHUNK_WORDS;
    this.#count = 0;
    this.#fromSequence = fromSequence + count;
    return { fromSequence, count, bytes };
  }

  #writeGroup(token: number, records: readonly number[], from: number, to: number): void {
    const { heap, chains } = this.#source;
    const { u32 } = heap;
    this.#reserve(GROUP_WORDS_MAX + (to - from) * ROW_WORDS_MAX);
    const out = this.#out;
    const groupAt = this.#at;
    const chain = chains.list[u32[2 * token + TOKEN_CHAIN]];
    const active = u32[2 * token + TOKEN_ACTIVE];
    const length = u32[2 * token + TOKEN_LENGTH];
    out[groupAt] = to - from;
    out[groupAt + 2] = chain.id;
    this.#putDouble(groupAt + 3, chain.priceMinUsdMicro);
    out[groupAt + 5] = length;
    this.#at = copyWords(u32, 2 * token + TOKEN_WORD, wordsOf(length), out, groupAt + GROUP_WORDS);
    this.#who = 0;
    this.#blockHash = 0;
    this.#pool = 0;
    this.#symbol = 0;
    for (let i = from; i < to; i++) this.#writeRow(active, records[i]);
    out[groupAt + 1] = this.#at - groupAt;
    this.#count += to - from;
  }

  #writeRow(active: number, record: number): void {
    const { heap, labels } = this.#source;
    const { u8, u32 } = heap;
    const out = this.#out;
    const word = 2 * record;
    const start = this.#at;
    const sizes = u32[word + SIZES_WORD];
    const poolLabel = (sizes >>> POOL_SHIFT) & 0xff;
    const symbolLabel = (sizes >>> SYMBOL_SHIFT) & 0xff;
    let pool = 0;
    let symbol = 0;
    let at = start + ROW_WORDS;
    if (poolLabel === LABEL_OWN || symbolLabel === LABEL_OWN) {
      const own = this.#copyWithoutLabels(u8, 8 * record, at, poolLabel === LABEL_OWN, symbolLabel === LABEL_OWN);
      ({ at, pool, symbol } = own);
    } else {
      at = copyWords(u32, word + VARIABLE_WORD, UNIT_WORDS * (sizes & 0xff) - VARIABLE_WORD, out, at);
    }
    if (poolLabel !== LABEL_OWN) pool = labels.ref(active, poolLabel);
    if (symbolLabel !== LABEL_OWN) symbol = labels.ref(active, symbolLabel);
    const who = u32[word + RECORD_WHO];
    const blockHash = u32[word + RECORD_BLOCK_HASH];
    const whoLength = textLength(u32, who, this.#who);
    const hashLength = textLength(u32, blockHash, this.#blockHash);
    const poolLength = textLength(u32, pool, this.#pool);
    const symbolLength = textLength(u32, symbol, this.#symbol);
    out[start] = u32[word + RECORD_TIME];
    out[start + 1] = whoLength | (hashLength << 8) | (poolLength << 16) | (symbolLength << 24);
    out[start + 2] = u32[word + FLAGS_WORD] & KEPT_FLAGS;
    out[start + 3] = (sizes & TX_LENGTH_BYTE) | (at - start - ROW_WORDS);
    at = copyText(u32, who, whoLength, out, at);
    at = copyText(u32, blockHash, hashLength, out, at);
    at = copyText(u32, pool, poolLength, out, at);
    this.#at = copyText(u32, symbol, symbolLength, out, at);
    this.#who = who;
    this.#blockHash = blockHash;
    this.#pool = pool;
    this.#symbol = symbol;
  }

  /**
   * Copies the variable part of a record that holds refs of labels (a token with more labels than fit its list), without these refs. Returns
   * them.
   */
  #copyWithoutLabels(
    u8: Uint8Array,
    base: number,
    at: number,
    hasPool: boolean,
    hasSymbol: boolean,
  ): { at: number; pool: number; symbol: number } {
    const priceBytes = (u8[base + RECORD_FLAGS] & FLAG_PRICE) === 0 ? 0 : UNIT_BYTES;
    const start = base + VARIABLE_AT;
    const labelsAt = start + priceBytes + u8[base + RECORD_TX_LENGTH];
    const part = new VariablePart(u8, labelsAt);
    const pool = hasPool ? part.varint() : 0;
    const symbol = hasSymbol ? part.varint() : 0;
    const restAt = part.at;
    const end = part.end(u8[base + RECORD_PARTS]);
    const words = wordsOf(labelsAt - start + end - restAt);
    const out = new Uint8Array(this.#out.buffer, at * WORD_BYTES, words * WORD_BYTES);
    out.fill(0);
    out.set(u8.subarray(start, labelsAt));
    out.set(u8.subarray(restAt, end), labelsAt - start);
    return { at: at + words, pool, symbol };
  }

  #putDouble(at: number, value: number): void {
    this.#double[0] = value;
    this.#out[at] = this.#words[0];
    this.#out[at + 1] = this.#words[1];
  }

  #reserve(words: number): void {
    if (this.#at + words <= this.#out.length) return;
    const grown = new Uint32Array(2 * Math.max(this.#out.length, words));
    grown.set(this.#out);
    this.#out = grown;
  }
}
