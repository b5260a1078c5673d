/**
 * Hashes of swap identities. The identity of a swap is (token, event id); an id that is not given is
 * `<chain_id>:<tx_hash>:<log_index>`. Hex transaction hashes are packed to half their length, for the hash and for the record.
 */
import { type HashSeed, KeyedHash } from "../memory/keyed-hash.ts";
import type { SwapEvent } from "./swap-event.ts";

const TX_PURPOSE = 0x7a11;
const ID_PURPOSE = 0x1d1d;
const TWO_32 = 4294967296;
const DIGIT_0 = 48;
const LETTER_A = 97;
const HEX_VALUE = new Int8Array(256).fill(-1);
for (let i = 0; i < 10; i++) HEX_VALUE[DIGIT_0 + i] = i;
for (let i = 0; i < 6; i++) HEX_VALUE[LETTER_A + i] = 10 + i;

export class SwapIdentity {
  readonly #txHash: KeyedHash;
  readonly #idHash: KeyedHash;
  /** Packed transaction hash of the event taken last. */
  readonly tx = new Uint8Array(128);
  txLength = 0;
  txHex = false;

  constructor(seed: HashSeed) {
    this.#txHash = new KeyedHash(seed, TX_PURPOSE);
    this.#idHash = new KeyedHash(seed, ID_PURPOSE);
  }

  /** Takes an event: packs its transaction hash, and returns the hash of its swap's identity within the token. */
  take(event: SwapEvent, tokenRef: number): number {
    const { bytes, eventIdStart, eventIdEnd } = event;
    if (eventIdStart === eventIdEnd) {
      return this.#hashOfTx(bytes, event.txHashStart, event.txHashEnd, event.logIndex, tokenRef);
    }
    const hash = this.#hashOfId(bytes, eventIdStart, eventIdEnd, event.chainId, tokenRef);
    this.#packTx(bytes, event.txHashStart, event.txHashEnd);
    return hash;
  }

  #packTx(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.txHex = false;
    if (length >= 4 && (length & 1) === 0 && bytes[start] === 48 && bytes[start + 1] === 120) {
      let ok = 0;
      for (let i = start + 2, o = 0; i < end; i += 2, o++) {
        const high = HEX_VALUE[bytes[i]];
        const low = HEX_VALUE[bytes[i + 1]];
        ok |= high | low;
        this.tx[o] = (high << 4) | low;
      }
      this.txHex = ok >= 0;
    }
    if (this.txHex) {
      this.txLength = (length - 2) >>> 1;
    } else {
      this.txLength = length;
      for (let i = 0; i < length; i++) this.tx[i] = bytes[start + i];
    }
  }

  /**
   * Packs a transaction hash, and returns the hash of the default id that it forms with a log index. Token and log index are
   * hashed with the text: combined with the hash afterwards, they could be chosen to cancel out.
   */
  #hashOfTx(bytes: Uint8Array, start: number, end: number, logIndex: number, tokenRef: number): number {
    this.#packTx(bytes, start, end);
    return this.#txHash.hash(this.tx, 0, this.txLength, tokenRef, logIndex);
  }

  /**
   * Returns the hash of a given event id. An id in the form of a default id, `<chain_id>:<tx_hash>:<log_index>`, hashes as that
   * default id, because it is the same identity.
   */
  #hashOfId(bytes: Uint8Array, start: number, end: number, chainId: number, tokenRef: number): number {
    const plain = (): number => this.#idHash.hash(bytes, start, end, tokenRef, 0);
    const prefix = `${chainId}:`;
    let at = start;
    for (let i = 0; i < prefix.length; i++, at++) {
      if (bytes[at] !== prefix.charCodeAt(i)) return plain();
    }
    let colon = end - 1;
    let logIndex = 0;
    for (let scale = 1; colon > at && bytes[colon] >= 48 && bytes[colon] <= 57 && scale <= 1e10; colon--, scale *= 10) {
      logIndex += (bytes[colon] - 48) * scale;
    }
    const digits = end - 1 - colon;
    const canonical = digits > 0 && (digits === 1 || bytes[colon + 1] !== 48) && logIndex < TWO_32;
    if (!canonical || bytes[colon] !== 58 || colon <= at) return plain();
    return this.#hashOfTx(bytes, at, colon, logIndex, tokenRef);
  }
}
