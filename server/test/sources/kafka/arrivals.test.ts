import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { waitFor } from "../../../../scripts/servers/process.ts";
import type { RecordBatch } from "../../../src/ports/source.ts";
import { ARRIVAL_MIN_MS, knownArrivals } from "../../../src/sources/kafka/arrivals.ts";
import { instanceServers, instanceSettings } from "../../instances/instance-servers.ts";
import { type RunningApp, TestApps } from "../../support/app-harness.ts";
import { newTopic, produce, type Sent } from "../../support/kafka-support.ts";
import { requires } from "../../support/requires.ts";

const NOW_MS = 1_767_225_600_000;

function batchOf(arrivalsMs: number | Float64Array, count: number): RecordBatch {
  const none = { payload: new Uint8Array(0), ends: new Uint32Array(count) };
  return { partition: 0, baseOffset: 5, nextOffset: 5 + count, count, ...none, arrivalsMs };
}

test("timestamps that are no arrivals are replaced by the time of reading, all others stay", () => {
  for (const [arrivalMs, isKnown] of [
    [-1, false],
    [0, false],
    [1_767_225_600, false],
    [ARRIVAL_MIN_MS - 1, false],
    [ARRIVAL_MIN_MS, true],
    [NOW_MS, true],
  ] as const) {
    const one = knownArrivals(batchOf(arrivalMs, 3), NOW_MS + 1);
    assert.equal(one.batch.arrivalsMs, isKnown ? arrivalMs : NOW_MS + 1);
    assert.equal(one.unknown, isKnown ? undefined : arrivalMs);
    const mixed = knownArrivals(batchOf(Float64Array.of(NOW_MS, arrivalMs), 2), NOW_MS + 1);
    assert.deepEqual([...(mixed.batch.arrivalsMs as Float64Array)], [NOW_MS, isKnown ? arrivalMs : NOW_MS + 1]);
    assert.equal(mixed.unknown, isKnown ? undefined : arrivalMs);
  }
  assert.equal(knownArrivals(batchOf(0, 0), NOW_MS).unknown, undefined);
});

requires("records whose timestamps are no arrivals", { servers: ["kafka", "redis", "nats"] }, () => {
  describe("records whose timestamps are no arrivals", () => {
    const servers = instanceServers("arrivals");
    let serial = 0;

    function swap(timestamp: bigint): Sent {
      serial++;
      const place = { chain_id: 1, tx_hash: `0x${serial.toString(16)}`, log_index: 0, token: "0xa", side: "buy" };
      const value = JSON.stringify({ ...place, amount_token: "2", amount_usd: "1.5", event_time: Date.now() - 1000 });
      return { value: Buffer.from(value), key: Buffer.from("1:0xa"), timestamp };
    }

    async function partition(app: RunningApp): Promise<{ arrival_clock?: string; problems: string[]; lag_ms: number }> {
      return (await app.call("/api/status")).json.partitions[0];
    }

    async function tradesAre(app: RunningApp, trades: number): Promise<void> {
      await waitFor(`${trades} trades`, async () => {
        const { json, status } = await app.call("/api/tokens/1:0xa/stats?windows=5m");
        return status === 200 && json.windows["5m"].trades === trades;
      });
    }

    test("swaps count, and status names the cause until timestamps are right", async (t: TestContext) => {
      const topic = await newTopic(servers.kafka, 1, { "message.timestamp.type": "CreateTime" });
      const seconds = BigInt(Math.floor(Date.now() / 1000));
      await produce(servers.kafka, topic, [swap(seconds), swap(seconds)]);
      const app = await new TestApps(t).start(instanceSettings(servers, topic, "a"));
      await tradesAre(app, 2);
      const status = await partition(app);
      assert.equal(status.arrival_clock, "reader");
      assert.match(status.problems.join(), new RegExp(`timestamps such as ${seconds}, which are not in milliseconds`));
      assert.equal((await app.call("/api/status")).json.counters.quarantined, 0);
      await produce(servers.kafka, topic, [swap(-1n)]);
      await tradesAre(app, 3);
      assert.equal((await partition(app)).arrival_clock, "reader");
      await produce(servers.kafka, topic, [swap(BigInt(Date.now()))]);
      await tradesAre(app, 4);
      const last = await partition(app);
      assert.equal(last.arrival_clock, "producer");
      assert.deepEqual(last.problems, []);
    });
  });
});
