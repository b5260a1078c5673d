/**
 * A deterministic stream of swaps as NDJSON: the same options give the same bytes on any machine, and another start
 * gives other transactions. Records have 580 to 660 bytes. The fields that a later inclusion changes come first and
 * have a fixed width, so that copies, removals and re-inclusions are made by patching the bytes of an earlier record.
 */
import { writeAscii, writeDigits, writeHex32, writeInteger, writeScaled } from "./bytes.ts";
import type { GeneratorOptions } from "./options.ts";
import { mix32, Random } from "./random.ts";
import { addressWord, type CatalogueToken, makeCatalogue } from "./token-catalogue.ts";
import { Zipf } from "./zipf.ts";

/** The most room that one record needs, with its line feed. */
export const RECORD_BYTES_MAX = 768;

const SLOT_MS = 400;
/** Number of earlier records from which copies and removals are drawn. */
const HISTORY_COUNT = 16_384;
const TRADER_KIND = 4;
/** Share of swaps that belong to the previous transaction. */
const SAME_TRANSACTION = 0.1;
const REINCLUDED = 0.7;
const REMOVAL_FIRST = 0.1;
/** A late swap is this old, or up to an hour more; beyond the default grace. */
const LATE_MIN_MS = 150_000;
const LATE_SPAN_MS = 3_600_000;
const FUTURE_MIN_MS = 120_000;
const FUTURE_SPAN_MS = 86_400_000;
/** No removal of an older swap: it would most likely be unresolved. */
const REMOVABLE_MS = 600_000;
const USD_MAX = 250_000;

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const HEAD = ascii('{"event_time":');
const BLOCK_NUMBER = ascii(',"block_number":');
const BLOCK_HASH = ascii(',"block_hash":"0x');
const TX_HASH = ascii('","tx_hash":"0x');
const LOG_INDEX = ascii('","log_index":');
const TX_INDEX = ascii(',"tx_index":');
const WHO = ascii(',"who":"0x');
const BUY = ascii('","side":"buy","amount_token":"');
const SELL = ascii('","side":"sell","amount_token":"');
const AMOUNT_USD = ascii('","amount_usd":"');
const PRICE_USD = ascii('","price_usd":"');
const ORDINARY = ascii('","schema_version":1,"removed":false}\n');
const REMOVAL_END = ascii("true}\n");
const ORDINARY_END_BYTES = "false}\n".length;
const TIME_AT = HEAD.length;
const SLOT_AT = TIME_AT + 13 + BLOCK_NUMBER.length;
const HASH_AT = SLOT_AT + 10 + BLOCK_HASH.length;

export class SwapGenerator {
  readonly #options: GeneratorOptions;
  readonly #random: Random;
  readonly #tokens: readonly CatalogueToken[];
  readonly #zipf: Zipf;
  /** Price mantissas of the random walk. */
  readonly #prices: Float64Array;
  #index = 0;
  /** The previous transaction: chain, time, trader, log index and the words of its hash. */
  #txChainId = 0;
  #txTimeMs = 0;
  #txIndex = 0;
  #txTrader = 0;
  #txLogIndex = 0;
  readonly #txWords = new Uint32Array(8);
  readonly #history: Uint8Array;
  readonly #historyLengths = new Uint16Array(HISTORY_COUNT);
  /** Event time of an earlier record that may still be removed, otherwise 0. */
  readonly #historyTimes = new Float64Array(HISTORY_COUNT);
  #historyCount = 0;
  /** Records that wait for their turn, by index. */
  readonly #pending = new Map<number, Uint8Array>();

  constructor(options: GeneratorOptions) {
    this.#options = options;
    // Tokens depend on the seed alone. Everything else depends on the start as well: a stream that begins at another
    // time must not name the transactions of an earlier one, because a swap that comes again in another block moves.
    this.#tokens = makeCatalogue(options.tokens, options.seed, new Random(options.seed));
    this.#random = new Random(streamSeed(options.seed, options.startMs));
    this.#zipf = new Zipf(options.tokens, options.zipf);
    this.#prices = Float64Array.from(this.#tokens, (token) => token.priceMantissa);
    const keeps = options.duplicates > 0 || options.removed > 0;
    this.#history = new Uint8Array(keeps ? HISTORY_COUNT * RECORD_BYTES_MAX : 0);
  }

  /** Records written so far. */
  get index(): number {
    return this.#index;
  }

  /** The instant of the stream at which the next record is due. */
  get nextDueMs(): number {
    return this.#options.startMs + (this.#index * 1_000) / this.#options.ratePerSecond;
  }

  /** Writes the next record and its line feed; `target` needs RECORD_BYTES_MAX bytes from `at`. Returns the end. */
  write(target: Uint8Array, at: number): number {
    const nowMs = this.nextDueMs;
    const end = this.#writeNext(target, at, nowMs);
    this.#index++;
    return end;
  }

