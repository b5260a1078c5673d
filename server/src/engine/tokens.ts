/**
 * Token rows and, for tokens that are not retired, the block that heads their data.
 *
 * Row: u32 [0] chain index, [1] flags, [2] version, [3] active block (0: retired), [4] symbol among settled swaps,
 * [5] next and [6] previous in the wheel, [7] hash, [8] symbol now, [9] text length; f64 [5] wheel slot, [6] late, [7] removed,
 * [8] unresolved, [9] latest time of any remembered event; u32 [20] next and [21] previous token of the same symbol;
 * f64 [11] replaced, [12] unmatched removals; text from byte 104.
 */
import { equalBytes, stringToUtf8, utf8ToString } from "./memory/bytes.ts";
import { HashIndex } from "./memory/hash-index.ts";
import type { Heap } from "./memory/heap.ts";
import { type HashSeed, KeyedHash } from "./memory/keyed-hash.ts";
import type { Strings } from "./memory/strings.ts";
import { compareAsText } from "./reads/token-order.ts";
import type { SwapEvent } from "./swaps/swap-event.ts";

/** An applied announcement has made the token known; before, only removals named it. */
const FLAG_KNOWN = 1;
const ROW_BYTES = 104;
const REPLACED = 11;
const REMOVALS_UNMATCHED = 12;
const SYMBOL_NEXT = 20;
const SYMBOL_PREVIOUS = 21;
/** A look-up by symbol names so many tokens at most; any more are as ambiguous as these. */
export const SYMBOL_HITS_MAX = 100;
const TEXT_PURPOSE = 0x70c3;
const SYMBOL_PURPOSE = 0x5b01;

/** u32 fields of the active block. */
export const HOT_HEAD = 0;
export const HOT_TAIL = 1;
export const HOT_COUNT = 2;
export const COLD_LIST = 3;
export const COLD_COUNT = 4;
export const COLD_CAPACITY = 5;
export const SYMBOL_HOLDER = 6;
export const TRADER_TABLE = 7;
export const TRADER_SKETCH = 8;
export const RECENT_HEAD = 9;
export const RECENT_TAIL = 10;
export const RECENT_COUNT = 11;
/** Swaps in hot buckets that count. */
export const HOT_COUNTING = 12;
/** Pools and symbols of the token's records: see labels.ts. */
export const LABELS = 13;
/** Bucket of each of the last seconds, for tokens with many: see hot-buckets.ts. */
export const RING = 14;
/** The oldest bucket of the finest step, or 0. */
export const FINEST_HEAD = 15;
/** f64 fields: from where on the newest swaps are all held (0: from the beginning), and the high at which all hot buckets age again. */
export const RECENT_FROM = 8;
export const AGE_ALL_AT = 9;
export const ACTIVE_BYTES = 80;
/** Of which so many words are owned together. */
export const ACTIVE_UNITS = ACTIVE_BYTES / 8;

export class Tokens {
  readonly #heap: Heap;
  readonly #strings: Strings;
  readonly index: HashIndex;
  readonly symbolIndex: HashIndex;
  readonly #textHash: KeyedHash;
  readonly #symbolHashes: KeyedHash;
  knownCount = 0;
  activeCount = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #chainIndex = 0;

  constructor(heap: Heap, strings: Strings, seed: HashSeed, indexRef = 0, symbolIndexRef = 0) {
    this.#textHash = new KeyedHash(seed, TEXT_PURPOSE);
    this.#symbolHashes = new KeyedHash(seed, SYMBOL_PURPOSE);
    this.#heap = heap;
    this.#strings = strings;
    this.index = new HashIndex(heap, indexRef);
    this.symbolIndex = new HashIndex(heap, symbolIndexRef);
  }

  matches(row: number): boolean {
    return this.#heap.u32[2 * row] === this.#chainIndex && this.#sameText(row);
  }

  #sameText(row: number): boolean {
    const length = this.#end - this.#start;
    return (
      this.#heap.u32[2 * row + 9] === length &&
      equalBytes(this.#heap.u8, 8 * row + ROW_BYTES, this.#bytes, this.#start, length)
    );
  }

