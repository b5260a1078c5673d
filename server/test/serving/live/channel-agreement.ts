/** Compares what a client holds of channels of candles, swaps and the market with what HTTP answers. */
import assert from "node:assert/strict";
import type { Json } from "@swapstats/protocol/json.ts";
import type { ServerMessage } from "@swapstats/protocol/schemas/websocket.ts";
import type { RunningApp } from "../../support/app-harness.ts";
import type { TestClient } from "../websocket/support/client.ts";

type Swap = Record<string, Json> & { event_time: number };

/** Asks and compares until both agree, with a message of the client between two attempts. */
export async function agree(
  client: TestClient,
  what: string,
  held: () => unknown,
  ask: () => Promise<unknown>,
): Promise<void> {
  const before = { held: undefined as unknown, asked: undefined as unknown };
  for (let attempt = 0; attempt < 100; attempt++) {
    before.asked = await ask();
    before.held = held();
    try {
      assert.deepEqual(before.held, before.asked);
      return;
    } catch {
      const next = ["patch", "snapshot", "swaps", "heartbeat"] as const;
      await Promise.race(next.map((type) => client.next(type)));
    }
  }
  assert.deepEqual(before.held, before.asked, what);
}

export async function candlesOverHttp({ call }: RunningApp, id: string): Promise<unknown> {
  const { json } = await call(`/api/tokens/${id}/candles?interval=1m&limit=5`);
  const items = (json.items as { open_time: number }[]).map((item) => [String(item.open_time), item]);
  return { id, interval: "1m", items: Object.fromEntries(items) };
}

export async function marketOverHttp({ call }: RunningApp): Promise<unknown> {
  const { as_of: _, epoch: __, rev: ___, ...sums } = (await call("/api/market")).json;
  return sums;
}

/** Returns the newest swaps of a token as the client and as HTTP have them: as many as the client knows after removals. */
export function newestSwaps(
  client: TestClient,
  { call }: RunningApp,
  id: string,
  limit: number,
): { held: () => unknown; ask: () => Promise<unknown> } {
  const cut = (swaps: readonly Swap[], exact: number): unknown => swaps.slice(0, Math.max(0, exact));
  return {
    held: () => {
      const { swaps, exact } = swapsOf(client.messages, `swaps:${id}`, limit);
      return cut(swaps, exact);
    },
    ask: async () => {
      const { exact } = swapsOf(client.messages, `swaps:${id}`, limit);
      return cut((await call(`/api/tokens/${id}/swaps?limit=${limit}`)).json.items as Swap[], exact);
    },
  };
}

/** A client's list of swaps, as it follows from its messages; the newest `exact` are those that count. */
function swapsOf(messages: readonly ServerMessage[], channel: string, limit: number): { swaps: Swap[]; exact: number } {
  let swaps: Swap[] = [];
  let exact = limit;
  let seq = 0;
  for (const message of messages) {
    if (message.type === "snapshot" && message.channel === channel) {
      swaps = [...(message.data as unknown as { items: Swap[] }).items];
      exact = limit;
      seq = message.seq as number;
    }
    if (message.type !== "swaps" || message.channel !== channel) continue;
    assert.equal(message.seq, seq + message.skipped + message.items.length, "no change is missing");
    seq = message.seq;
    for (const { action, ...swap } of message.items as unknown as (Swap & { action: string })[]) {
      if (action === "applied") swaps.push(swap as Swap);
      else {
        const left = swaps.filter((one) => JSON.stringify(one) !== JSON.stringify(swap));
        exact -= swaps.length - left.length;
        swaps = left;
      }
    }
  }
  swaps.sort((a, b) => b.event_time - a.event_time || Number(b.block_number) - Number(a.block_number));
  return { swaps, exact };
}
