/** A topic of a producer's own records through the whole program: what is known about a record, its formats, and its dead letters. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { createTopic, type Kafka, startKafka } from "../../../scripts/servers/kafka.ts";
import { RecordEnvelope } from "../../src/mapping/formats/envelope.ts";
import { type Json, type RunningApp, TestApps } from "../support/app-harness.ts";
import { newTopic, openFor, produce, type Sent, setupOf, waitLimit } from "../support/kafka-support.ts";
import { requires } from "../support/requires.ts";
import { tempDir } from "../support/tmp.ts";

const TIME_MS = 1_767_225_600_000;
/** Two swaps for each element. Identity, wallet and time are those of the record. */
const ENVELOPED = `
each: $.legs[*]
when: ok != false
swaps:
  - chain_id: "@header.chain"
    tx_hash: &hash { concat: ["@partition", { value: "-" }, "@offset"] }
    log_index: n
    token: coin
    who: "@key"
    side: { value: buy }
    amount_token: size
    amount_usd: worth
    event_time: "@timestamp"
  - chain_id: "@header.chain"
    tx_hash: *hash
    log_index: m
    token: coin
    who: "@key"
    side: { value: sell }
    amount_token: size
    amount_usd: worth
    event_time: "@timestamp"
`;

requires("a topic of mapped records", { servers: ["kafka"] }, () => {
  describe("a topic of mapped records", () => {
    let kafka: Kafka;
    after(() => kafka.kill());
    const folder = tempDir({ after }, "mapped-records");
    before(async () => {
      kafka = await startKafka({ folder });
    });

    async function start(t: TestContext, topic: string, mapping: string, more = {}): Promise<[RunningApp, TestApps]> {
      const path = join(tempDir(t, "mapping"), "m.yaml");
      writeFileSync(path, mapping);
      const apps = new TestApps(t);
      const settings = {
        "windows.clock": "event",
        "ingest.source": "kafka",
        "ingest.brokers": kafka.brokers.join(","),
        "ingest.topic": topic,
        "ingest.group_id": topic,
        "ingest.mapping": path,
        "app.snapshot_interval": "100ms",
        ...more,
      };
      return [await apps.start(settings), apps];
    }

    async function applied(app: RunningApp, records: number): Promise<Json> {
      for (;;) {
        const { status, json } = await app.call("/api/status");
        if (status === 200 && json.partitions[0]?.next_offset >= records) return json;
      }
    }

    async function lettersIn(t: TestContext, topic: string, count: number): Promise<string[]> {
      const reader = openFor(t, setupOf(kafka.brokers, topic, { hasEnvelopes: true })).reader(0);
      const envelope = new RecordEnvelope();
      const letters: string[] = [];
      for (let position = 0; letters.length < count; ) {
        const { payload, ends, nextOffset } = await reader.read(position, 1024 * 1024, waitLimit());
        const bytes = Buffer.from(payload);
        for (let i = 0; i < ends.length; i++) {
          envelope.read(bytes, i === 0 ? 0 : ends[i - 1]!, ends[i]!);
          const value = bytes.toString("utf8", envelope.valueStart, envelope.valueEnd);
          const header = (name: string) => Buffer.from(envelope.header(name) ?? []).toString();
          letters.push(`${header("offset")} ${header("code")} ${value}`);
        }
        position = nextOffset;
      }
      return letters;
    }

    const leg = (n: number, more: object = {}) => ({
      n: 2 * n,
      m: 2 * n + 1,
      coin: `T${n}`,
      size: 1,
      worth: 2,
      ...more,
    });
    const sent = (legs: unknown, more: Partial<Sent> = {}): Sent => ({
      value: Buffer.from(typeof legs === "string" ? legs : JSON.stringify({ legs })),
      key: Buffer.from("0xWallet"),
      headers: new Map([[Buffer.from("chain"), Buffer.from("10")]]),
      timestamp: BigInt(TIME_MS),
      ...more,
    });

    test("key, headers, time, partition and offset of a record are known, compressed or not", async (t) => {
      const topic = await newTopic(kafka);
      await produce(kafka, topic, [sent([leg(0)]), sent([leg(1), leg(2)])]);
      await produce(kafka, topic, [sent([leg(3)], { key: Buffer.from("0xother") }), sent([])], { compression: "gzip" });
      const [app] = await start(t, topic, ENVELOPED);
      const { counters, partitions } = await applied(app, 4);
      assert.deepEqual([counters.accepted, counters.applied], [8, 8]);
      assert.deepEqual(partitions[0].mapping, { records: 4, skipped: 0 });
      const swaps = async (token: string) => (await app.call(`/api/tokens/${token}/swaps`)).json.items;
      const [first] = await swaps("10:T3");
      assert.deepEqual(
        [first.chain_id, first.tx_hash, first.who, first.event_time, first.side],
        [10, "0-2", "0xother", TIME_MS, "sell"],
      );
      const [second] = await swaps("10:T2");
      assert.deepEqual([second.tx_hash, second.who], ["0-1", "0xWallet"]);
    });

    test("a record has one dead letter with its own value, however many of its swaps were refused, also after a restart", async (t) => {
      const topic = await newTopic(kafka);
      await createTopic(kafka, `${topic}.dlq`, 1);
      const mixed = [leg(0), leg(1, { size: -1 }), leg(2, { ok: false }), leg(3, { coin: "" })];
      const records = [sent(mixed), sent("no JSON"), sent([leg(4)], { headers: new Map() }), sent([leg(5)])];
      await produce(kafka, topic, records);
      const [app, apps] = await start(t, topic, ENVELOPED);
      const { counters, partitions } = await applied(app, 4);
      assert.deepEqual(counters.dead_letters, { bad_amount_token: 2, missing_field: 4, malformed_json: 1 });
      assert.deepEqual([counters.accepted, counters.applied], [11, 4]);
      assert.deepEqual(partitions[0].mapping, { records: 4, skipped: 2 });
      const { items } = (await app.call("/api/dead-letters")).json;
      const values = records.map(({ value }) => value?.toString());
      assert.deepEqual(
        items.map(({ offset, code, raw }: Json) => [offset, code, raw]),
        [
          [2, "missing_field", values[2]],
          [1, "malformed_json", values[1]],
          [0, "bad_amount_token", values[0]],
        ],
      );
      assert.match(items[2].message, /swap 2 of 6: bad_amount_token: .*`size` is "-1".*; and 1 more$/);
      const expected = [
        `0 bad_amount_token ${values[0]}`,
        `1 malformed_json ${values[1]}`,
        `2 missing_field ${values[2]}`,
      ];
      assert.deepEqual(await lettersIn(t, `${topic}.dlq`, 3), expected);

      await app.app.stop();
      const other = join(tempDir(t, "mapping"), "other.yaml");
      writeFileSync(
        other,
        "swaps: [{ chain_id: 99, tx_hash: x, log_index: x, token: x, side: x, amount_token: x, amount_usd: x, event_time: x }]",
      );
      const again = await apps.start({
        ...{ "windows.clock": "event", "ingest.source": "kafka", "ingest.brokers": kafka.brokers.join(",") },
        ...{ "ingest.topic": topic, "ingest.group_id": topic, "ingest.mapping": other },
      });
      const later = await applied(again, 4);
      assert.deepEqual(later.counters, counters);
      assert.equal((await again.call("/api/dead-letters")).json.items.length, 3);
    });

    test("rows of CSV, one a record", async (t) => {
      const topic = await newTopic(kafka);
      const mapping = `
format: csv
columns: [hash, coin, side, size, worth, at]
swaps: [{ chain_id: 1, tx_hash: hash, log_index: 0, token: coin, side: side, amount_token: size, amount_usd: worth, event_time: at }]
`;
      const rows = [
        `0x1,AAA,buy,1,2,${TIME_MS}`,
        `0x2,"AAA",sell,1,"2",${TIME_MS}\n`,
        `0x3,AAA,buy,1\n0x4,AAA,buy,1,2,${TIME_MS}`,
      ];
      await produce(kafka, topic, rows);
      const [app] = await start(t, topic, mapping);
      const { counters } = await applied(app, 3);
      assert.deepEqual([counters.applied, counters.dead_letters], [2, { malformed_record: 1 }]);
      const [letter] = (await app.call("/api/dead-letters")).json.items;
      assert.deepEqual([letter.code, letter.raw], ["malformed_record", rows[2]]);
      assert.match(letter.message, /more than one row/);
    });

    test("with ingest.start latest, earlier records are not mapped", async (t) => {
      const topic = await newTopic(kafka);
      await produce(kafka, topic, [sent([leg(0)])]);
      const [app] = await start(t, topic, ENVELOPED, { "ingest.start": "latest" });
      await applied(app, 1);
      await produce(kafka, topic, [sent([leg(1)])]);
      const { counters, partitions } = await applied(app, 2);
      assert.deepEqual([counters.accepted, partitions[0].mapping.records], [2, 1]);
    });
  });
});