  /** The row of a token, known or not, or 0. */
  find(chainIndex: number, bytes: Uint8Array, start: number, end: number): number {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    this.#chainIndex = chainIndex;
    return this.index.find(this.#textHash.hash(bytes, start, end, chainIndex, 0), this);
  }

  findEvent(chainIndex: number, event: SwapEvent): number {
    return this.find(chainIndex, event.bytes, event.tokenStart, event.tokenEnd);
  }

  /** Known tokens of exactly this text on any of so many chains. */
  findByText(text: string, chainCount: number): number[] {
    const bytes = stringToUtf8(text);
    const rows: number[] = [];
    for (let chainIndex = 0; chainIndex < chainCount; chainIndex++) {
      const row = this.find(chainIndex, bytes, 0, bytes.length);
      if (row !== 0 && this.isKnown(row)) rows.push(row);
    }
    return rows;
  }

  /** Known tokens whose symbol now in use is this one, without case; at most `hitsMax`. */
  findBySymbol(symbol: string, hitsMax: number = SYMBOL_HITS_MAX): number[] {
    const rows: number[] = [];
    const u32 = this.#heap.u32;
    for (let row = this.#symbolHead(symbol.toLowerCase()); row !== 0; row = u32[2 * row + SYMBOL_NEXT]) {
      if (this.isKnown(row)) rows.push(row);
      if (rows.length === hitsMax) break;
    }
    return rows;
  }

  /** The first of the tokens with this symbol (in lower case), or 0. */
  #symbolHead(folded: string): number {
    const sameSymbol = {
      matches: (row: number): boolean => this.#strings.text(this.symbolNow(row)).toLowerCase() === folded,
    };
    return this.symbolIndex.find(this.#symbolHash(folded), sameSymbol);
  }

  #symbolHash(folded: string): number {
    const bytes = stringToUtf8(folded);
    return this.#symbolHashes.hash(bytes, 0, bytes.length, 0, 0);
  }

  /** A new row, not yet known, with its active block. */
  create(chainIndex: number, event: SwapEvent): number {
    const { bytes, tokenStart: start, tokenEnd: end } = event;
    const length = end - start;
    const row = this.#heap.alloc(ROW_BYTES + length);
    const hash = this.#textHash.hash(bytes, start, end, chainIndex, 0);
    const { u8, u32, f64 } = this.#heap;
    this.#heap.own(row, (ROW_BYTES + length + 7) >>> 3);
    u32[2 * row] = chainIndex;
    u32[2 * row + 7] = hash;
    u32[2 * row + 9] = length;
    f64[row + 5] = -1;
    for (let i = 0; i < length; i++) u8[8 * row + ROW_BYTES + i] = bytes[start + i];
    this.index.insert(hash, row);
    return row;
  }

  /** Gives the row its active block, if it has none. Returns the block. */
  activate(row: number): number {
    const found = this.#heap.u32[2 * row + 3];
    if (found !== 0) return found;
    const active = this.#heap.alloc(ACTIVE_BYTES);
    this.#heap.own(row, 10);
    this.#heap.u32[2 * row + 3] = active;
    this.activeCount += 1;
    return active;
  }

  /** Frees the (empty) active block: the token keeps id, symbol and counters. */
  retire(row: number): void {
    this.#heap.own(row, 10);
    this.#heap.free(this.#heap.u32[2 * row + 3], ACTIVE_BYTES);
    this.#heap.u32[2 * row + 3] = 0;
    this.activeCount -= 1;
  }

  /** Forgets a row that never became known. */
  remove(row: number): void {
    const heap = this.#heap;
    this.index.remove(heap.u32[2 * row + 7], row);
    heap.free(row, ROW_BYTES + heap.u32[2 * row + 9]);
  }

  active(row: number): number {
    return this.#heap.u32[2 * row + 3];
  }

  chainIndex(row: number): number {
    return this.#heap.u32[2 * row];
  }

