/**
 * Token rows and, for tokens that are not retired, the active block that heads their data (TOKEN_ROW and ACTIVE_BLOCK of
 * memory/layout.ts).
 */
import { ByteView } from "./memory/byte-view.ts";
import { equalBytes, stringToUtf8, utf8ToString } from "./memory/bytes.ts";
import { HashIndex } from "./memory/hash-index.ts";
import type { Heap } from "./memory/heap.ts";
import { type HashSeed, KeyedHash } from "./memory/keyed-hash.ts";
import { ACTIVE_BLOCK, TOKEN_ROW } from "./memory/layout.ts";
import type { Strings } from "./memory/strings.ts";
import type { SwapEvent } from "./swaps/swap-event.ts";
import { compareAsText } from "./token-order.ts";

const {
  CHAIN_INDEX,
  FLAGS,
  VERSION,
  ACTIVE,
  SETTLED_SYMBOL,
  HASH,
  SYMBOL,
  TEXT_LENGTH,
  WHEEL_SLOT,
  LATE,
  REMOVED,
  UNRESOLVED,
  LAST_RECORD_MS,
  SYMBOL_NEXT,
  SYMBOL_PREVIOUS,
  REPLACED,
  REMOVALS_UNMATCHED,
  TEXT,
  UNITS: ROW_UNITS,
} = TOKEN_ROW;

/** The token is known: an announcement of it was applied. Before that only removals named it. */
const FLAG_KNOWN = 1;
/**
 * The upper bits of the flags: when the token became known, in seconds from this second (13 May 2014) on, plus 1. 0: it was known
 * before the image kept that. They hold 68 years; an earlier or later time counts as the first or the last of them.
 */
const SEEN_FROM_S = 1_400_000_000;
const SEEN_SHIFT = 1;
const MS_PER_S = 1000;
const SEEN_MAX = 2 ** 31 - 1;
/** Most tokens that a look-up by symbol returns. More would be just as ambiguous. */
export const SYMBOL_HITS_MAX = 100;
const TEXT_PURPOSE = 0x70c3;
const SYMBOL_PURPOSE = 0x5b01;

