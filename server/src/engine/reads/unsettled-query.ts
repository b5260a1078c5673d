/** The counting swaps of a token that have not settled, and the time before which there are none in a partition. Reads only. */
import { BucketRow, Figures } from "../buckets/bucket-row.ts";
import type { HotBuckets } from "../buckets/hot-buckets.ts";
import type { HotList } from "../buckets/hot-list.ts";
import type { Chain, Chains } from "../chains.ts";
import { LIMB } from "../decimal.ts";
import { HASH_SEGMENTS } from "../memory/hash-index.ts";
import type { Heap } from "../memory/heap.ts";
import { ACTIVE_BLOCK } from "../memory/layout.ts";
import type { Strings } from "../memory/strings.ts";
import type { RecordOrder } from "../swaps/record-order.ts";
import { FLAG_BUY, FLAG_COUNTS, priceAbove } from "../swaps/record-view.ts";
import type { Records } from "../swaps/records.ts";
import type { Tokens } from "../tokens.ts";
import type { TokenRef } from "../types.ts";

const { HOT_HEAD } = ACTIVE_BLOCK;

type UnsettledParts = {
  readonly heap: Heap;
  readonly strings: Strings;
  readonly tokens: Tokens;
  readonly chains: Chains;
  readonly records: Records;
  readonly order: RecordOrder;
  readonly hotList: HotList;
  readonly hot: HotBuckets;
};

export class UnsettledQuery {
  readonly #p: UnsettledParts;
  readonly #row = new BucketRow();
  readonly #part = new Figures();

  constructor(parts: UnsettledParts) {
    this.#p = parts;
  }

  /** Returns the records of the token's counting swaps in [fromMs, toMs) that have not settled, bucket by bucket. Valid until the next `apply`. */
  records(ref: TokenRef, fromMs: number, toMs: number): number[] {
    const found: number[] = [];
    this.#eachBucket(ref, fromMs, toMs, (bucket) => this.#collect(bucket, fromMs, toMs, found));
    return found;
  }

  /** Sets `figures` to the sums of these swaps. Buckets that lie wholly in the span are not read swap by swap. */
  figures(ref: TokenRef, fromMs: number, toMs: number, figures: Figures): void {
    const { hotList, hot, chains, tokens } = this.#p;
    const chain = chains.list[tokens.chainIndex(ref)];
    figures.clear();
    this.#eachBucket(ref, fromMs, toMs, (bucket) => {
      if (hotList.startMs(bucket) >= fromMs && hotList.endMs(bucket) <= toMs) {
        hot.read(bucket, this.#row);
        figures.add(this.#row);
        return;
      }
      const records: number[] = [];
      this.#collect(bucket, fromMs, toMs, records);
      this.#sum(records, chain, this.#part);
      figures.addLater(this.#part);
    });
  }

  /** Returns the wallets that bought and those that sold in these swaps, each once. */
  traders(ref: TokenRef, fromMs: number, toMs: number): { buyers: string[]; sellers: string[] } {
    const { records, strings } = this.#p;
    const buyers = new Set<number>();
    const sellers = new Set<number>();
    for (const record of this.records(ref, fromMs, toMs)) {
      const who = records.who(record);
      if (who !== 0) ((records.flags(record) & FLAG_BUY) === 0 ? sellers : buyers).add(who);
    }
    const texts = (refs: Iterable<number>): string[] => Array.from(refs, (ref) => strings.text(ref));
    return { buyers: texts(buyers), sellers: texts(sellers) };
  }

  /** Whether the token has swaps that have not settled. */
  has(ref: TokenRef): boolean {
    return Number.isFinite(this.#firstUnsettledMs(ref));
  }

  /** Returns the last symbol that these swaps name. */
  symbol(ref: TokenRef, fromMs: number, toMs: number): { readonly text: string; readonly atMs: number } | undefined {
    const { records, order, chains, tokens, strings } = this.#p;
    const chainId = chains.list[tokens.chainIndex(ref)].id;
    const buckets: number[] = [];
    this.#eachBucket(ref, fromMs, toMs, (bucket) => buckets.push(bucket));
    for (const bucket of buckets.reverse()) {
      const found: number[] = [];
      this.#collect(bucket, fromMs, toMs, found);
      const named = found.filter((record) => records.symbol(record) !== 0);
      if (named.length === 0) continue;
      const last = named.reduce((a, b) => (order.compare(a, b, chainId) > 0 ? a : b));
      return { text: strings.text(records.symbol(last)), atMs: records.timeMs(last) };
    }
    return undefined;
  }

  /** Visits the buckets with counting swaps that overlap the span, in order of time. */
  #eachBucket(ref: TokenRef, fromMs: number, toMs: number, visit: (bucket: number) => void): void {
    const { heap, hotList, tokens } = this.#p;
    const active = tokens.active(ref);
    if (active === 0) return;
    for (let bucket = heap.u32[2 * active + HOT_HEAD]; bucket !== 0; bucket = hotList.next(bucket)) {
      if (hotList.startMs(bucket) >= toMs) return;
      if (hotList.endMs(bucket) > fromMs && hotList.trades(bucket) > 0) visit(bucket);
    }
  }

  #collect(bucket: number, fromMs: number, toMs: number, found: number[]): void {
    const { hotList, records } = this.#p;
    for (let record = hotList.firstRecord(bucket); record !== 0; record = records.next(record)) {
      if ((records.flags(record) & FLAG_COUNTS) === 0) continue;
      const timeMs = records.timeMs(record);
      if (timeMs >= fromMs && timeMs < toMs) found.push(record);
    }
  }

