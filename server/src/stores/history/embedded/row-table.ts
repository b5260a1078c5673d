/**
 * Rows as DuckDB's vectors hold their values, and their way into a table. Setting a value costs nanoseconds; a call of DuckDB for each value would cost more than all
 * the rest. The words of a row lie together until they are appended in their order, for the processor's cache.
 *
 * A text of DuckDB is its length and a pointer. All texts are ranges of one heap, so one call copies them, and the pointers are counted from its begin.
 */
import type { DuckDBConnection, DuckDBType } from "@duckdb/node-api";
import type { Duck } from "./duck.ts";
import type { TextHeap } from "./text-heap.ts";

/** `words` of 32 bits: an integer of 32 bits has 1, one of 64 bits or a double 2, a text or a wide decimal 4. */
export type Column = { readonly name: string; readonly type: DuckDBType; readonly words: 1 | 2 | 4 };

/** Rows of a vector of DuckDB. */
const VECTOR_ROWS = 2_048;
const WORD_BYTES = 4;
const WORD_BITS = 32;
const TWO_32 = 2 ** 32;
/** A text: its length and its bytes; from 13 bytes on the first four of them, and a pointer of two words. */
const TEXT_WORDS = 4;
const INLINE_MAX = 12;
const POINTER_WORD = 2;
/** 10^15 in three steps whose products with a word are safe integers. */
const LIMB_STEP = 1e5;
const LIMB_STEPS = 3;

type Bindings = Duck["bindings"];
type Vector = ReturnType<Bindings["create_vector"]>;
type Address = { readonly low: number; readonly high: number };

export class RowTable {
  readonly #columns: readonly Column[];
  readonly #heap: TextHeap;
  /** Where the values of a column are in its row; behind them is a word with a bit for each column that has none. */
  readonly #at: number[] = [];
  readonly #width: number;
  readonly #words: Uint32Array;
  readonly #double = new Float64Array(1);
  readonly #doubleWords = new Uint32Array(this.#double.buffer);
  #rows = 0;
  #base: number;

  /** At most 32 columns. Their values are missing until they are set. */
  constructor(columns: readonly Column[], rows: number, heap: TextHeap) {
    this.#columns = columns;
    this.#heap = heap;
    let width = 0;
    for (const { words } of columns) {
      this.#at.push(width);
      width += words;
    }
    this.#width = width + 1;
    this.#words = new Uint32Array(this.#width * rows);
    this.#base = -this.#width;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Begins the next row. Returns its number. */
  next(): number {
    this.#base += this.#width;
    this.#words[this.#base + this.#width - 1] = TWO_32 - 1;
    return this.#rows++;
  }

  #set(column: number): number {
    this.#words[this.#base + this.#width - 1]! &= ~(1 << column);
    return this.#base + this.#at[column]!;
  }

  u32(column: number, value: number): void {
    this.#words[this.#set(column)] = value;
  }

  /** A safe integer that is not negative. */
  u64(column: number, value: number): void {
    const at = this.#set(column);
    this.#words[at] = value % TWO_32;
    this.#words[at + 1] = value / TWO_32;
  }

  double(column: number, value: number): void {
    const at = this.#set(column);
    this.#double[0] = value;
    this.#words[at] = this.#doubleWords[0]!;
    this.#words[at + 1] = this.#doubleWords[1]!;
  }

  /** Below 2^127, not negative. */
  u128(column: number, value: bigint): void {
    const at = this.#set(column);
    for (let i = 0; i < 4; i++) this.#words[at + i] = Number((value >> BigInt(WORD_BITS * i)) & 0xffff_ffffn);
  }

  /** (limb2 * 10^15 + limb1) * 10^15 + limb0, below 2^127. */
  limbs(column: number, limb0: number, limb1: number, limb2: number): void {
    const at = this.#set(column);
    if (limb2 > 0) {
      this.#add(at, limb2);
      this.#timesLimb(at);
    }
    if (limb1 > 0 || limb2 > 0) {
      this.#add(at, limb1);
      this.#timesLimb(at);
    }
    this.#add(at, limb0);
  }

  /** The text is the bytes [from, to) of the heap. */
  text(column: number, from: number, to: number): void {
    const at = this.#set(column);
    const words = this.#words;
    const length = to - from;
    words[at] = length;
    if (length <= INLINE_MAX) {
      for (let i = 0; i < length; i++) words[at + 1 + (i >>> 2)]! |= this.#heap.byteAt(from + i) << (8 * (i & 3));
      return;
    }
    words[at + 1] = this.#heap.wordAt(from);
    words[at + POINTER_WORD] = from;
  }

