import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeManifest, encodeManifest } from "../../../src/pipeline/checkpoint/manifest.ts";
import { START_MS } from "../../sources/embedded/log-support.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { SimulatedDisk } from "./simulated-disk.ts";
import { filesOf, finishRun, PART_FOLDER, RECORDS, ToyLog, ToyOwner, WHOLE } from "./toy-partition.ts";

describe("damage", () => {
  async function prepare(): Promise<{ files: Map<string, Uint8Array>; startOffset: number }> {
    const disk = new SimulatedDisk();
    const log = new ToyLog(RECORDS);
    const owner = await ToyOwner.start(disk.fs, log);
    for (let i = 0; i < 3; i++) {
      owner.apply(30);
      await owner.checkpointer.write();
      owner.apply(30);
      await owner.writeBase();
      owner.apply(30);
      await owner.checkpointer.write();
    }
    return { files: disk.files(), startOffset: log.startOffset };
  }

  test("any single file that is changed, cut, emptied or missing is reported, and nothing is lost", async (t) => {
    const random = randomFrom(seedOf(t));
    const { files, startOffset } = await prepare();
    assert.ok(startOffset > 0 && files.size > 6);
    const current = filesOf(new SimulatedDisk(files), /manifest-/).at(-1)!;
    const decoded = decodeManifest(files.get(current)!, 0);
    assert.ok(decoded.kind === "good");
    const [newest] = decoded.manifest.bases;
    const used = new Set(
      [...newest!.parts, ...decoded.manifest.deltas.filter((delta) => delta.from >= newest!.offset)].map(
        (part) => `${PART_FOLDER}/${part.name}.part`,
      ),
    );
    used.add(current);
    for (const path of files.keys()) {
      for (const damage of ["flip", "cut", "empty", "missing"]) {
        const copy = new Map(files);
        const bytes = new Uint8Array(copy.get(path)!);
        if (damage === "flip") bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
        if (damage === "missing") copy.delete(path);
        else
          copy.set(
            path,
            damage === "cut"
              ? bytes.subarray(0, random.below(bytes.length))
              : damage === "empty"
                ? bytes.subarray(0, 0)
                : bytes,
          );
        const log = new ToyLog(RECORDS);
        log.startOffset = startOffset;
        const disk = new SimulatedDisk(copy);
        const owner = await finishRun(disk, log);
        assert.equal(owner.engine.state, WHOLE, `${damage} ${path}: ${owner.restored.problems}`);
        // Without the current manifest the previous one is the current one, which is as good.
        const isNoticed = used.has(path) && !(path === current && damage === "missing");
        assert.equal(owner.restored.problems.length > 0, isNoticed, `${damage} ${path}: ${owner.restored.problems}`);
        await owner.checkpointer.finish();
        const next = await finishRun(disk.afterKill(), log);
        assert.equal(next.engine.state, WHOLE);
        assert.deepEqual(next.restored.problems, []);
      }
    }
  });

  test("any single unreadable part is reported and nothing is lost, and without a readable image the start is refused", async () => {
    const { files, startOffset } = await prepare();
    const parts = [...files.keys()].filter((path) => path.endsWith(".part"));
    const start = (unreadable: readonly string[]): Promise<ToyOwner> => {
      const disk = new SimulatedDisk(new Map(files));
      for (const path of unreadable) disk.unreadable.add(path);
      const log = new ToyLog(RECORDS);
      log.startOffset = startOffset;
      return finishRun(disk, log);
    };
    let reported = 0;
    for (const path of parts) {
      const owner = await start([path]);
      assert.equal(owner.engine.state, WHOLE, path);
      reported += owner.restored.problems.filter((problem) => /cannot be read: .*EIO/.test(problem)).length;
    }
    assert.ok(reported >= 2, "an image and a redo were needed and unreadable");
    // Nothing says that they are damaged. The disk may work again, so the state is not rebuilt from what the log still holds.
    await assert.rejects(start(parts), { code: "storage_failed", message: /EIO/ });
    const [older, current] = [...files.keys()].filter((path) => path.includes("manifest-")).sort();
    const owner = await start([current!]);
    assert.equal(owner.engine.state, WHOLE);
    assert.match(owner.restored.problems.join(), /The manifest .* cannot be read: .*EIO/);
    await assert.rejects(start([older!, current!]), { code: "storage_failed", message: /EIO/ });
  });

  test("with both manifests damaged the state is rebuilt from the log, and this is reported", async () => {
    const { files, startOffset } = await prepare();
    for (const path of files.keys())
      if (path.includes("manifest-")) files.set(path, new TextEncoder().encode("nonsense"));
    const log = new ToyLog(RECORDS);
    log.startOffset = startOffset;
    const owner = await finishRun(new SimulatedDisk(files), log);
    assert.equal(owner.engine.state, RECORDS.slice(startOffset).join(""));
    assert.equal(owner.engine.seenSince, undefined);
    assert.match(
      owner.restored.problems.join("\n"),
      /The manifest.*damaged.*\n.*previous manifest.*damaged.*\n.*rebuilt/,
    );
    const whole = await finishRun(new SimulatedDisk(files), new ToyLog(RECORDS));
    assert.equal(whole.engine.state, WHOLE);
    assert.equal(whole.engine.seenSince, 77);
  });

  test("a manifest of a newer format is refused and left alone", async () => {
    const disk = new SimulatedDisk();
    const owner = await ToyOwner.start(disk.fs, new ToyLog(RECORDS));
    await owner.writeBase();
    const [path] = filesOf(disk, /manifest-/).slice(-1);
    const decoded = decodeManifest(disk.files().get(path!)!, 0);
    assert.ok(decoded.kind === "good");
    const files = disk.files();
    files.set(path!, encodeManifest({ ...decoded.manifest, format: 99 }));
    const newer = new SimulatedDisk(files);
    await assert.rejects(ToyOwner.start(newer.fs, new ToyLog(RECORDS)), {
      code: "checkpoint_incompatible",
      message: /format 99/,
    });
    assert.deepEqual(newer.files(), files);
  });
});

