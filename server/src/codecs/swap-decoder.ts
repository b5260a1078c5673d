import type { SwapEvent } from "../engine/swap-event.ts";
import type { DeadLetterCode } from "./dead-letter-codes.ts";
import { DecimalText } from "./decimal-text.ts";
import { KIND, SLOT } from "./event-fields.ts";
import { FieldScanner } from "./field-scanner.ts";
import {
  DEPTH_MAX,
  EVENT_TIME_MS_MAX,
  EVENT_TIME_MS_MIN,
  RECORD_BYTES_MAX,
  STRING_BYTES_MAX,
  SYMBOL_BYTES_MAX,
  UINT32_MAX,
} from "./limits.ts";
import { resolveEscapes } from "./string-text.ts";
import { CASE, TEXT, TextFields } from "./text-fields.ts";
import { readTime } from "./time-text.ts";
import { isUtf8 } from "./utf8.ts";

/** Results of the integer reader that are no integer of an event. */
const ABSENT = -1;
const BAD = -2;

/**
 * Bytes of one JSON record to a swap event. The hot path: no object, string or BigInt is made for an ordinary record.
 *
 * A first pass checks all of the record as JSON and notes where the value of each field is (FieldScanner); the second
 * reads those values, in the order of the event's table, and stops at the first that is missing or bad. Reading values
 * during the first pass was not faster, since repeated keys and aliases then need a place for every value apart.
 *
 * Keep one decoder per thread and give it records of the same buffer one after another: a new buffer costs a view.
 */
export class SwapDecoder {
  readonly #fields = new FieldScanner();
  readonly #decimals = new DecimalText();
  readonly #texts = new TextFields();
  /** Where an escaped decimal, side or time is resolved; grows to the longest seen. */
  #resolved = new Uint8Array(256);
  #resolvedEnd = 0;

  /**
   * Decodes buf[start, end) into `out`. Returns undefined when the event is valid, else why it is not; `out` then
   * holds nothing of use. `out.bytes` is `buf`, or a buffer of the decoder's own that lasts until the next call.
   */
  decode(buf: Uint8Array, start: number, end: number, out: SwapEvent): DeadLetterCode | undefined {
    if (end - start > RECORD_BYTES_MAX) return "record_too_large";
    const shape = this.#fields.scan(buf, start, end);
    if (shape === "unreadable") return unreadableCode(buf, start, end);
    if (shape === "not_an_object") return "not_an_object";
    this.#texts.reset();
    const code = this.#readIdentity(buf, out) ?? this.#readTrade(buf, out) ?? this.#readInclusion(out);
    if (code !== undefined) return code;
    this.#handOver(buf, out);
    return undefined;
  }

