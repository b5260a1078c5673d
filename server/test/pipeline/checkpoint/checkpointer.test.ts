import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeManifest, neededLogOffset, partNames } from "../../../src/pipeline/checkpoint/manifest.ts";
import { SwapstatsError } from "../../../src/shared/errors.ts";
import { START_MS } from "../../sources/embedded/log-support.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import type { Fault } from "./simulated-disk.ts";
import { SimulatedDisk } from "./simulated-disk.ts";
import { ToyLog, ToyOwner } from "./toy-partition.ts";

const RECORDS = Array.from({ length: 400 }, (_, i) => String.fromCharCode(0x61 + (i % 26)));
const WHOLE = RECORDS.join("");
const FOLDER = "/data/checkpoints/p0";

function filesOf(disk: SimulatedDisk, pattern: RegExp): string[] {
  return [...disk.files().keys()].filter((path) => pattern.test(path)).sort();
}

async function finishRun(disk: SimulatedDisk, log: ToyLog): Promise<ToyOwner> {
  const owner = await ToyOwner.start(disk.fs, log, START_MS + 100_000);
  owner.apply(RECORDS.length);
  return owner;
}

test("a fresh partition has seen everything since the folder was made; after restarts it goes on where it was", async () => {
  const disk = new SimulatedDisk();
  const log = new ToyLog(RECORDS);
  let owner = await ToyOwner.start(disk.fs, log);
  assert.deepEqual(owner.restored.problems, []);
  assert.equal(owner.engine.seenSince, 77);
  owner.apply(50);
  await owner.checkpointer.write();
  await owner.checkpointer.baseDone();
  await owner.checkpointer.write();
  assert.equal(owner.checkpointer.status?.offset, 50);
  owner.apply(30);
  await owner.checkpointer.finish();
  assert.equal(owner.checkpointer.status?.offset, 80);
  const { epoch } = owner.restored;
  owner = await ToyOwner.start(disk.fs, log, START_MS - 5000);
  assert.equal(owner.restored.nextOffset, 80);
  assert.equal(owner.restored.epoch, epoch + 1);
  assert.equal(owner.restored.asOfMs, START_MS);
  assert.equal(owner.engine.seenSince, 77);
  owner.apply(400);
  assert.equal(owner.engine.state, WHOLE);
});

test("nothing new, nothing written", async () => {
  const disk = new SimulatedDisk();
  const owner = await ToyOwner.start(disk.fs, new ToyLog(RECORDS));
  owner.apply(10);
  await owner.writeBase();
  const { calls } = disk;
  await owner.checkpointer.write();
  assert.equal(disk.calls, calls);
});

test("deltas go on beside a base image that is being written, and garbage is removed", async () => {
  const disk = new SimulatedDisk();
  const log = new ToyLog(RECORDS);
  const owner = await ToyOwner.start(disk.fs, log);
  for (let i = 0; i < 8; i++) {
    owner.apply(20);
    owner.nowMs += 10_000;
    owner.checkpointer.setLogPressure(true);
    await owner.checkpointer.write();
    owner.apply(10);
    await owner.checkpointer.write();
    await owner.checkpointer.baseDone();
    owner.apply(10);
    await owner.checkpointer.write();
    await owner.checkpointer.write();
  }
  assert.equal(owner.engine.state, RECORDS.slice(0, 320).join(""));
  const manifests = filesOf(disk, /manifest-\d+$/);
  assert.equal(manifests.length, 2);
  const current = decodeManifest(disk.files().get(manifests[1]!)!, 0);
  assert.ok(current.kind === "good");
  assert.equal(current.manifest.nextOffset, 320);
  assert.deepEqual(
    current.manifest.bases.map((base) => base.offset),
    [300, 260],
  );
  assert.ok(filesOf(disk, /\.part$/).length < 40);
  assert.equal(log.startOffset, 300);
  const names = filesOf(disk, /\.part$/).map((path) => path.slice(FOLDER.length + 1, -".part".length));
  const needed = new Set(
    [...current.manifest.bases.flatMap((base) => base.parts), ...current.manifest.deltas].map((part) => part.name),
  );
  assert.deepEqual(
    names.filter((name) => !needed.has(name)),
    [],
  );
  const next = await finishRun(disk.afterKill(), log);
  assert.equal(next.engine.state, WHOLE);
});

test("a checkpoint that is due within a batch is taken at its end", async () => {
  const disk = new SimulatedDisk();
  const log = new ToyLog(RECORDS);
  const owner = await ToyOwner.start(disk.fs, log);
  for (let i = 0; i < 5; i++) {
    owner.nowMs += 10_000;
    owner.checkpointer.setLogPressure(true);
    let written: Promise<void> | undefined;
    owner.applyInTwo(() => {
      written = owner.checkpointer.write();
    });
    await written;
    await owner.checkpointer.baseDone();
    await owner.checkpointer.write();
  }
  assert.equal(owner.checkpointer.status?.offset, 10);
  const next = await finishRun(disk.afterKill(), log);
  assert.equal(next.engine.state, WHOLE);
});

