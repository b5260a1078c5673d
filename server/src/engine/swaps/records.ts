/**
 * Remembered events (announcements and removals), packed into the heap: about 100 bytes each. A record keeps the exact
 * identity of its swap instead of a fingerprint, because order among equal times is decided by the bytes of the event id.
 *
 * Record: u32 [0] next record of the bucket, [1] token, [2] who, [3] block hash, [4] low half of the event time,
 * [5] hash of the swap's identity; u16 at byte 24 high half of the time; u8 at bytes 26 and 27 flags, 28 size in units of 8,
 * 29 pool and 30 symbol (labels of the token, or LABEL_OWN), 31 length of the transaction hash. Then the price (f64) if
 * flagged, the transaction hash, varints: pool and symbol refs where LABEL_OWN says so, log index, transaction index, block
 * number, revision, usd, three amount limbs (the lowest in seven bytes); last the event id behind a byte of its length.
 *
 * What upkeep needs of a record stands in its first 32 bytes, so that settling one costs a line of memory, not two.
 */

import { BLOCK_SLOTS, type Chain } from "../chains.ts";
import { compareBytes, equalBytes, utf8ToString } from "../memory/bytes.ts";
import type { Heap } from "../memory/heap.ts";
import type { HashSeed } from "../memory/keyed-hash.ts";
import { LABEL_OWN, type Labels } from "../memory/labels.ts";
import type { Strings } from "../memory/strings.ts";
import { FLAG_BUY, FLAG_PRICE, FLAG_REMOVAL, RecordView } from "./record-view.ts";
import type { SwapEvent } from "./swap-event.ts";
import { SwapIdentity } from "./swap-identity.ts";

const FLAG2_EVENT_ID = 1;
const FLAG2_REVISION = 2;
const FLAG2_TX_HEX = 4;
const FLAG2_BLOCK = 8;
const FLAG2_TX_INDEX = 16;

const FIXED_BYTES = 32;
/** Bytes of the fixed part. */
const TIME_HIGH = 24;
const FLAGS = 26;
const FLAGS2 = 27;
const SIZE_UNITS = 28;
const POOL = 29;
const SYMBOL = 30;
const TX_LENGTH = 31;
const TWO_32 = 4294967296;
const VARINT_BYTES_MAX = 8;
/** Fixed part, price, ten varints, two strings of 128 bytes, one with its length. */
const RECORD_BYTES_MAX = 8 * Math.ceil((FIXED_BYTES + 8 + 10 * VARINT_BYTES_MAX + 2 * 128 + 1) / 8);

const HEX_DIGIT = "0123456789abcdef";

export class Records {
  readonly #heap: Heap;
  readonly #strings: Strings;
  readonly #labels: Labels;
  readonly #scratch = new Uint8Array(RECORD_BYTES_MAX);
  readonly #scratchF64 = new Float64Array(this.#scratch.buffer, 0, RECORD_BYTES_MAX / 8);
  readonly #scratchU32 = new Uint32Array(this.#scratch.buffer, 0, RECORD_BYTES_MAX / 4);
  #at = 0;
  readonly #identity: SwapIdentity;
  readonly #a = new RecordView();
  readonly #b = new RecordView();
  readonly #idA = new Uint8Array(160);
  readonly #idB = new Uint8Array(160);
  count = 0;
  bytes = 0;

  constructor(heap: Heap, strings: Strings, labels: Labels, seed: HashSeed) {
    this.#identity = new SwapIdentity(seed);
    this.#heap = heap;
    this.#strings = strings;
    this.#labels = labels;
  }

  /** Packs the event's transaction hash, and returns the hash of its swap's identity within the token. */
  prepare(event: SwapEvent, tokenRef: number): number {
    return this.#identity.take(event, tokenRef);
  }

  /** The same hash, as a stored record keeps it. */
  identityHash(ref: number): number {
    return this.#heap.u32[2 * ref + 5];
  }

