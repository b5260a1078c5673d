/** Checkpoints whose redo names the offsets of a log of our own, which removes what no checkpoint needs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Random, randomFrom, seedOf } from "../../support/seed.ts";
import { beginLife, type Life, liveAtRandom, MINUTE_MS, manifestOf, nextOwner, ownerAt50 } from "./kept-log-life.ts";
import { SimulatedDisk } from "./simulated-disk.ts";
import { filesOf, RECORDS, ToyLog, WHOLE } from "./toy-partition.ts";

const RUNS = 450;

const ownLog = (): ToyLog => new ToyLog(RECORDS, true, true);

/** Gives the life another log, which is empty, as if an operator had moved the old one away. */
function loseLog(life: Life): void {
  life.log = ownLog();
  life.log.endOffset = 0;
}

/** Changes a byte in one of the files that the checkpoint needs, if there is a checkpoint. */
function damageOne(life: Life, random: Random): void {
  if (filesOf(life.disk, /manifest-/).length === 0) return;
  const { bases, deltas } = manifestOf(life.disk);
  const parts = [...bases.flatMap((base) => base.parts), ...deltas];
  const part = parts[random.below(Math.max(1, parts.length))];
  if (part === undefined) return;
  const files = life.disk.files();
  const path = [...files.keys()].find((name) => name.endsWith(`/${part.name}.part`));
  assert.ok(path !== undefined, `there is no file of ${part.name}`);
  const bytes = new Uint8Array(files.get(path) as Uint8Array);
  bytes[random.below(bytes.length)]! ^= 1;
  life.disk = new SimulatedDisk(new Map(files).set(path, bytes));
}

test("killed anywhere, and then with one damaged file of the checkpoint, an owner loses nothing", async (t) => {
  const random = randomFrom(seedOf(t));
  let released = 0;
  let damaged = 0;
  for (let run = 0; run < RUNS; run++) {
    const life = beginLife(ownLog());
    for (let lives = 1 + random.below(7); lives > 0; lives--) await liveAtRandom(life, random, 0.3);
    life.disk = life.disk.afterKill();
    damageOne(life, random);
    const owner = await nextOwner(life);
    if (owner.restored.problems.length > 0) damaged += 1;
    assert.equal(owner.engine.state, WHOLE.slice(0, owner.position), `run ${run}`);
    owner.apply(RECORDS.length);
    assert.equal(owner.engine.state, WHOLE, `run ${run}`);
    released += life.log.startOffset;
  }
  assert.ok(released > 0, "the log was never released");
  assert.ok(damaged > 0, "no restore met a damaged file");
});

test("a log that is short of space gets all of it back, also while no record comes", async () => {
  const life = beginLife(ownLog());
  const owner = await ownerAt50(life);
  assert.equal(life.log.startOffset, 0);
  owner.checkpointer.setLogPressure(true);
  for (let rounds = 0; rounds < 4; rounds++) {
    owner.nowMs += MINUTE_MS;
    await owner.checkpointer.write();
    await owner.checkpointer.baseDone();
  }
  assert.equal(life.log.startOffset, 50);
  assert.deepEqual(
    manifestOf(life.disk).bases.map(({ offset }) => offset),
    [50, 50],
  );
  // More images would release nothing.
  const { calls } = life.disk;
  owner.nowMs += MINUTE_MS;
  await owner.checkpointer.write();
  assert.equal(life.disk.calls, calls);
  const after = await nextOwner(life);
  assert.deepEqual([after.engine.state, after.restored.problems], [WHOLE.slice(0, 50), []]);
});

test("an owner whose log is gone continues from the newest image, and reports what is missing", async () => {
  const life = beginLife(ownLog());
  await ownerAt50(life);
  loseLog(life);
  const after = await nextOwner(life);
  assert.match(after.restored.problems.join("\n"), /no longer has the records from offset 30 on .* at offset 50/);
  assert.equal(after.position, 50);
  life.log.endOffset = RECORDS.length;
  after.apply(RECORDS.length);
  assert.equal(after.engine.state, `${WHOLE.slice(0, 30)}|${WHOLE.slice(50)}`);
});

test("after an ordered end the state does not need the log", async () => {
  const life = beginLife(ownLog());
  const owner = await ownerAt50(life);
  await owner.checkpointer.finish();
  loseLog(life);
  const after = await nextOwner(life);
  // The lost log may have had later records. So the state notes a gap behind those that it has.
  assert.deepEqual([after.engine.state, after.position], [`${WHOLE.slice(0, 50)}|`, 50]);
});
