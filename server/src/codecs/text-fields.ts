import type { SwapEvent } from "../engine/swaps/swap-event.ts";
import { KIND } from "./event-fields.ts";
import { STRING_BYTES_MAX } from "./limits.ts";
import { behindHex, isHex, isHexInWords, isLowerHex, resolveEscapes } from "./string-text.ts";

/** The strings of an event, in the order in which they are checked. */
export const TEXT = { txHash: 0, eventId: 1, token: 2, symbol: 3, pool: 4, who: 5, blockHash: 6 } as const;
const TEXT_COUNT = 7;

/**
 * How hex is changed: not at all; to lower case; padded to the chain's length of addresses as well; the same if a path such as
 * `::sui::SUI` follows it.
 */
export const CASE = { asGiven: 0, hex: 1, address: 2, addressAndPath: 3 } as const;
export type Case = (typeof CASE)[keyof typeof CASE];

/** Room after the strings for a character or a word that exceeds the limit before that is noticed. */
const SLACK_BYTES = 8;
const COLON = 0x3a;
const ZERO = 0x30;
const LOWER_X = 0x78;

/**
 * The strings of one event in canonical form. They stay where they are, in the record, as long as none of them must be
 * rewritten (escapes, upper-case hex). Once one must be, all are moved to an own buffer, because an event has one buffer for
 * all. That buffer is valid until the next `begin`.
 */
export class TextFields {
  readonly #starts = new Int32Array(TEXT_COUNT);
  readonly #ends = new Int32Array(TEXT_COUNT);
  /** Each text may be written twice: in lower case, and then padded. */
  readonly #own = new Uint8Array(2 * TEXT_COUNT * (STRING_BYTES_MAX + SLACK_BYTES));
  readonly #ownView = new DataView(this.#own.buffer);
  readonly #inOwn = new Uint8Array(TEXT_COUNT);
  #ownEnd = 0;
  #buf: Uint8Array = this.#own;
  #view: DataView = this.#ownView;
  #addressBytes = 0;

  /** Starts with the strings of a record in `buf`; `view` is of the same bytes. `addressBytes` 0: hex is not padded. */
  begin(buf: Uint8Array, view: DataView, addressBytes: number): void {
    this.#addressBytes = addressBytes;
    this.#buf = buf;
    this.#view = view;
    this.#ownEnd = 0;
    this.#inOwn.fill(0);
  }

  leaveOut(text: number): void {
    this.#starts[text] = 0;
    this.#ends[text] = 0;
  }