  #writeNext(target: Uint8Array, at: number, nowMs: number): number {
    const waiting = this.#pending.size > 0 ? this.#pending.get(this.#index) : undefined;
    if (waiting !== undefined) {
      this.#pending.delete(this.#index);
      const end = writeAscii(target, at, waiting);
      this.#remember(target, at, end, nowMs);
      return end;
    }
    const { duplicates, removed, late, future, disorderMs } = this.#options;
    let lot = this.#random.unit();
    if (lot < duplicates && this.#historyCount > 0) return this.#writeCopy(target, at);
    lot -= duplicates;
    if (lot >= 0 && lot < removed) return this.#writeRemoval(target, at, nowMs);
    lot -= removed;
    if (lot >= 0 && lot < late) {
      return this.#writeSwap(target, at, nowMs - LATE_MIN_MS - this.#random.unit() * LATE_SPAN_MS);
    }
    lot -= late;
    if (lot >= 0 && lot < future) {
      return this.#writeSwap(target, at, nowMs + FUTURE_MIN_MS + this.#random.unit() * FUTURE_SPAN_MS);
    }
    const timeMs = nowMs - this.#random.unit() * disorderMs;
    const end = this.#writeSwap(target, at, timeMs);
    this.#remember(target, at, end, timeMs);
    return end;
  }

  #writeSwap(target: Uint8Array, at: number, aboutMs: number): number {
    const random = this.#random;
    const rank = this.#zipf.draw(random);
    const token = this.#tokens[rank] as CatalogueToken;
    this.#chooseTransaction(token.chainId, Math.floor(aboutMs));

