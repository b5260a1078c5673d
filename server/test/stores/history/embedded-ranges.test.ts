/** Ranges of files in S3: a question of one token reads a part of a file, and the answers are those of the whole. */
import assert from "node:assert/strict";
import { existsSync, globSync, rmSync, statSync, watch } from "node:fs";
import { describe, type TestContext, test } from "node:test";
import { startS3 } from "../../../../scripts/servers/s3.ts";
import type { HistoryStore, SettledRow } from "../../../src/ports/history-store.ts";
import { openEmbeddedHistory } from "../../../src/stores/history/embedded/open-embedded-history.ts";
import { requires } from "../../support/requires.ts";
import { type Random, randomFrom, seedOf } from "../../support/seed.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { tempDir } from "../../support/tmp.ts";
import { s3Settings } from "../backends.ts";
import { rowsOf } from "./compare-stores.ts";
import { compactFully } from "./contract.ts";
import { embeddedSetup } from "./embedded-support.ts";
import { ALWAYS, DAY_MS, HOUR_MS, MINUTE_MS } from "./random-history.ts";

const KEY = { logId: "log-a", partition: 0, epoch: 1 };
const BEGIN_MS = Date.UTC(2026, 1, 1);
/** A day of an installation with four swaps a second. */
const ROWS = 340_000;
const BATCH = 85_000;
const TOKENS = 200;
const CACHE_BYTES = 64 * 2 ** 20;
/** A question about a window of one token reads less than this part of a file. */
const PART_MAX = 0.3;

const tokenOf = (i: number) => ({
  chainId: 1,
  token: `0x${((i * 2_654_435_761) % 2 ** 32).toString(16).padStart(40, "7")}`,
});

const rowOf = (i: number): SettledRow => ({
  ...tokenOf((i * i) % TOKENS),
  ...{ symbol: "T", pool: `0x${(i % 50).toString(16).padStart(40, "0")}` },
  ...{
    who: `0x${((i * 7_919) % 60_000).toString(16).padStart(40, "0")}`,
    isBuy: i % 3 === 0,
    amountUnits: BigInt(i + 1) * 10n ** 15n,
  },
  ...{ usdMicro: (i % 90_000) * 1_000 + 1, givenPrice: undefined, price: 1 + (i % 1_000) / 1_000 },
  ...{
    eventTimeMs: BEGIN_MS + Math.floor((i * (DAY_MS - 1)) / ROWS),
    txHash: `0x${(i * 48_271 * 69_621).toString(16).padStart(64, "0")}`,
  },
  ...{
    logIndex: i % 300,
    txIndex: i % 100,
    eventId: `1:${i}:${i * 48_271}`,
    blockNumber: 1_000 + i,
    blockHash: undefined,
    revision: 0,
  },
});

/** Writes a day, merged into one file, and a swap of a later day, which makes it over. */
async function writeDay(t: TestContext, store: HistoryStore): Promise<void> {
  await store.migrate();
  await store.beginStream(KEY, ALWAYS);
  const part = (from: number, rows: SettledRow[]) => ({
    settled: [{ ...KEY, fromSequence: from, rows }],
    raw: [],
    marks: [],
  });
  for (let from = 0; from < ROWS; from += BATCH) {
    await store.append(
      part(
        from,
        Array.from({ length: BATCH }, (_, i) => rowOf(from + i)),
      ),
    );
  }
  await store.append(part(ROWS, [{ ...rowOf(0), eventTimeMs: BEGIN_MS + 3 * DAY_MS }]));
  await compactFully(t, store);
}

type Question = (store: HistoryStore) => Promise<unknown>;

/** Questions that need rows: their times are no whole minutes, or the answer is of rows. */
function questionOf({ below, pick, chance }: Random): Question {
  const token = chance(0.1) ? { chainId: 1, token: "0xnone" } : tokenOf(below(TOKENS));
  const fromMs = BEGIN_MS + below(DAY_MS);
  const span = { fromMs, toMs: fromMs + 1 + below(pick([MINUTE_MS, HOUR_MS, 6 * HOUR_MS])) };
  return pick<Question>([
    (store) => store.sums(token, [span, { ...span, toMs: span.toMs + HOUR_MS }], []),
    (store) => store.traders(token, span, [], { buyers: [], sellers: [] }),
    (store) => store.candles(token, { ms: 1_000 }, span, [], 50),
    (store) => store.swaps(token, { ...span, order: "desc", after: undefined, limit: 20 }, []),
    (store) => rowsOf(store.rows(span, token, [], new AbortController().signal)),
  ]);
}

