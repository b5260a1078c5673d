/** The orders that a worker keeps for the cursors of queries. Each is kept for a time after its last use; their number and memory are bounded. */
import { screenerLimits } from "@swapstats/protocol/limits.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import type { ServedPartition } from "../served-partition.ts";
import type { KeptOrder } from "./kept-order.ts";

/** Limit for the memory of all orders of a worker. Beyond it the least recently used ones are dropped. */
export const ORDERS_BYTES_MAX = 256 * 1024 * 1024;

type Kept = Pick<KeptOrder, "bytes" | "isOf">;
type Entry<Order> = { readonly order: Order; usedMs: number };

export class KeptOrders<Order extends Kept> {
  readonly #nowMs: () => number;
  /** The least recently used one is the first. */
  readonly #entries = new Map<string, Entry<Order>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  get size(): number {
    return this.#entries.size;
  }

  put(id: string, order: Order): void {
    this.#entries.delete(id);
    this.#entries.set(id, { order, usedMs: this.#nowMs() });
    let bytes = [...this.#entries.values()].reduce((sum, entry) => sum + entry.order.bytes, 0);
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= screenerLimits.ordersMax && bytes <= ORDERS_BYTES_MAX) break;
      this.#entries.delete(oldest);
      bytes -= entry.order.bytes;
    }
    this.#schedule();
  }

  /** Throws `cursor_expired` if the order is no longer kept, or is that of other partitions. */
  get(id: string, partitions: readonly ServedPartition[]): Order {
    this.#dropOld();
    const entry = this.#entries.get(id);
    if (entry?.order.isOf(partitions) !== true) throw expired();
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    entry.usedMs = this.#nowMs();
    return entry.order;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#entries.clear();
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#dropOld();
      if (this.#entries.size > 0) this.#schedule();
    }, screenerLimits.orderKeptMs).unref();
  }

  #dropOld(): void {
    const nowMs = this.#nowMs();
    for (const [id, { usedMs }] of this.#entries) {
      if (nowMs - usedMs <= screenerLimits.orderKeptMs) return;
      this.#entries.delete(id);
    }
  }
}

function expired(): SwapstatsError {
  const seconds = screenerLimits.orderKeptMs / 1000;
  const message = `The order of this cursor is no longer kept: it is kept for ${seconds} s, while the owners of tokens stay the same. Start again without the cursor.`;
  return new SwapstatsError("cursor_expired", message);
}
