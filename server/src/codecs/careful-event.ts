/**
 * The second pass of the decoder for everything that is not in plain form: escapes, upper-case hex, exponents, long numbers,
 * and invalid values. Fields are checked one by one in the order of dead-letter-codes.ts.
 */
import type { SwapEvent } from "../engine/swaps/swap-event.ts";
import type { DeadLetterCode } from "./dead-letter-codes.ts";
import { DecimalText } from "./decimal-text.ts";
import { KIND, SLOT } from "./event-fields.ts";
import { FIELD, fieldTable, fieldValues, scannedView } from "./field-scanner.ts";
import { EVENT_TIME_MS_MAX, EVENT_TIME_MS_MIN, STRING_BYTES_MAX, SYMBOL_BYTES_MAX, UINT32_MAX } from "./limits.ts";
import { resolveEscapes } from "./string-text.ts";
import { CASE, type Case, TEXT, TextFields } from "./text-fields.ts";
import { readTime } from "./time-text.ts";

// Constants of this module, for the reason that field-scanner.ts gives.
const FIELDS = fieldTable;
const VALUES = fieldValues;
const { shift: FIELD_SHIFT, end: END, kind: KIND_AT } = FIELD;

/** Results of the readers of numbers for values that an event cannot have. */
const ABSENT = -1;
const BAD = -2;
const FIRST_RESOLVED_BYTES = 256;
const BUY = new TextEncoder().encode("buy");
const SELL = new TextEncoder().encode("sell");

export class CarefulEvent {
  readonly #decimals = new DecimalText();
  readonly #texts = new TextFields();
  /** An escaped decimal, side or time with its escapes resolved. Grows to the longest one seen. */
  #resolved = new Uint8Array(FIRST_RESOLVED_BYTES);
  /** The text of the current field: a range of the record or of #resolved. */
  #bytes: Uint8Array = this.#resolved;
  #start = 0;
  #end = 0;
  #buf: Uint8Array = this.#resolved;
  #set = 0;

  /** Reads all fields of the scan's set except the strings. */
  fillNumbers(buf: Uint8Array, set: number, out: SwapEvent): DeadLetterCode | undefined {
    this.#buf = buf;
    this.#set = set;
    out.chainId = this.#readUint(SLOT.chain_id, UINT32_MAX);
    if (out.chainId < 0) return out.chainId === ABSENT ? "missing_field" : "bad_chain_id";
    out.logIndex = this.#readUint(SLOT.log_index, UINT32_MAX);
    if (out.logIndex < 0) return out.logIndex === ABSENT ? "missing_field" : "bad_log_index";
    const txIndex = this.#readUint(this.#first(SLOT.tx_index, SLOT.transaction_index), UINT32_MAX);
    if (txIndex === BAD) return "bad_tx_index";
    out.txIndex = txIndex === ABSENT ? 0 : txIndex;
    return this.#fillTrade(out) ?? this.#fillTime(out) ?? this.#fillInclusion(out);
  }

