/** The files of the embedded history: what may be missing, damaged, left over or old. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { HistoryStore, SettledRow } from "../../../src/ports/history-store.ts";
import { openEmbeddedHistory } from "../../../src/stores/history/embedded/open-embedded-history.ts";
import { MemoryHistory } from "../../support/memory-history.ts";
import { requires } from "../../support/requires.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { tempDir } from "../../support/tmp.ts";
import { rowsOf } from "./compare-stores.ts";
import { compactFully } from "./contract.ts";
import { embeddedSetup } from "./embedded-support.ts";
import { ALWAYS, BEGIN_MS, DAY_MS, HistoryMaker, HOUR_MS, MINUTE_MS } from "./random-history.ts";

const KEY = { logId: "log-a", partition: 0, epoch: 1 };
const TOKEN = { chainId: 1, token: "0x6982508145454ce325ddbe47a25d4ec3d2311933" };
const DAYS = 3;
const STEP_MS = 10 * MINUTE_MS;
const LAST_MS = BEGIN_MS + DAYS * DAY_MS;

type Filled = {
  readonly dataDir: string;
  readonly store: HistoryStore;
  readonly model: MemoryHistory;
  readonly rows: SettledRow[];
};

/** A history of three days, whose minutes are final up to its last hour. */
async function filled(t: TestContext): Promise<Filled> {
  const dataDir = tempDir(t, "history");
  const store = await openEmbeddedHistory(embeddedSetup(dataDir), Date.now, 0);
  t.after(() => store.close());
  await store.migrate();
  const model = new MemoryHistory();
  const maker = new HistoryMaker(randomFrom(seedOf(t)));
  const rows = Array.from({ length: (DAYS * DAY_MS) / STEP_MS }, (_, i) => maker.row(TOKEN, BEGIN_MS + i * STEP_MS));
  for (const one of [store, model]) {
    await one.beginStream(KEY, ALWAYS);
    for (let i = 0; i < rows.length; i += 72) {
      const beforeMs = BEGIN_MS + (i + 72) * STEP_MS - HOUR_MS;
      const settled = [{ ...KEY, fromSequence: i, rows: rows.slice(i, i + 72) }];
      await one.append({ settled, raw: [], marks: [{ ...KEY, sequence: i + 66, beforeMs }] });
    }
  }
  return { dataDir, store, model, rows };
}

const filesOf = (dataDir: string, tier: string): string[] => globSync(`${dataDir}/history/${tier}/**/*.parquet`).sort();

test("sums of final minutes and days, and candles of them, read no row", async (t) => {
  const { dataDir, store, model } = await filled(t);
  const ask = async (): Promise<void> => {
    const spans = [
      { fromMs: 0, toMs: LAST_MS - HOUR_MS },
      { fromMs: BEGIN_MS + 7 * MINUTE_MS, toMs: BEGIN_MS + 2 * DAY_MS + 90 * MINUTE_MS },
    ];
    assert.deepEqual(await store.sums(TOKEN, spans, []), await model.sums(TOKEN, spans, []));
    for (const interval of [{ ms: MINUTE_MS }, { ms: HOUR_MS }, { ms: DAY_MS }, "month"] as const) {
      const expected = await model.candles(TOKEN, interval, spans[0]!, [], 5_000);
      assert.deepEqual(await store.candles(TOKEN, interval, spans[0]!, [], 5_000), expected);
    }
    assert.deepEqual(await store.tokens(spans[0]!, [], undefined), await model.tokens(spans[0]!, [], undefined));
    assert.equal(await store.symbol(TOKEN, spans[0]!.toMs), await model.symbol(TOKEN, spans[0]!.toMs));
  };
  for (const path of filesOf(dataDir, "swaps")) rmSync(path);
  await ask();
  // The swaps are missing, so only the sums can be merged.
  await compactFully(t, store);
  await ask();
});

