/**
 * Numbers written bit by bit into words, low bits first. A number takes as many bits as recent numbers of its field: one bit
 * says so, or a new width follows. Writer and reader learn the same widths as they go. None is stored, and a field whose
 * numbers are of one size costs hardly more than their bits.
 *
 * A run of numbers is passed in arrays of fields and values: one loop without calls writes twice as fast as a call for each
 * number, because the runtime boxes doubles in calls.
 */
const TWO_31 = 2 ** 31;
const TWO_32 = 2 ** 32;
/** Number of fields, each with a width of one byte. */
const WIDTHS = 16;
export const WIDTH_WORDS = WIDTHS / 4;
const NUMBERS_MAX = 24;
const WIDTH_BITS = 6;
/** A width shrinks by a bit when a number needs this many bits fewer. Noise alone rarely does that. */
const SLACK_BITS = 3;
/** Numbers of at most this many bits are written together with the bit before them. */
const SHORT_BITS = 31;

/** A run of numbers: integers from 0 to 2^53 - 1, each of a field. */
export class NumberRun {
  readonly fields = new Uint8Array(NUMBERS_MAX);
  readonly values = new Float64Array(NUMBERS_MAX);
  count = 0;

  add(field: number, value: number): void {
    this.fields[this.count] = field;
    this.values[this.count++] = value;
  }

  /** Adds a signed number: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...; sizes up to 2^52. */
  addSigned(field: number, value: number): void {
    this.add(field, value < 0 ? -2 * value - 1 : 2 * value);
  }

  signed(i: number): number {
    const half = Math.floor(this.values[i] / 2);
    return this.values[i] === 2 * half ? half : -half - 1;
  }
}

export class BitWriter {
  readonly words: Uint32Array;
  /** Bits written. */
  at = 0;
  readonly widths = new Uint8Array(WIDTHS);
  /** The widths as words, for storing them between runs. */
  readonly widthWords = new Uint32Array(this.widths.buffer);

  constructor(words: number) {
    this.words = new Uint32Array(words);
  }

  /** Continues after the low bits of a word that has begun. */
  begin(word: number, bits: number): void {
    this.words[0] = word;
    this.at = bits;
  }

  /** Writes 1 to 32 bits. The value, a signed word (which the runtime never boxes), has no other bits. */
  put(value: number, bits: number): void {
    const { words } = this;
    const word = this.at >>> 5;
    const shift = this.at & 31;
    words[word] = shift === 0 ? value : words[word] | (value << shift);
    if (shift + bits > 32) words[word + 1] = value >>> (32 - shift);
    this.at += bits;
  }

  numbers(run: NumberRun): void {
    const { fields, values, count } = run;
    const { widths, words } = this;
    let word = this.at >>> 5;
    let shift = this.at & 31;
    let pending = shift === 0 ? 0 : words[word];
    for (let i = 0; i < count; i++) {
      const value = values[i];
      const known = widths[fields[i]];
      const high = value < TWO_32 ? 0 : Math.floor(value * (1 / TWO_32)) | 0;
      const low = value | 0;
      const width = high === 0 ? 32 - Math.clz32(low) : 64 - Math.clz32(high);
      if (width > known) {
        words[word] = pending;
        this.at = 32 * word + shift;
        this.#ofNewWidth(fields[i], low, high, width);
        word = this.at >>> 5;
        shift = this.at & 31;
        pending = shift === 0 ? 0 : words[word];
        continue;
      }
      if (width + SLACK_BITS < known) widths[fields[i]] = known - 1;
      const first = low << 1;
      let bits = known + 1;
      if (known > SHORT_BITS) {
        words[word++] = pending | (first << shift);
        // Two shifts, because a shift by 32 does nothing.
        pending = (first >>> 1) >>> (31 - shift);
        bits -= 32;
      }
      const rest = known > SHORT_BITS ? (high << 1) | (low >>> 31) : first;
      pending |= rest << shift;
      const end = shift + bits;
      if (end >= 32) {
        words[word++] = pending;
        pending = (rest >>> 1) >>> (31 - shift);
      }
      shift = end & 31;
    }
    words[word] = pending;
    this.at = 32 * word + shift;
  }

  #ofNewWidth(field: number, low: number, high: number, width: number): void {
    this.widths[field] = width;
    this.put((width << 1) | 1, WIDTH_BITS + 1);
    this.put(low, width < 32 ? width : 32);
    if (width > 32) this.put(high, width - 32);
  }
}

export class BitReader {
  #words: Uint32Array = new Uint32Array(0);
  #word = 0;
  #shift = 0;
  readonly #widths = new Uint8Array(WIDTHS);

  /** Starts at a word, with the widths with which a writer starts. */
  begin(words: Uint32Array, word: number): void {
    this.#words = words;
    this.#word = word;
    this.#shift = 0;
    this.#widths.fill(0);
  }

  /** Reads 1 to 32 bits, as a signed word. */
  take(bits: number): number {
    const words = this.#words;
    const shift = this.#shift;
    const end = shift + bits;
    let value = words[this.#word] >>> shift;
    if (end > 32) value |= words[this.#word + 1] << (32 - shift);
    if (end >= 32) this.#word += 1;
    this.#shift = end & 31;
    return bits === 32 ? value | 0 : value & ((1 << bits) - 1);
  }

  /** Reads the values of a run whose fields and count are set. */
  numbers(run: NumberRun): void {
    const { fields, values, count } = run;
    const widths = this.#widths;
    const words = this.#words;
    let word = this.#word;
    let shift = this.#shift;
    for (let i = 0; i < count; i++) {
      const known = widths[fields[i]];
      // The next 32 bits. Two shifts, because a shift by 32 does nothing.
      let low = (words[word] >>> shift) | ((words[word + 1] << 1) << (31 - shift));
      if ((low & 1) !== 0) {
        this.#word = word;
        this.#shift = shift;
        values[i] = this.#ofNewWidth(fields[i]);
        word = this.#word;
        shift = this.#shift;
        continue;
      }
      low >>>= 1;
      let high = 0;
      let end = shift + known + 1;
      if (known < SHORT_BITS) low &= (1 << known) - 1;
      else if (known > SHORT_BITS) {
        word += 1;
        end -= 32;
        high = ((words[word] >>> shift) | ((words[word + 1] << 1) << (31 - shift))) & ((1 << (known - SHORT_BITS)) - 1);
      }
      word += end >>> 5;
      shift = end & 31;
      values[i] = high * TWO_31 + low;
      const width = high === 0 ? 32 - Math.clz32(low) : 63 - Math.clz32(high);
      if (width + SLACK_BITS < known) widths[fields[i]] = known - 1;
    }
    this.#word = word;
    this.#shift = shift;
  }

  #ofNewWidth(field: number): number {
    this.take(1);
    const width = this.take(WIDTH_BITS);
    this.#widths[field] = width;
    const low = this.take(width < 32 ? width : 32) >>> 0;
    return width > 32 ? this.take(width - 32) * TWO_32 + low : low;
  }
}