  /**
   * Takes the value of this kind at [start, end) of the record, even an absent one, as one of the strings. Returns false when
   * it is no string, too long (in its canonical form), or has an unpaired surrogate.
   */
  take(text: number, kind: number, start: number, end: number, bytesMax: number, hexCase: Case): boolean {
    if (kind === KIND.absent) {
      this.leaveOut(text);
      return true;
    }
    if (kind === KIND.stringEscaped) {
      if (!this.#takeEscaped(text, start, end, bytesMax, hexCase)) return false;
    } else {
      if (kind > KIND.stringEscaped || end - start > bytesMax) return false;
      this.#starts[text] = start;
      this.#ends[text] = end;
      if (kind === KIND.stringUpper && this.#isCased(start, end, hexCase)) this.#move(text, 0x20202020);
    }
    return this.#addressBytes === 0 || hexCase < CASE.address || this.#fillUp(text, hexCase === CASE.addressAndPath);
  }

  /** Pads a string of hex, or the hex before its path, to the chain's length of addresses. */
  #fillUp(text: number, hasPath: boolean): boolean {
    const bytes = this.#inOwn[text] === 0 ? this.#buf : this.#own;
    const start = this.#starts[text];
    const end = this.#ends[text];
    const hexEnd = hasPath ? behindHex(bytes, start, end) : end;
    const isAddress = hexEnd === end || (bytes[hexEnd] === COLON && bytes[hexEnd + 1] === COLON && hexEnd + 2 <= end);
    if (!isAddress || !isHex(bytes, start, hexEnd)) return true;
    const digits = hexEnd - start - 2;
    const zeros = Math.max(0, 2 * this.#addressBytes - digits);
    if (end - start + zeros > STRING_BYTES_MAX) return false;
    if (zeros === 0 && isLowerHex(bytes, start, hexEnd)) return true;
    const own = this.#own;
    const at = this.#ownEnd;
    let o = at;
    own[o++] = ZERO;
    own[o++] = LOWER_X;
    for (let i = 0; i < zeros; i++) own[o++] = ZERO;
    for (let p = start + 2; p < hexEnd; p++) own[o++] = bytes[p] | 0x20;
    for (let p = hexEnd; p < end; p++) own[o++] = bytes[p];
    this.#inOwn[text] = 1;
    this.#starts[text] = at;
    this.#ends[text] = o;
    this.#ownEnd = o;
    return true;
  }

  #takeEscaped(text: number, start: number, end: number, bytesMax: number, hexCase: Case): boolean {
    const own = this.#own;
    const at = this.#ownEnd;
    const ownEnd = resolveEscapes(this.#buf, start, end, own, at, at + bytesMax);
    if (ownEnd < 0) return false;
    if (hexCase !== CASE.asGiven && isHex(own, at, ownEnd)) for (let p = at; p < ownEnd; p++) own[p] |= 0x20;
    this.#inOwn[text] = 1;
    this.#starts[text] = at;
    this.#ends[text] = ownEnd;
    this.#ownEnd = ownEnd;
    return true;
  }

  /** For a string in the record. Short strings are rare and are read byte by byte. */
  #isCased(start: number, end: number, hexCase: Case): boolean {
    if (hexCase === CASE.asGiven) return false;
    return end - start < 6 ? isHex(this.#buf, start, end) : isHexInWords(this.#view, start, end);
  }

  /**
   * Moves a string to the own buffer, a word at a time where the record's buffer is long enough. Setting bit 0x20 of each byte
   * turns hex to lower case and keeps its digits.
   */
  #move(text: number, bits: number): void {
    const view = this.#view;
    const ownView = this.#ownView;
    const end = this.#ends[text];
    const at = this.#ownEnd;
    let p = this.#starts[text];
    let o = at;
    const ownEnd = at + end - p;
    for (const last = Math.min(end, this.#buf.length - 3); p < last; p += 4, o += 4) {
      ownView.setInt32(o, view.getInt32(p, true) | bits, true);
    }
    for (; p < end; p++, o++) this.#own[o] = this.#buf[p] | (bits & 0xff);
    this.#inOwn[text] = 1;
    this.#starts[text] = at;
    this.#ends[text] = ownEnd;
    this.#ownEnd = ownEnd;
  }

  /** Whether the event id is `<chain_id>:<tx_hash>:<log_index>`, which an absent id stands for. */
  eventIdIsDefault(chainId: number, logIndex: number): boolean {
    const start = this.#starts[TEXT.eventId];
    const end = this.#ends[TEXT.eventId];
    const hashStart = this.#starts[TEXT.txHash];
    const hashBytes = this.#ends[TEXT.txHash] - hashStart;
    const chainEnd = start + digitCount(chainId);
    const hashEnd = chainEnd + 1 + hashBytes;
    if (hashEnd + 1 + digitCount(logIndex) !== end) return false;
    const id = this.#inOwn[TEXT.eventId] === 0 ? this.#buf : this.#own;
    const hash = this.#inOwn[TEXT.txHash] === 0 ? this.#buf : this.#own;
    if (id[chainEnd] !== COLON || id[hashEnd] !== COLON) return false;
    if (!isUint(id, start, chainEnd, chainId) || !isUint(id, hashEnd + 1, end, logIndex)) return false;
    for (let i = 0; i < hashBytes; i++) if (id[chainEnd + 1 + i] !== hash[hashStart + i]) return false;
    return true;
  }

  handOver(out: SwapEvent): void {
    const starts = this.#starts;
    const ends = this.#ends;
    out.bytes = this.#buf;
    if (this.#ownEnd > 0) {
      for (let text = 0; text < TEXT_COUNT; text++) if (this.#inOwn[text] === 0) this.#move(text, 0);
      out.bytes = this.#own;
    }
    // An absent string was moved to an empty range. All absent strings become alike again, whatever was before them.
    for (let text = 0; text < TEXT_COUNT; text++) if (starts[text] === ends[text]) this.leaveOut(text);
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
}

function digitCount(value: number): number {
  let count = 1;
  for (let power = 10; power <= value; power *= 10) count++;
  return count;
}

function isUint(bytes: Uint8Array, start: number, end: number, value: number): boolean {
  let sum = 0;
  for (let p = start; p < end; p++) {
    const digit = bytes[p] - 0x30;
    if (digit < 0 || digit > 9) return false;
    sum = sum * 10 + digit;
  }
  return sum === value;
}