  isKnown(row: number): boolean {
    return (this.#heap.u32[2 * row + 1] & FLAG_KNOWN) !== 0;
  }

  makeKnown(row: number): void {
    if (this.isKnown(row)) return;
    this.#heap.own(row, 1);
    this.#heap.u32[2 * row + 1] |= FLAG_KNOWN;
    this.knownCount += 1;
  }

  version(row: number): number {
    return this.#heap.u32[2 * row + 2];
  }

  touch(row: number): void {
    this.#heap.own(row + 1, 1);
    this.#heap.u32[2 * row + 2] += 1;
  }

  /** Notes the time of an event that is remembered. */
  noteRecord(row: number, timeMs: number): void {
    if (this.#heap.f64[row + 9] >= timeMs) return;
    this.#heap.own(row + 9, 1);
    this.#heap.f64[row + 9] = timeMs;
  }

  lastRecordMs(row: number): number {
    return this.#heap.f64[row + 9];
  }

  late(row: number): number {
    return this.#heap.f64[row + 6];
  }

  removed(row: number): number {
    return this.#heap.f64[row + 7];
  }

  unresolved(row: number): number {
    return this.#heap.f64[row + 8];
  }

  replaced(row: number): number {
    return this.#heap.f64[row + REPLACED];
  }

  removalsUnmatched(row: number): number {
    return this.#heap.f64[row + REMOVALS_UNMATCHED];
  }

  countReplaced(row: number): void {
    this.#increment(row + REPLACED, row);
  }

  countRemovalUnmatched(row: number): void {
    this.#increment(row + REMOVALS_UNMATCHED, row);
  }

  countLate(row: number): void {
    this.#increment(row + 6, row);
  }

  countRemoved(row: number): void {
    this.#increment(row + 7, row);
  }

  countUnresolved(row: number): void {
    this.#increment(row + 8, row);
  }

  #increment(at: number, row: number): void {
    this.#heap.own(at, 1);
    this.#heap.f64[at] += 1;
    this.touch(row);
  }

  settledSymbol(row: number): number {
    return this.#heap.u32[2 * row + 4];
  }

  setSettledSymbol(row: number, symbol: number): void {
    const old = this.settledSymbol(row);
    if (old === symbol) return;
    this.#strings.retain(symbol);
    this.#heap.own(row + 2, 1);
    this.#heap.u32[2 * row + 4] = symbol;
    this.#strings.release(old);
  }

  symbolNow(row: number): number {
    return this.#heap.u32[2 * row + 8];
  }

  setSymbolNow(row: number, symbol: number): void {
    const old = this.symbolNow(row);
    if (old === symbol) return;
    if (old !== 0) this.#leaveSymbol(row, this.#strings.text(old).toLowerCase());
    this.#strings.retain(symbol);
    this.#heap.own(row + 4, 1);
    this.#heap.u32[2 * row + 8] = symbol;
    this.#strings.release(old);
    if (symbol !== 0) this.#enterSymbol(row, this.#strings.text(symbol).toLowerCase());
  }

  /** The index names the first token of a symbol; the others hang behind it. A symbol may be that of every token. */
  #enterSymbol(row: number, folded: string): void {
    const heap = this.#heap;
    const head = this.#symbolHead(folded);
    if (head === 0) {
      this.symbolIndex.insert(this.#symbolHash(folded), row);
      return;
    }
    const next = heap.u32[2 * head + SYMBOL_NEXT];
    heap.own(row + SYMBOL_NEXT / 2, 1);
    heap.own(head + SYMBOL_NEXT / 2, 1);
    heap.u32[2 * row + SYMBOL_NEXT] = next;
    heap.u32[2 * row + SYMBOL_PREVIOUS] = head;
    heap.u32[2 * head + SYMBOL_NEXT] = row;
    if (next === 0) return;
    heap.own(next + SYMBOL_NEXT / 2, 1);
    heap.u32[2 * next + SYMBOL_PREVIOUS] = row;
  }

  #leaveSymbol(row: number, folded: string): void {
    const heap = this.#heap;
    const next = heap.u32[2 * row + SYMBOL_NEXT];
    const previous = heap.u32[2 * row + SYMBOL_PREVIOUS];
    heap.own(row + SYMBOL_NEXT / 2, 1);
    heap.u32[2 * row + SYMBOL_NEXT] = 0;
    heap.u32[2 * row + SYMBOL_PREVIOUS] = 0;
    if (next !== 0) {
      heap.own(next + SYMBOL_NEXT / 2, 1);
      heap.u32[2 * next + SYMBOL_PREVIOUS] = previous;
    }
    if (previous !== 0) {
      heap.own(previous + SYMBOL_NEXT / 2, 1);
      heap.u32[2 * previous + SYMBOL_NEXT] = next;
    } else if (next !== 0) this.symbolIndex.replace(this.#symbolHash(folded), row, next);
    else this.symbolIndex.remove(this.#symbolHash(folded), row);
  }

  text(row: number): string {
    const start = 8 * row + ROW_BYTES;
    return utf8ToString(this.#heap.u8, start, start + this.#heap.u32[2 * row + 9]);
  }

  /** By UTF-16 code units, as ids are ordered wherever they are texts. */
  compareText(a: number, b: number): number {
    const { u8, u32 } = this.#heap;
    const aStart = 8 * a + ROW_BYTES;
    const bStart = 8 * b + ROW_BYTES;
    return compareAsText(u8, aStart, aStart + u32[2 * a + 9], bStart, bStart + u32[2 * b + 9]);
  }
}
