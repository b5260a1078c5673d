/** A running service with swaps of half an hour, which have settled into its embedded history. */
import { once } from "node:events";
import type { TestContext } from "node:test";
import { WebSocket } from "ws";
import { type RunningApp, TestApps } from "./app-harness.ts";
import { within } from "./within.ts";

const MINUTE_MS = 60_000;
/** The finest step of the windows. */
export const STEP_MS = 10_000;
/** Its configuration. */
export const SETTLED = {
  "stores.history": "embedded",
  "history.flush_interval": "100ms",
  "history.replay_sessions": "2",
  "app.snapshot_interval": "1s",
  "app.grace": "1s",
  "app.reorg_horizon": "10s",
  "windows.list": "1m,5m",
};

type Posted = { token: string; event_time: number; amount_usd: string; side: string };

/** Swaps of two tokens over half an hour, in the first second of steps of the finest window. */
function swapsUntil(nowMs: number): Posted[] {
  const lastMs = Math.floor(nowMs / STEP_MS) * STEP_MS - STEP_MS;
  return Array.from({ length: 360 }, (_, i) => ({
    ...{ chain_id: 1, tx_hash: `0x${i}`, log_index: 0, token: i % 3 === 0 ? "0xbb" : "0xaa", token_symbol: "AAA" },
    ...{ who: `w${i % 7}`, side: i % 2 === 0 ? "buy" : "sell", amount_token: "2", amount_usd: String(i + 1) },
    event_time: lastMs - (180 - Math.floor(i / 2)) * STEP_MS + (i % 2) * 400,
  }));
}

async function opens(address: string, headers: Record<string, string>): Promise<boolean> {
  const ws = new WebSocket(address, "swapstats.v1.json", { headers });
  const isOpen = await new Promise<boolean>((resolve) => {
    ws.once("open", () => resolve(true));
    ws.once("error", () => resolve(false));
  });
  if (!isOpen) return false;
  ws.close();
  await once(ws, "close");
  return true;
}

/** `changes`: further configuration; `headers`: credentials. Posts swaps, and resolves when they have settled and are in the store up to a minute before the last one. */
export async function settledApp(
  t: TestContext,
  changes: Record<string, string> = {},
  headers: Record<string, string> = {},
): Promise<RunningApp & { apps: TestApps; swaps: Posted[] }> {
  const apps = new TestApps(t);
  const app = await apps.start({ ...SETTLED, ...changes }, undefined, headers);
  const swaps = swapsUntil(Date.now());
  await app.post(swaps);
  await app.caughtUp();
  const wantedMs = (swaps.at(-1) as Posted).event_time - 3 * MINUTE_MS;
  // Rankings are there for any instant; replays only for those that have settled.
  const settled = async (): Promise<void> => {
    while (!(await opens(`${app.base.replace("http", "ws")}/ws?at=${wantedMs}`, headers)));
  };
  await within(settled(), () => "the history does not settle");
  return { ...app, apps, swaps };
}
