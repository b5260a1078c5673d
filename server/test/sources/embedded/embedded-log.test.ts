import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SwapstatsError } from "../../../src/shared/errors.ts";
import { openLogDatabase } from "../../../src/sources/embedded/log-database.ts";
import { LOG_DATABASE_NAME } from "../../../src/sources/embedded/log-writer.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { tempDir } from "../../support/tmp.ts";
import { appendOf, batchOf, never, openReader, openWriter, readAll, START_MS, textsOf } from "./log-support.ts";

const hasCode = (code: string, retryable?: boolean) => (error: unknown) =>
  error instanceof SwapstatsError && error.code === code && (retryable === undefined || error.retryable === retryable);

test("records are read in order, with dense offsets in each partition", async (t) => {
  const folder = tempDir(t);
  const random = randomFrom(seedOf(t));
  const writer = openWriter(folder, { partitions: 3 });
  t.after(() => writer.close());
  const expected: string[][] = [[], [], []];
  for (let i = 0; i < 40; i++) {
    const appends = [];
    for (let partition = 0; partition < 3; partition++) {
      if (!random.chance(0.6)) continue;
      const texts = Array.from(
        { length: 1 + random.below(20) },
        (_, k) => `${i}.${k} ${"x".repeat(random.below(300))}`,
      );
      expected[partition]!.push(...texts);
      appends.push(appendOf(partition, texts));
    }
    writer.append(appends, START_MS + i);
  }
  for (let partition = 0; partition < 3; partition++) {
    assert.deepEqual(writer.range(partition), { startOffset: 0, endOffset: expected[partition]!.length });
    const reader = openReader(folder, partition);
    for (const maxBytes of [1, 700, 1_000_000]) {
      assert.deepEqual(await readAll(reader, 0, maxBytes), expected[partition]);
    }
    const from = random.below(expected[partition]!.length);
    assert.deepEqual(await readAll(reader, from), expected[partition]!.slice(from));
    await reader.close();
  }
});

test("arrival is the time of the commit and never goes back, also after a restart", async (t) => {
  const folder = tempDir(t);
  let writer = openWriter(folder);
  writer.append([appendOf(0, ["a"])], START_MS + 50);
  assert.equal(writer.append([appendOf(0, ["b", "c"])], START_MS).arrivalMs, START_MS + 50);
  writer.close();
  writer = openWriter(folder, { nowMs: START_MS - 1000 });
  assert.equal(writer.createdMs, START_MS);
  assert.equal(writer.append([appendOf(0, ["d"])], START_MS + 10).arrivalMs, START_MS + 50);
  assert.equal(writer.append([appendOf(0, ["e"])], START_MS + 60).arrivalMs, START_MS + 60);
  const reader = openReader(folder);
  const batch = await reader.read(0, 1000, never);
  assert.deepEqual(
    [...(batch.arrivalsMs as Float64Array)].map((ms) => ms - START_MS),
    [50, 50, 50, 50, 60],
  );
  const part = await reader.read(2, 1, never);
  assert.deepEqual([textsOf(part), part.baseOffset, part.arrivalsMs], [["c"], 2, START_MS + 50]);
  await reader.close();
  writer.close();
});

test("a reader waits for new records, wakes on notify, and ends on abort and close", async (t) => {
  const folder = tempDir(t);
  const writer = openWriter(folder);
  t.after(() => writer.close());
  const reader = openReader(folder, 0, writer);
  const waiting = reader.read(0, 100, never);
  writer.append([appendOf(0, ["a", "b"])], START_MS);
  reader.notify(writer.range(0).endOffset, false);
  assert.deepEqual(textsOf(await waiting), ["a", "b"]);
  const controller = new AbortController();
  const aborted = reader.read(2, 100, controller.signal);
  controller.abort(new Error("enough"));
  await assert.rejects(aborted, /enough/);
  await assert.rejects(reader.read(3, 100, never), hasCode("log_damaged"));
  const closed = reader.read(2, 100, never);
  await reader.close();
  await assert.rejects(closed, hasCode("unavailable"));
});