  #fillTrade(out: SwapEvent): DeadLetterCode | undefined {
    if (!this.#has(SLOT.side)) return "missing_field";
    if (!this.#takeText(SLOT.side)) return "bad_side";
    out.isBuy = this.#isText(BUY);
    if (!out.isBuy && !this.#isText(SELL)) return "bad_side";

    const decimals = this.#decimals;
    const amount = this.#first(SLOT.amount_token, SLOT.amount);
    if (!this.#has(amount)) return "missing_field";
    if (!this.#takeNumber(amount)) return "bad_amount_token";
    if (!decimals.readAmount(this.#bytes, this.#start, this.#end, isString(this.#kind(amount))))
      return "bad_amount_token";
    out.amount0 = decimals.amount0;
    out.amount1 = decimals.amount1;
    out.amount2 = decimals.amount2;

    const usd = this.#first(SLOT.amount_usd, SLOT.usd);
    if (!this.#has(usd)) return "missing_field";
    if (!this.#takeNumber(usd)) return "bad_amount_usd";
    if (!decimals.readUsd(this.#bytes, this.#start, this.#end, isString(this.#kind(usd)))) return "bad_amount_usd";
    out.usdMicro = decimals.usdMicro;

    out.priceUsd = Number.NaN;
    if (!this.#has(SLOT.price_usd)) return undefined;
    if (!this.#takeNumber(SLOT.price_usd)) return "bad_price_usd";
    const isQuoted = isString(this.#kind(SLOT.price_usd));
    if (!decimals.readPrice(this.#bytes, this.#start, this.#end, isQuoted)) return "bad_price_usd";
    out.priceUsd = decimals.price;
    return undefined;
  }

  #fillTime(out: SwapEvent): DeadLetterCode | undefined {
    const slot = this.#first(SLOT.event_time, SLOT.ts);
    if (!this.#has(slot)) return "missing_field";
    if (isString(this.#kind(slot))) {
      out.eventTimeMs = this.#takeText(slot) ? readTime(this.#bytes, this.#start, this.#end) : -1;
      return out.eventTimeMs < 0 ? "bad_event_time" : undefined;
    }
    const time = this.#readInteger(slot);
    if (time < EVENT_TIME_MS_MIN) return "time_in_seconds";
    if (!(time <= EVENT_TIME_MS_MAX)) return "bad_event_time";
    out.eventTimeMs = time;
    return undefined;
  }

  #fillInclusion(out: SwapEvent): DeadLetterCode | undefined {
    out.blockNumber = this.#readUint(SLOT.block_number, Number.MAX_SAFE_INTEGER);
    if (out.blockNumber === BAD) return "bad_block_number";
    const removed = this.#kind(SLOT.removed);
    if (removed !== KIND.absent && removed !== KIND.true && removed !== KIND.false) return "bad_removed";
    out.removed = removed === KIND.true;
    const revision = this.#readUint(SLOT.revision, Number.MAX_SAFE_INTEGER);
    if (revision === BAD) return "bad_revision";
    out.revision = revision === ABSENT ? 0 : revision;
    if (!this.#has(SLOT.schema_version)) return undefined;
    const version = this.#readInteger(SLOT.schema_version);
    return Math.abs(version) <= Number.MAX_SAFE_INTEGER ? undefined : "bad_schema_version";
  }

  /**
   * Reads the strings of the set. The numbers must be in `out` already. `addressBytes` is the length of the chain's addresses;
   * 0 leaves addresses as they are.
   */
  fillTexts(buf: Uint8Array, set: number, out: SwapEvent, addressBytes: number): DeadLetterCode | undefined {
    this.#buf = buf;
    this.#set = set;
    const texts = this.#texts;
    texts.begin(buf, scannedView(), addressBytes);
    if (!this.#has(SLOT.tx_hash)) return "missing_field";
    if (!this.#take(TEXT.txHash, SLOT.tx_hash, STRING_BYTES_MAX, CASE.hex)) return "bad_tx_hash";
    if (!this.#take(TEXT.eventId, SLOT.event_id, STRING_BYTES_MAX, CASE.asGiven)) return "bad_event_id";
    if (texts.eventIdIsDefault(out.chainId, out.logIndex)) texts.leaveOut(TEXT.eventId);
    const token = this.#first(SLOT.token_address, SLOT.token);
    if (!this.#has(token)) return "missing_field";
    if (!this.#take(TEXT.token, token, STRING_BYTES_MAX, CASE.addressAndPath)) return "bad_token";
    const symbol = token === SLOT.token_address ? this.#first(SLOT.token_symbol, SLOT.token) : SLOT.token_symbol;
    if (!this.#takeSymbol(symbol, out)) return "bad_token_symbol";
    const pool = this.#first(SLOT.pool, SLOT.pool_address);
    if (!this.#take(TEXT.pool, pool, STRING_BYTES_MAX, CASE.address)) return "bad_pool";
    const who = this.#first(this.#first(SLOT.who, SLOT.wallet), this.#first(SLOT.trader, SLOT.maker));
    if (!this.#take(TEXT.who, who, STRING_BYTES_MAX, CASE.address)) return "bad_who";
    if (!this.#take(TEXT.blockHash, SLOT.block_hash, STRING_BYTES_MAX, CASE.hex)) return "bad_block_hash";
    texts.handOver(out);
    return undefined;
  }

  #has(slot: number): boolean {
    return (this.#set & (1 << slot)) !== 0;
  }

  #kind(slot: number): number {
    return this.#has(slot) ? FIELDS[(slot << FIELD_SHIFT) + KIND_AT] : KIND.absent;
  }

  /** The first of two slots if it has a value, else the second. */
  #first(slot: number, alias: number): number {
    return this.#has(slot) ? slot : alias;
  }

  #take(text: number, slot: number, bytesMax: number, hexCase: Case): boolean {
    const start = FIELDS[slot << FIELD_SHIFT];
    const end = FIELDS[(slot << FIELD_SHIFT) + END];
    return this.#texts.take(text, this.#kind(slot), start, end, bytesMax, hexCase);
  }

  /** A symbol is only a label: one that is too long is dropped, and the swap counts without it. */
  #takeSymbol(slot: number, out: SwapEvent): boolean {
    out.symbolDropped = false;
    if (this.#take(TEXT.symbol, slot, SYMBOL_BYTES_MAX, CASE.asGiven)) return true;
    // The whole symbol is read here, because an unpaired surrogate after the limit makes it bad, not long.
    if (!this.#takeText(slot)) return false;
    this.#texts.leaveOut(TEXT.symbol);
    out.symbolDropped = true;
    return true;
  }

  /** Sets the text to that of a number, or of a string that may be one. */
  #takeNumber(slot: number): boolean {
    const kind = this.#kind(slot);
    if (kind !== KIND.integer && kind !== KIND.number) return this.#takeText(slot);
    this.#setText(this.#buf, FIELDS[slot << FIELD_SHIFT], FIELDS[(slot << FIELD_SHIFT) + END]);
    return true;
  }

  /** Sets the text to that of a string. Returns false if it is no string or has an unpaired surrogate. */
  #takeText(slot: number): boolean {
    const kind = this.#kind(slot);
    if (!isString(kind)) return false;
    const start = FIELDS[slot << FIELD_SHIFT];
    const end = FIELDS[(slot << FIELD_SHIFT) + END];
    this.#setText(this.#buf, start, end);
    if (kind !== KIND.stringEscaped) return true;
    if (this.#resolved.length < end - start + 4) this.#resolved = new Uint8Array(2 * (end - start));
    this.#setText(this.#resolved, 0, resolveEscapes(this.#buf, start, end, this.#resolved, 0, end - start));
    return this.#end >= 0;
  }

  #setText(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
  }

  #isText(wanted: Uint8Array): boolean {
    if (this.#end - this.#start !== wanted.length) return false;
    for (let i = 0; i < wanted.length; i++) if (this.#bytes[this.#start + i] !== wanted[i]) return false;
    return true;
  }

  /** An integer from 0 to max, ABSENT or BAD. */
  #readUint(slot: number, max: number): number {
    if (!this.#has(slot)) return ABSENT;
    const value = this.#readInteger(slot);
    return value >= 0 && value <= max ? value : BAD;
  }

  /** NaN when it is no integer. */
  #readInteger(slot: number): number {
    const kind = this.#kind(slot);
    if (kind === KIND.integer) return VALUES[slot];
    if (kind !== KIND.number) return Number.NaN;
    const start = FIELDS[slot << FIELD_SHIFT];
    return this.#decimals.readInteger(this.#buf, start, FIELDS[(slot << FIELD_SHIFT) + END]);
  }
}

function isString(kind: number): boolean {
  return kind >= KIND.string && kind <= KIND.stringEscaped;
}