  #add(at: number, value: number): void {
    const words = this.#words;
    let carry = value;
    for (let i = at; carry > 0; i++) {
      const sum = words[i]! + (carry % TWO_32);
      words[i] = sum;
      carry = Math.floor(carry / TWO_32) + (sum >= TWO_32 ? 1 : 0);
    }
  }

  #timesLimb(at: number): void {
    const words = this.#words;
    for (let step = 0; step < LIMB_STEPS; step++) {
      let carry = 0;
      for (let i = at; i < at + TEXT_WORDS; i++) {
        const product = words[i]! * LIMB_STEP + carry;
        carry = Math.floor(product / TWO_32);
        words[i] = product - carry * TWO_32;
      }
    }
  }

  /** Appends the rows in this order to the table of DuckDB, whose columns are these. */
  async append(
    { api, bindings }: Duck,
    connection: DuckDBConnection,
    table: string,
    order: Uint32Array,
  ): Promise<void> {
    // The vector owns the copy of the heap. Appending a chunk copies its texts.
    const owner = bindings.create_vector(api.BLOB.toLogicalType().logical_type, 1);
    const heap = addressOf(bindings, owner, this.#heap.bytes);
    const appender = await connection.createAppender(table);
    const types = this.#columns.map(({ type }) => type);
    const scratch = this.#columns.map(({ words }) => new Uint32Array(words * VECTOR_ROWS));
    const missing = new Uint32Array(VECTOR_ROWS);
    for (let from = 0; from < order.length; from += VECTOR_ROWS) {
      const part = order.subarray(from, from + VECTOR_ROWS);
      this.#gather(part, scratch, missing, heap);
      const chunk = api.DuckDBDataChunk.create(types, part.length);
      for (const [c, { words }] of this.#columns.entries()) {
        const vector = bindings.data_chunk_get_vector(chunk.chunk, c);
        bindings.copy_data_to_vector(vector, 0, scratch[c]!.buffer, 0, part.length * words * WORD_BYTES);
        const valid = validOf(missing.subarray(0, part.length), c);
        if (valid === undefined) continue;
        bindings.vector_ensure_validity_writable(vector);
        bindings.copy_data_to_vector_validity(vector, 0, valid.buffer, 0, valid.byteLength);
      }
      appender.appendDataChunk(chunk);
    }
    appender.closeSync();
    // Until here the heap must not be collected.
    bindings.vector_get_data(owner, 1);
  }

  #gather(order: Uint32Array, scratch: readonly Uint32Array[], missing: Uint32Array, { low, high }: Address): void {
    const words = this.#words;
    const last = this.#width - 1;
    for (const [c, column] of this.#columns.entries()) {
      const out = scratch[c]!;
      const at = this.#at[c]!;
      const isText = column.type.typeId === VARCHAR_TYPE;
      let to = 0;
      for (const row of order) {
        const base = row * this.#width + at;
        out[to++] = words[base]!;
        if (column.words === 1) continue;
        out[to++] = words[base + 1]!;
        if (column.words === 2) continue;
        if (isText && words[base]! > INLINE_MAX) {
          const pointer = low + words[base + POINTER_WORD]!;
          out[to++] = pointer;
          out[to++] = pointer >= TWO_32 ? high + 1 : high;
          continue;
        }
        out[to++] = words[base + 2]!;
        out[to++] = words[base + 3]!;
      }
    }
    for (const [i, row] of order.entries()) missing[i] = words[row * this.#width + last]!;
  }
}

/** `VARCHAR` of DuckDB's types. */
const VARCHAR_TYPE = 17;

/** Returns a bit for each row that has a value of the column, or undefined when all have one. */
function validOf(missing: Uint32Array, column: number): Uint32Array<ArrayBuffer> | undefined {
  let valid: Uint32Array<ArrayBuffer> | undefined;
  for (let i = 0; i < missing.length; i++) {
    if (((missing[i]! >>> column) & 1) === 0) continue;
    valid ??= new Uint32Array(VECTOR_ROWS / WORD_BITS).fill(TWO_32 - 1);
    valid[i >>> 5]! &= ~(1 << (i & 31));
  }
  return valid;
}

/** Copies the bytes into the memory of the vector. Returns the address of the first. */
function addressOf(bindings: Bindings, owner: Vector, bytes: Buffer): Address {
  if (bytes.length <= INLINE_MAX) return { low: 0, high: 0 };
  bindings.vector_assign_string_element_len(owner, 0, bytes);
  const text = bindings.vector_get_data(owner, TEXT_WORDS * WORD_BYTES);
  const view = new DataView(text.buffer, text.byteOffset, text.byteLength);
  const word = (i: number): number => view.getUint32(i * WORD_BYTES, true);
  return { low: word(POINTER_WORD), high: word(POINTER_WORD + 1) };
}
