import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync, readdirSync, readSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { verifyLog } from "../../../src/cli/data-folder/verify-log.ts";
import { SwapstatsError } from "../../../src/shared/errors.ts";
import type { LogDatabase } from "../../../src/sources/embedded/log-database.ts";
import { openLogDatabase } from "../../../src/sources/embedded/log-database.ts";
import type { EmbeddedLogReader } from "../../../src/sources/embedded/log-reader.ts";
import type { EmbeddedLogWriter } from "../../../src/sources/embedded/log-writer.ts";
import { LOG_DATABASE_NAME, LOG_FOLDER, LOG_POSITIONS_NAME } from "../../../src/sources/embedded/log-writer.ts";
import { requires } from "../../support/requires.ts";
import type { Random } from "../../support/seed.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { tempDir } from "../../support/tmp.ts";
import { appendOf, never, openReader, openWriter, readAll, START_MS, tappedDatabase, textsOf } from "./log-support.ts";

/** Appends until it is acknowledged, as a client does; returns the number of attempts. */
function appendAgain(writer: EmbeddedLogWriter, texts: readonly string[], nowMs: number): number {
  for (let tries = 1; tries < 5; tries++) {
    try {
      writer.append([appendOf(0, texts)], nowMs);
      return tries;
    } catch (error) {
      assert.ok(error instanceof SwapstatsError, String(error));
    }
  }
  return assert.fail("still failing");
}

/** Returns what can be read from `position` on, and the ranges that are reported as missing or damaged. */
async function readAround(
  reader: EmbeddedLogReader,
): Promise<{ texts: Map<number, string>; lost: [number, number][] }> {
  const { startOffset, endOffset } = await reader.range();
  const texts = new Map<number, string>();
  const lost: [number, number][] = [];
  let position = startOffset;
  while (position < endOffset) {
    try {
      const batch = await reader.read(position, 1, never);
      assert.equal(batch.baseOffset, position);
      for (const [i, text] of textsOf(batch).entries()) texts.set(position + i, text);
      position = batch.nextOffset;
    } catch (error) {
      assert.ok(error instanceof SwapstatsError && error.code === "log_damaged", String(error));
      const next = resumeOrEnd(reader, position, endOffset);
      assert.ok(next > position);
      lost.push([position, next]);
      position = next;
    }
  }
  return { texts, lost };
}

/** Where the table itself is damaged, the end: all of the rest is said to be unreadable. */
function resumeOrEnd(reader: EmbeddedLogReader, position: number, endOffset: number): number {
  try {
    return reader.resumeAfter(position);
  } catch (error) {
    assert.ok(error instanceof SwapstatsError && error.code === "log_damaged", String(error));
    return endOffset;
  }
}

describe("each call to the database in turn", () => {
  type Fault = "fail" | "fail_after" | "lose";
  const ROUNDS = 8;

  async function live(
    folder: string,
    fault: Fault | undefined,
    broken: number,
  ): Promise<{ calls: number; tries: number }> {
    let calls = 0;
    let tries = 0;
    const openDatabase = (path: string): LogDatabase => {
      const real = openLogDatabase(path);
      const tapped = tappedDatabase(real, (name) => {
        if (calls++ !== broken || fault === undefined) return "do";
        if (fault === "lose") return "lose";
        if (fault === "fail_after" && name === "commit") real.commit();
        throw new SwapstatsError("storage_failed", `simulated failure of ${name}`, { retryable: true });
      });
      return tapped;
    };
    const open = (): EmbeddedLogWriter => openWriter(folder, { retentionMs: 300, openDatabase });
    let writer: EmbeddedLogWriter | undefined;
    for (let i = 0; i < ROUNDS; i++) {
      try {
        writer ??= open();
      } catch {
        writer = open();
      }
      tries += appendAgain(writer, [`${i}a`, `${i}b`], START_MS + i * 100) - 1;
      // Two rounds behind, so that what is tested is not removed by retention.
      if (i === 5) writer.release(0, 2);
      if (i === 3) {
        writer.close();
        writer = undefined;
      }
    }
    writer?.close();
    return { calls, tries };
  }

  for (const fault of ["fail", "fail_after", "lose"] as const) {
    test(`${fault}: every acknowledged record is there once, or is reported as missing`, async (t) => {
      const { calls } = await live(join(tempDir(t), "log"), undefined, -1);
      assert.ok(calls > 25, `${calls} calls`);
      for (let broken = 0; broken < calls; broken++) {
        const folder = join(tempDir(t), LOG_FOLDER);
        const { tries } = await live(folder, fault, broken);
        const writer = openWriter(folder);
        const reader = openReader(folder);
        const { texts, lost } = await readAround(reader);
        const { startOffset } = await reader.range();
        const found = [...texts.values()];
        const twice = found.length - new Set(found).size;
        assert.ok(twice <= (fault === "fail" ? 0 : 2 * tries), `call ${broken}: ${found}`);
        const missing = Array.from({ length: ROUNDS * 2 }, (_, i) => `${i >> 1}${"ab"[i & 1]}`).filter(
          (text) => !found.includes(text),
        );
        const lostRecords = lost.reduce((sum, [from, to]) => sum + to - from, 0);
        // A copy that an unknown outcome left behind makes the offsets count more than the records.
        if (tries === 0) assert.equal(missing.length, startOffset + lostRecords, `call ${broken}: ${found}`);
        else assert.ok(missing.length <= startOffset + lostRecords, `call ${broken}: ${found}`);
        if (fault !== "lose") assert.deepEqual(lost, []);
        await reader.close();
        writer.close();
      }
    });
  }
});

