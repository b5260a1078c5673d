/** Each mode of `ingest.backpressure` on a real broker, with the whole program: the state stands still, because its dead letters cannot be written. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { createTopic, type Kafka, startKafka } from "../../../scripts/servers/kafka.ts";
import { toEngineConfig } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { GENERATOR_DEFAULTS } from "../../src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../src/generator/swap-generator.ts";
import type { RecordBatch } from "../../src/ports/source.ts";
import { DEAD_LETTERS_WAITING_MAX } from "../../src/sources/kafka/dead-letter-topic.ts";
import { type ReadPartition, Shadow } from "../crash/shadow.ts";
import { type RunningApp, TestApps } from "../support/app-harness.ts";
import { newTopic, openFor, produce, setupOf } from "../support/kafka-support.ts";
import { requires } from "../support/requires.ts";
import { seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";

const MAX_INFLIGHT = 64 * 1024;
/** Small ones of swaps, below MAX_INFLIGHT. */
const BATCH = 80;
const POISON_BATCH = 2_000;
/** More than may wait to be written. */
const POISON = DEAD_LETTERS_WAITING_MAX + 2_000;

class Swaps {
  readonly #generator: SwapGenerator;
  readonly #bytes = Buffer.alloc(RECORD_BYTES_MAX);

  constructor(seed: number) {
    const options = { ...GENERATOR_DEFAULTS, ratePerSecond: 8, tokens: 30, traders: 50, seed };
    this.#generator = new SwapGenerator({ ...options, startMs: Date.now() - 3_600_000 });
  }

  next(count: number): string[] {
    return Array.from({ length: count }, () => {
      const end = this.#generator.write(this.#bytes, 0);
      return this.#bytes.toString("utf8", 0, end - 1);
    });
  }
}

/** The log without some records, as a state with this gap has it. */
function withoutRange(reader: ReadPartition, from: number, to: number, onGap: () => void): ReadPartition {
  const nothing = { partition: 0, payload: new Uint8Array(0), ends: new Uint32Array(0), arrivalsMs: 0 };
  return {
    range: () => reader.range(),
    close: () => reader.close(),
    read: async (position, maxBytes, signal): Promise<RecordBatch> => {
      if (position === from) {
        onGap();
        return { ...nothing, baseOffset: to, nextOffset: to, count: 0 };
      }
      const batch = await reader.read(position, maxBytes, signal);
      if (position > from || batch.nextOffset <= from) return batch;
      const count = Math.min(batch.count, from - batch.baseOffset);
      return { ...batch, count, ends: batch.ends.subarray(0, count), nextOffset: from };
    },
  };
}