requires("ranges of the embedded history in S3", { servers: ["versitygw"] }, () => {
  describe("ranges of the embedded history in S3", () => {
    test("a question of one token reads a small part of a file, and answers as from the whole", async (t) => {
      const random = randomFrom(seedOf(t));
      const folder = tempDir(t, "ranges");
      const server = await startS3({ folder: `${folder}/s3` });
      t.after(() => server.stop());
      const proxy = await TcpProxy.start(Number(new URL(server.endpoint).port));
      t.after(() => proxy.close());
      const endpoint = `http://127.0.0.1:${proxy.port}`;
      const dataDir = `${folder}/data`;
      const local = await openEmbeddedHistory(embeddedSetup(dataDir), Date.now, 0);
      await writeDay(t, local);
      const asked = Array.from({ length: 30 }, () => questionOf(random));
      const expected = await Promise.all(asked.map((question) => question(local)));
      await local.close();

      const cold = { s3: { ...s3Settings(server, "ranges"), endpoint }, afterMs: 0, cacheBytes: CACHE_BYTES };
      const open = (): Promise<HistoryStore> => openEmbeddedHistory({ ...embeddedSetup(dataDir), cold }, () => 8e15, 0);
      const emptyCache = (): void => {
        for (const path of globSync(`${dataDir}/history/cache/*`)) rmSync(path);
      };
      const moving = await open();
      await compactFully(t, moving);
      await moving.close();
      const [object] = globSync(`${folder}/s3/objects/**/history/swaps/2026-02-01/*.parquet`);
      const { size } = statSync(object!);
      emptyCache();

      await t.test("bytes, and questions side by side", async (t) => {
        const store = await open();
        t.after(() => store.close());
        const span = { fromMs: BEGIN_MS + 7 * HOUR_MS + 13, toMs: BEGIN_MS + 19 * HOUR_MS + 17 };
        const before = proxy.answeredBytes;
        const answers = await Promise.all(Array.from({ length: 4 }, () => store.sums(tokenOf(9), [span], [])));
        const bytes = proxy.answeredBytes - before;
        t.diagnostic(`${bytes} of ${size} bytes, ${((100 * bytes) / size).toFixed(1)} %`);
        assert.ok(bytes > 0 && bytes < PART_MAX * size, `${bytes} of ${size} bytes`);
        for (const answer of answers) assert.deepEqual(answer, answers[0]);
        await store.sums(tokenOf(9), [span], []);
        assert.equal(proxy.answeredBytes - before, bytes, "what the cache has is not read again");
      });

      await t.test("answers", async (t) => {
        const store = await open();
        t.after(() => store.close());
        const found = await Promise.all(asked.map((question) => question(store)));
        assert.deepEqual(found, expected);
      });

      await t.test("another process that removes copies while they are read", async (t) => {
        emptyCache();
        const store = await open();
        t.after(() => store.close());
        let removed = 0;
        // Each copy is removed once, as soon as it is there. What DuckDB has opened by then stays readable.
        const seen = new Set<string>();
        const cache = `${dataDir}/history/cache`;
        const thief = watch(cache, (_, name) => {
          if (name === null || name.endsWith(".new") || seen.has(name) || !existsSync(`${cache}/${name}`)) return;
          seen.add(name);
          rmSync(`${cache}/${name}`);
          removed += 1;
        });
        t.after(() => thief.close());
        for (const [i, question] of asked.entries()) assert.deepEqual(await question(store), expected[i]);
        assert.ok(removed > 0);
        t.diagnostic(`${removed} copies were removed`);
      });

      await t.test("an S3 that goes away while it answers", async (t) => {
        emptyCache();
        const store = await open();
        t.after(() => store.close());
        const before = proxy.answeredBytes;
        const asking = Promise.allSettled(asked.map((question) => question(store)));
        while (proxy.answeredBytes < before + size * PART_MAX) await new Promise(setImmediate);
        proxy.mode = "cut";
        const failures = (await asking).flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
        assert.ok(failures.length > 0);
        for (const { code, retryable, message } of failures) {
          assert.deepEqual([code, retryable], ["storage_failed", true]);
          assert.match(message, /^Cannot read swaps\/.* of the history in the bucket/);
        }
        proxy.mode = "open";
        assert.deepEqual(await Promise.all(asked.map((question) => question(store))), expected);
        assert.deepEqual(globSync(`${dataDir}/history/cache/*.new`), []);
      });
    });
  });
});