function flipBit(path: string, random: Random): void {
  const fd = openSync(path, "r+");
  const at = random.below(statSync(path).size);
  const byte = new Uint8Array(1);
  readSync(fd, byte, 0, 1, at);
  byte[0]! ^= 1 << random.below(8);
  writeSync(fd, byte, 0, 1, at);
  closeSync(fd);
}

function cutEnd(path: string, random: Random): void {
  const fd = openSync(path, "r+");
  ftruncateSync(fd, random.below(statSync(path).size));
  closeSync(fd);
}

/** A data folder as a killed process leaves it: part of the log in the database, part of it in the journal. */
function prepare(dataDir: string): Map<number, string> {
  const folder = join(dataDir, LOG_FOLDER);
  const expected = new Map<number, string>();
  const live = join(dataDir, "live");
  const write = (rounds: number): EmbeddedLogWriter => {
    const writer = openWriter(live);
    for (let i = 0; i < rounds; i++) {
      const texts = [0, 1, 2].map((k) => `${expected.size + k}:${"z".repeat((i * 977) % 9000)}`);
      for (const text of texts) expected.set(expected.size, text);
      writer.append([appendOf(0, texts)], START_MS + i);
    }
    return writer;
  };
  write(12).close();
  const writer = write(12);
  // By another process: closing a file here would drop the locks that SQLite holds on it.
  spawnSync("cp", ["-r", live, folder]);
  writer.close();
  return expected;
}

