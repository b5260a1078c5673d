/** Checkpoints whose redo names the offsets of a log of our own, which removes what no checkpoint needs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeManifest, type Manifest } from "../../../src/pipeline/checkpoint/manifest.ts";
import { START_MS } from "../../sources/embedded/log-support.ts";
import { type Random, randomFrom, seedOf } from "../../support/seed.ts";
import { SimulatedDisk } from "./simulated-disk.ts";
import { filesOf, RECORDS, ToyLog, ToyOwner, WHOLE } from "./toy-partition.ts";

const RUNS = 150;
const MINUTE_MS = 60_000;

type Life = { disk: SimulatedDisk; log: ToyLog; nowMs: number };

const begin = (): Life => ({ disk: new SimulatedDisk(), log: new ToyLog(RECORDS, true, true), nowMs: START_MS });

/** The next owner after the one before was killed. */
async function next(life: Life): Promise<ToyOwner> {
  life.disk = life.disk.afterKill();
  life.nowMs += MINUTE_MS;
  return ToyOwner.start(life.disk.fs, life.log, life.nowMs);
}

async function checkpoint(owner: ToyOwner, isWithImage = false): Promise<void> {
  owner.nowMs += MINUTE_MS;
  if (isWithImage) await owner.writeBase();
  else await owner.checkpointer.write();
}

function manifestOf(disk: SimulatedDisk): Manifest | undefined {
  const [path] = filesOf(disk, /manifest-/).slice(-1);
  const decoded = path === undefined ? undefined : decodeManifest(disk.files().get(path) as Uint8Array, 0);
  return decoded?.kind === "good" ? decoded.manifest : undefined;
}

/** Changes a byte in one of the files that the checkpoint needs. */
function damageOne(life: Life, random: Random): void {
  const manifest = manifestOf(life.disk);
  const parts = [...(manifest?.bases.flatMap((base) => base.parts) ?? []), ...(manifest?.deltas ?? [])];
  const part = parts[random.below(Math.max(1, parts.length))];
  const files = life.disk.files();
  const path = [...files.keys()].find((name) => part !== undefined && name.endsWith(`/${part.name}.part`));
  if (path === undefined) return;
  const bytes = new Uint8Array(files.get(path) as Uint8Array);
  bytes[random.below(bytes.length)]! ^= 1;
  life.disk = new SimulatedDisk(new Map(files).set(path, bytes));
}

async function live(life: Life, random: Random): Promise<void> {
  const owner = await next(life);
  assert.deepEqual(owner.restored.problems, []);
  assert.equal(owner.engine.state, WHOLE.slice(0, owner.position));
  for (let steps = random.below(6); steps > 0; steps--) {
    owner.apply(1 + random.below(12));
    if (random.chance(0.2)) owner.applyInTwo(() => void owner.checkpointer.write().catch(() => {}));
    if (random.chance(0.7)) await checkpoint(owner, random.chance(0.3));
    if (random.chance(0.1)) await owner.checkpointer.finish();
  }
}

test("killed anywhere, and then with one damaged file of the checkpoint, an owner loses nothing", async (t) => {
  const random = randomFrom(seedOf(t));
  let released = 0;
  for (let run = 0; run < 3 * RUNS; run++) {
    const life = begin();
    for (let lives = 1 + random.below(7); lives > 0; lives--) await live(life, random);
    life.disk = life.disk.afterKill();
    damageOne(life, random);
    const owner = await next(life);
    assert.equal(owner.engine.state, WHOLE.slice(0, owner.position), `run ${run}`);
    owner.apply(RECORDS.length);
    assert.equal(owner.engine.state, WHOLE, `run ${run}`);
    released += life.log.startOffset;
  }
  assert.ok(released > 0, "the log was never released");
});

test("a log that is short of space gets all of it back, also while no record comes", async () => {
  const life = begin();
  const owner = await next(life);
  owner.apply(30);
  await checkpoint(owner, true);
  owner.apply(20);
  await checkpoint(owner);
  assert.equal(life.log.startOffset, 0);
  owner.checkpointer.setLogPressure(true);
  for (let rounds = 0; rounds < 4; rounds++) {
    owner.nowMs += MINUTE_MS;
    await owner.checkpointer.write();
    await owner.checkpointer.baseDone();
  }
  assert.equal(life.log.startOffset, 50);
  assert.deepEqual(
    manifestOf(life.disk)?.bases.map(({ offset }) => offset),
    [50, 50],
  );
  // More images would release nothing.
  const { calls } = life.disk;
  owner.nowMs += MINUTE_MS;
  await owner.checkpointer.write();
  assert.equal(life.disk.calls, calls);
  const after = await next(life);
  assert.deepEqual([after.engine.state, after.restored.problems], [WHOLE.slice(0, 50), []]);
});

test("without the log the state is that of the newest image, and the loss is told", async () => {
  const life = begin();
  const owner = await next(life);
  owner.apply(30);
  await checkpoint(owner, true);
  owner.apply(20);
  await checkpoint(owner);
  life.log = new ToyLog(RECORDS, true, true);
  life.log.endOffset = 0;
  const after = await next(life);
  assert.match(after.restored.problems.join("\n"), /no longer has the records from offset 30 on .* at offset 50/);
  assert.equal(after.position, 50);
  life.log.endOffset = RECORDS.length;
  after.apply(RECORDS.length);
  assert.equal(after.engine.state, `${WHOLE.slice(0, 30)}|${WHOLE.slice(50)}`);
});

test("after an ordered end the log is not needed", async () => {
  const life = begin();
  const owner = await next(life);
  owner.apply(30);
  await checkpoint(owner, true);
  owner.apply(20);
  await checkpoint(owner);
  await owner.checkpointer.finish();
  life.log = new ToyLog(RECORDS, true, true);
  life.log.endOffset = 0;
  const after = await next(life);
  assert.deepEqual([after.engine.state, after.position], [`${WHOLE.slice(0, 50)}|`, 50]);
});