test("reading leaves no open transaction that would keep the journal", async (t) => {
  const folder = tempDir(t);
  const writer = openWriter(folder);
  for (let i = 0; i < 5; i++) writer.append([appendOf(0, [`${i}`])], START_MS);
  const reader = openReader(folder);
  await reader.read(0, 1, never);
  writer.close();
  const database = openLogDatabase(join(folder, LOG_DATABASE_NAME));
  assert.equal(database.emptyWal(), true);
  assert.equal(statSync(join(folder, `${LOG_DATABASE_NAME}-wal`)).size, 0);
  database.close();
  await reader.close();
});

test("a changed number of partitions is refused with a solution", (t) => {
  const folder = tempDir(t);
  openWriter(folder, { partitions: 2 }).close();
  assert.throws(
    () => openWriter(folder, { partitions: 3 }),
    (error: Error) => {
      assert.match(error.message, /made with 2.*Set it back to 2/s);
      return hasCode("bad_config")(error);
    },
  );
  openWriter(folder, { partitions: 2 }).close();
});

test("retention by time removes only released records", (t) => {
  const folder = tempDir(t);
  const writer = openWriter(folder, { partitions: 2, retentionMs: 1000 });
  t.after(() => writer.close());
  for (let i = 0; i < 10; i++) writer.append([appendOf(0, ["a", "b"]), appendOf(1, ["c"])], START_MS + i * 100);
  writer.retire(START_MS + 60_000);
  assert.deepEqual([writer.range(0).startOffset, writer.range(1).startOffset], [0, 0]);
  // Offset 7 is in the middle of a batch, which therefore stays.
  writer.release(0, 7);
  writer.retire(START_MS + 60_000);
  assert.deepEqual([writer.range(0).startOffset, writer.range(1).startOffset], [6, 0]);
  writer.release(1, 10);
  writer.retire(START_MS + 1500);
  assert.equal(writer.range(1).startOffset, 5);
  while (writer.retire(START_MS + 60_000));
  assert.deepEqual(writer.range(1), { startOffset: 10, endOffset: 10 });
});

test("retention by time runs with appends", (t) => {
  const folder = tempDir(t);
  const writer = openWriter(folder, { retentionMs: 1000 });
  t.after(() => writer.close());
  for (let i = 0; i < 100; i++) {
    writer.append([appendOf(0, ["a"])], START_MS + i * 100);
    writer.release(0, i);
  }
  assert.equal(writer.range(0).startOffset, 89);
});

test("a read below the first record, or in an empty log, rejects instead of skipping", async (t) => {
  const folder = tempDir(t);
  const writer = openWriter(folder, { retentionMs: 0 });
  t.after(() => writer.close());
  writer.append([appendOf(0, ["a", "b"])], START_MS);
  writer.append([appendOf(0, ["c"])], START_MS);
  writer.release(0, 2);
  writer.retire(START_MS + 1);
  const reader = openReader(folder);
  assert.partialDeepStrictEqual(await reader.range(), { startOffset: 2, endOffset: 3 });
  await assert.rejects(reader.read(0, 100, never), /before 2 are no longer held/);
  await assert.rejects(reader.read(1, 100, never), hasCode("log_damaged"));
  assert.deepEqual(await readAll(reader, 2), ["c"]);
  writer.release(0, 3);
  writer.retire(START_MS + 1);
  assert.partialDeepStrictEqual(await reader.range(), { startOffset: 3, endOffset: 3 });
  await assert.rejects(reader.read(2, 100, never), hasCode("log_damaged"));
  await reader.close();
});

