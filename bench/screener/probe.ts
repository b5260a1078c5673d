/** A client that watches a query of its own, and posts tokens that match it. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import type { Market } from "./market.ts";

/** Not a multiple of the tick, so that swaps come at every moment of it. */
const PROBE_EVERY_MS = 370;

/** Posts new tokens that a query matches, and measures from before the request until a client has them. */
export class Probe {
  readonly delaysMs: number[] = [];
  readonly #market: Market;
  readonly #sentAtMs = new Map<string, number>();
  #isStopped = false;

  constructor(market: Market) {
    this.#market = market;
  }

  async run(): Promise<void> {
    const ws = new WebSocket(`ws://127.0.0.1:${this.#market.port}/ws`);
    ws.on("message", (data) => this.#take(JSON.parse(data.toString())));
    await once(ws, "open");
    const query = { filter: { field: "symbol", eq: "PROBE" }, sort: [{ field: "first_seen" }], limit: 500 };
    ws.send(JSON.stringify({ subscribe: { channel: "screener", query } }));
    for (let i = 0; !this.#isStopped; i++) {
      await sleep(PROBE_EVERY_MS);
      const token = `probe${i}`;
      const swap = { chain_id: 1, tx_hash: token, log_index: 0, token, token_symbol: "PROBE", side: "buy" };
      this.#sentAtMs.set(`1:${token}`, performance.now());
      await this.#market.post([{ ...swap, amount_token: "1", amount_usd: "1", event_time: Date.now() }]);
    }
    ws.terminate();
  }

  stop(): void {
    this.#isStopped = true;
  }

  #take(message: { patch?: { rows?: Record<string, object> }; data?: { rows: Record<string, object> } }): void {
    for (const id of Object.keys(message.patch?.rows ?? message.data?.rows ?? {})) {
      const sentAtMs = this.#sentAtMs.get(id);
      if (sentAtMs === undefined) continue;
      this.#sentAtMs.delete(id);
      this.delaysMs.push(performance.now() - sentAtMs);
    }
  }
}