export class Tokens {
  readonly #heap: Heap;
  readonly #strings: Strings;
  readonly index: HashIndex;
  readonly symbolIndex: HashIndex;
  readonly #textHash: KeyedHash;
  readonly #symbolHashes: KeyedHash;
  readonly #view = new ByteView();
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
    return this.#heap.u32[2 * row + CHAIN_INDEX] === this.#chainIndex && this.#sameText(row);
  }

  #sameText(row: number): boolean {
    const length = this.#end - this.#start;
    return (
      this.#heap.u32[2 * row + TEXT_LENGTH] === length &&
      equalBytes(this.#heap.view, 8 * row + TEXT, this.#view.of(this.#bytes), this.#start, length)
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

  /** Returns the known tokens of exactly this text on the first `chainCount` chains. */
  findByText(text: string, chainCount: number): number[] {
    const bytes = stringToUtf8(text);
    const rows: number[] = [];
    for (let chainIndex = 0; chainIndex < chainCount; chainIndex++) {
      const row = this.find(chainIndex, bytes, 0, bytes.length);
      if (row !== 0 && this.isKnown(row)) rows.push(row);
    }
    return rows;
  }

  /** Returns known tokens whose current symbol is this one, ignoring case; at most `hitsMax`. */
  findBySymbol(symbol: string, hitsMax: number = SYMBOL_HITS_MAX): number[] {
    const rows: number[] = [];
    const u32 = this.#heap.u32;
    for (let row = this.#symbolHead(symbol.toLowerCase()); row !== 0; row = u32[2 * row + SYMBOL_NEXT]) {
      if (this.isKnown(row)) rows.push(row);
      if (rows.length === hitsMax) break;
    }
    return rows;
  }

  /** The first token with this symbol (in lower case), or 0. */
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

  /** Creates a row that is neither known nor active. Returns it. */
  create(chainIndex: number, event: SwapEvent): number {
    const { bytes, tokenStart: start, tokenEnd: end } = event;
    const length = end - start;
    const row = this.#heap.alloc(TEXT + length);
    const hash = this.#textHash.hash(bytes, start, end, chainIndex, 0);
    const { u8, u32, f64 } = this.#heap;
    this.#heap.own(row, (TEXT + length + 7) >>> 3);
    u32[2 * row + CHAIN_INDEX] = chainIndex;
    u32[2 * row + HASH] = hash;
    u32[2 * row + TEXT_LENGTH] = length;
    f64[row + WHEEL_SLOT] = -1;
    for (let i = 0; i < length; i++) u8[8 * row + TEXT + i] = bytes[start + i];
    this.index.insert(hash, row);
    return row;
  }

  /** Creates the row's active block if it has none. Returns the block. */
  activate(row: number): number {
    const found = this.#heap.u32[2 * row + ACTIVE];
    if (found !== 0) return found;
    const active = this.#heap.alloc(ACTIVE_BLOCK.BYTES);
    this.#heap.own(row, ROW_UNITS);
    this.#heap.u32[2 * row + ACTIVE] = active;
    this.activeCount += 1;
    return active;
  }

  /** Frees the active block, which must be empty. The token keeps its id, symbol and counters. */
  retire(row: number): void {
    this.#heap.own(row, ROW_UNITS);
    this.#heap.free(this.#heap.u32[2 * row + ACTIVE], ACTIVE_BLOCK.BYTES);
    this.#heap.u32[2 * row + ACTIVE] = 0;
    this.activeCount -= 1;
  }

  /** Removes a row that never became known. */
  remove(row: number): void {
    const heap = this.#heap;
    this.index.remove(heap.u32[2 * row + HASH], row);
    heap.free(row, TEXT + heap.u32[2 * row + TEXT_LENGTH]);
  }

  active(row: number): number {
    return this.#heap.u32[2 * row + ACTIVE];
  }

  chainIndex(row: number): number {
    return this.#heap.u32[2 * row + CHAIN_INDEX];
  }

  isKnown(row: number): boolean {
    return (this.#heap.u32[2 * row + FLAGS] & FLAG_KNOWN) !== 0;
  }

  /** Makes the token known by a swap of this time. */
  makeKnown(row: number, timeMs: number): void {
    if (this.isKnown(row)) return;
    const seen = Math.min(Math.max(1, Math.floor(timeMs / MS_PER_S) - SEEN_FROM_S + 1), SEEN_MAX);
    this.#heap.own(row + (FLAGS >>> 1), 1);
    this.#heap.u32[2 * row + FLAGS] |= FLAG_KNOWN | (seen << SEEN_SHIFT);
    this.knownCount += 1;
  }

  /** Returns the time of the swap that made the token known, cut to seconds. Undefined if the image does not tell. */
  firstSeenMs(row: number): number | undefined {
    const seen = this.#heap.u32[2 * row + FLAGS] >>> SEEN_SHIFT;
    return seen === 0 ? undefined : (SEEN_FROM_S + seen - 1) * MS_PER_S;
  }

  version(row: number): number {
    return this.#heap.u32[2 * row + VERSION];
  }

  touch(row: number): void {
    this.#heap.own(row + (VERSION >>> 1), 1);
    this.#heap.u32[2 * row + VERSION] += 1;
  }

  /** Notes the time of a remembered event. */
  noteRecord(row: number, timeMs: number): void {
    if (this.#heap.f64[row + LAST_RECORD_MS] >= timeMs) return;
    this.#heap.own(row + LAST_RECORD_MS, 1);
    this.#heap.f64[row + LAST_RECORD_MS] = timeMs;
  }

  lastRecordMs(row: number): number {
    return this.#heap.f64[row + LAST_RECORD_MS];
  }

  late(row: number): number {
    return this.#heap.f64[row + LATE];
  }

  removed(row: number): number {
    return this.#heap.f64[row + REMOVED];
  }

  unresolved(row: number): number {
    return this.#heap.f64[row + UNRESOLVED];
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
    this.#increment(row + LATE, row);
  }

  countRemoved(row: number): void {
    this.#increment(row + REMOVED, row);
  }

  countUnresolved(row: number): void {
    this.#increment(row + UNRESOLVED, row);
  }

  #increment(at: number, row: number): void {
    this.#heap.own(at, 1);
    this.#heap.f64[at] += 1;
    this.touch(row);
  }

  settledSymbol(row: number): number {
    return this.#heap.u32[2 * row + SETTLED_SYMBOL];
  }

  setSettledSymbol(row: number, symbol: number): void {
    const old = this.settledSymbol(row);
    if (old === symbol) return;
    this.#strings.retain(symbol);
    this.#heap.own(row + (SETTLED_SYMBOL >>> 1), 1);
    this.#heap.u32[2 * row + SETTLED_SYMBOL] = symbol;
    this.#strings.release(old);
  }

  symbolNow(row: number): number {
    return this.#heap.u32[2 * row + SYMBOL];
  }

  setSymbolNow(row: number, symbol: number): void {
    const old = this.symbolNow(row);
    if (old === symbol) return;
    if (old !== 0) this.#leaveSymbol(row, this.#strings.text(old).toLowerCase());
    this.#strings.retain(symbol);
    this.#heap.own(row + (SYMBOL >>> 1), 1);
    this.#heap.u32[2 * row + SYMBOL] = symbol;
    this.#strings.release(old);
    if (symbol !== 0) this.#enterSymbol(row, this.#strings.text(symbol).toLowerCase());
  }

  /** The index names the first token of a symbol, and the others are linked to it: all tokens may have the same symbol. */
  #enterSymbol(row: number, folded: string): void {
    const heap = this.#heap;
    const head = this.#symbolHead(folded);
    if (head === 0) {
      this.symbolIndex.insert(this.#symbolHash(folded), row);
      return;
    }
    const next = heap.u32[2 * head + SYMBOL_NEXT];
    heap.own(row + (SYMBOL_NEXT >>> 1), 1);
    heap.own(head + (SYMBOL_NEXT >>> 1), 1);
    heap.u32[2 * row + SYMBOL_NEXT] = next;
    heap.u32[2 * row + SYMBOL_PREVIOUS] = head;
    heap.u32[2 * head + SYMBOL_NEXT] = row;
    if (next === 0) return;
    heap.own(next + (SYMBOL_NEXT >>> 1), 1);
    heap.u32[2 * next + SYMBOL_PREVIOUS] = row;
  }

  #leaveSymbol(row: number, folded: string): void {
    const heap = this.#heap;
    const next = heap.u32[2 * row + SYMBOL_NEXT];
    const previous = heap.u32[2 * row + SYMBOL_PREVIOUS];
    heap.own(row + (SYMBOL_NEXT >>> 1), 1);
    heap.u32[2 * row + SYMBOL_NEXT] = 0;
    heap.u32[2 * row + SYMBOL_PREVIOUS] = 0;
    if (next !== 0) {
      heap.own(next + (SYMBOL_NEXT >>> 1), 1);
      heap.u32[2 * next + SYMBOL_PREVIOUS] = previous;
    }
    if (previous !== 0) {
      heap.own(previous + (SYMBOL_NEXT >>> 1), 1);
      heap.u32[2 * previous + SYMBOL_NEXT] = next;
    } else if (next !== 0) this.symbolIndex.replace(this.#symbolHash(folded), row, next);
    else this.symbolIndex.remove(this.#symbolHash(folded), row);
  }

  text(row: number): string {
    const start = 8 * row + TEXT;
    return utf8ToString(this.#heap.u8, start, start + this.#heap.u32[2 * row + TEXT_LENGTH]);
  }

  /** Compares by UTF-16 code units, which is the order of ids as JavaScript texts. */
  compareText(a: number, b: number): number {
    const { u8, u32 } = this.#heap;
    const aStart = 8 * a + TEXT;
    const bStart = 8 * b + TEXT;
    return compareAsText(u8, aStart, aStart + u32[2 * a + TEXT_LENGTH], bStart, bStart + u32[2 * b + TEXT_LENGTH]);
  }
}
