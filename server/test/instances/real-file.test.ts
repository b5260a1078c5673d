/**
 * A day of real swaps through two instances on one Kafka. One of them is killed in the middle. The totals of each instance are those of the
 * file.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { waitFor } from "../../../scripts/servers/process.ts";
import { runCli } from "../../src/cli/run.ts";
import { newTopic } from "../support/kafka-support.ts";
import { memoryOutput } from "../support/memory-output.ts";
import {
  allTokens,
  assertRealTotals,
  REAL_EVENTS,
  REAL_MAPPING,
  REAL_TOKENS,
  type TokenRow,
} from "../support/real-file.ts";
import { requires } from "../support/requires.ts";
import { tempDir } from "../support/tmp.ts";
import { Site } from "./site.ts";

const PARTITIONS = 4;
/** The day passes in a few seconds, so that there is a middle. */
const SPEED = "10800x";

async function replay(...args: string[]): Promise<string> {
  const output = memoryOutput();
  const code = await runCli(["replay", ...args, "--map", REAL_MAPPING], output, new AbortController().signal);
  assert.equal(code, 0, output.errText());
  return output.outText();
}

requires(
  "the real file through two instances",
  { realData: true, servers: ["kafka", "redis", "nats"] },
  ({ realDataFile }) => {
    describe("the real file through two instances", () => {
      let site: Site;
      after(() => site.stop());
      const folder = tempDir({ after }, "real-file");
      before(async () => {
        site = await Site.start(folder);
      });

      test("each serves the totals of the file, although one was killed in the middle and another replaced it", async (t) => {
        const topic = await newTopic(site.kafka, PARTITIONS, { "message.timestamp.type": "LogAppendTime" });
        const a = await site.start(t, topic, "a");
        const b = await site.start(t, topic, "b");
        await site.settled(topic, [a, b]);
        const target = `kafka://${site.kafka.brokers[0]}/${topic}`;
        const sending = replay(realDataFile, "--to", target, "--speed", SPEED);
        const accepted = async (): Promise<number> => Number((await a.status())?.counters.accepted ?? 0);
        await waitFor("a third of the day", async () => (await accepted()) > REAL_EVENTS / 3);
        await b.kill();
        const c = await site.start(t, topic, "c");
        assert.match(await sending, /9,936 written to kafka:/);

        const settled = await site.settled(topic, [a, c]);
        for (const { counters, partitions } of settled) {
          assert.deepEqual([counters.accepted, counters.applied], [REAL_EVENTS, REAL_EVENTS]);
          assert.deepEqual(new Set(partitions.map(({ owner }) => owner)), new Set(["a", "c"]));
        }
        const { items } = JSON.parse(await replay(realDataFile, "--window", "24h", "--format", "json")) as {
          items: TokenRow[];
        };
        const expected = new Map(items.map((row) => [row.id, row]));
        assert.equal(expected.size, REAL_TOKENS);
        for (const instance of [a, c]) {
          const rows = await allTokens(instance.url);
          assert.equal(rows.length, REAL_TOKENS, instance.name);
          for (const { id, symbol, windows } of rows) {
            assert.deepEqual(windows["24h"], expected.get(id)?.windows["24h"], `${id} at ${instance.name}`);
            assert.equal(symbol, expected.get(id)?.symbol);
          }
          await assertRealTotals(instance.url);
        }
      });
    });
  },
);