test("an owner that failed within a batch writes nothing of it", async () => {
  const disk = new SimulatedDisk();
  const log = new ToyLog(RECORDS);
  const owner = await ToyOwner.start(disk.fs, log);
  owner.apply(10);
  await owner.writeBase();
  owner.engine.apply("x");
  const writing = owner.checkpointer.write();
  await owner.checkpointer.finish();
  await assert.rejects(writing, { code: "unavailable" });
  const next = await finishRun(disk.afterKill(), log);
  assert.equal(next.restored.nextOffset, 10);
  assert.equal(next.engine.state, WHOLE);
});

test("parts that no manifest names are collected by the next owner", async () => {
  const later = `base-${START_MS + 50}-0-0.part`;
  const names = ["base-1-7-0.part", later];
  const disk = new SimulatedDisk(new Map(names.map((name) => [`${FOLDER}/${name}`, new Uint8Array(5)])));
  const owner = await ToyOwner.start(disk.fs, new ToyLog(RECORDS));
  owner.apply(10);
  await owner.writeBase();
  assert.deepEqual(filesOf(disk, /base-1-/), []);
  assert.equal(filesOf(disk, new RegExp(later)).length, 1, "a part of a later owner is not this one's to remove");
  assert.equal(filesOf(disk, /base-\d+/).length, 2);
});

/** What either manifest on the disk needs is there: its parts, and the log from where it could have to go on. */
function checkNeeds(disk: SimulatedDisk, log: ToyLog): void {
  const files = disk.files();
  for (const path of filesOf(disk, /manifest-\d+$/).slice(-2)) {
    const decoded = decodeManifest(files.get(path)!, 0);
    if (decoded.kind !== "good") continue;
    for (const name of partNames(decoded.manifest)) assert.ok(files.has(`${FOLDER}/${name}.part`), `${path}: ${name}`);
    assert.ok(log.startOffset <= (neededLogOffset(decoded.manifest) ?? 0), `${path}: log from ${log.startOffset}`);
  }
}

test("what was written is there when the power goes, sound, and the manifest before it too", async (t) => {
  const random = randomFrom(seedOf(t));
  for (let round = 0; round < 30; round++) {
    const disk = new SimulatedDisk();
    const log = new ToyLog(RECORDS);
    const owner = await ToyOwner.start(disk.fs, log);
    for (let i = 0; i < 1 + random.below(8); i++) {
      owner.apply(1 + random.below(20));
      if (random.chance(0.4)) await owner.writeBase();
      else await owner.checkpointer.write();
      checkNeeds(disk, log);
      if (owner.checkpointer.status === undefined) await owner.checkpointer.baseDone();
      await owner.checkpointer.write();
      checkNeeds(disk, log);
    }
    const { offset } = owner.checkpointer.status!;
    const next = await ToyOwner.start(disk.afterPowerLoss(random).fs, log, START_MS + 100_000);
    assert.deepEqual(next.restored.problems, []);
    assert.equal(next.restored.nextOffset, offset);
  }
});

