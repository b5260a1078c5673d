/** Packs events into records (see records.ts for the format). */
import { BLOCK_SLOTS, type Chain } from "../chains.ts";
import { putSevenBytes } from "../memory/bytes.ts";
import type { Heap } from "../memory/heap.ts";
import { LABEL_OWN, type Labels } from "../memory/labels.ts";
import { RECORD, TOKEN_ROW, UNIT_BYTES } from "../memory/layout.ts";
import type { Strings } from "../memory/strings.ts";
import { FLAG_BUY, FLAG_PRICE, FLAG_REMOVAL, PART } from "./record-view.ts";
import type { Records } from "./records.ts";
import type { SwapEvent } from "./swap-event.ts";
import type { SwapIdentity } from "./swap-identity.ts";

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

const VARINT_BYTES_MAX = 8;
const SEVEN_BYTES = 7;
/** Fixed part, price, ten varints, two strings of 128 bytes, one with its length. */
const RECORD_BYTES_MAX = 8 * Math.ceil((VARIABLE + UNIT_BYTES + 10 * VARINT_BYTES_MAX + 2 * 128 + 1) / 8);
const TWO_32 = 4294967296;

export class RecordWriter {
  readonly #heap: Heap;
  readonly #strings: Strings;
  readonly #labels: Labels;
  readonly #records: Records;
  readonly #identity: SwapIdentity;
  readonly #scratch = new Uint8Array(RECORD_BYTES_MAX);
  readonly #scratchF64 = new Float64Array(this.#scratch.buffer, 0, RECORD_BYTES_MAX / 8);
  readonly #scratchU32 = new Uint32Array(this.#scratch.buffer, 0, RECORD_BYTES_MAX / 4);
  #at = 0;

  constructor(heap: Heap, strings: Strings, labels: Labels, records: Records, identity: SwapIdentity) {
    this.#heap = heap;
    this.#strings = strings;
    this.#labels = labels;
    this.#records = records;
    this.#identity = identity;
  }

  /**
   * Stores an event of an active token, with one reference to each of its strings. The swap identity must have taken the event;
   * `hash` is the hash that it returned.
   */
  write(event: SwapEvent, tokenRef: number, hash: number, chain: Chain): number {
    const strings = this.#strings;
    const { bytes } = event;
    const who = strings.intern(bytes, event.whoStart, event.whoEnd);
    let block = 0;
    if (event.blockHashStart !== event.blockHashEnd) {
      const slot = 2 * chain.blocksRef + (Math.max(event.blockNumber, 0) % BLOCK_SLOTS);
      block = strings.internNear(slot, bytes, event.blockHashStart, event.blockHashEnd);
    }
    const active = this.#heap.u32[2 * tokenRef + ACTIVE];
    const pool = this.#labels.numberOf(active, bytes, event.poolStart, event.poolEnd);
    const symbol = this.#labels.numberOf(active, bytes, event.symbolStart, event.symbolEnd);
    const u32 = this.#scratchU32;
    u32[NEXT] = 0;
    u32[TOKEN] = tokenRef;
    u32[WHO] = who;
    u32[BLOCK_HASH] = block;
    u32[TIME_LOW] = event.eventTimeMs % TWO_32;
    u32[IDENTITY_HASH] = hash;
    const high = Math.floor(event.eventTimeMs / TWO_32);
    const scratch = this.#scratch;
    scratch[TIME_HIGH] = high & 0xff;
    scratch[TIME_HIGH + 1] = high >>> 8;
    scratch[POOL] = pool;
    scratch[SYMBOL] = symbol;
    scratch[TX_LENGTH] = this.#identity.txLength;
    this.#at = VARIABLE;
    if (!Number.isNaN(event.priceUsd)) {
      this.#scratchF64[PRICE] = event.priceUsd;
      this.#at += UNIT_BYTES;
    }
    this.#putBytes(this.#identity.tx, 0, this.#identity.txLength);
    if (pool === LABEL_OWN) this.#putVarint(strings.intern(bytes, event.poolStart, event.poolEnd));
    if (symbol === LABEL_OWN) this.#putVarint(strings.intern(bytes, event.symbolStart, event.symbolEnd));
    this.#putNumbers(event);
    if (event.eventIdStart !== event.eventIdEnd) {
      scratch[this.#at++] = event.eventIdEnd - event.eventIdStart;
      this.#putBytes(bytes, event.eventIdStart, event.eventIdEnd);
    }
    this.#putFlags(event);
    return this.#store();
  }

  #putNumbers(event: SwapEvent): void {
    this.#putVarint(event.logIndex);
    if (event.txIndex > 0) this.#putVarint(event.txIndex);
    if (event.blockNumber >= 0) this.#putVarint(event.blockNumber);
    if (event.revision > 0) this.#putVarint(event.revision);
    this.#putVarint(event.usdMicro);
    // The lowest limb nearly always fills its seven bytes, which need no loop.
    putSevenBytes(this.#scratch, this.#at, event.amount0);
    this.#at += SEVEN_BYTES;
    this.#putVarint(event.amount1);
    this.#putVarint(event.amount2);
  }

  #putFlags(event: SwapEvent): void {
    this.#scratch[FLAGS] =
      (event.isBuy ? FLAG_BUY : 0) |
      (event.removed ? FLAG_REMOVAL : 0) |
      (Number.isNaN(event.priceUsd) ? 0 : FLAG_PRICE);
    this.#scratch[PARTS] =
      (this.#identity.txHex ? IS_TX_HEX : 0) |
      (event.txIndex > 0 ? HAS_TX_INDEX : 0) |
      (event.blockNumber >= 0 ? HAS_BLOCK : 0) |
      (event.revision > 0 ? HAS_REVISION : 0) |
      (event.eventIdStart !== event.eventIdEnd ? HAS_EVENT_ID : 0);
  }

  #store(): number {
    const heap = this.#heap;
    const scratch = this.#scratch;
    const units = (this.#at + 7) >>> 3;
    scratch[SIZE_UNITS] = units;
    for (let i = this.#at; i < units * UNIT_BYTES; i++) scratch[i] = 0;
    const ref = heap.alloc(units * UNIT_BYTES);
    heap.own(ref, units);
    const { u32 } = heap;
    const words = this.#scratchU32;
    // Words, not doubles: a copy may change the bit pattern of a NaN.
    for (let i = 0; i < 2 * units; i++) u32[2 * ref + i] = words[i];
    this.#records.count += 1;
    this.#records.bytes += units * UNIT_BYTES;
    return ref;
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
}
