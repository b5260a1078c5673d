/** `compact` drops rows that no stream makes valid, and nothing else. */
import assert from "node:assert/strict";
import test from "node:test";
import { type ClickHouseServer, startClickHouse } from "../../../../../scripts/servers/clickhouse.ts";
import type { HistoryBatch, HistoryStore, SettledRow, StreamKey } from "../../../../src/ports/history-store.ts";
import { ClickHouseHistory } from "../../../../src/stores/history/clickhouse/clickhouse-history.ts";
import { MemoryHistory } from "../../../support/memory-history.ts";
import { requires } from "../../../support/requires.ts";
import { randomFrom, seedOf } from "../../../support/seed.ts";
import { tempDir } from "../../../support/tmp.ts";
import { compareStatus, sorted } from "../compare-stores.ts";
import { compactFully } from "../contract.ts";
import { ALWAYS, BEGIN_MS, HistoryMaker, HOUR_MS, MINUTE_MS } from "../random-history.ts";
import { setupOn } from "./fixture.ts";

const OLD: StreamKey = { logId: "log-a", partition: 0, epoch: 1 };
const NEW: StreamKey = { ...OLD, epoch: 2 };
const OTHER: StreamKey = { ...OLD, partition: 1 };
const TOKEN = { chainId: 1, token: "0x6982508145454ce325ddbe47a25d4ec3d2311933" };
const MINUTES = 300;
/** From here on the new stream is valid: within an hour. */
const FROM_MS = BEGIN_MS + 90 * MINUTE_MS;
/** The old stream's minutes are made up to here. */
const MADE_MS = BEGIN_MS + 200 * MINUTE_MS;

requires("superseded rows in ClickHouse", { servers: ["clickhouse"] }, () => {
  test("rows that a later stream supersedes are dropped when their minutes are made, and answers and counts stay", async (t) => {
    const server: ClickHouseServer = await startClickHouse({ folder: tempDir(t, "clickhouse") });
    t.after(() => server.stop());
    const store = new ClickHouseHistory(setupOn(server, "superseded"));
    t.after(() => store.close());
    await store.migrate();
    const model = new MemoryHistory();
    const maker = new HistoryMaker(randomFrom(seedOf(t)));
    const rowsAt = (fromMs: number): SettledRow[] =>
      Array.from({ length: MINUTES }, (_, i) => maker.row(TOKEN, fromMs + i * MINUTE_MS));
    const batchOf = (key: StreamKey, rows: readonly SettledRow[], beforeMs: number): HistoryBatch => ({
      settled: [{ ...key, fromSequence: 0, rows }],
      raw: [],
      marks: [{ ...key, sequence: rows.length, beforeMs }],
    });
    const olds = rowsAt(BEGIN_MS);
    const news = rowsAt(FROM_MS - 10 * MINUTE_MS);
    const appended = async (batch: HistoryBatch): Promise<void> => {
      for (const one of [store, model]) await one.append(batch);
    };
    for (const one of [store, model] as HistoryStore[]) {
      await one.beginStream(OLD, ALWAYS);
      await one.beginStream(OTHER, ALWAYS);
    }
    await appended(batchOf(OLD, olds, MADE_MS));
    await appended(batchOf(OTHER, rowsAt(BEGIN_MS), ALWAYS.toMs));
    const heldOf = async (epoch: number, partition = 0): Promise<number> =>
      Number(
        await server.sql(
          `SELECT uniqExact(sequence) FROM \`swapstats superseded\`.swaps WHERE epoch = ${epoch} AND partition = ${partition}`,
        ),
      );
    await compactFully(t, store);
    assert.equal(await heldOf(1), MINUTES);

    for (const one of [store, model]) await one.beginStream(NEW, { fromMs: FROM_MS, toMs: ALWAYS.toMs });
    await appended(batchOf(NEW, news, FROM_MS + HOUR_MS));
    const check = async (): Promise<void> => {
      const spans = [0, 1, 45, 89, 90, 91, 150, 210].map((minute) => ({
        fromMs: BEGIN_MS + minute * MINUTE_MS,
        toMs: BEGIN_MS + (minute + 100) * MINUTE_MS + (minute % 2),
      }));
      assert.deepEqual(await store.sums(TOKEN, spans, []), await model.sums(TOKEN, spans, []));
      const candles = (one: HistoryStore) => one.candles(TOKEN, { ms: HOUR_MS }, ALWAYS, [], 100);
      assert.deepEqual(await candles(store), await candles(model));
      const page = { ...ALWAYS, order: "asc", after: undefined, limit: 1_000 } as const;
      assert.deepEqual(await store.swaps(TOKEN, page, []), await model.swaps(TOKEN, page, []));
      const tokens = (one: HistoryStore) => one.tokens({ fromMs: 0, toMs: BEGIN_MS + 30 * HOUR_MS }, [], undefined);
      assert.deepEqual(sorted(await tokens(store)), sorted(await tokens(model)));
      await compareStatus(store, model);
      assert.deepEqual(await store.verify(t.signal), []);
    };
    await check();
    await compactFully(t, store);
    assert.deepEqual(await store.missingSequences(OLD, { from: 0, to: MINUTES + 5 }), [
      { from: MINUTES, to: MINUTES + 5 },
    ]);
    // Before the new stream, and in minutes that are not made.
    assert.equal(await heldOf(1), 90 + (MINUTES - 200));
    assert.equal(await heldOf(2), MINUTES - 10);
    assert.equal(await heldOf(1, 1), MINUTES);
    await check();

    // A batch of the old stream that is sent again.
    await appended(batchOf(OLD, olds, MADE_MS));
    await check();
    await compactFully(t, store);
    assert.equal(await heldOf(1), 90 + (MINUTES - 200));
    await check();
  });
});