  #readIdentity(buf: Uint8Array, out: SwapEvent): DeadLetterCode | undefined {
    const kinds = this.#fields.kinds;
    out.chainId = this.#readUint(SLOT.chain_id, UINT32_MAX);
    if (out.chainId < 0) return out.chainId === ABSENT ? "missing_field" : "bad_chain_id";
    if (kinds[SLOT.tx_hash] === KIND.absent) return "missing_field";
    if (!this.#take(TEXT.txHash, SLOT.tx_hash, STRING_BYTES_MAX, CASE.hex)) return "bad_tx_hash";
    out.logIndex = this.#readUint(SLOT.log_index, UINT32_MAX);
    if (out.logIndex < 0) return out.logIndex === ABSENT ? "missing_field" : "bad_log_index";
    if (!this.#takeOptional(TEXT.eventId, SLOT.event_id, STRING_BYTES_MAX, CASE.asGiven)) return "bad_event_id";
    if (kinds[SLOT.event_id] !== KIND.absent && this.#texts.eventIdIsDefault(buf, out.chainId, out.logIndex)) {
      this.#texts.setAbsent(TEXT.eventId);
    }
    return this.#readToken();
  }

  #readToken(): DeadLetterCode | undefined {
    const kinds = this.#fields.kinds;
    const hasAddress = kinds[SLOT.token_address] !== KIND.absent;
    const tokenSlot = hasAddress ? SLOT.token_address : SLOT.token;
    if (kinds[tokenSlot] === KIND.absent) return "missing_field";
    if (!this.#take(TEXT.token, tokenSlot, STRING_BYTES_MAX, CASE.address)) return "bad_token";
    const symbolSlot = hasAddress && kinds[SLOT.token_symbol] === KIND.absent ? SLOT.token : SLOT.token_symbol;
    if (!this.#takeOptional(TEXT.symbol, symbolSlot, SYMBOL_BYTES_MAX, CASE.asGiven)) return "bad_token_symbol";
    const poolSlot = kinds[SLOT.pool] === KIND.absent ? SLOT.pool_address : SLOT.pool;
    if (!this.#takeOptional(TEXT.pool, poolSlot, STRING_BYTES_MAX, CASE.address)) return "bad_pool";
    let whoSlot: number = SLOT.who;
    while (kinds[whoSlot] === KIND.absent && whoSlot < SLOT.maker) whoSlot++;
    if (!this.#takeOptional(TEXT.who, whoSlot, STRING_BYTES_MAX, CASE.address)) return "bad_who";
    return undefined;
  }

  #readTrade(buf: Uint8Array, out: SwapEvent): DeadLetterCode | undefined {
    const { kinds, starts, ends } = this.#fields;
    if (kinds[SLOT.side] === KIND.absent) return "missing_field";
    const side = this.#readSide(buf);
    if (side === BAD) return "bad_side";
    out.isBuy = side === 1;

    const decimals = this.#decimals;
    const amount = kinds[SLOT.amount_token] === KIND.absent ? SLOT.amount : SLOT.amount_token;
    let kind = kinds[amount];
    if (kind === KIND.absent) return "missing_field";
    if (kind > KIND.number) return "bad_amount_token";
    if (kind !== KIND.stringEscaped) {
      if (!decimals.readAmount(buf, starts[amount], ends[amount], kind < KIND.integer)) return "bad_amount_token";
    } else if (!this.#resolve(amount) || !decimals.readAmount(this.#resolved, 0, this.#resolvedEnd, true)) {
      return "bad_amount_token";
    }
    out.amount0 = decimals.amount0;
    out.amount1 = decimals.amount1;
    out.amount2 = decimals.amount2;

    const usd = kinds[SLOT.amount_usd] === KIND.absent ? SLOT.usd : SLOT.amount_usd;
    kind = kinds[usd];
    if (kind === KIND.absent) return "missing_field";
    if (kind > KIND.number) return "bad_amount_usd";
    if (kind !== KIND.stringEscaped) {
      if (!decimals.readUsd(buf, starts[usd], ends[usd], kind < KIND.integer)) return "bad_amount_usd";
    } else if (!this.#resolve(usd) || !decimals.readUsd(this.#resolved, 0, this.#resolvedEnd, true)) {
      return "bad_amount_usd";
    }
    out.usdMicro = decimals.usdMicro;
    return this.#readPrice(buf, out);
  }

  #readPrice(buf: Uint8Array, out: SwapEvent): DeadLetterCode | undefined {
    const { kinds, starts, ends } = this.#fields;
    const kind = kinds[SLOT.price_usd];
    if (kind === KIND.absent) {
      out.priceUsd = Number.NaN;
      return undefined;
    }
    if (kind > KIND.number) return "bad_price_usd";
    const good =
      kind !== KIND.stringEscaped
        ? this.#decimals.readPrice(buf, starts[SLOT.price_usd], ends[SLOT.price_usd], kind < KIND.integer)
        : this.#resolve(SLOT.price_usd) && this.#decimals.readPrice(this.#resolved, 0, this.#resolvedEnd, true);
    if (!good) return "bad_price_usd";
    out.priceUsd = this.#decimals.price;
    return undefined;
  }

  #readInclusion(out: SwapEvent): DeadLetterCode | undefined {
    const kinds = this.#fields.kinds;
    const timeSlot = kinds[SLOT.event_time] === KIND.absent ? SLOT.ts : SLOT.event_time;
    if (kinds[timeSlot] === KIND.absent) return "missing_field";
    const time = this.#readTime(timeSlot);
    if (!(time >= EVENT_TIME_MS_MIN)) return time === BAD ? "bad_event_time" : "time_in_seconds";
    out.eventTimeMs = time;

    out.blockNumber = this.#readUint(SLOT.block_number, Number.MAX_SAFE_INTEGER);
    if (out.blockNumber === BAD) return "bad_block_number";
    if (!this.#takeOptional(TEXT.blockHash, SLOT.block_hash, STRING_BYTES_MAX, CASE.hex)) return "bad_block_hash";
    const removed = kinds[SLOT.removed];
    if (removed !== KIND.absent && removed !== KIND.true && removed !== KIND.false) return "bad_removed";
    out.removed = removed === KIND.true;
    const revision = this.#readUint(SLOT.revision, Number.MAX_SAFE_INTEGER);
    if (revision === BAD) return "bad_revision";
    out.revision = revision === ABSENT ? 0 : revision;
    if (kinds[SLOT.schema_version] !== KIND.absent) {
      const version = this.#readInteger(SLOT.schema_version);
      if (!(Math.abs(version) <= Number.MAX_SAFE_INTEGER)) return "bad_schema_version";
    }
    return undefined;
  }

  #handOver(buf: Uint8Array, out: SwapEvent): void {
    const texts = this.#texts;
    out.bytes = texts.settle(buf);
    const { starts, ends } = texts;
    out.txHashStart = starts[TEXT.txHash];
    out.txHashEnd = ends[TEXT.txHash];
    out.eventIdStart = starts[TEXT.eventId];
    out.eventIdEnd = ends[TEXT.eventId];
    out.tokenStart = starts[TEXT.token];
    out.tokenEnd = ends[TEXT.token];
    out.symbolStart = starts[TEXT.symbol];
    out.symbolEnd = ends[TEXT.symbol];
    out.poolStart = starts[TEXT.pool];
    out.poolEnd = ends[TEXT.pool];
    out.whoStart = starts[TEXT.who];
    out.whoEnd = ends[TEXT.who];
    out.blockHashStart = starts[TEXT.blockHash];
    out.blockHashEnd = ends[TEXT.blockHash];
  }

  #take(text: number, slot: number, bytesMax: number, hexCase: 0 | 1 | 2): boolean {
    return this.#texts.take(text, this.#fields, slot, bytesMax, hexCase);
  }

