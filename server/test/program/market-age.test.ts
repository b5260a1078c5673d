/** The sums over all tokens under load, with several threads: what they hold for their as-of, over HTTP and live. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MarketData } from "@swapstats/protocol/schemas/websocket.ts";
import { connect } from "../serving/websocket/support/client.ts";
import { TestApps } from "../support/app-harness.ts";

const AGE_MS_MAX = 1_000;
const SENDERS = 3;
const BATCH = 40;
const TOKENS = 60;
/** Updates of the channel, and answers of HTTP, for which the load goes on. */
const UPDATES = 12;
const ANSWERS = 40;

/** How many swaps were acknowledged, by the time at which that was known. */
class Acknowledged {
  readonly #times: { readonly atMs: number; readonly total: number }[] = [];
  total = 0;

  add(count: number): void {
    this.total += count;
    this.#times.push({ atMs: Date.now(), total: this.total });
  }

  /** Swaps that were acknowledged by this time. */
  by(timeMs: number): number {
    return this.#times.findLast(({ atMs }) => atMs <= timeMs)?.total ?? 0;
  }
}

test("the market is at most a second old and exact at its as-of while several threads take swaps", async (t) => {
  const app = await new TestApps(t).start({
    ...{ "windows.list": "1m,1h", "ingest.embedded.partitions": "6", "app.workers": "3" },
  });
  const acknowledged = new Acknowledged();
  let sent = 0;
  const swap = () => ({
    ...{ chain_id: 1 + (sent % 3), tx_hash: `t${sent}`, log_index: 1, token: `a${sent++ % TOKENS}`, side: "buy" },
    ...{ amount_token: "1", amount_usd: "2", event_time: Date.now() - 1_000 },
  });
  const post = async (): Promise<void> => {
    await app.post(Array.from({ length: BATCH }, swap));
    acknowledged.add(BATCH);
  };
  await post();
  await app.caughtUp();
  const client = await connect(t, `${app.base.replace("http", "ws")}/ws`);
  const ages: number[] = [];
  const faults: string[] = [];
  const check = (about: string, data: MarketData, asOf: number, lagMs: number): void => {
    const { trades, volume_usd: volume } = data.windows["1h"] as unknown as { trades: number; volume_usd: string };
    if (Number(volume) !== 2 * trades) faults.push(`${about}: ${trades} trades with ${volume} dollars`);
    // A record that arrived before the oldest one that waits is in the sums.
    const least = acknowledged.by(asOf - lagMs - AGE_MS_MAX);
    if (trades < least || trades > sent)
      faults.push(`${about}: ${trades} trades, of ${least} that were acknowledged and ${sent} that were sent`);
  };
  client.ws.on("message", () => {
    const message = client.messages.at(-1);
    if (message?.type !== "patch" && message?.type !== "snapshot") return;
    ages.push(Date.now() - message.as_of);
    check("channel", client.held.get("market")?.data as unknown as MarketData, message.as_of, message.lag_ms);
  });
  client.send({ subscribe: "market" });

  let answers = 0;
  const isLoaded = (): boolean => ages.length < UPDATES || answers < ANSWERS;
  const senders = Array.from({ length: SENDERS }, async () => {
    while (isLoaded()) await post();
  });
  const asking = async (): Promise<void> => {
    let tradesBefore = 0;
    while (isLoaded()) {
      const askedMs = Date.now();
      const { json } = await app.call("/api/market");
      answers += 1;
      // It was made for this request or is at most a second older, however long the request has waited.
      if (json.as_of < askedMs - AGE_MS_MAX) faults.push(`HTTP: ${askedMs - json.as_of} ms old`);
      // Answers do not tell the lag. They are not older than the one before.
      check("HTTP", json, json.as_of, Number.POSITIVE_INFINITY);
      const { trades } = json.windows["1h"];
      if (trades < tradesBefore) faults.push(`HTTP: ${trades} trades after ${tradesBefore}`);
      tradesBefore = trades;
    }
  };
  await Promise.all([...senders, asking()]);
  ages.sort((a, b) => a - b);
  t.diagnostic(`${sent} swaps; ages in ms of ${ages.length} updates: ${ages.join(", ")}`);
  assert.deepEqual(faults, []);
  // A single update may wait for a busy machine.
  const median = ages[Math.floor(ages.length / 2)] as number;
  assert.ok(median <= AGE_MS_MAX, `the median age of an update is ${median} ms`);
  await app.caughtUp();
  assert.equal((await app.call("/api/market")).json.windows["1h"].trades, sent);
  assert.deepEqual(client.faults, []);
});
