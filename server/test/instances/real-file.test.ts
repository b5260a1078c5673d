/**
 * A day of real swaps through two instances on one Kafka. One of them is killed in the middle. The totals of each instance are those of the
 * file.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { waitFor } from "../../../scripts/servers/process.ts";
import { runCli } from "../../src/cli/run.ts";
import { newTopic } from "../support/kafka-support.ts";
import { memoryOutput } from "../support/memory-output.ts";
import { requires } from "../support/requires.ts";
import { tempDir } from "../support/tmp.ts";
import { type Instance, Site } from "./site.ts";

const MAPPING = join(import.meta.dirname, "../../../docs/examples/eth-dex-mapping.yaml");
const PARTITIONS = 4;
const EVENTS = 9_936;
const TOKENS = 142;
/** The day passes in a few seconds, so that there is a middle. */
const SPEED = "10800x";
/** buys, sells, volume_usd and traders of the whole day, computed from the file by a separate program. */
const TOTALS: Readonly<Record<string, readonly [number, number, string, number]>> = {
  "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2": [1808, 1875, "167610361.891595", 207],
  "1:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48": [374, 555, "104670584.183698", 111],
  "1:0xdac17f958d2ee523a2206206994597c13d831ec7": [253, 856, "36590014.970151", 99],
  "1:0x2260fac5e5542a773aa44fbcfedf7c193bc2c599": [373, 134, "17790029.542958", 76],
  "1:0x6982508145454ce325ddbe47a25d4ec3d2311933": [144, 211, "11301754.752427", 57],
  "1:0x6b175474e89094c44da98b954eedeac495271d0f": [103, 139, "6703066.533257", 36],
};

type Row = { id: string; symbol?: string; windows: Record<string, Record<string, unknown>> };

async function replay(...args: string[]): Promise<string> {
  const output = memoryOutput();
  const code = await runCli(["replay", ...args, "--map", MAPPING], output, new AbortController().signal);
  assert.equal(code, 0, output.errText());
  return output.outText();
}

/** Every token with all its windows, as this instance serves it. */
async function allTokens(instance: Instance): Promise<Row[]> {
  const ranking = await fetch(`${instance.url}/api/overview?window=24h&sort=volume_usd&limit=500`);
  const { items } = (await ranking.json()) as { items: { id: string }[] };
  const answer = await fetch(`${instance.url}/api/tokens/stats`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ids: items.map(({ id }) => id) }),
  });
  return ((await answer.json()) as { items: Row[] }).items;
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
        await waitFor("a third of the day", async () => (await accepted()) > EVENTS / 3);
        await b.kill();
        const c = await site.start(t, topic, "c");
        assert.match(await sending, /9,936 written to kafka:/);

        const settled = await site.settled(topic, [a, c]);
        for (const { counters, partitions } of settled) {
          assert.deepEqual([counters.accepted, counters.applied], [EVENTS, EVENTS]);
          assert.deepEqual(new Set(partitions.map(({ owner }) => owner)), new Set(["a", "c"]));
        }
        const { items } = JSON.parse(await replay(realDataFile, "--window", "24h", "--format", "json")) as {
          items: Row[];
        };
        const expected = new Map(items.map((row) => [row.id, row]));
        assert.equal(expected.size, TOKENS);
        for (const instance of [a, c]) {
          const rows = await allTokens(instance);
          assert.equal(rows.length, TOKENS, instance.name);
          for (const { id, symbol, windows } of rows) {
            assert.deepEqual(windows["24h"], expected.get(id)?.windows["24h"], `${id} at ${instance.name}`);
            assert.equal(symbol, expected.get(id)?.symbol);
          }
          const totals = rows.slice(0, 6).map(({ id, windows }) => {
            const { buys, sells, volume_usd, traders } = windows["24h"] ?? {};
            return [id, [buys, sells, volume_usd, traders]];
          });
          assert.deepEqual(totals, Object.entries(TOTALS));
        }
      });
    });
  },
);
