import assert from "node:assert/strict";
import { test } from "node:test";
import { CHECKPOINTER_STEPS } from "../../../src/pipeline/checkpoint/checkpointer.ts";
import { SwapstatsError } from "../../../src/shared/errors.ts";
import { START_MS } from "../../sources/embedded/log-support.ts";
import { StepsTaken } from "../../support/steps-taken.ts";
import { SimulatedDisk } from "./simulated-disk.ts";
import { RECORDS, ToyLog, ToyOwner, WHOLE } from "./toy-partition.ts";

const steps = new StepsTaken();

test("an owner that was paused never overwrites a newer one", async () => {
  const disk = new SimulatedDisk();
  const log = new ToyLog(RECORDS);
  const zombie = await ToyOwner.start(disk.fs, log);
  zombie.apply(30);
  await zombie.writeBase();
  const newer = await ToyOwner.start(disk.fs, log, START_MS + 1);
  newer.apply(100);
  await newer.checkpointer.write();
  zombie.apply(5);
  await assert.rejects(zombie.checkpointer.write(), { code: "checkpoint_conflict" });
  assert.equal(zombie.fenced?.code, "checkpoint_conflict");
  await zombie.checkpointer.finish();
  newer.apply(100);
  await newer.checkpointer.write();
  assert.equal(newer.checkpointer.status?.offset, 230);
  const last = await ToyOwner.start(disk.afterKill().fs, log, START_MS + 100_000);
  assert.equal(last.restored.nextOffset, 230);
  last.apply(RECORDS.length);
  assert.equal(last.engine.state, WHOLE);
});

test("an owner without new records learns that another has claimed the partition", async () => {
  const disk = new SimulatedDisk();
  const log = new ToyLog(RECORDS);
  const zombie = await ToyOwner.start(disk.fs, log);
  zombie.apply(30);
  await zombie.writeBase();
  const newer = await ToyOwner.start(disk.fs, log, START_MS + 1);
  zombie.checkpointer.start();
  assert.equal((await zombie.whenFenced.promise).code, "checkpoint_conflict");
  await zombie.checkpointer.finish();
  assert.equal(newer.fenced, undefined);
});

test("an owner that must not write because dead letters wait learns that another has claimed the partition", async () => {
  const disk = new SimulatedDisk();
  const log = new ToyLog(RECORDS);
  const zombie = await ToyOwner.start(disk.fs, log);
  zombie.beforeSwap = async () => {
    throw new SwapstatsError("storage_failed", "the letters' place is away", { retryable: true });
  };
  zombie.apply(30);
  zombie.checkpointer.start();
  const newer = await ToyOwner.start(disk.fs, log, START_MS + 1);
  await assert.rejects(zombie.checkpointer.write(), { code: "storage_failed" });
  assert.equal((await zombie.whenFenced.promise).code, "checkpoint_conflict");
  zombie.checkpointer.abandon();
  assert.equal(newer.fenced, undefined);
});

test("an owner whose store was emptied claims again, above every claim that the store may have lost", async () => {
  const disk = new SimulatedDisk();
  const log = new ToyLog(RECORDS);
  const old = await ToyOwner.start(disk.fs, log);
  old.apply(30);
  await old.writeBase();
  const newer = await ToyOwner.start(disk.fs, log, START_MS + 10);
  newer.apply(50);
  await newer.writeBase();
  disk.setTo(new Map());
  old.nowMs = START_MS + 20;
  old.apply(5);
  await assert.rejects(old.checkpointer.write(), /has lost its claim of partition 0/);
  assert.equal(old.epoch, START_MS + 20);
  await old.writeBase();
  newer.apply(5);
  await assert.rejects(newer.checkpointer.write(), { code: "checkpoint_conflict" });
  const last = await ToyOwner.start(disk.fs, log, START_MS);
  assert.deepEqual([last.restored.nextOffset, last.restored.epoch], [35, START_MS + 21]);
  last.apply(RECORDS.length);
  assert.equal(last.engine.state, WHOLE);
});

test("an owner whose store was set back to a time before its claim claims again, and fences the owner in the store", async () => {
  const disk = new SimulatedDisk();
  const log = new ToyLog(RECORDS);
  const old = await ToyOwner.start(disk.fs, log);
  old.apply(30);
  await old.writeBase();
  const before = disk.files();
  const newer = await ToyOwner.start(disk.fs, log, START_MS + 10);
  newer.apply(50);
  await newer.writeBase();
  disk.setTo(before);
  newer.checkpointer.start();
  while (newer.epoch === newer.restored.epoch) await newer.writeBase().catch(() => {});
  await newer.writeBase();
  old.apply(5);
  await assert.rejects(old.checkpointer.write(), { code: "checkpoint_conflict" });
  newer.checkpointer.abandon();
  const last = await ToyOwner.start(disk.fs, log, START_MS);
  assert.equal(last.restored.nextOffset, 80);
  last.apply(RECORDS.length);
  assert.equal(last.engine.state, WHOLE);
});

test("an owner recognises its own claim when the store took it and reported a failure", async () => {
  const disk = new SimulatedDisk();
  const log = new ToyLog(RECORDS);
  const owner = await ToyOwner.start(disk.fs, log);
  owner.apply(30);
  await owner.writeBase();
  disk.setTo(new Map());
  disk.fate = (_, what) => (what.startsWith("rename") ? "fail_after" : undefined);
  owner.apply(5);
  await assert.rejects(owner.checkpointer.write());
  disk.fate = () => undefined;
  while (owner.epoch === owner.restored.epoch) await owner.writeBase().catch(() => {});
  await owner.writeBase();
  assert.equal(owner.fenced, undefined);
  assert.equal(owner.checkpointer.status?.offset, 35);
});

test("the tests of this file take every step of the checkpointer's table", () => {
  assert.deepEqual(steps.missing("The checkpointer of partition 0", CHECKPOINTER_STEPS), []);
});
