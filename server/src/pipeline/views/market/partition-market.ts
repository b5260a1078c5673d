/**
 * The market of a partition: sums over its tokens, by chain and window. The first look reads the buckets of all tokens in pieces; afterwards each
 * swap that begins or ceases to count changes the slot of its time. Tokens are read when the pass reaches them, or when a swap changes them before.
 */
import { hasPrevious } from "../../../engine/buckets/levels.ts";
import type { CountedAmount } from "../../../engine/counted-watch.ts";
import { TOKEN_PARTS } from "../../../engine/partition-engine.ts";
import type { TokenRef, WindowSpec } from "../../../engine/types.ts";
import type { ServedEngine } from "../served-engine.ts";
import type { TokenViews, Work } from "../token-views.ts";
import { ActiveTokens } from "./active-tokens.ts";
import { type SpanSums, TimeSlots } from "./time-slots.ts";

/** Cost of reading a token, and buckets that are read for a unit of work. */
const TOKEN_UNITS = 1;
const BUCKETS_PER_UNIT = 8;
const LIMB = 1e15;

export class PartitionMarket {
  readonly #engine: ServedEngine;
  readonly #active: ActiveTokens;
  readonly #chains = new Map<number, TimeSlots>();
  /** Tokens whose buckets are in the slots. */
  readonly #read = new Set<TokenRef>();
  /** The next part of the engine's tokens to read, and those of its tokens that are left. */
  #part = 0;
  #left: TokenRef[] = [];

  constructor(engine: ServedEngine, views: TokenViews) {
    this.#engine = engine;
    this.#active = new ActiveTokens(engine, views);
  }

  /** Slots of all chains: the measure of its memory. */
  get slots(): number {
    return [...this.#chains.values()].reduce((sum, slots) => sum + slots.size, 0);
  }

  /** Continues until the work is used up. Returns true when `text` holds at `asOfMs`, at which the caller has looked at all tokens. */
  syncSome(asOfMs: number, work: Work): boolean {
    return this.#readSome(work) && this.#active.syncSome(asOfMs, work);
  }

  /** Takes a change of what counts; see `CountedWatch`. */
  changed(token: TokenRef, before: number, after: number): void {
    if (!this.#read.has(token)) {
      this.#readToken(token);
      return;
    }
    const slots = this.#slotsOf(token);
    if (before !== 0) add(slots, this.#engine.countedAmount(before), -1);
    if (after !== 0) add(slots, this.#engine.countedAmount(after), 1);
  }

  /** Returns the sums at this as-of as JSON text, for `marketOf` of bus/market-sums.ts: `{"complete":{"5m":true},"previous":["5m"],"chains":{"1":{"tokens":n,"windows":{"5m":[..]}}}}`. */
  text(asOfMs: number): string {
    const seenSinceMs = this.#engine.seenSinceMs();
    const { windows } = this.#engine.config;
    const complete = windows.map(({ name, lengthMs, stepMs }) => {
      const openMs = Math.floor((asOfMs - lengthMs) / stepMs) * stepMs;
      return [name, seenSinceMs !== undefined && seenSinceMs <= openMs] as const;
    });
    const chains: [string, unknown][] = [];
    for (const [chainId, slots] of this.#chains) {
      const spans = slots.windows(asOfMs).map(({ sums, previous }, i) => {
        const { name } = windows[i] as WindowSpec;
        return [name, previous === undefined ? [spanOf(sums)] : [spanOf(sums), spanOf(previous)]];
      });
      const tokens = this.#active.byChain.get(chainId) ?? 0;
      chains.push([String(chainId), { tokens, windows: Object.fromEntries(spans) }]);
    }
    const longestMs = (windows.at(-1) as WindowSpec).lengthMs;
    const previous = windows.filter((window) => hasPrevious(window, longestMs)).map(({ name }) => name);
    return JSON.stringify({ complete: Object.fromEntries(complete), previous, chains: Object.fromEntries(chains) });
  }

  #readSome(work: Work): boolean {
    for (;;) {
      const token = this.#left.pop();
      if (token === undefined) {
        if (this.#part === TOKEN_PARTS) return true;
        if (work.left <= 0) return false;
        this.#left = this.#engine.tokensOfPart(this.#part++);
        work.left -= 1 + this.#left.length / BUCKETS_PER_UNIT;
        continue;
      }
      if (!this.#read.has(token)) work.left -= TOKEN_UNITS + this.#readToken(token) / BUCKETS_PER_UNIT;
      if (work.left <= 0) return false;
    }
  }

  /** Returns the number of buckets. */
  #readToken(token: TokenRef): number {
    this.#read.add(token);
    const slots = this.#slotsOf(token);
    let count = 0;
    this.#engine.eachBucket(token, ({ startMs, buys, sells, usdBuy0, usdBuy1, usdSell0, usdSell1 }) => {
      count += 1;
      const sums = slots.at(startMs);
      sums.buys += buys;
      sums.sells += sells;
      sums.usdBuy.add(usdBuy0, usdBuy1);
      sums.usdSell.add(usdSell0, usdSell1);
    });
    return count;
  }

  #slotsOf(token: TokenRef): TimeSlots {
    const chainId = this.#engine.chainIdOf(token);
    let slots = this.#chains.get(chainId);
    if (slots === undefined) {
      slots = new TimeSlots(this.#engine.config.windows);
      this.#chains.set(chainId, slots);
    }
    return slots;
  }
}

function add(slots: TimeSlots, { timeMs, isBuy, usdMicro }: CountedAmount, sign: 1 | -1): void {
  const sums = slots.at(timeMs);
  const usd = isBuy ? sums.usdBuy : sums.usdSell;
  if (isBuy) sums.buys += sign;
  else sums.sells += sign;
  usd.add(sign * (usdMicro % LIMB), sign * Math.floor(usdMicro / LIMB));
}

/** Dollars as integers of 10^-6. */
function spanOf({ buys, sells, usdBuy, usdSell }: SpanSums): readonly [number, number, string, string] {
  return [buys, sells, String(usdBuy.toBigInt()), String(usdSell.toBigInt())];
}
