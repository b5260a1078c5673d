/**
 * Decoded swap events without their JSON, for benchmarks that need a day of them: 86 million take minutes this way, and would take an hour
 * as text. The stream has the shape of the generator's: tokens by Zipf 1.0, uniform traders.
 */
import { SwapEvent } from "../../server/src/engine/swaps/swap-event.ts";
import { Random } from "../../server/src/generator/random.ts";
import { Zipf } from "../../server/src/generator/zipf.ts";

const HEX = "0123456789abcdef";
const HEX_PAIRS = new Uint16Array(256);
for (let i = 0; i < 256; i++) HEX_PAIRS[i] = (HEX.charCodeAt(i & 15) << 8) | HEX.charCodeAt(i >> 4);
const ADDRESS_BYTES = 42;
const HASH_BYTES = 66;
const BLOCK_MS = 2000;
const CHAIN_ID = 1;

type StreamOptions = {
  readonly tokens: number;
  readonly traders: number;
  readonly ratePerSecond: number;
  readonly disorderMs: number;
  readonly startMs: number;
  readonly seed: number;
};

export class EventStream {
  readonly event = new SwapEvent();
  readonly #options: StreamOptions;
  readonly #random: Random;
  readonly #zipf: Zipf;
  readonly #tokensAt = 0;
  readonly #tradersAt: number;
  readonly #poolsAt: number;
  readonly #hashAt: number;
  readonly #blockAt: number;
  #block = -1;
  #index = 0;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#zipf = new Zipf(options.tokens, 1);
    this.#tradersAt = options.tokens * ADDRESS_BYTES;
    this.#poolsAt = this.#tradersAt + options.traders * ADDRESS_BYTES;
    this.#hashAt = this.#poolsAt + options.tokens * ADDRESS_BYTES;
    this.#blockAt = this.#hashAt + HASH_BYTES;
    this.event.bytes = new Uint8Array(this.#blockAt + HASH_BYTES);
    for (let at = 0; at < this.#hashAt; at += ADDRESS_BYTES) this.#hex(at, ADDRESS_BYTES);
    this.event.chainId = CHAIN_ID;
  }

  #hex(at: number, length: number): void {
    const { bytes } = this.event;
    bytes[at] = 48;
    bytes[at + 1] = 120;
    for (let i = at + 2; i < at + length; i += 8) {
      const word = Math.floor(this.#random.unit() * 4294967296);
      for (let k = 0; k < 4; k++) {
        const pair = HEX_PAIRS[(word >>> (8 * k)) & 255] as number;
        bytes[i + 2 * k] = pair & 255;
        bytes[i + 2 * k + 1] = pair >> 8;
      }
    }
  }

  /** Fills `event` with the next swap. Returns the stream's time in ms. */
  next(): number {
    const { event } = this;
    const random = this.#random;
    const nowMs = this.#options.startMs + Math.floor((this.#index++ * 1000) / this.#options.ratePerSecond);
    event.eventTimeMs = nowMs - Math.floor(random.unit() * this.#options.disorderMs);
    event.blockNumber = Math.floor(event.eventTimeMs / BLOCK_MS);
    this.#block = event.blockNumber;
    const token = this.#zipf.draw(random);
    const price = 0.0001 * (token + 1) * (0.9 + 0.2 * random.unit());
    event.isBuy = random.unit() < 0.5;
    event.usdMicro = Math.floor(1e6 + random.unit() * 5e9);
    event.priceUsd = Number(price.toPrecision(12));
    const amount = event.usdMicro / 1e6 / price;
    event.amount0 = Math.floor((amount % 0.001) * 1e18);
    event.amount1 = Math.floor(amount * 1000) % 1e15;
    event.amount2 = 0;
    event.logIndex = Math.floor(random.unit() * 400);
    this.#places(token, Math.floor(random.unit() * this.#options.traders));
    return nowMs;
  }

  #places(token: number, trader: number): void {
    const { event } = this;
    this.#hex(this.#hashAt, HASH_BYTES);
    this.#blockHash();
    event.txHashStart = this.#hashAt;
    event.txHashEnd = this.#hashAt + HASH_BYTES;
    event.blockHashStart = this.#blockAt;
    event.blockHashEnd = this.#blockAt + HASH_BYTES;
    event.tokenStart = this.#tokensAt + token * ADDRESS_BYTES;
    event.tokenEnd = event.tokenStart + ADDRESS_BYTES;
    event.whoStart = this.#tradersAt + trader * ADDRESS_BYTES;
    event.whoEnd = event.whoStart + ADDRESS_BYTES;
    event.poolStart = this.#poolsAt + token * ADDRESS_BYTES;
    event.poolEnd = event.poolStart + ADDRESS_BYTES;
    event.symbolStart = event.tokenStart + 2;
    event.symbolEnd = event.symbolStart + 5;
  }

  /** 0x and 64 digits that depend only on the block number. */
  #blockHash(): void {
    const { bytes } = this.event;
    bytes[this.#blockAt] = 48;
    bytes[this.#blockAt + 1] = 120;
    let word = this.#block | 0;
    for (let i = 2; i < HASH_BYTES; i += 2) {
      word = (Math.imul(word, 1664525) + 1013904223) | 0;
      const pair = HEX_PAIRS[(word >>> 20) & 255] as number;
      bytes[this.#blockAt + i] = pair & 255;
      bytes[this.#blockAt + i + 1] = pair >> 8;
    }
  }
}
