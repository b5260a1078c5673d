import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../support/tmp.ts";

const MAIN = join(import.meta.dirname, "../../src/main.ts");
const WETH = "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";

type Candle = { open_time: number; complete: boolean; trades: number; volume_usd: string };

/** The demo in a folder, with free ports; resolves to its address once it listens. */
async function startDemo(cwd: string): Promise<{ child: ChildProcess; base: string }> {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME };
  const child = spawn(process.execPath, [MAIN, "demo", "--port", "0", "--rate", "500"], {
    ...{ cwd, env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  for await (const part of child.stdout as AsyncIterable<Buffer>) {
    out += part.toString();
    const base = /http:\/\/127\.0\.0\.1:\d+/.exec(out)?.[0];
    if (base !== undefined && out.includes("Ctrl+C")) return { child, base };
  }
  throw new Error(`the demo ended early:\n${out}`);
}

async function json<T>(url: string): Promise<T> {
  return (await (await fetch(url)).json()) as T;
}

async function trades(base: string): Promise<number> {
  const { windows } = await json<{ windows?: Record<string, { trades: number }> }>(`${base}/api/tokens/${WETH}/stats`);
  return windows?.["24h"]?.trades ?? 0;
}

const candles = async (base: string): Promise<Candle[]> =>
  (await json<{ items: Candle[] }>(`${base}/api/tokens/${WETH}/candles?interval=1m&limit=100`)).items;

const sum = (items: readonly Candle[]): number => items.reduce((total, candle) => total + candle.trades, 0);

test("a demo that is killed and restarted continues without losing windows or candles", async (t) => {
  const folder = tempDir(t);
  const first = await startDemo(folder);
  t.after(() => first.child.kill("SIGKILL"));
  while ((await trades(first.base)) < 300);
  const before = { trades: await trades(first.base), inCandles: sum(await candles(first.base)) };
  assert.ok(existsSync(join(folder, "demo-data")));
  const ended = new Promise((resolve) => first.child.once("exit", resolve));
  first.child.kill("SIGKILL");
  await ended;

  const second = await startDemo(folder);
  t.after(() => second.child.kill("SIGKILL"));
  // A removal of the demo's own takes few swaps out, a thousandth or two; the generator of a second run took them all.
  const least = before.trades * 0.98;
  while ((await trades(second.base)) < Math.max(before.trades, before.inCandles) + 300);
  const after = { trades: await trades(second.base), inCandles: sum(await candles(second.base)) };
  assert.ok(after.trades >= least + 300, `${after.trades} after ${before.trades}`);
  assert.ok(
    after.inCandles >= before.inCandles * 0.98 + 300,
    `${after.inCandles} in candles after ${before.inCandles}`,
  );
  const { counters } = await json<{ counters: { replaced: number; applied: number } }>(`${second.base}/api/status`);
  assert.ok(counters.replaced < counters.applied * 0.02, `${counters.replaced} of ${counters.applied} moved`);
});