test("at the size limit an append fails with log_full, and works again after a release", async (t) => {
  const folder = tempDir(t);
  const limit = 4 * 1024 * 1024;
  const writer = openWriter(folder, { retentionBytes: limit });
  t.after(() => writer.close());
  const large = "x".repeat(100_000);
  let appended = 0;
  const fill = (): void => {
    for (;;) {
      writer.append([appendOf(0, [`${appended} ${large}`])], START_MS);
      appended++;
    }
  };
  assert.throws(fill, hasCode("log_full", true));
  assert.ok(appended > 30, `${appended} batches fit`);
  assert.equal(writer.isUnderPressure(), true);
  const before = appended;
  assert.throws(fill, hasCode("log_full", true));
  assert.equal(appended, before);
  writer.release(0, before - 2);
  assert.equal(writer.isUnderPressure(), false);
  assert.throws(fill, hasCode("log_full", true));
  assert.ok(appended > before + 20);
  const reader = openReader(folder);
  const { startOffset } = await reader.range();
  const texts = await readAll(reader, startOffset);
  assert.deepEqual(
    texts.map((text) => Number.parseInt(text, 10)),
    Array.from({ length: texts.length }, (_, i) => startOffset + i),
  );
  assert.equal(startOffset + texts.length, appended);
  await reader.close();
  assert.ok(statSync(join(folder, LOG_DATABASE_NAME)).size < limit * 1.1);
});

test("an append larger than the whole limit is refused and changes nothing", (t) => {
  const folder = tempDir(t);
  const writer = openWriter(folder, { retentionBytes: 1024 * 1024 });
  t.after(() => writer.close());
  assert.throws(() => writer.append([appendOf(0, ["x".repeat(2_000_000)])], START_MS), hasCode("log_full", true));
  writer.append([appendOf(0, ["x".repeat(200_000)])], START_MS);
  assert.deepEqual(writer.range(0), { startOffset: 0, endOffset: 1 });
});

test("a full database file fails with log_full, and writing continues when there is room", async (t) => {
  const folder = tempDir(t);
  let bytesMax: number | undefined = 2 * 1024 * 1024;
  const writer = openWriter(folder, { openDatabase: (path) => openLogDatabase(path, bytesMax) });
  const large = "y".repeat(300_000);
  const texts: string[] = [];
  const fill = (): void => {
    for (let i = 0; i < 100; i++) {
      writer.append([appendOf(0, [`${texts.length}${large}`])], START_MS);
      texts.push(`${texts.length}${large}`);
    }
  };
  assert.throws(fill, hasCode("log_full", true));
  writer.append([appendOf(0, ["small"])], START_MS);
  texts.push("small");
  writer.close();
  bytesMax = undefined;
  const again = openWriter(folder);
  again.append([appendOf(0, [large])], START_MS);
  const reader = openReader(folder);
  assert.deepEqual(await readAll(reader), [...texts, large]);
  await reader.close();
  again.close();
});

test("the end can be raised above lost records; they are a gap with a reason", async (t) => {
  const folder = tempDir(t);
  const writer = openWriter(folder);
  t.after(() => writer.close());
  writer.append([appendOf(0, ["a"])], START_MS);
  const reader = openReader(folder, 0, writer);
  const raised = reader.openAt(10, undefined, never);
  reader.notify(writer.range(0).endOffset, false);
  await raised;
  writer.append([appendOf(0, ["b"])], START_MS);
  reader.notify(writer.range(0).endOffset, false);
  assert.partialDeepStrictEqual(await reader.range(), { startOffset: 0, endOffset: 11 });
  assert.deepEqual(textsOf(await reader.read(0, 100, never)), ["a"]);
  await assert.rejects(reader.read(1, 100, never), /records 1 to 9 are missing: the log ended before/);
  assert.equal(reader.resumeAfter(1), 10);
  assert.deepEqual(textsOf(await reader.read(10, 100, never)), ["b"]);
  await reader.close();
});

test("an unknown partition and a missing log are refused", (t) => {
  const folder = tempDir(t);
  assert.throws(() => openWriter(join(folder, "a")).append([{ partition: 4, batch: batchOf(["x"]) }], START_MS));
  assert.ok(existsSync(join(folder, "a", LOG_DATABASE_NAME)));
  assert.throws(() => openReader(join(folder, "b")), hasCode("storage_failed"));
});
