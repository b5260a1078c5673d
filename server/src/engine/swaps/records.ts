/**
 * Remembered events (announcements and removals), packed into the heap: about 100 bytes each. A record keeps the exact
 * identity of its swap instead of a fingerprint, because the bytes of the event id decide the order among equal times.
 *
 * The fixed part is RECORD of memory/layout.ts. Behind it lie the price (f64, if flagged), the transaction hash, and varints: the
 * refs of pool and symbol where LABEL_OWN says so, log index, transaction index, block number, revision, usd, three limbs of
 * the amount (the lowest in seven bytes). The event id comes last, behind a byte with its length.
 */

import { sevenBytesAt } from "../memory/bytes.ts";
import type { Heap } from "../memory/heap.ts";
import { LABEL_OWN, type Labels } from "../memory/labels.ts";
import { RECORD, TOKEN_ROW, UNIT_BYTES } from "../memory/layout.ts";
import type { Strings } from "../memory/strings.ts";
import { FLAG_PRICE, PART, RecordView } from "./record-view.ts";
import type { SwapEvent } from "./swap-event.ts";

const {
  BLOCK_HASH,
  FLAGS,
  IDENTITY_HASH,
  NEXT,
  PARTS,
  POOL,
  PRICE,
  SIZE_UNITS,
  SYMBOL,
  TIME_HIGH,
  TIME_LOW,
  TOKEN,
  TX_LENGTH,
  VARIABLE,
  WHO,
} = RECORD;
const { ACTIVE } = TOKEN_ROW;
const { HAS_BLOCK, HAS_EVENT_ID, HAS_REVISION, HAS_TX_INDEX, IS_TX_HEX } = PART;
const SEVEN_BYTES = 7;
const TWO_32 = 4294967296;

export class Records {
  readonly #heap: Heap;
  readonly #strings: Strings;
  readonly #labels: Labels;
  /** Byte at which reading stands. */
  #at = 0;
  readonly #view = new RecordView();
  /** Records held, and their bytes. */
  count = 0;
  bytes = 0;

  constructor(heap: Heap, strings: Strings, labels: Labels) {
    this.#heap = heap;
    this.#strings = strings;
    this.#labels = labels;
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

  /** Reads a record into a view. The default view is shared: it is valid until the next call of any method here. */
  read(ref: number, view: RecordView = this.#view): RecordView {
    const { u8, u32, f64 } = this.#heap;
    const base = 8 * ref;
    const flags = u8[base + FLAGS];
    const parts = u8[base + PARTS];
    const hasPrice = (flags & FLAG_PRICE) !== 0;
    view.ref = ref;
    view.flags = flags;
    view.price = hasPrice ? f64[ref + PRICE] : Number.NaN;
    view.txHex = (parts & IS_TX_HEX) !== 0;
    view.txStart = base + VARIABLE + (hasPrice ? UNIT_BYTES : 0);
    view.txEnd = view.txStart + u8[base + TX_LENGTH];
    this.#at = view.txEnd;
    const active = u32[2 * u32[2 * ref + TOKEN] + ACTIVE];
    view.pool = this.#readLabel(active, u8[base + POOL]);
    view.symbol = this.#readLabel(active, u8[base + SYMBOL]);
    view.logIndex = this.#getVarint();
    view.txIndex = (parts & HAS_TX_INDEX) !== 0 ? this.#getVarint() : 0;
    view.blockNumber = (parts & HAS_BLOCK) !== 0 ? this.#getVarint() : -1;
    view.revision = (parts & HAS_REVISION) !== 0 ? this.#getVarint() : 0;
    view.usdMicro = this.#getVarint();
    view.amount0 = sevenBytesAt(u8, this.#at);
    this.#at += SEVEN_BYTES;
    view.amount1 = this.#getVarint();
    view.amount2 = this.#getVarint();
    view.idStart = 0;
    view.idEnd = 0;
    if ((parts & HAS_EVENT_ID) !== 0) {
      view.idStart = this.#at + 1;
      view.idEnd = view.idStart + u8[this.#at];
    }
    return view;
  }

  /** The string of a label. If the record holds the string itself, its ref is read from the current position. */
  #readLabel(active: number, label: number): number {
    return label === LABEL_OWN ? this.#getVarint() : this.#labels.ref(active, label);
  }

  /** Returns what `read` would return for the event that was just written, as far as figures need it. */
  viewOf(ref: number, event: SwapEvent, view: RecordView = this.#view): RecordView {
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
    return this.#heap.u32[2 * this.token(ref) + ACTIVE];
  }

  /** Hash of the identity of the record's swap within its token. */
  identityHash(ref: number): number {
    return this.#heap.u32[2 * ref + IDENTITY_HASH];
  }

  timeMs(ref: number): number {
    const { u8, u32 } = this.#heap;
    const at = 8 * ref + TIME_HIGH;
    return u32[2 * ref + TIME_LOW] + (u8[at] | (u8[at + 1] << 8)) * TWO_32;
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
    return this.#heap.u32[2 * ref + NEXT];
  }

  setNext(ref: number, next: number): void {
    this.#heap.own(ref, 1);
    this.#heap.u32[2 * ref + NEXT] = next;
  }

  token(ref: number): number {
    return this.#heap.u32[2 * ref + TOKEN];
  }

  who(ref: number): number {
    return this.#heap.u32[2 * ref + WHO];
  }

  blockHash(ref: number): number {
    return this.#heap.u32[2 * ref + BLOCK_HASH];
  }

  /** Frees the record and its references to strings. */
  free(ref: number): void {
    const heap = this.#heap;
    const strings = this.#strings;
    const base = 8 * ref;
    const size = UNIT_BYTES * heap.u8[base + SIZE_UNITS];
    const who = this.who(ref);
    const blockHash = this.blockHash(ref);
    const hasOwnPool = heap.u8[base + POOL] === LABEL_OWN;
    const hasOwnSymbol = heap.u8[base + SYMBOL] === LABEL_OWN;
    if (hasOwnPool || hasOwnSymbol) {
      const { pool, symbol } = this.read(ref);
      if (hasOwnPool) strings.release(pool);
      if (hasOwnSymbol) strings.release(symbol);
    }
    heap.free(ref, size);
    this.count -= 1;
    this.bytes -= size;
    strings.release(who);
    strings.release(blockHash);
  }
}