  #sum(found: readonly number[], chain: Chain, sum: Figures): void {
    const { records, order } = this.#p;
    let open = 0;
    let close = 0;
    sum.clear();
    for (const record of found) {
      const view = records.read(record);
      const timeMs = records.timeMs(record);
      const isBuy = (view.flags & FLAG_BUY) !== 0;
      if (sum.trades === 0 || timeMs < sum.firstMs) sum.firstMs = timeMs;
      if (timeMs > sum.lastMs) sum.lastMs = timeMs;
      if (isBuy) sum.buys += 1;
      else sum.sells += 1;
      (isBuy ? sum.usdBuy : sum.usdSell).add(view.usdMicro % LIMB, Math.floor(view.usdMicro / LIMB), 0);
      (isBuy ? sum.tokenBuy : sum.tokenSell).add(view.amount0, view.amount1, view.amount2);
      const price = priceAbove(chain.priceMinUsdMicro, view);
      if (Number.isNaN(price)) continue;
      if (!(sum.high >= price)) sum.high = price;
      if (!(sum.low <= price)) sum.low = price;
      if (open === 0 || order.compare(record, open, chain.id) < 0) {
        open = record;
        sum.open = price;
      }
      if (close === 0 || order.compare(record, close, chain.id) > 0) {
        close = record;
        sum.close = price;
      }
    }
  }

  /**
   * Finds the time before which no counting swap of the partition is unsettled or will be; undefined before the first event. It yields after
   * each part of the tokens, and events may be applied in between. Every swap before the result has a sequence below the `settledCount` at
   * the end. A bucket without counting swaps holds the time back as well, because a removed swap may count again. A chain that appears
   * after the end may begin with older swaps: the next result is then smaller.
   */
  *settledBeforeMs(): Generator<undefined, number | undefined> {
    const { chains, tokens } = this.#p;
    for (;;) {
      const known = chains.list.length;
      if (known === 0) return undefined;
      // What comes later is not older than this.
      let before = Math.min(...chains.list.map((chain) => chain.highMs - chain.horizonMs));
      for (let part = 0; part < HASH_SEGMENTS; part++) {
        for (const token of tokens.index.valuesOf(part)) before = Math.min(before, this.#firstUnsettledMs(token));
        yield;
      }
      // The first swap of a new chain may be older than all others.
      if (chains.list.length === known) return before;
    }
  }

  #firstUnsettledMs(token: number): number {
    const { tokens, heap, hotList } = this.#p;
    const active = tokens.active(token);
    const bucket = active === 0 ? 0 : heap.u32[2 * active + HOT_HEAD];
    return bucket === 0 ? Number.POSITIVE_INFINITY : hotList.startMs(bucket);
  }
}
