/** Old rows in S3: they move there by age, and when S3 is away, the newer rows are read and written all the same. */
import assert from "node:assert/strict";
import test from "node:test";
import { type ClickHouseServer, startClickHouse } from "../../../../../scripts/servers/clickhouse.ts";
import { waitFor } from "../../../../../scripts/servers/process.ts";
import { startS3 } from "../../../../../scripts/servers/s3.ts";
import type { SettledRow, StreamKey } from "../../../../src/ports/history-store.ts";
import { SwapstatsError } from "../../../../src/shared/errors.ts";
import { ClickHouseHistory } from "../../../../src/stores/history/clickhouse/clickhouse-history.ts";
import { requires } from "../../../support/requires.ts";
import { randomFrom, seedOf } from "../../../support/seed.ts";
import { tempDir } from "../../../support/tmp.ts";
import { ALWAYS, DAY_MS, HistoryMaker, HOUR_MS } from "../random-history.ts";
import { setupOn } from "./fixture.ts";

const KEY: StreamKey = { logId: "log-a", partition: 0, epoch: 1 };
const TOKEN = { chainId: 1, token: "0x6982508145454ce325ddbe47a25d4ec3d2311933" };
const SPACE = "tiers";

/** Rows of the active parts on each disk. */
async function rowsByDisk(server: ClickHouseServer): Promise<Record<string, number>> {
  const text = await server.sql(`SELECT disk_name, sum(rows) FROM system.parts
    WHERE active AND database = 'swapstats ${SPACE}' AND table = 'swaps' GROUP BY disk_name`);
  const lines = text.split("\n").filter((line) => line !== "");
  return Object.fromEntries(lines.map((line) => line.split("\t")).map(([disk, rows]) => [disk, Number(rows)]));
}

requires("tiers of ClickHouse", { servers: ["clickhouse", "versitygw"] }, () => {
  test("rows beyond the age are in S3; without S3 new rows are written and read, and old ones fail clearly until it is back", async (t) => {
    const nowMs = Date.now();
    const maker = new HistoryMaker(randomFrom(seedOf(t)));
    const rowsFrom = (fromMs: number, count: number): SettledRow[] =>
      Array.from({ length: count }, (_, i) => maker.row(TOKEN, fromMs + i));
    const s3Folder = tempDir(t, "s3");
    let s3 = await startS3({ folder: s3Folder });
    t.after(() => s3.stop());
    const server = await startClickHouse({ folder: tempDir(t, "clickhouse"), s3 });
    t.after(() => server.stop());
    const { storagePolicy } = server;
    const store = new ClickHouseHistory(setupOn(server, SPACE, { storagePolicy, coldAfterMs: 90 * DAY_MS }));
    t.after(() => store.close());
    await store.migrate();
    assert.deepEqual(await store.migrate(), []);
    await store.beginStream(KEY, ALWAYS);
    let sequence = 0;
    const write = async (rows: readonly SettledRow[]): Promise<void> => {
      await store.append({ settled: [{ ...KEY, fromSequence: sequence, rows }], raw: [], marks: [] });
      sequence += rows.length;
    };
    const countOf = async (ageFromMs: number, ageToMs: number): Promise<number> => {
      const [sums] = await store.sums(TOKEN, [{ fromMs: nowMs - ageFromMs, toMs: nowMs - ageToMs }], []);
      return sums!.buys + sums!.sells;
    };
    await write(rowsFrom(nowMs - 100 * DAY_MS, 700));
    await write(rowsFrom(nowMs - 50 * DAY_MS, 500));
    await write(rowsFrom(nowMs - HOUR_MS, 300));
    await waitFor("old rows in S3", async () => (await rowsByDisk(server)).cold === 700);
    assert.deepEqual(await rowsByDisk(server), { cold: 700, hot: 800 });

    // A shorter age moves parts that are there already.
    const sooner = new ClickHouseHistory(setupOn(server, SPACE, { storagePolicy, coldAfterMs: 30 * DAY_MS }));
    t.after(() => sooner.close());
    assert.notEqual((await sooner.migrate()).length, 0);
    await waitFor("more rows in S3", async () => (await rowsByDisk(server)).cold === 1_200);
    assert.equal(await countOf(101 * DAY_MS, 0), 1_500);

    s3.kill();
    await s3.exited;
    await write(rowsFrom(nowMs - HOUR_MS + 1_000, 200));
    assert.equal(await countOf(DAY_MS, 0), 500);
    await assert.rejects(
      () => countOf(101 * DAY_MS, 99 * DAY_MS),
      (error: unknown) => error instanceof SwapstatsError && error.code === "storage_failed" && error.retryable,
    );

    s3 = await startS3({ folder: s3Folder, port: s3.port });
    assert.equal(await countOf(101 * DAY_MS, 99 * DAY_MS), 700);
    assert.equal(await countOf(101 * DAY_MS, 0), 1_700);
    assert.deepEqual(await rowsByDisk(server), { cold: 1_200, hot: 500 });
  });
});