test("a missing file fails what reads it with its name, and nothing else", async (t) => {
  const { dataDir, store, model, rows } = await filled(t);
  assert.deepEqual(await store.verify(t.signal), []);
  const [first] = filesOf(dataDir, "swaps");
  rmSync(first!);
  const page = { order: "asc", after: undefined, limit: 1_000 } as const;
  await assert.rejects(store.swaps(TOKEN, { fromMs: 0, toMs: LAST_MS, ...page }, []), (error: Error) => {
    assert.equal((error as { code?: string }).code, "storage_failed");
    assert.ok(error.message.includes(first!) && error.message.includes("history verify"), error.message);
    return true;
  });
  const later = { fromMs: BEGIN_MS + 2 * DAY_MS, toMs: LAST_MS };
  assert.deepEqual(
    await store.swaps(TOKEN, { ...later, ...page }, []),
    await model.swaps(TOKEN, { ...later, ...page }, []),
  );
  assert.deepEqual(await store.verify(t.signal), [`The file ${first} is missing.`]);
  await compactFully(t, store);
  // Rows go on to be written, and their minutes are summed.
  const maker = new HistoryMaker(randomFrom(seedOf(t)));
  const more = [maker.row(TOKEN, LAST_MS), maker.row(TOKEN, LAST_MS + 1)];
  const marks = [{ ...KEY, sequence: rows.length + 2, beforeMs: LAST_MS + DAY_MS }];
  await store.append({ settled: [{ ...KEY, fromSequence: rows.length, rows: more }], raw: [], marks });
  const [sums] = await store.sums(TOKEN, [{ fromMs: LAST_MS, toMs: LAST_MS + DAY_MS }], []);
  assert.equal(sums!.buys + sums!.sells, 2);
});

test("a damaged file is named by verify, and fails what reads it", async (t) => {
  const { dataDir, store } = await filled(t);
  const path = filesOf(dataDir, "swaps")[1]!;
  const bytes = readFileSync(path);
  // In the middle of the pages of a column, and then all of its end.
  const middle = Math.floor(bytes.length / 2);
  bytes.fill(0x5a, Math.floor(middle / 2), middle);
  writeFileSync(path, bytes);
  const [problem, ...others] = await store.verify(t.signal);
  assert.ok(problem!.startsWith(`The file ${path} cannot be read`), problem);
  assert.deepEqual(others, []);
  writeFileSync(path, bytes.subarray(0, middle));
  assert.match((await store.verify(t.signal))[0]!, /has \d+ bytes instead of \d+/);
  const all = rowsOf(store.rows({ fromMs: 0, toMs: LAST_MS }, TOKEN, [], t.signal));
  await assert.rejects(all, { code: "storage_failed", retryable: false });
});

test("files that an ended process left are removed at the next open, and those of the history stay", async (t) => {
  const { dataDir, store, model } = await filled(t);
  await store.close();
  const before = filesOf(dataDir, "*");
  const left = [join(dataDir, "history/tmp/unfinished.parquet"), before[0]!.replace(".parquet", "-copy.parquet")];
  for (const path of left) writeFileSync(path, readFileSync(before[0]!));
  const again = await openEmbeddedHistory(embeddedSetup(dataDir));
  t.after(() => again.close());
  await again.migrate();
  for (const path of left) assert.ok(!existsSync(path), path);
  assert.deepEqual(filesOf(dataDir, "*"), before);
  const spans = [{ fromMs: 0, toMs: LAST_MS }];
  assert.deepEqual(await again.sums(TOKEN, spans, []), await model.sums(TOKEN, spans, []));
});