describe("each call to the disk in turn", () => {
  /** A life with deltas, bases beside deltas, and a restart in the middle; returns normally whatever the disk does. */
  async function live(disk: SimulatedDisk, log: ToyLog): Promise<void> {
    for (const start of [0, 1]) {
      const owner = await ToyOwner.start(disk.fs, log, START_MS + start * 50_000).catch(() => undefined);
      if (owner === undefined) continue;
      for (let i = 0; i < 2; i++) {
        owner.apply(15);
        await owner.checkpointer.write().catch(() => {});
        owner.apply(15);
        await owner.writeBase().catch(() => {});
        await owner.checkpointer.baseDone();
        owner.apply(15);
        await owner.checkpointer.write().catch(() => {});
      }
      if (start === 0) await owner.checkpointer.finish().catch(() => {});
      assert.equal(owner.fenced, undefined);
    }
  }

  for (const fault of ["fail", "fail_after", "lose", "late"] as const satisfies Fault[]) {
    test(`${fault}: nothing is lost and nothing counts twice`, async (t) => {
      const random = randomFrom(seedOf(t));
      const untouched = new SimulatedDisk();
      await live(untouched, new ToyLog(RECORDS));
      assert.ok(untouched.calls > 80, `${untouched.calls} calls`);
      for (let broken = 0; broken < untouched.calls; broken++) {
        const disk = new SimulatedDisk();
        const log = new ToyLog(RECORDS);
        let what = "";
        disk.fate = (call, name) => {
          if (call !== broken) return undefined;
          what = name;
          return fault;
        };
        await live(disk, log);
        const after = random.chance(0.5) ? disk.afterKill() : disk.afterPowerLoss(random);
        const owner = await finishRun(after, log);
        assert.equal(owner.engine.state, WHOLE, `call ${broken}: ${what}`);
      }
    });
  }

  test("the process dies at any call, again and again", async (t) => {
    const random = randomFrom(seedOf(t));
    for (let round = 0; round < 40; round++) {
      let disk = new SimulatedDisk();
      const log = new ToyLog(RECORDS);
      for (let life = 0; life < 6; life++) {
        const death = random.below(80);
        const dying = disk;
        disk.fate = (call) => {
          if (call >= death) dying.isDead = true;
          return undefined;
        };
        await live(disk, log);
        disk = random.chance(0.5) ? disk.afterKill() : disk.afterPowerLoss(random);
        checkNeeds(disk, log);
      }
      const owner = await finishRun(disk, log);
      assert.equal(owner.engine.state, WHOLE, `round ${round}`);
      assert.deepEqual(owner.restored.problems, []);
    }
  });
});

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

  test("any one file flipped, cut, emptied or missing is found, said, and costs nothing", async (t) => {
    const random = randomFrom(seedOf(t));
    const { files, startOffset } = await prepare();
    assert.ok(startOffset > 0 && files.size > 6);
    const current = filesOf(new SimulatedDisk(files), /manifest-/).at(-1)!;
    const decoded = decodeManifest(files.get(current)!, 0);
    assert.ok(decoded.kind === "good");
    const [newest] = decoded.manifest.bases;
    const used = new Set(
      [...newest!.parts, ...decoded.manifest.deltas.filter((delta) => delta.from >= newest!.offset)].map(
        (part) => `${FOLDER}/${part.name}.part`,
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
        // A missing current manifest leaves the one before it as the current one, which is as good.
        const isNoticed = used.has(path) && !(path === current && damage === "missing");
        assert.equal(owner.restored.problems.length > 0, isNoticed, `${damage} ${path}: ${owner.restored.problems}`);
        await owner.checkpointer.finish();
        const next = await finishRun(disk.afterKill(), log);
        assert.equal(next.engine.state, WHOLE);
        assert.deepEqual(next.restored.problems, []);
      }
    }
  });

  test("any one part that cannot be read is said and costs nothing; with no readable image the start is refused", async () => {
    const { files, startOffset } = await prepare();
    const parts = [...files.keys()].filter((path) => path.endsWith(".part"));
    const start = (unreadable: readonly string[]): Promise<ToyOwner> => {
      const disk = new SimulatedDisk(new Map(files));
      for (const path of unreadable) disk.unreadable.add(path);
      const log = new ToyLog(RECORDS);
      log.startOffset = startOffset;
      return finishRun(disk, log);
    };
    let told = 0;
    for (const path of parts) {
      const owner = await start([path]);
      assert.equal(owner.engine.state, WHOLE, path);
      told += owner.restored.problems.filter((problem) => /cannot be read: .*EIO/.test(problem)).length;
    }
    assert.ok(told >= 2, "an image and a redo were needed and unreadable");
    // Nothing says that they are damaged: the disk may work again, so the state is not given up for what the log still holds.
    await assert.rejects(start(parts), { code: "storage_failed", message: /EIO/ });
    const [older, current] = [...files.keys()].filter((path) => path.includes("manifest-")).sort();
    const owner = await start([current!]);
    assert.equal(owner.engine.state, WHOLE);
    assert.match(owner.restored.problems.join(), /The manifest .* cannot be read: .*EIO/);
    await assert.rejects(start([older!, current!]), { code: "storage_failed", message: /EIO/ });
  });

  test("both manifests damaged: the state is computed anew from what the log has, and says so", async () => {
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
      /The manifest.*damaged.*\n.*previous manifest.*damaged.*\n.*computed anew/,
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
    const { encodeManifest } = await import("../../../src/pipeline/checkpoint/manifest.ts");
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

test("another configuration: computed anew while the log has everything, else refused with what to do", async () => {
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

test("gaps are part of the chain", async () => {
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

test("a log that lost its end, or its beginning, is a gap that is said", async () => {
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

test("checkpoints pause while the store fails, and the state goes on; when it is back they go on too", async () => {
  const disk = new SimulatedDisk();
  const log = new ToyLog(RECORDS);
  const owner = await ToyOwner.start(disk.fs, log);
  owner.apply(10);
  await owner.writeBase();
  disk.fate = () => "fail";
  for (let i = 0; i < 5; i++) {
    owner.apply(10);
    await assert.rejects(owner.checkpointer.write(), (error) => error instanceof SwapstatsError && error.retryable);
  }
  assert.match(owner.checkpointer.problem ?? "", /not being written: .*simulated failure/);
  assert.equal(owner.checkpointer.status?.offset, 10);
  disk.fate = () => undefined;
  await owner.checkpointer.write();
  assert.equal(owner.checkpointer.problem, undefined);
  assert.equal(owner.checkpointer.status?.offset, 60);
});
