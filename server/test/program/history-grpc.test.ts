/** The whole program with the embedded history, asked for the past by grpcio and by HTTP: both have the same figures. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { findServer } from "../../../scripts/servers/install.ts";
import { type Json, TestApps } from "../support/app-harness.ts";
import { requires } from "../support/requires.ts";
import { tempDir } from "../support/tmp.ts";

const run = promisify(execFile);
const PROTO_FOLDER = resolve(import.meta.dirname, "../../../docs/api");
const CONFIG = {
  "stores.history": "embedded",
  "history.flush_interval": "100ms",
  "app.snapshot_interval": "1s",
  "windows.list": "1m,5m,1h",
  "api.grpc.addr": "127.0.0.1:0",
};
const SWAPS = 300;
const EVERY_MS = 30_000;

requires("the past by gRPC from Python", { servers: ["grpcio"] }, () => {
  test("grpcio gets the figures of the past that HTTP has, in as many pages", async (t) => {
    const { app, call, post, caughtUp } = await new TestApps(t).start(CONFIG);
    const firstMs = Date.now() - SWAPS * EVERY_MS;
    await post(
      Array.from({ length: SWAPS }, (_, i) => ({
        ...{ chain_id: 1, tx_hash: `0x${i}`, log_index: 0, token: i % 3 === 0 ? "0xbb" : "0xaa", side: "buy" },
        ...{ who: `w${i % 7}`, amount_token: "2", amount_usd: String(i + 1), event_time: firstMs + i * EVERY_MS },
      })),
    );
    await caughtUp();
    const at = firstMs + 280 * EVERY_MS;
    // Every swap is known from the first mark on, which comes some seconds after the start. The status of a store may be a second old.
    const past = `/api/overview?window=1h&sort=trades&at=${at}`;
    while (!(await call(past)).json.history_complete) await pause(100);
    const script = join(import.meta.dirname, "past-client.py");
    const address = `127.0.0.1:${app.addresses.grpc?.port}`;
    const args = [script, address, PROTO_FOLDER, tempDir(t, "grpc"), "1:0xaa", String(at)];
    const { stdout } = await run(findServer("grpcio") as string, args);
    const [one, many, ranking, screen, candles, swaps, refused, live] = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Json);
    const get = async (path: string): Promise<Json> => (await call(path)).json;
    const figures = ({ trades, volume_usd, traders }: Json): Json => ({ trades, volume_usd, traders });

    const stats = await get(`/api/tokens/1:0xaa/stats?windows=90s,2h&at=${at}`);
    const windows = { "90s": figures(stats.windows["90s"]), "2h": figures(stats.windows["2h"]) };
    assert.ok(windows["2h"].trades > 100);
    assert.deepEqual(one, { as_of: at, complete: stats.history_complete, windows });
    const of2h = windows["2h"];
    assert.deepEqual(many, { as_of: at, complete: stats.history_complete, stats: of2h, error: "unknown_token" });
    const { items, history_complete: complete } = await get(past);
    assert.deepEqual(ranking, { complete, rows: items.map((row: Json) => [row.id, figures(row.stats)]) });
    assert.deepEqual(screen, { complete, first: "1:0xaa", more: true });
    const { items: all } = await get("/api/tokens/1:0xaa/candles?interval=1m&limit=1000");
    assert.deepEqual(
      candles.opens,
      all.map((candle: Json) => candle.open_time),
    );
    assert.equal(candles.pages, Math.ceil(all.length / 25));
    const { items: rows } = await get(`/api/tokens/1:0xaa/swaps?order=asc&limit=1000&from=${at - 7_200_000}&to=${at}`);
    assert.deepEqual(
      swaps.times,
      rows.map((swap: Json) => swap.event_time),
    );
    assert.equal(swaps.pages, Math.ceil(rows.length / 50));
    assert.deepEqual([refused, live], [{ code: "INVALID_ARGUMENT" }, { live: false }]);
  });
});