requires("pressure on the Kafka source", { servers: ["kafka"] }, () => {
  describe("pressure on the Kafka source", () => {
    let kafka: Kafka;
    after(() => kafka.kill());
    const folder = tempDir({ after }, "pressure");
    before(async () => {
      kafka = await startKafka({ folder });
    });

    function settingsOf(topic: string, more: Record<string, string>): Record<string, string> {
      return {
        "windows.clock": "event",
        "ingest.source": "kafka",
        "ingest.brokers": kafka.brokers.join(","),
        "ingest.topic": topic,
        "ingest.group_id": topic,
        "ingest.max_inflight": `${MAX_INFLIGHT}B`,
        "ingest.max_bytes": "64KiB",
        "app.snapshot_interval": "200ms",
        ...more,
      };
    }

    async function send(topic: string, values: readonly string[], batch = BATCH): Promise<number> {
      for (let at = 0; at < values.length; at += batch) await produce(kafka, topic, values.slice(at, at + batch));
      return values.length;
    }

    async function accepted(app: RunningApp): Promise<number> {
      return (await app.call("/api/status")).json.counters.accepted;
    }

    /**
     * Sends a batch when the one before it is applied, or the state has accepted `acceptedMax` and stands still. So the bound is not reached
     * before that, and a state that is only slow is not taken for one that stands still.
     */
    async function sendInStep(
      app: RunningApp,
      topic: string,
      values: readonly string[],
      { batch = BATCH, acceptedMax = Number.POSITIVE_INFINITY } = {},
    ): Promise<number> {
      const before = await accepted(app);
      for (let at = 0; at < values.length; ) {
        at += await send(topic, values.slice(at, at + batch), batch);
        while ((await accepted(app)) < Math.min(before + at, acceptedMax));
      }
      return values.length;
    }

    async function metricsOf(app: RunningApp): Promise<(name: string) => number> {
      const text = await (await fetch(`${app.metricsBase}/metrics`)).text();
      return (name) => Number(new RegExp(`^swapstats_${name}\\{partition="0"\\} (.*)$`, "m").exec(text)?.[1]);
    }

    /** A service whose state stands still at its poison records, and what the topic holds; the dead letters' topic is not there. */
    async function stalled(t: TestContext, more: Record<string, string>) {
      const topic = await newTopic(kafka, 1, { "message.timestamp.type": "LogAppendTime" });
      const swaps = new Swaps(seedOf(t));
      const settings = settingsOf(topic, more);
      const apps = new TestApps(t);
      const app = await apps.start(settings);
      let sent = await sendInStep(app, topic, swaps.next(300));
      const stillAt = { batch: POISON_BATCH, acceptedMax: sent + DEAD_LETTERS_WAITING_MAX };
      sent += await sendInStep(app, topic, Array<string>(POISON).fill("{"), stillAt);
      sent += await send(topic, swaps.next(3_000));
      return { topic, apps, app, settings, swaps, sent };
    }

    function shadowOf(t: TestContext, topic: string, gap?: { from: number; to: number }): Shadow {
      const readers = openFor(t, setupOf(kafka.brokers, topic));
      const { config } = loadConfig({ env: {}, overrides: settingsOf(topic, {}) });
      const open = (): ReadPartition => {
        const reader = readers.reader(0);
        return gap === undefined ? reader : withoutRange(reader, gap.from, gap.to, () => shadow.engine.noteGap());
      };
      const shadow = new Shadow(open, toEngineConfig(config));
      return shadow;
    }

    async function partitionOf(app: RunningApp) {
      return (await app.call("/api/status")).json.partitions[0];
    }

    test("block: memory is bounded while the owner stalls, and afterwards the figures are those of an uninterrupted run", async (t) => {
      const { topic, app, sent } = await stalled(t, {});
      while ((await metricsOf(app))("waiting_bytes") < MAX_INFLIGHT);
      const fetched = (await metricsOf(app))("fetched_bytes_total");
      const again = await metricsOf(app);
      assert.equal(again("fetched_bytes_total"), fetched);
      assert.ok(again("waiting_bytes") < MAX_INFLIGHT + 128 * 1024);
      // The end of the log is taken as known for a while.
      while ((await partitionOf(app)).lag < 3_000);
      assert.match((await partitionOf(app)).problems.join(" "), /\.dlq/);
      const text = await (await fetch(`${app.metricsBase}/metrics`)).text();
      for (const line of ["group_member 1", "assigned_partitions 1", "rebalances_total 1"]) {
        assert.ok(text.includes(`\nswapstats_${line}\n`), line);
      }
      assert.equal((await partitionOf(app)).arrival_clock, "broker");

      await createTopic(kafka, `${topic}.dlq`, 1);
      const { counters } = await app.caughtUp();
      assert.equal(counters.accepted, sent);
      const shadow = shadowOf(t, topic);
      await shadow.follow();
      assert.ok((await shadow.compareFigures({ url: app.base })) > 10);
      assert.deepEqual(counters, shadow.engine.counters);
    });

    test("buffer: new records are written to the disk, read back in order, and removed", async (t) => {
      const more = {
        "ingest.backpressure": "buffer",
        "ingest.backpressure_after": "20ms",
        "ingest.spill_bytes": "16MiB",
        // The whole program on the other protocol, too.
        "ingest.group_protocol": "consumer",
      };
      const { topic, apps, app, sent } = await stalled(t, more);
      for (let spilled = 0; spilled < 1_000_000; ) spilled = (await metricsOf(app))("spilled_bytes");
      const numbers = await metricsOf(app);
      assert.ok(numbers("waiting_bytes") < 3 * (MAX_INFLIGHT + 64 * 1024), `${numbers("waiting_bytes")}`);
      assert.equal(readdirSync(join(apps.dataDir, "spill")).length, 1);

      await createTopic(kafka, `${topic}.dlq`, 1);
      const { counters } = await app.caughtUp();
      assert.equal(counters.accepted, sent);
      const shadow = shadowOf(t, topic);
      await shadow.follow();
      assert.ok((await shadow.compareFigures({ url: app.base })) > 10);
      assert.deepEqual(counters, shadow.engine.counters);
      assert.deepEqual((await partitionOf(app)).problems, []);
      assert.equal((await metricsOf(app))("spilled_bytes"), 0);
      await app.app.stop();
      assert.deepEqual(readdirSync(join(apps.dataDir, "spill")), []);
    });

    test("drop: new records are dropped, counted and recorded as a gap, also after a restart, and the stream continues", async (t) => {
      const more = { "ingest.backpressure": "drop", "ingest.backpressure_after": "20ms" };
      const { topic, apps, app, settings, swaps, sent } = await stalled(t, more);
      const sentence = /dropped: (\d+) records from offset (\d+) on so far/;
      let gap = { from: 0, to: 0 };
      while (gap.to < sent) {
        const found = sentence.exec((await partitionOf(app)).problems.join(" "));
        if (found === null) continue;
        const [, records, from] = found;
        gap = { from: Number(from), to: Number(from) + Number(records) };
      }
      assert.equal((await metricsOf(app))("dropped_records_total"), 0);

      await createTopic(kafka, `${topic}.dlq`, 1);
      const { counters } = await app.caughtUp();
      const numbers = await metricsOf(app);
      const dropped = gap.to - gap.from;
      assert.equal(numbers("dropped_records_total"), dropped);
      assert.ok(dropped > 2_000 && numbers("dropped_batches_total") > 2);
      assert.equal(counters.accepted + dropped, sent);
      const { problems } = await partitionOf(app);
      assert.match(problems.join(" "), new RegExp(`offset ${gap.from} to ${gap.to - 1} of partition 0 were left out`));

      const end = sent + (await sendInStep(app, topic, swaps.next(500)));
      // The next start continues there and has nothing to catch up with.
      while ((await partitionOf(app)).checkpoint?.offset !== end);
      const shadow = shadowOf(t, topic, gap);
      await shadow.follow();
      assert.ok((await shadow.compareFigures({ url: app.base })) > 10);
      await app.app.stop();
      const again = await apps.start(settings);
      while ((await partitionOf(again)).next_offset < end);
      assert.deepEqual((await again.call("/api/status")).json.counters, shadow.engine.counters);
      assert.ok((await shadow.compareFigures({ url: again.base })) > 10);
      const { items } = (await again.call("/api/overview?window=24h&limit=1")).json;
      const { windows } = (await again.call(`/api/tokens/${items[0].id}/stats?windows=24h`)).json;
      assert.equal(windows["24h"].complete, false);
    });
  });
});