describe("damage to the files of the log", () => {
  for (const [name, damage] of [
    ["flipped", flipBit],
    ["cut", cutEnd],
  ] as const) {
    test(`${name}: no wrong record is read, every missing one is reported, no offset is used twice`, async (t) => {
      const random = randomFrom(seedOf(t));
      const dir = tempDir(t);
      const expected = prepare(join(dir, "good"));
      const files = readdirSync(join(dir, "good", LOG_FOLDER)).sort();
      assert.deepEqual(files, [
        LOG_DATABASE_NAME,
        `${LOG_DATABASE_NAME}-shm`,
        `${LOG_DATABASE_NAME}-wal`,
        LOG_POSITIONS_NAME,
      ]);
      let refused = 0;
      let noticed = 0;
      for (let round = 0; round < 60; round++) {
        const dataDir = join(dir, `copy${round}`);
        spawnSync("cp", ["-r", join(dir, "good"), dataDir]);
        const file = files[round % files.length]!;
        damage(join(dataDir, LOG_FOLDER, file), random);
        const report = await verifyLog(dataDir).catch((error) => {
          assert.ok(
            error instanceof SwapstatsError && ["log_damaged", "checkpoint_incompatible"].includes(error.code),
            String(error),
          );
          return undefined;
        });
        let writer: EmbeddedLogWriter;
        try {
          writer = openWriter(join(dataDir, LOG_FOLDER));
        } catch (error) {
          assert.ok(error instanceof SwapstatsError, String(error));
          assert.match(
            error.message,
            /Restore the data folder from a backup; or move|Use the version that wrote it|Set it back/,
          );
          assert.notEqual(report?.isSound, true);
          refused++;
          continue;
        }
        let reader: EmbeddedLogReader;
        try {
          reader = openReader(join(dataDir, LOG_FOLDER));
        } catch (error) {
          assert.ok(error instanceof SwapstatsError && error.code === "log_damaged", String(error));
          assert.notEqual(report?.isSound, true);
          refused++;
          writer.close();
          continue;
        }
        const { texts, lost } = await readAround(reader);
        for (const [offset, text] of texts) assert.equal(text, expected.get(offset), `${file} round ${round}`);
        const lostRecords = lost.reduce((sum, [from, to]) => sum + to - from, 0);
        assert.equal(texts.size + lostRecords, expected.size, `${file} round ${round}: ${JSON.stringify(lost)}`);
        if (lost.length > 0) {
          noticed++;
          assert.notEqual(report?.isSound, true, `${file} round ${round}: verify finds nothing`);
        }
        try {
          writer.append([appendOf(0, ["new"])], START_MS + 1000);
          assert.equal(writer.range(0).endOffset, expected.size + 1);
        } catch (error) {
          assert.ok(error instanceof SwapstatsError && error.code === "log_damaged", String(error));
        }
        await reader.close();
        writer.close();
      }
      assert.ok(refused + noticed > 5, `${refused} refused, ${noticed} noticed`);
    });
  }

  test("a log that lost its journal reports the missing acknowledged records, and continues behind them", async (t) => {
    const dir = tempDir(t);
    const expected = prepare(dir);
    writeFileSync(join(dir, LOG_FOLDER, `${LOG_DATABASE_NAME}-wal`), "");
    const folder = join(dir, LOG_FOLDER);
    assert.match(
      (await verifyLog(dir)).lines.join("\n"),
      /DAMAGED {2}the records 36 to 71 were acknowledged and are missing/,
    );
    const writer = openWriter(folder);
    assert.match(writer.problems.join(), /the records 36 to 71 were acknowledged and are missing/);
    writer.append([appendOf(0, ["new"])], START_MS + 1000);
    const reader = openReader(folder);
    assert.equal((await readAll(reader, 0, 1e9).catch(() => [])).length, 0);
    const { texts, lost } = await readAround(reader);
    assert.deepEqual(lost, [[36, 72]]);
    assert.equal(texts.get(72), "new");
    assert.equal(expected.size, 72);
    await reader.close();
    writer.close();
    const again = openWriter(folder);
    assert.deepEqual(again.problems, []);
    again.close();
    assert.match((await verifyLog(dir)).lines.join("\n"), /1 gaps of records that were lost earlier/);
  });
});

requires("log on a full disk", { mount: true }, () => {
  test("a full disk fails with log_full, loses nothing, and ingestion continues when there is room", async (t) => {
    const dir = tempDir(t);
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=6m", "swapstats-full", dir]);
    assert.equal(mounted.status, 0, String(mounted.stderr));
    try {
      const filler = join(dir, "filler");
      writeFileSync(filler, new Uint8Array(2_500_000));
      const folder = join(dir, LOG_FOLDER);
      const writer = openWriter(folder);
      const reader = openReader(folder);
      const texts: string[] = [];
      const fill = (): void => {
        for (;;) {
          const text = `${texts.length}:${"f".repeat(100_000)}`;
          writer.append([appendOf(0, [text])], START_MS);
          texts.push(text);
        }
      };
      assert.throws(
        fill,
        (error) =>
          error instanceof SwapstatsError && error.retryable && ["log_full", "storage_failed"].includes(error.code),
      );
      const before = texts.length;
      assert.ok(before > 5, `${before} batches fit`);
      assert.throws(fill, (error) => error instanceof SwapstatsError && error.retryable);
      reader.notify(writer.range(0).endOffset, false);
      assert.deepEqual(await readAll(reader), texts);
      writeFileSync(filler, "");
      assert.throws(fill, (error) => error instanceof SwapstatsError && error.retryable);
      assert.ok(texts.length > before, "nothing more was written when there was room");
      reader.notify(writer.range(0).endOffset, false);
      assert.deepEqual(await readAll(reader), texts);
      await reader.close();
      writer.close();
      const again = openWriter(folder);
      assert.deepEqual(again.problems, []);
      assert.equal(again.range(0).endOffset, texts.length);
      again.close();
    } finally {
      spawnSync("umount", [dir]);
    }
  });
});
