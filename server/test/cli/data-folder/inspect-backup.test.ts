import assert from "node:assert/strict";
import { cpSync, existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { backupDataFolder } from "../../../src/cli/data-folder/backup.ts";
import { inspectCheckpoints } from "../../../src/cli/data-folder/inspect-folder.ts";
import { inspectStore } from "../../../src/cli/data-folder/inspect-store.ts";
import { verifyLog } from "../../../src/cli/data-folder/verify-log.ts";
import { LOG_FOLDER } from "../../../src/sources/embedded/log-writer.ts";
import { DeadLetterStore } from "../../../src/stores/dead-letter-store.ts";
import { EmbeddedCheckpointStore, partitionFolder } from "../../../src/stores/embedded-checkpoint-store.ts";
import { realFileSystem } from "../../../src/stores/file-system.ts";
import { lockFolder } from "../../../src/stores/folder-lock.ts";
import { ToyLog, ToyOwner } from "../../pipeline/checkpoint/toy-partition.ts";
import { appendOf, never, openReader, openWriter, readAll, START_MS } from "../../sources/embedded/log-support.ts";
import { tempDir } from "../../support/tmp.ts";

const RECORDS = Array.from({ length: 300 }, (_, i) => String.fromCharCode(0x61 + (i % 26)));

/** Writes checkpoints of the toy partition's first `count` records into a data folder on the real disk. */
async function writeCheckpoints(dataDir: string, count: number, log = new ToyLog(RECORDS)): Promise<ToyOwner> {
  const owner = await ToyOwner.start(realFileSystem, log, START_MS, "toy=1", dataDir);
  owner.apply(count / 2);
  await owner.writeBase();
  owner.apply(count / 4);
  await owner.writeBase();
  owner.apply(count / 4);
  await owner.checkpointer.write();
  return owner;
}

test("an undamaged folder is described, and each kind of damage is found", async (t) => {
  const dataDir = join(tempDir(t), "data");
  await assert.rejects(inspectCheckpoints(dataDir), { code: "not_found" });
  const writer = openWriter(join(dataDir, LOG_FOLDER), { partitions: 2 });
  assert.deepEqual((await inspectCheckpoints(dataDir)).partitions, []);
  for (let i = 0; i < 200; i++) writer.append([appendOf(i % 2, [`${i}`, "more"])], START_MS + i);
  await writeCheckpoints(dataDir, 100);
  const checkpoints = await inspectCheckpoints(dataDir);
  assert.equal(checkpoints.isSound, true, checkpoints.lines.join("\n"));
  assert.equal(checkpoints.partitions[0]!.manifest!.nextOffset, 100);
  assert.match(
    checkpoints.lines.join("\n"),
    /^partition 0: next offset 100, written .*\n.*\n {2}base image {2}offset 75, 1 parts, .*\n {2}base image {2}offset 50.*\n {2}sound$/,
  );
  const log = await verifyLog(dataDir);
  assert.equal(log.isSound, true, log.lines.join("\n"));
  assert.equal(log.createdMs, START_MS);
  assert.deepEqual(
    log.partitions.map(({ startOffset, endOffset, records, batches }) => [startOffset, endOffset, records, batches]),
    [
      [0, 200, 200, 100],
      [0, 200, 200, 100],
    ],
  );
  writer.close();

  const folder = partitionFolder(dataDir, 0);
  const part = readdirSync(folder)
    .filter((name) => name.startsWith("base-"))
    .sort()
    .at(-1)!;
  const bad = join(tempDir(t), "bad");
  for (const [damage, finding] of [
    [() => writeFileSync(join(partitionFolder(bad, 0), part), "x"), /DAMAGED .*base-.*: 1 bytes, should have 75/],
    [() => rmSync(join(partitionFolder(bad, 0), part)), /DAMAGED .*base-.*: missing/],
    [
      () =>
        writeFileSync(
          join(
            partitionFolder(bad, 0),
            readdirSync(folder)
              .filter((name) => name.startsWith("manifest-"))
              .sort()
              .at(-1)!,
          ),
          "x",
        ),
      /DAMAGED .*manifest-.*does not begin/,
    ],
  ] as const) {
    rmSync(bad, { recursive: true, force: true });
    cpSync(dataDir, bad, { recursive: true });
    damage();
    const report = await inspectCheckpoints(bad);
    assert.equal(report.isSound, false);
    assert.match(report.lines.join("\n"), finding);
  }
});

test("a store is described as a folder is, and each kind of damage in it is found", async (t) => {
  const dataDir = join(tempDir(t), "data");
  const owner = await writeCheckpoints(dataDir, 100);
  const store = new EmbeddedCheckpointStore(dataDir, realFileSystem);
  const sound = await inspectStore(store, 3, "here");
  assert.equal(sound.isSound, true, sound.lines.join("\n"));
  assert.equal(sound.partitions.length, 1);
  assert.match(sound.lines.join("\n"), /^partition 0: next offset 100, written .*\n(.*\n)+ {2}sound$/);
  const { manifest } = sound.partitions[0]!;
  const [part] = manifest!.bases[0]!.parts;
  await store.putPart(0, "base-9-9", Uint8Array.of(1));
  await store.putPart(0, part!.name, Uint8Array.of(1));
  const damaged = await inspectStore(store, 1, "here");
  assert.deepEqual(damaged.partitions[0]!.findings, [`${part!.name}: 1 bytes, should have ${part!.bytes}`]);
  assert.match(damaged.lines.join("\n"), /\n {2}1 parts that no manifest names/);
  await store.deletePart(0, part!.name);
  assert.deepEqual((await inspectStore(store, 1, "here")).partitions[0]!.findings, [`${part!.name}: missing`]);
  const { version } = (await store.readManifest(0))!;
  await store.swapManifest(0, Uint8Array.of(1), version);
  const unreadable = await inspectStore(store, 1, "here");
  assert.match(unreadable.partitions[0]!.findings.join(), /^the manifest: it does not begin as a manifest does/);
  owner.checkpointer.abandon();
  assert.match(
    (await inspectStore(new EmbeddedCheckpointStore(join(dataDir, "x"), realFileSystem), 2, "x")).lines[0]!,
    /^No checkpoint in x/,
  );
});

test("a backup has the records of the log that its checkpoint names by their offsets", async (t) => {
  // The newest image is at 75, and the redo behind it names 75 to 99.
  for (const [startOffset, isWhole] of [
    [75, true],
    [76, false],
  ] as const) {
    const dir = tempDir(t);
    const dataDir = join(dir, "data");
    const writer = openWriter(join(dataDir, LOG_FOLDER));
    writer.raiseEnd(0, startOffset, START_MS);
    for (const record of RECORDS.slice(startOffset, 150)) writer.append([appendOf(0, [record])], START_MS);
    writer.close();
    (await writeCheckpoints(dataDir, 100, new ToyLog(RECORDS, true, true))).checkpointer.abandon();
    assert.match(
      (await inspectCheckpoints(dataDir)).lines.join("\n"),
      /in the log {2}25 bytes .* from offset 50 on, which a restore reads if the newest image is damaged\n {2}in the log {2}25 bytes .* from offset 75 on, which a restore reads\n/,
    );
    const copying = backupDataFolder(dataDir, join(dir, "copy"));
    if (isWhole) assert.equal((await copying).partitions[0]!.startOffset, 75);
    else await assert.rejects(copying, { code: "storage_failed", message: /is removed faster than it can be copied/ });
  }
});

test("a backup of a live folder holds everything and starts like the original", async (t) => {
  const dir = tempDir(t);
  const dataDir = join(dir, "data");
  const writer = openWriter(join(dataDir, LOG_FOLDER));
  for (const record of RECORDS.slice(0, 150)) writer.append([appendOf(0, [record])], START_MS);
  const owner = await writeCheckpoints(dataDir, 100);
  const letters = new DeadLetterStore(dataDir, () => START_MS);
  letters.put([{ code: "x", message: "m", partition: 0, offset: 3, arrival: START_MS, raw: Uint8Array.of(65) }]);
  // While the copy is made, checkpoints are written and removed, and records appended.
  const target = join(dir, "copy");
  const copying = backupDataFolder(dataDir, target);
  for (let i = 0; i < 10; i++) {
    writer.append([appendOf(0, [RECORDS[150 + i]!])], START_MS);
    owner.apply(5);
    await owner.writeBase();
  }
  const report = await copying;
  const [partition] = report.partitions;
  assert.ok(partition!.nextOffset >= 100 && partition!.nextOffset <= partition!.endOffset, report.lines.join());
  assert.deepEqual(readdirSync(target).sort(), ["checkpoints", "dead-letters.sqlite", "log"]);

  const restored = openWriter(join(target, LOG_FOLDER));
  assert.deepEqual(restored.problems, []);
  assert.equal(restored.createdMs, START_MS);
  const reader = openReader(join(target, LOG_FOLDER));
  const records = await readAll(reader);
  assert.equal(records.join(""), RECORDS.slice(0, records.length).join(""));
  const again = await ToyOwner.start(realFileSystem, new ToyLog(records), START_MS, "toy=1", target);
  assert.deepEqual(again.restored.problems, []);
  again.apply(records.length);
  assert.equal(again.engine.state, records.join(""));
  const copiedLetters = new DeadLetterStore(target, () => START_MS);
  assert.equal(copiedLetters.newest(5).length, 1);
  copiedLetters.close();
  letters.close();
  await reader.close();
  restored.close();
  writer.close();
});

test("a backup of a running service notes that later swaps are missing, and a backup of a stopped one does not", async (t) => {
  const dir = tempDir(t);
  const dataDir = join(dir, "data");
  const writer = openWriter(join(dataDir, LOG_FOLDER), { partitions: 2 });
  writer.append([appendOf(0, ["a", "b"])], START_MS);
  const lock = lockFolder(dataDir, START_MS, assert.fail);
  assert.equal((await backupDataFolder(dataDir, join(dir, "running"))).isMarked, true);
  lock.release();
  assert.equal((await backupDataFolder(dataDir, join(dir, "stopped"))).isMarked, false);
  writer.close();
  for (const [name, ends] of [
    ["running", [3, 1]],
    ["stopped", [2, 0]],
  ] as const) {
    const copy = openWriter(join(dir, name, LOG_FOLDER), { partitions: 2 });
    assert.deepEqual([copy.range(0).endOffset, copy.range(1).endOffset], ends);
    copy.append([appendOf(0, ["c"])], START_MS);
    const reader = openReader(join(dir, name, LOG_FOLDER));
    assert.deepEqual(await readAll(reader, ends[0]), ["c"]);
    if (name === "running") {
      await assert.rejects(reader.read(2, 100, never), /the records 2 to 2 are missing: the folder is a backup of /);
      assert.equal(reader.resumeAfter(2), 3);
    }
    await reader.close();
    copy.close();
  }
});

test("a backup refuses targets that it must not change", async (t) => {
  const dir = tempDir(t);
  await assert.rejects(backupDataFolder(dir, join(dir, "copy")), { code: "not_found" });
  const dataDir = join(dir, "data");
  openWriter(join(dataDir, LOG_FOLDER)).close();
  writeFileSync(join(dir, "file"), "");
  await assert.rejects(backupDataFolder(dataDir, dir), { code: "usage" });
  await backupDataFolder(dataDir, join(dir, "copy"));
  assert.ok(existsSync(join(dir, "copy", LOG_FOLDER)));
});