test("one writes, and another reads what it writes", async (t) => {
  const { dataDir, store, model, rows } = await filled(t);
  const reader = await openEmbeddedHistory(embeddedSetup(dataDir));
  t.after(() => reader.close());
  await reader.migrate();
  const locked = { code: "data_folder_locked" };
  await assert.rejects(reader.append({ settled: [], raw: [], marks: [] }), locked);
  await assert.rejects(reader.beginStream(KEY, ALWAYS), locked);
  await assert.rejects(reader.compact(t.signal), locked);
  const more = [{ ...rows[0]!, eventTimeMs: LAST_MS, eventId: "later" }];
  for (const one of [store, model]) {
    await one.append({ settled: [{ ...KEY, fromSequence: rows.length, rows: more }], raw: [], marks: [] });
  }
  const spans = [{ fromMs: 0, toMs: LAST_MS + 1 }];
  assert.deepEqual(await reader.sums(TOKEN, spans, []), await model.sums(TOKEN, spans, []));
});

requires("the embedded history on a full disk", { mount: true }, () => {
  test("it is not opened, which may be tried again, and opens when there is room", async (t) => {
    const dataDir = tempDir(t, "history");
    const folder = join(dataDir, "history");
    mkdirSync(folder);
    assert.equal(spawnSync("mount", ["-t", "tmpfs", "-o", "size=4m", "swapstats-full", folder]).status, 0);
    try {
      const first = await openEmbeddedHistory(embeddedSetup(dataDir));
      await first.migrate();
      await first.close();
      spawnSync("dd", ["if=/dev/zero", `of=${folder}/filler`, "bs=4096"]);
      for (let i = 0; i < 2; i++) {
        await assert.rejects(openEmbeddedHistory(embeddedSetup(dataDir)), { code: "storage_failed", retryable: true });
      }
      rmSync(join(folder, "filler"));
      const again = await openEmbeddedHistory(embeddedSetup(dataDir));
      await again.migrate();
      await again.beginStream(KEY, ALWAYS);
      await again.close();
    } finally {
      spawnSync("umount", [folder]);
    }
  });
});

test("files beyond the retention are dropped", async (t) => {
  const dataDir = tempDir(t, "history");
  let nowMs = LAST_MS;
  const store = await openEmbeddedHistory({ ...embeddedSetup(dataDir), retentionMs: 2 * DAY_MS }, () => nowMs, 0);
  t.after(() => store.close());
  await store.migrate();
  await store.beginStream(KEY, ALWAYS);
  const maker = new HistoryMaker(randomFrom(seedOf(t)));
  const days = [0, 1, 2].map((day) => maker.row(TOKEN, BEGIN_MS + HOUR_MS + day * DAY_MS));
  await store.append({ settled: [{ ...KEY, fromSequence: 0, rows: days }], raw: [], marks: [] });
  const count = async (): Promise<number> =>
    (await store.swaps(TOKEN, { ...ALWAYS, order: "asc", after: undefined, limit: 9 }, [])).length;
  nowMs = BEGIN_MS + HOUR_MS + 2 * DAY_MS;
  await compactFully(t, store);
  assert.equal(await count(), 3);
  nowMs += 1;
  await compactFully(t, store);
  assert.equal(await count(), 2);
  assert.equal(filesOf(dataDir, "swaps").length, 2);
  assert.equal((await store.status()).streams[0]!.rows, 3);
});

test("rows that come after a mark that covers them are in the sums of their minutes", async (t) => {
  const { store, model, rows } = await filled(t);
  const maker = new HistoryMaker(randomFrom(seedOf(t)));
  const late = [maker.row(TOKEN, BEGIN_MS + 1), maker.row(TOKEN, BEGIN_MS + DAY_MS + 1)];
  for (const one of [store, model]) {
    await one.append({ settled: [{ ...KEY, fromSequence: rows.length + 5, rows: late }], raw: [], marks: [] });
  }
  const spans = [
    { fromMs: 0, toMs: LAST_MS },
    { fromMs: BEGIN_MS, toMs: BEGIN_MS + MINUTE_MS },
  ];
  assert.deepEqual(await store.sums(TOKEN, spans, []), await model.sums(TOKEN, spans, []));
  await compactFully(t, store);
  assert.deepEqual(await store.sums(TOKEN, spans, []), await model.sums(TOKEN, spans, []));
});
