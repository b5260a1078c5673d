import { KIND } from "./event-fields.ts";
import type { FieldScanner } from "./field-scanner.ts";
import { STRING_BYTES_MAX } from "./limits.ts";
import { isAddress, isHex, resolveEscapes } from "./string-text.ts";

/** The strings of an event, in the order in which they are looked at. */
export const TEXT = { txHash: 0, eventId: 1, token: 2, symbol: 3, pool: 4, who: 5, blockHash: 6 } as const;
export const TEXT_COUNT = 7;

/** Which hex is lower-cased. */
export const CASE = { asGiven: 0, address: 1, hex: 2 } as const;
type Case = (typeof CASE)[keyof typeof CASE];

/** Room beyond the strings for a character or a word that passes the limit before it is noticed. */
const SLACK_BYTES = 8;

/**
 * The strings of one event in canonical form. They stay where they are, in the record, as long as none of them has to be
 * written anew (escapes, upper-case hex); as soon as one has to be, all are moved to a buffer of our own, because an
 * event has one buffer for all.
 */
export class TextFields {
  readonly starts = new Int32Array(TEXT_COUNT);
  readonly ends = new Int32Array(TEXT_COUNT);
  readonly #own = new Uint8Array(TEXT_COUNT * (STRING_BYTES_MAX + SLACK_BYTES));
  readonly #inOwn = new Uint8Array(TEXT_COUNT);
  #ownEnd = 0;

  reset(): void {
    this.#ownEnd = 0;
    this.#inOwn.fill(0);
  }

  setAbsent(text: number): void {
    this.starts[text] = 0;
    this.ends[text] = 0;
  }

  /** Takes the string of a slot; false when it is none, too long, or has an unpaired surrogate. */
  take(text: number, fields: FieldScanner, slot: number, bytesMax: number, hexCase: Case): boolean {
    const kind = fields.kinds[slot];
    const start = fields.starts[slot];
    const end = fields.ends[slot];
    if (kind === KIND.string || (kind === KIND.stringUpper && hexCase === CASE.asGiven)) {
      this.starts[text] = start;
      this.ends[text] = end;
      return end - start <= bytesMax;
    }
    const buf = fields.cursor.buf;
    if (kind === KIND.stringUpper) {
      this.starts[text] = start;
      this.ends[text] = end;
      if (end - start > bytesMax) return false;
      if (isCased(buf, start, end, hexCase)) this.#copy(text, buf, 0x20);
      return true;
    }
    if (kind !== KIND.stringEscaped) return false;
    const at = this.#ownEnd;
    const resolvedEnd = resolveEscapes(buf, start, end, this.#own, at, at + bytesMax);
    if (resolvedEnd < 0) return false;
    this.#inOwn[text] = 1;
    this.starts[text] = at;
    this.ends[text] = resolvedEnd;
    this.#ownEnd = resolvedEnd;
    if (isCased(this.#own, at, resolvedEnd, hexCase)) for (let p = at; p < resolvedEnd; p++) this.#own[p] |= 0x20;
    return true;
  }

  /** The buffer to which all ranges refer from now on. */
  settle(buf: Uint8Array): Uint8Array {
    if (this.#ownEnd === 0) return buf;
    for (let text = 0; text < TEXT_COUNT; text++) if (this.#inOwn[text] === 0) this.#copy(text, buf, 0);
    return this.#own;
  }

  /** Moves a string to our own buffer. Setting bit 0x20 turns hex to lower case and leaves its digits as they are. */
  #copy(text: number, buf: Uint8Array, bits: number): void {
    const start = this.starts[text];
    const end = this.ends[text];
    let o = this.#ownEnd;
    this.#inOwn[text] = 1;
    this.starts[text] = o;
    for (let p = start; p < end; p++) this.#own[o++] = buf[p] | bits;
    this.ends[text] = o;
    this.#ownEnd = o;
  }

  /** Whether the event id is `<chain_id>:<tx_hash>:<log_index>`, which is what an absent one stands for. */
  eventIdIsDefault(buf: Uint8Array, chainId: number, logIndex: number): boolean {
    const id = this.#inOwn[TEXT.eventId] === 0 ? buf : this.#own;
    const hash = this.#inOwn[TEXT.txHash] === 0 ? buf : this.#own;
    const hashStart = this.starts[TEXT.txHash];
    const hashBytes = this.ends[TEXT.txHash] - hashStart;
    let p = this.starts[TEXT.eventId];
    const end = this.ends[TEXT.eventId];
    const chainEnd = p + digitCount(chainId);
    const hashEnd = chainEnd + 1 + hashBytes;
    if (hashEnd + 1 + digitCount(logIndex) !== end || id[chainEnd] !== 0x3a || id[hashEnd] !== 0x3a) return false;
    if (!isUint(id, p, chainEnd, chainId) || !isUint(id, hashEnd + 1, end, logIndex)) return false;
    p = chainEnd + 1;
    for (let i = 0; i < hashBytes; i++) if (id[p + i] !== hash[hashStart + i]) return false;
    return true;
  }
}

function isCased(bytes: Uint8Array, start: number, end: number, hexCase: Case): boolean {
  if (hexCase === CASE.address) return isAddress(bytes, start, end);
  return hexCase === CASE.hex && isHex(bytes, start, end);
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
