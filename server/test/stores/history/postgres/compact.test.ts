/** Days beyond the retention, and rows that newer streams replaced. */
import assert from "node:assert/strict";
import * as nodeTest from "node:test";
import { after, before, suite, test } from "node:test";
import { type PostgresServer, startPostgres } from "../../../../../scripts/servers/postgres.ts";
import { requires } from "../../../support/requires.ts";
import { randomFrom, seedOf } from "../../../support/seed.ts";
import { tempDir } from "../../../support/tmp.ts";
import { DAY_MS, HistoryMaker, HOUR_MS, MINUTE_MS } from "../random-history.ts";
import { openStore } from "./postgres-support.ts";

const TOKEN = { chainId: 1, token: "0xabc" };
const KEY = { logId: "log", partition: 0, epoch: 1 };
const ALL = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };

requires("compaction of the history in PostgreSQL", { servers: ["postgres"] }, () => {
  suite("compaction of the history in PostgreSQL", () => {
    const folder = tempDir(nodeTest, "postgres");
    let server: PostgresServer;
    before(async () => {
      server = await startPostgres({ folder });
    });
    after(() => server.stop());

    test("whole days beyond the retention are dropped with their sums, and a row of such a day can come again", async (t) => {
      const maker = new HistoryMaker(randomFrom(seedOf(t)));
      const store = openStore(server, { schema: "retained", retentionMs: 3 * DAY_MS });
      t.after(() => store.close());
      await store.migrate();
      await store.beginStream(KEY, ALL);
      const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
      const times = Array.from({ length: 10 * 24 }, (_, i) => today - 9 * DAY_MS + i * HOUR_MS);
      const rows = times.map((timeMs) => ({ ...maker.row(TOKEN, timeMs), isBuy: true }));
      const mark = { ...KEY, sequence: rows.length, beforeMs: today + DAY_MS };
      await store.append({ settled: [{ ...KEY, fromSequence: 0, rows }], raw: [], marks: [mark] });
      const buys = async (): Promise<number> => (await store.sums(TOKEN, [ALL], []))[0]!.buys;
      assert.equal(await buys(), rows.length);
      const done = await store.compact(t.signal);
      assert.match(done.join(), /^dropped 12 partitions of days before/);
      // The day in which the retention begins is kept whole.
      const kept = times.filter((timeMs) => timeMs >= today - 3 * DAY_MS);
      assert.equal(await buys(), kept.length);
      const days = await store.candles(TOKEN, { ms: DAY_MS }, ALL, [], 100);
      assert.deepEqual(
        days.map(({ openTimeMs }) => openTimeMs),
        [3, 2, 1, 0].map((day) => today - day * DAY_MS),
      );
      assert.equal((await store.status()).fromMs, today - 3 * DAY_MS);
      assert.deepEqual(await store.compact(t.signal), []);
      assert.deepEqual(await store.verify(t.signal), []);
      const late = { ...maker.row(TOKEN, today - 8 * DAY_MS + MINUTE_MS), isBuy: true };
      await store.append({ settled: [{ ...KEY, fromSequence: rows.length, rows: [late] }], raw: [], marks: [] });
      assert.equal(await buys(), kept.length + 1);
    });

    test("a partition that another process dropped is made again for a late row", async (t) => {
      const maker = new HistoryMaker(randomFrom(seedOf(t)));
      const [writer, other] = [0, DAY_MS].map((retentionMs) => openStore(server, { schema: "shared", retentionMs }));
      for (const store of [writer!, other!]) t.after(() => store.close());
      await writer!.migrate();
      await writer!.beginStream(KEY, ALL);
      const timeMs = Date.now() - 5 * DAY_MS;
      const append = (sequence: number): Promise<void> =>
        writer!.append({
          settled: [{ ...KEY, fromSequence: sequence, rows: [maker.row(TOKEN, timeMs)] }],
          raw: [],
          marks: [],
        });
      await append(0);
      assert.equal((await other!.compact(t.signal)).length, 1);
      await assert.rejects(append(1), { code: "storage_failed", retryable: true });
      await append(1);
      assert.equal((await writer!.swaps(TOKEN, { ...ALL, order: "asc", after: undefined, limit: 9 }, [])).length, 1);
    });

    test("rows at times where a newer stream is valid are removed from the tables", async (t) => {
      const maker = new HistoryMaker(randomFrom(seedOf(t)));
      const store = openStore(server, { schema: "replaced" });
      t.after(() => store.close());
      await store.migrate();
      const begin = Date.UTC(2026, 0, 1, 23);
      const rows = Array.from({ length: 240 }, (_, i) => maker.row(TOKEN, begin + i * MINUTE_MS));
      await store.beginStream(KEY, ALL);
      const mark = { ...KEY, sequence: rows.length, beforeMs: begin + 5 * HOUR_MS };
      await store.append({ settled: [{ ...KEY, fromSequence: 0, rows }], raw: [], marks: [mark] });
      await store.beginStream({ ...KEY, epoch: 2 }, { fromMs: begin + 30 * MINUTE_MS, toMs: begin + 90 * MINUTE_MS });
      assert.match((await store.compact(t.signal)).join(), /removed 60 rows of stream "log", partition 0, epoch 1/);
      assert.equal(await server.sql("SELECT count(*) FROM replaced.swaps"), "180");
      assert.equal(await server.sql("SELECT count(*) FROM replaced.valid_swaps"), "180");
      assert.equal(await server.sql("SELECT count(*) FROM replaced.swap_minutes"), "180");
      assert.deepEqual(await store.compact(t.signal), []);
      assert.deepEqual(await store.verify(t.signal), []);
    });

    test("verify finds a sum that was changed and rows that are gone", async (t) => {
      const maker = new HistoryMaker(randomFrom(seedOf(t)));
      const store = openStore(server, { schema: "damaged" });
      t.after(() => store.close());
      await store.migrate();
      await store.beginStream(KEY, ALL);
      const begin = Date.UTC(2026, 0, 1);
      const rows = Array.from({ length: 100 }, (_, i) => maker.row(TOKEN, begin + i * MINUTE_MS));
      const mark = { ...KEY, sequence: rows.length, beforeMs: begin + DAY_MS };
      await store.append({ settled: [{ ...KEY, fromSequence: 0, rows }], raw: [], marks: [mark] });
      assert.deepEqual(await store.verify(t.signal), []);
      await server.sql("UPDATE damaged.swap_days SET usd_buy = usd_buy + 1");
      assert.match((await store.verify(t.signal)).join(), /swap_days on 2026-01-01 differ/);
      await server.sql(
        "UPDATE damaged.swap_days SET usd_buy = usd_buy - 1; DELETE FROM damaged.swaps WHERE sequence = 7",
      );
      assert.match((await store.verify(t.signal)).join(), /has 99 rows .* and 100 came/);
    });
  });
});