test("with another configuration the state is rebuilt if the log holds everything, and otherwise the start is refused", async () => {
  const disk = new SimulatedDisk();
  const log = new ToyLog(RECORDS);
  const owner = await ToyOwner.start(disk.fs, log);
  owner.apply(20);
  await owner.checkpointer.finish();
  const other = await ToyOwner.start(disk.fs, log, START_MS + 1, "toy=2");
  assert.equal(other.restored.nextOffset, 0);
  assert.match(other.restored.problems.join(), /was made with toy=1 \(now toy=2\).*still holds all/);
  log.startOffset = 10;
  await assert.rejects(ToyOwner.start(disk.fs, log, START_MS + 2, "toy=2"), {
    code: "checkpoint_incompatible",
    message: /was made with toy=1 \(now toy=2\)\. Set that back; or empty the store of checkpoints/,
  });
  const back = await ToyOwner.start(disk.fs, log, START_MS + 3);
  back.apply(400);
  assert.equal(back.engine.state, WHOLE);
});

test("a gap is part of the chain of deltas", async () => {
  const disk = new SimulatedDisk();
  const log = new ToyLog(RECORDS);
  let owner = await ToyOwner.start(disk.fs, log);
  owner.apply(10);
  await owner.writeBase();
  owner.apply(10);
  owner.skipTo(30);
  owner.apply(10);
  await owner.checkpointer.write();
  const expected = `${RECORDS.slice(0, 20).join("")}|${RECORDS.slice(30, 40).join("")}`;
  owner = await ToyOwner.start(disk.fs, log, START_MS + 1);
  assert.equal(owner.engine.state, expected);
  assert.equal(owner.position, 40);
  owner.skipTo(50);
  await owner.writeBase();
  owner.apply(1);
  await owner.checkpointer.write();
  owner = await ToyOwner.start(disk.fs, log, START_MS + 2);
  assert.equal(owner.position, 51);
  assert.match(owner.engine.state, /\|+y$/);
});

test("a log that lost its end or its beginning is reported as a gap", async () => {
  const disk = new SimulatedDisk();
  const log = new ToyLog(RECORDS);
  const owner = await ToyOwner.start(disk.fs, log);
  owner.apply(100);
  await owner.writeBase();
  const files = disk.files();
  const short = new ToyLog(RECORDS);
  short.endOffset = 60;
  const cut = await ToyOwner.start(new SimulatedDisk(files).fs, short, START_MS + 1);
  assert.equal(cut.restored.nextOffset, 100);
  assert.equal(short.endOffset, 100);
  assert.match(cut.restored.problems.join(), /ends at offset 60, before the checkpoint's position 100/);
  assert.equal(cut.engine.state, `${RECORDS.slice(0, 100).join("")}|`);
  const late = new ToyLog(RECORDS);
  late.startOffset = 150;
  const missing = await ToyOwner.start(new SimulatedDisk(files).fs, late, START_MS + 1);
  assert.equal(missing.restored.nextOffset, 150);
  assert.match(missing.restored.problems.join(), /begins at offset 150; the records from 100/);
});