  #takeOptional(text: number, slot: number, bytesMax: number, hexCase: 0 | 1 | 2): boolean {
    if (this.#fields.kinds[slot] !== KIND.absent) return this.#take(text, slot, bytesMax, hexCase);
    this.#texts.setAbsent(text);
    return true;
  }

  /** An integer from 0 to max, ABSENT or BAD. */
  #readUint(slot: number, max: number): number {
    const kind = this.#fields.kinds[slot];
    if (kind === KIND.absent) return ABSENT;
    const value = kind === KIND.integer ? this.#fields.values[slot] : this.#readInteger(slot);
    return value >= 0 && value <= max ? value : BAD;
  }

  /** NaN when it is no integer. */
  #readInteger(slot: number): number {
    const { kinds, starts, ends, values, cursor } = this.#fields;
    if (kinds[slot] === KIND.integer) return values[slot];
    if (kinds[slot] !== KIND.number) return Number.NaN;
    return this.#decimals.readInteger(cursor.buf, starts[slot], ends[slot]);
  }

  /** Milliseconds; BAD; or an integer below the range, which is then in seconds. */
  #readTime(slot: number): number {
    const { kinds, starts, ends, cursor } = this.#fields;
    const kind = kinds[slot];
    if (kind === KIND.integer || kind === KIND.number) {
      const value = this.#readInteger(slot);
      // The integer -2 stands for BAD here; any other one in seconds does as well for it.
      if (value <= EVENT_TIME_MS_MAX) return value === BAD ? 0 : value;
      return BAD;
    }
    let time = -1;
    if (kind === KIND.string || kind === KIND.stringUpper) time = readTime(cursor.buf, starts[slot], ends[slot]);
    else if (kind === KIND.stringEscaped && this.#resolve(slot)) time = readTime(this.#resolved, 0, this.#resolvedEnd);
    return time < 0 ? BAD : time;
  }

  /** 1 for a buy, 0 for a sell, or BAD. */
  #readSide(buf: Uint8Array): number {
    const { kinds, starts, ends } = this.#fields;
    let bytes = buf;
    let start = starts[SLOT.side];
    let end = ends[SLOT.side];
    if (kinds[SLOT.side] === KIND.stringEscaped) {
      if (!this.#resolve(SLOT.side)) return BAD;
      bytes = this.#resolved;
      start = 0;
      end = this.#resolvedEnd;
    } else if (kinds[SLOT.side] !== KIND.string) {
      return BAD;
    }
    const length = end - start;
    if (length === 3) return bytes[start] === 0x62 && bytes[start + 1] === 0x75 && bytes[start + 2] === 0x79 ? 1 : BAD;
    if (length !== 4 || bytes[start] !== 0x73 || bytes[start + 1] !== 0x65) return BAD;
    return bytes[start + 2] === 0x6c && bytes[start + 3] === 0x6c ? 0 : BAD;
  }

  /** Resolves an escaped string into a buffer of our own; false when it has an unpaired surrogate. */
  #resolve(slot: number): boolean {
    const { starts, ends, cursor } = this.#fields;
    const length = ends[slot] - starts[slot];
    if (this.#resolved.length < length + 4) this.#resolved = new Uint8Array(length * 2);
    this.#resolvedEnd = resolveEscapes(cursor.buf, starts[slot], ends[slot], this.#resolved, 0, length);
    return this.#resolvedEnd >= 0;
  }
}

/** Why a record that is no JSON cannot be read; bad UTF-8 goes before depth, and depth before all else. */
function unreadableCode(buf: Uint8Array, start: number, end: number): DeadLetterCode {
  if (!isUtf8(buf, start, end)) return "invalid_utf8";
  let depth = 0;
  let inString = false;
  for (let p = start; p < end; p++) {
    const c = buf[p];
    if (c === 0x22) inString = !inString;
    else if (inString) p += c === 0x5c ? 1 : 0;
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > DEPTH_MAX) return "too_deep";
    } else if (c === 0x7d || c === 0x5d) depth--;
  }
  return "malformed_json";
}
