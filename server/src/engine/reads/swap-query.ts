/** The newest swaps of a token that count, rebuilt from their records. Reads only. */

import type { HotList } from "../buckets/hot-list.ts";
import { ExactSum, priceText } from "../decimal.ts";
import type { Heap } from "../memory/heap.ts";
import { ACTIVE_BLOCK } from "../memory/layout.ts";
import type { Strings } from "../memory/strings.ts";
import { eventIdText, txHashText } from "../swaps/event-ids.ts";
import type { RecordOrder } from "../swaps/record-order.ts";
import { FLAG_BUY, FLAG_COUNTS, RecordView } from "../swaps/record-view.ts";
import type { Records } from "../swaps/records.ts";
import type { Tokens } from "../tokens.ts";
import type { ServedSwap } from "../types.ts";

const { HOT_TAIL, RECENT_HEAD } = ACTIVE_BLOCK;

export class SwapQuery {
  readonly #heap: Heap;
  readonly #hot: HotList;
  readonly #records: Records;
  readonly #order: RecordOrder;
  readonly #strings: Strings;
  readonly #tokens: Tokens;

  constructor(heap: Heap, hot: HotList, records: Records, order: RecordOrder, strings: Strings, tokens: Tokens) {
    this.#heap = heap;
    this.#hot = hot;
    this.#records = records;
    this.#order = order;
    this.#strings = strings;
    this.#tokens = tokens;
  }

  /** Returns the newest swaps before closeMs, the newest first. */
  newest(token: number, chainId: number, limit: number, closeMs: number): ServedSwap[] {
    const active = this.#tokens.active(token);
    if (active === 0) return [];
    const found: number[] = [];
    for (let b = this.#heap.u32[2 * active + HOT_TAIL]; b !== 0 && found.length < limit; b = this.#hot.previous(b)) {
      if (this.#hot.startMs(b) >= closeMs || this.#hot.trades(b) === 0) continue;
      this.#findNewestOf(b, chainId, limit - found.length, found);
    }
    if (found.length < limit) {
      const settled: number[] = [];
      for (let r = this.#heap.u32[2 * active + RECENT_HEAD]; r !== 0; r = this.#records.next(r)) settled.push(r);
      found.push(...settled.reverse());
    }
    return found.slice(0, limit).map((record) => this.served(record, token, chainId));
  }

  /**
   * Appends the newest counting swaps of a bucket, at most `room`. It selects them without sorting the bucket, which may hold
   * hundreds of thousands.
   */
  #findNewestOf(bucket: number, chainId: number, room: number, found: number[]): void {
    const records = this.#records;
    const from = found.length;
    let oldestMs = Number.NEGATIVE_INFINITY;
    for (let r = this.#hot.firstRecord(bucket); r !== 0; r = records.next(r)) {
      if ((records.flags(r) & FLAG_COUNTS) === 0 || records.timeMs(r) < oldestMs) continue;
      if (found.length === from + room) {
        if (this.#order.compare(r, found[found.length - 1], chainId) < 0) continue;
        found.pop();
      }
      let low = from;
      let high = found.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (this.#order.compare(found[middle], r, chainId) > 0) low = middle + 1;
        else high = middle;
      }
      found.splice(low, 0, r);
      if (found.length === from + room) oldestMs = records.timeMs(found[found.length - 1]);
    }
  }

  #text(ref: number): string | undefined {
    return ref === 0 ? undefined : this.#strings.text(ref);
  }

  /** Returns the swap of a record. */
  served(record: number, token: number, chainId: number): ServedSwap {
    const records = this.#records;
    const view = records.read(record, new RecordView());
    const amount = new ExactSum();
    amount.add(view.amount0, view.amount1, view.amount2);
    const usd = new ExactSum();
    usd.add(view.usdMicro % 1e15, Math.floor(view.usdMicro / 1e15), 0);
    const optional = {
      tx_index: view.txIndex === 0 ? undefined : view.txIndex,
      token_symbol: this.#text(view.symbol),
      pool: this.#text(view.pool),
      who: this.#text(records.who(record)),
      price_usd: Number.isNaN(view.price) ? undefined : priceText(view.price),
      block_number: view.blockNumber < 0 ? undefined : view.blockNumber,
      block_hash: this.#text(records.blockHash(record)),
      revision: view.revision === 0 ? undefined : view.revision,
    };
    const given = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined));
    return {
      chain_id: chainId,
      tx_hash: txHashText(this.#heap, view),
      log_index: view.logIndex,
      event_id: eventIdText(this.#heap, view, chainId),
      token: this.#tokens.text(token),
      side: (view.flags & FLAG_BUY) !== 0 ? "buy" : "sell",
      amount_token: amount.text(18),
      amount_usd: usd.text(6),
      event_time: records.timeMs(record),
      ...given,
    };
  }
}
