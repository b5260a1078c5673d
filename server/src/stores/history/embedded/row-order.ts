/** The order of rows in a file, by token and by time within it, and their tokens, once each. */
import type { SeenToken } from "./catalog.ts";

/** Where the table of tokens has no more room for short searches. */
const FULL = 0.5;
const FIRST_SLOTS = 1_024;

export class RowOrder {
  readonly #tokens: SeenToken[] = [];
  readonly #bytes: Buffer[] = [];
  /** Numbers of tokens plus 1, by the hash of chain and bytes. */
  #slots = new Uint32Array(FIRST_SLOTS);
  readonly #token: Uint32Array;
  readonly #time: Float64Array;

  constructor(rows: number) {
    this.#token = new Uint32Array(rows);
    this.#time = new Float64Array(rows);
  }

  /** Each token with its newest time and symbol. */
  get tokens(): readonly SeenToken[] {
    return this.#tokens;
  }

  /** Returns the number of the token whose name is the bytes [from, to), from 0 on. */
  tokenOf(chainId: number, bytes: Buffer, from: number, to: number): number {
    const slots = this.#slots;
    let slot = hashOf(chainId, bytes, from, to) & (slots.length - 1);
    for (; slots[slot] !== 0; slot = (slot + 1) & (slots.length - 1)) {
      const id = slots[slot]! - 1;
      if (this.#tokens[id]!.chainId === chainId && isEqual(this.#bytes[id]!, bytes, from, to)) return id;
    }
    const id = this.#tokens.length;
    const name = Buffer.from(bytes.subarray(from, to));
    this.#bytes.push(name);
    this.#tokens.push({ chainId, token: name.toString(), lastMs: 0, symbol: undefined, symbolMs: -1 });
    slots[slot] = id + 1;
    if (this.#tokens.length > FULL * slots.length) this.#grow();
    return id;
  }

  #grow(): void {
    const slots = new Uint32Array(2 * this.#slots.length);
    for (const [id, { chainId }] of this.#tokens.entries()) {
      const name = this.#bytes[id]!;
      let slot = hashOf(chainId, name, 0, name.length) & (slots.length - 1);
      while (slots[slot] !== 0) slot = (slot + 1) & (slots.length - 1);
      slots[slot] = id + 1;
    }
    this.#slots = slots;
  }

  place(row: number, token: number, timeMs: number): void {
    this.#token[row] = token;
    this.#time[row] = timeMs;
    const seen = this.#tokens[token]!;
    if (timeMs > seen.lastMs) seen.lastMs = timeMs;
  }

  /** Whether a symbol of this time is the newest one of the token. */
  isNewest(token: number, timeMs: number): boolean {
    return timeMs >= this.#tokens[token]!.symbolMs;
  }

  name(token: number, timeMs: number, symbol: string): void {
    const seen = this.#tokens[token]!;
    seen.symbol = symbol;
    seen.symbolMs = timeMs;
  }

  /** Returns the numbers of the rows in their order. */
  sorted(): Uint32Array {
    const order = new Uint32Array(this.#token.length);
    const ends = this.#places();
    const begins = ends.slice();
    for (let row = 0; row < order.length; row++) order[ends[this.#token[row]!]!++] = row;
    for (let token = 0; token < this.#tokens.length; token++) this.#sortWithin(order, begins[token]!, ends[token]!);
    return order;
  }

  /** Returns where the rows of each token begin. Texts are ordered by their UTF-8 bytes, as in DuckDB. */
  #places(): Uint32Array {
    const counts = new Uint32Array(this.#tokens.length);
    for (const token of this.#token) counts[token]!++;
    const ids = this.#tokens.map((_, id) => id);
    const tokens = this.#tokens;
    ids.sort((a, b) => Buffer.compare(this.#bytes[a]!, this.#bytes[b]!) || tokens[a]!.chainId - tokens[b]!.chainId);
    const places = new Uint32Array(this.#tokens.length);
    let at = 0;
    for (const id of ids) {
      places[id] = at;
      at += counts[id]!;
    }
    return places;
  }

  /** Rows come nearly in order of time. */
  #sortWithin(order: Uint32Array, from: number, to: number): void {
    const time = this.#time;
    for (let i = from + 1; i < to; i++) {
      if (time[order[i - 1]!]! <= time[order[i]!]!) continue;
      order.subarray(from, to).sort((a, b) => time[a]! - time[b]!);
      return;
    }
  }
}

/** FNV-1a. */
function hashOf(chainId: number, bytes: Buffer, from: number, to: number): number {
  let hash = 2_166_136_261 ^ chainId;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 16_777_619);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** A call of `Buffer.compare` takes longer than the loop. */
function isEqual(name: Buffer, bytes: Buffer, from: number, to: number): boolean {
  if (name.length !== to - from) return false;
  for (let i = 0; i < name.length; i++) if (name[i] !== bytes[from + i]) return false;
  return true;
}
