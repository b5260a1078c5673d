/** Databases that an earlier version of the service made. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { type ClickHouseServer, startClickHouse } from "../../../../../scripts/servers/clickhouse.ts";
import { ClickHouseHistory } from "../../../../src/stores/history/clickhouse/clickhouse-history.ts";
import { MemoryHistory } from "../../../support/memory-history.ts";
import { requires } from "../../../support/requires.ts";
import { randomFrom, seedOf } from "../../../support/seed.ts";
import { tempDir } from "../../../support/tmp.ts";
import { compareAll, compareStatus } from "../compare-stores.ts";
import { compactFully } from "../contract.ts";
import { DAY_MS, HistoryMaker, HOUR_MS } from "../random-history.ts";
import { setupOn } from "./fixture.ts";

const FIRST_VERSION = readFileSync(join(import.meta.dirname, "../../../fixtures/clickhouse-schema-1.sql"), "utf8");
const UPGRADED = ["swap_hours", "history_dropped", "history_marks", "history_gaps"].map(
  (name) => `changed ${name} for version 2`,
);

requires("upgrades of the tables in ClickHouse", { servers: ["clickhouse"] }, () => {
  let server: ClickHouseServer;
  test.before(async () => {
    server = await startClickHouse({ folder: tempDir(test, "clickhouse") });
  });
  test.after(() => server.stop());

  /** Makes the tables of version 1 as that version made them, with its two swaps. */
  async function makeFirst(space: string): Promise<void> {
    const text = FIRST_VERSION.replaceAll("swapstats of version 1", `swapstats ${space}`);
    for (const statement of text.split(";\n").filter((part) => part.trim() !== "")) await server.sql(statement);
  }

  test("a database of schema version 1 keeps its swaps, and its new table has the same ages", async (t) => {
    await makeFirst("first");
    const store = new ClickHouseHistory(setupOn(server, "first"));
    t.after(() => store.close());
    assert.deepEqual(await store.migrate(), UPGRADED);
    assert.deepEqual(await store.migrate(), []);
    const token = { chainId: 1, token: "0xa" };
    const [sums] = await store.sums(token, [{ fromMs: 0, toMs: Number.MAX_SAFE_INTEGER }], []);
    const { buys, sells, tokenBuyUnits, open, close } = sums!;
    const expected = { buys: 1, sells: 1, tokenBuyUnits: 1_500_000_000_000_000_000n, open: 2, close: 2.5 };
    assert.deepEqual({ buys, sells, tokenBuyUnits, open, close }, expected);
    assert.deepEqual(await store.verify(t.signal), []);

    await makeFirst("aged");
    const deleteAfterMs = 3_650 * DAY_MS;
    await server.sql("INSERT INTO `swapstats aged`.history_schema VALUES (1, 'another age', now64(3))");
    const aged = new ClickHouseHistory(setupOn(server, "aged", { deleteAfterMs }));
    t.after(() => aged.close());
    await aged.migrate();
    const ages = await server.sql(
      `SELECT count() FROM system.tables WHERE database = 'swapstats aged' AND create_table_query LIKE '%${deleteAfterMs / 1_000}%'`,
    );
    assert.equal(ages, "4");
  });

  test("a database of schema version 1 with minutes and days answers as before, while its hours are made and afterwards", async (t) => {
    const maker = new HistoryMaker(randomFrom(seedOf(t)));
    const shape = { streams: 2, rows: 150, stepMs: HOUR_MS };
    const history = maker.history(shape);
    const made = new ClickHouseHistory(setupOn(server, "made"));
    const model = new MemoryHistory();
    t.after(() => made.close());
    await made.migrate();
    for (const { key, span } of history.streams) {
      for (const one of [made, model]) await one.beginStream(key, span);
    }
    for (const part of maker.batches(history, 200)) {
      for (const one of [made, model]) await one.append(part);
    }
    await compactFully(t, made);
    await makeFirst("old");
    await server.sql("TRUNCATE TABLE `swapstats old`.swaps");
    await server.sql("TRUNCATE TABLE `swapstats old`.history_streams");
    await server.sql("TRUNCATE TABLE `swapstats old`.history_ranges");
    for (const name of [
      "swaps",
      "swap_minutes",
      "swap_days",
      "history_streams",
      "history_ranges",
      "history_tokens",
      "history_marks",
    ]) {
      const rows = name === "history_marks" ? "WHERE kind != 'hours'" : "";
      const columns = await server.sql(
        `SELECT arrayStringConcat(groupArray(name), ', ') FROM system.columns
        WHERE database = 'swapstats old' AND table = '${name}' AND default_kind != 'MATERIALIZED'`,
      );
      const marks = columns.replace("kind", "toString(kind)");
      await server.sql(
        `INSERT INTO \`swapstats old\`.${name} (${columns}) SELECT ${marks} FROM \`swapstats made\`.${name} ${rows}`,
      );
    }
    const store = new ClickHouseHistory(setupOn(server, "old"));
    t.after(() => store.close());
    assert.deepEqual(await store.migrate(), UPGRADED);
    const run = { maker, history, lengthMs: shape.rows * shape.stepMs, rounds: 1 };
    await compareAll(run, store, model);
    await compareStatus(store, model);
    await compactFully(t, store);
    await compareAll(run, store, model);
    assert.deepEqual(await store.verify(t.signal), []);
    const hours = (space: string): Promise<string> =>
      server.sql(`SELECT count(), sum(buys + sells) FROM \`swapstats ${space}\`.swap_hours FINAL`);
    assert.equal(await hours("old"), await hours("made"));
  });
});