    at = writeAscii(target, at, HEAD);
    at = writeInteger(target, at, this.#txTimeMs);
    const slot = Math.floor(this.#txTimeMs / SLOT_MS);
    at = writeAscii(target, at, BLOCK_NUMBER);
    at = writeInteger(target, at, slot);
    at = writeAscii(target, at, BLOCK_HASH);
    at = writeBlockHash(target, at, slot, token.chainId);
    at = writeAscii(target, at, TX_HASH);
    for (let word = 0; word < 8; word++) at = writeHex32(target, at, this.#txWords[word] as number);
    at = writeAscii(target, at, LOG_INDEX);
    at = writeInteger(target, at, this.#txLogIndex);
    at = writeAscii(target, at, TX_INDEX);
    at = writeInteger(target, at, this.#txIndex);
    at = writeAscii(target, at, token.segment);
    at = writeAscii(target, at, WHO);
    for (let word = 0; word < 5; word++) {
      at = writeHex32(target, at, addressWord(this.#options.seed, TRADER_KIND, this.#txTrader, word));
    }
    return this.#writeTrade(target, at, rank, token);
  }

  #writeTrade(target: Uint8Array, at: number, rank: number, token: CatalogueToken): number {
    const random = this.#random;
    const isBuy = random.unit() < 0.5;
    const mantissa = this.#walkPrice(rank, token, isBuy);
    const price = mantissa / Number(`1e${token.priceScale}`);
    // A quotient of two uniform draws has the heavy tail of real trade sizes, and needs no function beyond division.
    const dollars = Math.min(Math.floor((80 * random.unit()) / (1 - random.unit())), USD_MAX);
    const places = 2 + random.below(5);
    const fraction = random.below(10 ** places);
    const usd = dollars + fraction / 10 ** places;

    at = writeAscii(target, at, isBuy ? BUY : SELL);
    at = this.#writeAmount(target, at, usd / price, token.decimals);
    at = writeAscii(target, at, AMOUNT_USD);
    at = writeInteger(target, at, dollars);
    target[at++] = 46;
    at = writeDigits(target, at, fraction, places);
    at = writeAscii(target, at, PRICE_USD);
    at = writeScaled(target, at, mantissa, token.priceScale);
    return writeAscii(target, at, ORDINARY);
  }

  /** A buy raises the price and a sell lowers it, by a random step within bounds. */
  #walkPrice(rank: number, token: CatalogueToken, isBuy: boolean): number {
    const step = this.#random.unit() * token.volatility;
    const before = this.#prices[rank] as number;
    const moved = Math.round(before * (isBuy ? 1 + step : 1 - step));
    const price = Math.min(Math.max(moved, token.priceMin), token.priceMax);
    this.#prices[rank] = price;
    return price;
  }

  /** Writes a token amount with all its places, above 0; places beyond those of a double are drawn. */
  #writeAmount(target: Uint8Array, at: number, amount: number, decimals: number): number {
    const whole = Math.floor(amount);
    at = writeInteger(target, at, whole);
    target[at++] = 46;
    const head = Math.min(decimals, 9);
    at = writeDigits(target, at, Math.floor((amount - whole) * 10 ** head), head);
    if (decimals > 9) at = writeDigits(target, at, this.#random.below(10 ** (decimals - 9)), decimals - 9);
    if (target[at - 1] === 48) target[at - 1] = 49;
    return at;
  }

  #chooseTransaction(chainId: number, timeMs: number): void {
    const random = this.#random;
    const near = Math.abs(timeMs - this.#txTimeMs) <= this.#options.disorderMs + 1_000;
    if (random.unit() < SAME_TRANSACTION && chainId === this.#txChainId && near) {
      this.#txLogIndex += 1 + random.below(5);
      return;
    }
    this.#txChainId = chainId;
    this.#txTimeMs = timeMs;
    this.#txLogIndex = random.below(400);
    // Later transactions of a block have later logs.
    this.#txIndex = this.#txLogIndex >>> 1;
    const skew = random.unit();
    this.#txTrader = Math.floor(skew * skew * this.#options.traders);
    for (let word = 0; word < 8; word++) this.#txWords[word] = random.uint32();
  }

  #remember(target: Uint8Array, start: number, end: number, timeMs: number): void {
    if (this.#history.length === 0) return;
    const slot = this.#historyCount++ % HISTORY_COUNT;
    this.#history.set(target.subarray(start, end), slot * RECORD_BYTES_MAX);
    this.#historyLengths[slot] = end - start;
    this.#historyTimes[slot] = timeMs;
  }

  #earlier(slot: number): Uint8Array {
    const start = slot * RECORD_BYTES_MAX;
    return this.#history.subarray(start, start + (this.#historyLengths[slot] as number));
  }

  #drawSlot(): number {
    return this.#random.below(Math.min(this.#historyCount, HISTORY_COUNT));
  }

  #writeCopy(target: Uint8Array, at: number): number {
    return writeAscii(target, at, this.#earlier(this.#drawSlot()));
  }

  #writeRemoval(target: Uint8Array, at: number, nowMs: number): number {
    const random = this.#random;
    if (random.unit() < REMOVAL_FIRST) {
      const end = this.#writeSwap(target, at, nowMs - random.unit() * this.#options.disorderMs);
      this.#schedule(copyOf(target, at, end));
      return endAsRemoval(target, end);
    }
    const slot = this.#historyCount > 0 ? this.#drawSlot() : -1;
    const timeMs = this.#historyTimes[slot] ?? 0;
    if (timeMs < nowMs - REMOVABLE_MS) {
      const end = this.#writeSwap(target, at, nowMs - random.unit() * this.#options.disorderMs);
      this.#remember(target, at, end, nowMs);
      return end;
    }
    this.#historyTimes[slot] = 0;
    const end = writeAscii(target, at, this.#earlier(slot));
    if (random.unit() < REINCLUDED) this.#scheduleReinclusion(copyOf(target, at, end));
    return endAsRemoval(target, end);
  }

  /** Schedules the same swap in one of the next blocks. */
  #scheduleReinclusion(record: Uint8Array): void {
    const blocks = 1 + this.#random.below(3);
    const text = new TextDecoder();
    const timeMs = Number(text.decode(record.subarray(TIME_AT, TIME_AT + 13))) + blocks * SLOT_MS;
    const slot = Number(text.decode(record.subarray(SLOT_AT, SLOT_AT + 10))) + blocks;
    writeInteger(record, TIME_AT, timeMs);
    writeInteger(record, SLOT_AT, slot);
    writeBlockHash(record, HASH_AT, slot, this.#random.uint32());
    this.#schedule(record);
  }

  /** Schedules a record within the next two seconds of the stream; one record per index. */
  #schedule(record: Uint8Array): void {
    let index = this.#index + 1 + this.#random.below(Math.ceil(this.#options.ratePerSecond * 2));
    while (this.#pending.has(index)) index++;
    this.#pending.set(index, record);
  }
}

/** Different for every two starts of one seed within 49 days, because mix32 is a bijection. */
function streamSeed(seed: number, startMs: number): number {
  const high = Math.floor(startMs / 4_294_967_296);
  return mix32(mix32(startMs % 4_294_967_296) ^ mix32(mix32(high) ^ mix32(seed ^ 0x5851f42d)));
}

/** Derives the hash of a block from its number and chain (or fork), so that the swaps of a block agree. */
function writeBlockHash(target: Uint8Array, at: number, slot: number, fork: number): number {
  const base = mix32(slot) ^ mix32(fork + 1);
  for (let word = 0; word < 8; word++) at = writeHex32(target, at, mix32(base + Math.imul(word + 1, 0x9e3779b9)));
  return at;
}

/** Not `slice`, which shares the bytes where the target is a Buffer. */
function copyOf(target: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(target.subarray(start, end));
}

/** Turns the ordinary record that ends at `end` into its removal; returns the new end. */
function endAsRemoval(target: Uint8Array, end: number): number {
  return writeAscii(target, end - ORDINARY_END_BYTES, REMOVAL_END);
}
