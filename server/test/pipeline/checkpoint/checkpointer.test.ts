import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeManifest, neededLogOffset, partNames } from "../../../src/pipeline/checkpoint/manifest.ts";
import { SwapstatsError } from "../../../src/shared/errors.ts";
import { START_MS } from "../../sources/embedded/log-support.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import type { Fault } from "./simulated-disk.ts";
import { SimulatedDisk } from "./simulated-disk.ts";
import { filesOf, finishRun, PART_FOLDER, RECORDS, ToyLog, ToyOwner, WHOLE } from "./toy-partition.ts";

test("a new partition has seen everything since the folder was created, and continues at its position after restarts", async () => {
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

test("nothing is written without new records", async () => {
  const disk = new SimulatedDisk();
  const owner = await ToyOwner.start(disk.fs, new ToyLog(RECORDS));
  owner.apply(10);
  await owner.writeBase();
  const { calls } = disk;
  await owner.checkpointer.write();
  assert.equal(disk.calls, calls);
});

test("deltas are written while a base image is written, and unused parts are removed", async () => {
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
  const names = filesOf(disk, /\.part$/).map((path) => path.slice(PART_FOLDER.length + 1, -".part".length));
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

test("a checkpoint that is due within a batch is taken at the end of the batch", async () => {
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

test("the next owner removes parts that no manifest names", async () => {
  const later = `base-${START_MS + 50}-0-0.part`;
  const names = ["base-1-7-0.part", later];
  const disk = new SimulatedDisk(new Map(names.map((name) => [`${PART_FOLDER}/${name}`, new Uint8Array(5)])));
  const owner = await ToyOwner.start(disk.fs, new ToyLog(RECORDS));
  owner.apply(10);
  await owner.writeBase();
  assert.deepEqual(filesOf(disk, /base-1-/), []);
  assert.equal(filesOf(disk, new RegExp(later)).length, 1, "a part of a later owner is kept");
  assert.equal(filesOf(disk, /base-\d+/).length, 2);
});

/** Asserts that the disk holds the parts that either manifest needs, and the log from the offset where it may have to continue. */
function checkNeeds(disk: SimulatedDisk, log: ToyLog): void {
  const files = disk.files();
  for (const path of filesOf(disk, /manifest-\d+$/).slice(-2)) {
    const decoded = decodeManifest(files.get(path)!, 0);
    if (decoded.kind !== "good") continue;
    for (const name of partNames(decoded.manifest))
      assert.ok(files.has(`${PART_FOLDER}/${name}.part`), `${path}: ${name}`);
    assert.ok(log.startOffset <= (neededLogOffset(decoded.manifest) ?? 0), `${path}: log from ${log.startOffset}`);
  }
}

test("a written checkpoint and the previous manifest survive a loss of power", async (t) => {
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

describe("a fault at each call to the disk", () => {
  /** A run with deltas, bases during deltas, and a restart in the middle. Returns normally whatever the disk does. */
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

  test("the process is killed at any call, repeatedly", async (t) => {
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

test("checkpoints pause while the store fails, the state goes on, and checkpoints resume with the store", async () => {
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
