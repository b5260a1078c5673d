/** Selections of figures, and tokens that no swap has named yet, on the whole program. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SnapshotMessage } from "@swapstats/protocol/schemas/websocket.ts";
import { type RunningApp, TestApps } from "../../support/app-harness.ts";
import { connect, type TestClient } from "./support/client.ts";

const wsUrl = ({ base }: RunningApp): string => `${base.replace("http", "ws")}/ws`;
const SETTINGS = { "windows.list": "1m,1h", "app.workers": "2", "ingest.embedded.partitions": "4" };
let count = 0;
const swapOf = (token: string, usd: number): object => ({
  chain_id: 1,
  tx_hash: `t${++count}`,
  log_index: 1,
  token,
  who: "w",
  side: "buy",
  amount_token: "2",
  amount_usd: `${usd}`,
  event_time: Date.now(),
});

const windowsOf = (data: unknown): Record<string, { trades?: number }> =>
  (data as { windows: Record<string, { trades?: number }> }).windows;

async function snapshotOf(client: TestClient, message: object, channel: string): Promise<SnapshotMessage> {
  const snapshot = client.next("snapshot", (one) => one.channel === channel);
  client.send(message);
  return snapshot;
}

test("data and patches hold the requested figures, equal to those of HTTP", async (t) => {
  const app = await new TestApps(t).start({ "windows.list": "1m,5m,1h" });
  await app.post([swapOf("aa", 5), swapOf("bb", 7)]);
  await app.caughtUp();
  const client = await connect(t, wsUrl(app));
  const options = { windows: ["1h", "5m"], fields: ["close", "volume_usd", "open_time"] };
  const token = await snapshotOf(client, { subscribe: "token:1:aa", ...options }, "token:1:aa");
  const figures = { complete: false, volume_usd: "5", close: "2.5" };
  const withoutComplete = (data: unknown): unknown =>
    JSON.parse(JSON.stringify(data), (key, value) => (key === "complete" ? undefined : value));
  const { complete: _, ...shown } = figures;
  assert.deepEqual(withoutComplete(windowsOf(token.data)), { "5m": shown, "1h": shown });
  const channel = "overview:5m:volume_usd";
  const overview = await snapshotOf(client, { subscribe: channel, ...options }, channel);
  assert.deepEqual(withoutComplete((overview.data as { rows: object }).rows), {
    "1:aa": { windows: { "5m": shown, "1h": shown } },
    "1:bb": {
      windows: { "5m": { volume_usd: "7", close: "3.5" }, "1h": { volume_usd: "7", close: "3.5" } },
    },
  });
  const plain = await connect(t, wsUrl(app));
  const stats = await snapshotOf(plain, { subscribe: channel, fields: ["trades"] }, channel);
  assert.deepEqual(withoutComplete((stats.data as { rows: object }).rows), {
    "1:aa": { stats: { trades: 1 } },
    "1:bb": { stats: { trades: 1 } },
  });

  const patch = client.next("patch", (one) => one.channel === "token:1:aa");
  await app.post([swapOf("aa", 10)]);
  const changed = { volume_usd: "15", close: "5" };
  assert.deepEqual(withoutComplete((await patch).patch), { windows: { "5m": changed, "1h": changed } });
  assert.deepEqual(client.faults, []);
  const { json } = await app.call("/api/tokens/1:aa/stats?windows=5m,1h&fields=close,volume_usd");
  const edgeless = JSON.parse(JSON.stringify(json.windows), (key, value) =>
    key === "open_time" || key === "close_time" ? undefined : value,
  );
  assert.deepEqual(windowsOf(client.held.get("token:1:aa")?.data), edgeless);
});

test("a pending token comes with its first swap, also after a restart; a token that was left does not come", async (t) => {
  const apps = new TestApps(t);
  const first = await apps.start(SETTINGS);
  const client = await connect(t, wsUrl(first));
  const address = "0xAbCdEf0123456789aBcDeF0123456789abcdef01";
  const channel = `token:1:${address.toLowerCase()}`;
  const answer = client.next("subscribed");
  client.send({
    id: 1,
    subscribe: [`token:1:${address}`, "token:1:other", "token:1:left", "token:SYM"],
    windows: ["1m"],
  });
  assert.deepEqual((await answer).pending, [channel, "token:1:other", "token:1:left"]);
  const ended = client.next("unsubscribed");
  client.send({ id: 2, unsubscribe: "token:1:left" });
  await ended;
  const snapshot = client.next("snapshot");
  await first.post([swapOf("left", 1)]);
  await first.post([swapOf(address, 8)]);
  assert.equal((await snapshot).channel, channel);
  const other = client.next("snapshot");
  await first.post([swapOf("other", 8)]);
  assert.equal((await other).channel, "token:1:other");
  await first.app.stop();

  const second = await apps.start(SETTINGS);
  await second.caughtUp();
  const again = await connect(t, wsUrl(second));
  const known = await snapshotOf(again, { subscribe: channel }, channel);
  assert.equal(windowsOf(known.data)["1h"]?.trades, 1);
});