  /** Whether the record is of the event's swap (after prepare): same token and same event id. */
  sameSwap(ref: number, event: SwapEvent, tokenRef: number): boolean {
    const { u8, u32 } = this.#heap;
    if (u32[2 * ref + 1] !== tokenRef) return false;
    const view = this.read(ref, this.#a);
    const hasId = event.eventIdStart !== event.eventIdEnd;
    if (hasId || view.idStart !== view.idEnd) {
      const storedEnd = this.#eventId(view, event.chainId, this.#idA);
      const [bytes, start, end] = hasId
        ? [event.bytes, event.eventIdStart, event.eventIdEnd]
        : [this.#idB, 0, this.#defaultId(event)];
      return storedEnd === end - start && equalBytes(this.#idA, 0, bytes, start, storedEnd);
    }
    return (
      view.logIndex === event.logIndex &&
      view.txHex === this.#identity.txHex &&
      view.txEnd - view.txStart === this.#identity.txLength &&
      equalBytes(u8, view.txStart, this.#identity.tx, 0, this.#identity.txLength)
    );
  }

  /** Whether the record is of the event's inclusion, given that it is of its swap: same revision and block. */
  sameInclusion(ref: number, event: SwapEvent): boolean {
    const view = this.read(ref, this.#a);
    if (view.revision !== event.revision) return false;
    const blockHash = this.#heap.u32[2 * ref + 3];
    if (event.blockHashStart === event.blockHashEnd) {
      return (
        blockHash === 0 &&
        Math.max(view.blockNumber, 0) === Math.max(event.blockNumber, 0) &&
        this.timeMs(ref) === event.eventTimeMs
      );
    }
    return blockHash !== 0 && this.#strings.equals(blockHash, event.bytes, event.blockHashStart, event.blockHashEnd);
  }

  /** Whether record and event, of one inclusion, say the same in every field. */
  sameContent(ref: number, event: SwapEvent): boolean {
    const view = this.read(ref, this.#a);
    const { u8, u32 } = this.#heap;
    const strings = this.#strings;
    const same = (stored: number, start: number, end: number): boolean =>
      stored === 0 ? start === end : strings.equals(stored, event.bytes, start, end);
    return (
      view.logIndex === event.logIndex &&
      view.txIndex === event.txIndex &&
      view.blockNumber === event.blockNumber &&
      view.usdMicro === event.usdMicro &&
      view.amount0 === event.amount0 &&
      view.amount1 === event.amount1 &&
      view.amount2 === event.amount2 &&
      (view.flags & FLAG_BUY) === (event.isBuy ? FLAG_BUY : 0) &&
      Object.is(view.price, event.priceUsd) &&
      this.timeMs(ref) === event.eventTimeMs &&
      same(u32[2 * ref + 2], event.whoStart, event.whoEnd) &&
      same(view.pool, event.poolStart, event.poolEnd) &&
      same(view.symbol, event.symbolStart, event.symbolEnd) &&
      view.txHex === this.#identity.txHex &&
      view.txEnd - view.txStart === this.#identity.txLength &&
      equalBytes(u8, view.txStart, this.#identity.tx, 0, this.#identity.txLength)
    );
  }

  /** Stores the event (after prepare, which gave the hash) of an active token, with one reference to each of its strings. */
  write(event: SwapEvent, tokenRef: number, hash: number, chain: Chain): number {
    const strings = this.#strings;
    const { bytes } = event;
    const who = strings.intern(bytes, event.whoStart, event.whoEnd);
    let block = 0;
    if (event.blockHashStart !== event.blockHashEnd) {
      const slot = 2 * chain.blocksRef + (Math.max(event.blockNumber, 0) % BLOCK_SLOTS);
      block = strings.internNear(slot, bytes, event.blockHashStart, event.blockHashEnd);
    }
    const active = this.#heap.u32[2 * tokenRef + 3];
    const pool = this.#labels.numberOf(active, bytes, event.poolStart, event.poolEnd);
    const symbol = this.#labels.numberOf(active, bytes, event.symbolStart, event.symbolEnd);
    const u32 = this.#scratchU32;
    u32[0] = 0;
    u32[1] = tokenRef;
    u32[2] = who;
    u32[3] = block;
    u32[4] = event.eventTimeMs % TWO_32;
    u32[5] = hash;
    const high = Math.floor(event.eventTimeMs / TWO_32);
    const scratch = this.#scratch;
    scratch[TIME_HIGH] = high & 0xff;
    scratch[TIME_HIGH + 1] = high >>> 8;
    scratch[POOL] = pool;
    scratch[SYMBOL] = symbol;
    scratch[TX_LENGTH] = this.#identity.txLength;
    this.#at = FIXED_BYTES;
    if (!Number.isNaN(event.priceUsd)) {
      this.#scratchF64[FIXED_BYTES / 8] = event.priceUsd;
      this.#at += 8;
    }
    this.#putBytes(this.#identity.tx, 0, this.#identity.txLength);
    if (pool === LABEL_OWN) this.#putVarint(strings.intern(bytes, event.poolStart, event.poolEnd));
    if (symbol === LABEL_OWN) this.#putVarint(strings.intern(bytes, event.symbolStart, event.symbolEnd));
    this.#putVarint(event.logIndex);
    if (event.txIndex > 0) this.#putVarint(event.txIndex);
    if (event.blockNumber >= 0) this.#putVarint(event.blockNumber);
    if (event.revision > 0) this.#putVarint(event.revision);
    this.#putVarint(event.usdMicro);
    this.#putSeven(event.amount0);
    this.#putVarint(event.amount1);
    this.#putVarint(event.amount2);
    if (event.eventIdStart !== event.eventIdEnd) {
      scratch[this.#at++] = event.eventIdEnd - event.eventIdStart;
      this.#putBytes(bytes, event.eventIdStart, event.eventIdEnd);
    }
    scratch[FLAGS] =
      (event.isBuy ? FLAG_BUY : 0) |
      (event.removed ? FLAG_REMOVAL : 0) |
      (Number.isNaN(event.priceUsd) ? 0 : FLAG_PRICE);
    scratch[FLAGS2] =
      (this.#identity.txHex ? FLAG2_TX_HEX : 0) |
      (event.txIndex > 0 ? FLAG2_TX_INDEX : 0) |
      (event.blockNumber >= 0 ? FLAG2_BLOCK : 0) |
      (event.revision > 0 ? FLAG2_REVISION : 0) |
      (event.eventIdStart !== event.eventIdEnd ? FLAG2_EVENT_ID : 0);
    return this.#store();
  }

  #store(): number {
    const heap = this.#heap;
    const scratch = this.#scratch;
    const units = (this.#at + 7) >>> 3;
    scratch[SIZE_UNITS] = units;
    scratch.fill(0, this.#at, units * 8);
    const ref = heap.alloc(units * 8);
    heap.own(ref, units);
    const { u32 } = heap;
    const words = this.#scratchU32;
    // Words, not doubles: a stray bit pattern of a NaN would not survive the copy everywhere.
    for (let i = 0; i < 2 * units; i++) u32[2 * ref + i] = words[i];
    this.count += 1;
    this.bytes += units * 8;
    return ref;
  }

  /** The lowest limb is nearly always full: seven bytes, without the loop of a varint. */
  #putSeven(value: number): void {
    const scratch = this.#scratch;
    const at = this.#at;
    const high = Math.floor(value / TWO_32);
    const low = (value - high * TWO_32) >>> 0;
    scratch[at] = low & 0xff;
    scratch[at + 1] = (low >>> 8) & 0xff;
    scratch[at + 2] = (low >>> 16) & 0xff;
    scratch[at + 3] = low >>> 24;
    scratch[at + 4] = high & 0xff;
    scratch[at + 5] = (high >>> 8) & 0xff;
    scratch[at + 6] = high >>> 16;
    this.#at = at + 7;
  }

  #getSeven(): number {
    const { u8 } = this.#heap;
    const at = this.#at;
    this.#at = at + 7;
    const low = (u8[at] | (u8[at + 1] << 8) | (u8[at + 2] << 16) | (u8[at + 3] << 24)) >>> 0;
    return low + (u8[at + 4] | (u8[at + 5] << 8) | (u8[at + 6] << 16)) * TWO_32;
  }

  #putVarint(value: number): void {
    const scratch = this.#scratch;
    let at = this.#at;
    let rest = value;
    while (rest >= 0x10000000) {
      const high = Math.floor(rest / 128);
      scratch[at++] = (rest - high * 128) | 0x80;
      rest = high;
    }
    while (rest >= 0x80) {
      scratch[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    scratch[at++] = rest;
    this.#at = at;
  }

  #putBytes(bytes: Uint8Array, start: number, end: number): void {
    const scratch = this.#scratch;
    let at = this.#at;
    for (let i = start; i < end; i++) scratch[at++] = bytes[i];
    this.#at = at;
  }

  #getVarint(): number {
    const { u8 } = this.#heap;
    let at = this.#at;
    let byte = u8[at++];
    let value = byte & 0x7f;
    let scale = 128;
    while (byte >= 0x80) {
      byte = u8[at++];
      value += (byte & 0x7f) * scale;
      scale *= 128;
    }
    this.#at = at;
    return value;
  }

  /** Reads a record into a view (a shared one when none is given: valid until the next call of any method here). */
  read(ref: number, view: RecordView = this.#b): RecordView {
    const { u8, u32, f64 } = this.#heap;
    const base = 8 * ref;
    const flags = u8[base + FLAGS];
    const flags2 = u8[base + FLAGS2];
    const hasPrice = (flags & FLAG_PRICE) !== 0;
    view.ref = ref;
    view.flags = flags;
    view.price = hasPrice ? f64[ref + FIXED_BYTES / 8] : Number.NaN;
    view.txHex = (flags2 & FLAG2_TX_HEX) !== 0;
    view.txStart = base + FIXED_BYTES + (hasPrice ? 8 : 0);
    view.txEnd = view.txStart + u8[base + TX_LENGTH];
    this.#at = view.txEnd;
    const active = u32[2 * u32[2 * ref + 1] + 3];
    view.pool = this.#readLabel(active, u8[base + POOL]);
    view.symbol = this.#readLabel(active, u8[base + SYMBOL]);
    view.logIndex = this.#getVarint();
    view.txIndex = (flags2 & FLAG2_TX_INDEX) !== 0 ? this.#getVarint() : 0;
    view.blockNumber = (flags2 & FLAG2_BLOCK) !== 0 ? this.#getVarint() : -1;
    view.revision = (flags2 & FLAG2_REVISION) !== 0 ? this.#getVarint() : 0;
    view.usdMicro = this.#getVarint();
    view.amount0 = this.#getSeven();
    view.amount1 = this.#getVarint();
    view.amount2 = this.#getVarint();
    view.idStart = 0;
    view.idEnd = 0;
    if ((flags2 & FLAG2_EVENT_ID) !== 0) {
      view.idStart = this.#at + 1;
      view.idEnd = view.idStart + u8[this.#at];
    }
    return view;
  }

  /** The string of a label; one that the record holds itself is read from where reading now stands. */
  #readLabel(active: number, label: number): number {
    return label === LABEL_OWN ? this.#getVarint() : this.#labels.ref(active, label);
  }

  /** What `read` would tell of the event just written, as far as figures need it. */
  viewOf(ref: number, event: SwapEvent, view: RecordView = this.#b): RecordView {
    view.ref = ref;
    view.flags = this.flags(ref);
    view.price = event.priceUsd;
    view.usdMicro = event.usdMicro;
    view.amount0 = event.amount0;
    view.amount1 = event.amount1;
    view.amount2 = event.amount2;
    view.symbol = this.symbol(ref);
    return view;
  }

  /** The symbol that the record names, or 0. */
  symbol(ref: number): number {
    const label = this.#heap.u8[8 * ref + SYMBOL];
    return label === LABEL_OWN ? this.read(ref).symbol : this.#labels.ref(this.#activeOf(ref), label);
  }

  #activeOf(ref: number): number {
    return this.#heap.u32[2 * this.token(ref) + 3];
  }

  timeMs(ref: number): number {
    const { u8, u32 } = this.#heap;
    const at = 8 * ref + TIME_HIGH;
    return u32[2 * ref + 4] + (u8[at] | (u8[at + 1] << 8)) * TWO_32;
  }

  flags(ref: number): number {
    return this.#heap.u8[8 * ref + FLAGS];
  }

  setFlag(ref: number, flag: number, on: boolean): void {
    this.#heap.own(ref + (FLAGS >>> 3), 1);
    const at = 8 * ref + FLAGS;
    this.#heap.u8[at] = on ? this.#heap.u8[at] | flag : this.#heap.u8[at] & ~flag;
  }

  next(ref: number): number {
    return this.#heap.u32[2 * ref];
  }

  setNext(ref: number, next: number): void {
    this.#heap.own(ref, 1);
    this.#heap.u32[2 * ref] = next;
  }

  token(ref: number): number {
    return this.#heap.u32[2 * ref + 1];
  }

  who(ref: number): number {
    return this.#heap.u32[2 * ref + 2];
  }

  blockHash(ref: number): number {
    return this.#heap.u32[2 * ref + 3];
  }

  free(ref: number): void {
    const heap = this.#heap;
    const strings = this.#strings;
    const base = 8 * ref;
    const size = 8 * heap.u8[base + SIZE_UNITS];
    const who = this.who(ref);
    const blockHash = this.blockHash(ref);
    const hasOwnPool = heap.u8[base + POOL] === LABEL_OWN;
    const hasOwnSymbol = heap.u8[base + SYMBOL] === LABEL_OWN;
    if (hasOwnPool || hasOwnSymbol) {
      const { pool, symbol } = this.read(ref, this.#a);
      if (hasOwnPool) strings.release(pool);
      if (hasOwnSymbol) strings.release(symbol);
    }
    heap.free(ref, size);
    this.count -= 1;
    this.bytes -= size;
    strings.release(who);
    strings.release(blockHash);
  }

  /** Order of open and close: (event_time, block_number or 0, tx_index or 0, log_index, event_id as bytes). */
  compare(a: number, b: number, chainId: number): number {
    const byTime = this.timeMs(a) - this.timeMs(b);
    if (byTime !== 0) return byTime;
    const va = this.read(a, this.#a);
    const vb = this.read(b, this.#b);
    const byBlock = Math.max(va.blockNumber, 0) - Math.max(vb.blockNumber, 0);
    if (byBlock !== 0) return byBlock;
    if (va.txIndex !== vb.txIndex) return va.txIndex - vb.txIndex;
    if (va.logIndex !== vb.logIndex) return va.logIndex - vb.logIndex;
    const areDefault = va.idStart === va.idEnd && vb.idStart === vb.idEnd;
    if (areDefault && va.txHex && vb.txHex && va.txEnd - va.txStart === vb.txEnd - vb.txStart) {
      // Default ids of one chain and log index differ in their hashes alone, and hex sorts as what it packs.
      const { u8 } = this.#heap;
      return compareBytes(u8, va.txStart, va.txEnd, u8, vb.txStart, vb.txEnd);
    }
    const aEnd = this.#eventId(va, chainId, this.#idA);
    const bEnd = this.#eventId(vb, chainId, this.#idB);
    return compareBytes(this.#idA, 0, aEnd, this.#idB, 0, bEnd);
  }

  /** Order of inclusions of one swap: (revision, block_number or 0, event_time, block_hash as bytes). */
  compareInclusions(a: number, b: number): number {
    const va = this.read(a, this.#a);
    const vb = this.read(b, this.#b);
    if (va.revision !== vb.revision) return va.revision - vb.revision;
    const byBlock = Math.max(va.blockNumber, 0) - Math.max(vb.blockNumber, 0);
    if (byBlock !== 0) return byBlock;
    const byTime = this.timeMs(a) - this.timeMs(b);
    if (byTime !== 0) return byTime;
    const ha = this.blockHash(a);
    const hb = this.blockHash(b);
    const s = this.#strings;
    const { u8 } = this.#heap;
    return compareBytes(
      u8,
      ha === 0 ? 0 : s.byteStart(ha),
      ha === 0 ? 0 : s.byteEnd(ha),
      u8,
      hb === 0 ? 0 : s.byteStart(hb),
      hb === 0 ? 0 : s.byteEnd(hb),
    );
  }

  /** Writes the event's default id into the second buffer; returns its length. */
  #defaultId(event: SwapEvent): number {
    let n = 0;
    for (const char of `${event.chainId}:`) this.#idB[n++] = char.charCodeAt(0);
    for (let i = event.txHashStart; i < event.txHashEnd; i++) this.#idB[n++] = event.bytes[i];
    for (const char of `:${event.logIndex}`) this.#idB[n++] = char.charCodeAt(0);
    return n;
  }

  /** Writes the event id's bytes into `out` (160 bytes suffice); returns their length. */
  #eventId(view: RecordView, chainId: number, out: Uint8Array): number {
    const { u8 } = this.#heap;
    if (view.idStart !== view.idEnd) {
      for (let i = view.idStart; i < view.idEnd; i++) out[i - view.idStart] = u8[i];
      return view.idEnd - view.idStart;
    }
    let n = 0;
    for (const char of `${chainId}:`) out[n++] = char.charCodeAt(0);
    if (view.txHex) {
      out[n++] = 48;
      out[n++] = 120;
      for (let i = view.txStart; i < view.txEnd; i++) {
        out[n++] = HEX_DIGIT.charCodeAt(u8[i] >>> 4);
        out[n++] = HEX_DIGIT.charCodeAt(u8[i] & 15);
      }
    } else {
      for (let i = view.txStart; i < view.txEnd; i++) out[n++] = u8[i];
    }
    for (const char of `:${view.logIndex}`) out[n++] = char.charCodeAt(0);
    return n;
  }

  eventIdText(ref: number, chainId: number): string {
    return utf8ToString(this.#idA, 0, this.#eventId(this.read(ref, this.#a), chainId, this.#idA));
  }

  txHashText(view: RecordView): string {
    const { u8 } = this.#heap;
    if (!view.txHex) return utf8ToString(u8, view.txStart, view.txEnd);
    let text = "0x";
    for (let i = view.txStart; i < view.txEnd; i++) text += HEX_DIGIT[u8[i] >>> 4] + HEX_DIGIT[u8[i] & 15];
    return text;
  }
}
