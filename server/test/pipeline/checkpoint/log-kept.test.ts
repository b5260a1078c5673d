/** Checkpoints whose redo names the offsets of a log that keeps its records by itself, as a topic does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { EmbeddedCheckpointStore } from "../../../src/stores/embedded-checkpoint-store.ts";
import { START_MS } from "../../sources/embedded/log-support.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import {
  beginLife,
  checkpoint,
  type Life,
  liveAtRandom,
  MINUTE_MS,
  manifestOf,
  nextOwner,
  ownerAt50,
} from "./kept-log-life.ts";
import { SimulatedDisk } from "./simulated-disk.ts";
import { RECORDS, ToyLog, ToyOwner, WHOLE } from "./toy-partition.ts";

const RUNS = 150;
function begin(logId?: string): Life {
  const log = new ToyLog(RECORDS, true);
  log.logId = logId;
  return beginLife(log);
}

/** An image at 30, and a checkpoint at 50 that needs the records between. */
async function prepared(logId?: string): Promise<Life> {
  const life = begin(logId);
  await ownerAt50(life);
  return life;
}

test("the redo holds offsets and no records, and a restore reads them from the log", async () => {
  const life = await prepared();
  const { format, bases, deltas } = manifestOf(life.disk);
  assert.equal(format, 2);
  const newest = deltas.filter(({ from }) => from >= (bases[0]?.offset ?? 0));
  assert.deepEqual(
    newest.map(({ from, to, bytes, log }) => [from, to, bytes, log]),
    [[30, 50, 24, { from: 30, bytes: 20 }]],
  );
  const owner = await nextOwner(life);
  assert.deepEqual([owner.position, owner.engine.state], [50, WHOLE.slice(0, 50)]);
  assert.deepEqual(owner.restored.problems, []);
});

test("a checkpoint without records of the log has the format that every version knows", async () => {
  const life = begin();
  const owner = await ToyOwner.start(life.disk.fs, new ToyLog(RECORDS));
  owner.apply(30);
  await checkpoint(owner, true);
  owner.apply(20);
  await checkpoint(owner);
  assert.equal(manifestOf(life.disk).format, 1);
});

test("killed anywhere, an owner over a log that has all records loses nothing", async (t) => {
  const random = randomFrom(seedOf(t));
  for (let run = 0; run < RUNS; run++) {
    const life = begin();
    for (let lives = 0; lives < 8; lives++) await liveAtRandom(life, random, 0.2);
    const owner = await nextOwner(life);
    owner.apply(RECORDS.length);
    assert.equal(owner.engine.state, WHOLE, `run ${run}`);
  }
});

test("a log that loses its oldest records makes images come before theirs are lost", async (t) => {
  const random = randomFrom(seedOf(t));
  for (let run = 0; run < RUNS; run++) {
    const life = begin();
    const kept = 60 + random.below(60);
    let owner = await nextOwner(life);
    while (owner.position < RECORDS.length) {
      owner.apply(1 + random.below(10));
      life.log.startOffset = Math.max(life.log.startOffset, owner.position - kept);
      await checkpoint(owner);
      // The image that this checkpoint began is in the next one.
      await owner.checkpointer.baseDone();
      await checkpoint(owner);
      if (!random.chance(0.3)) continue;
      owner = await nextOwner(life);
      assert.deepEqual(owner.restored.problems, [], `run ${run}, ${kept} kept`);
    }
    assert.equal(owner.engine.state, WHOLE, `run ${run}`);
  }
});

test("an owner that ends in order leaves an image, and needs the log no more", async () => {
  const life = begin();
  const first = await nextOwner(life);
  for (const [count, isWithImage] of [
    [30, true],
    [20, false],
  ] as const) {
    first.apply(count);
    await checkpoint(first, isWithImage);
  }
  first.apply(5);
  await first.checkpointer.finish();
  assert.equal(manifestOf(life.disk).bases[0]?.offset, 55);
  life.log.startOffset = 55;
  const second = await nextOwner(life);
  assert.deepEqual([second.engine.state, second.restored.problems], [WHOLE.slice(0, 55), []]);
  second.apply(5);
  await second.checkpointer.finish();
  life.log.startOffset = 60;
  const third = await nextOwner(life);
  assert.deepEqual([third.engine.state, third.restored.problems], [WHOLE.slice(0, 60), []]);
  // Nothing is new.
  await third.checkpointer.finish();
  assert.equal(manifestOf(life.disk).bases[0]?.takenAtMs, START_MS + 2 * MINUTE_MS);
});

test("the last image has a limit, and the next owner reads the log where it is over", async (t) => {
  const life = await prepared();
  life.disk = life.disk.afterKill();
  class SlowStore extends EmbeddedCheckpointStore {
    override putPart(partition: number, name: string, content: Uint8Array): Promise<void> {
      return name.startsWith("base") ? new Promise(() => {}) : super.putPart(partition, name, content);
    }
  }
  const owner = await ToyOwner.startOver(new SlowStore("/data", life.disk.fs), life.log, life.nowMs + MINUTE_MS);
  owner.apply(5);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let isOver = false;
  const finishing = owner.checkpointer.finish().then(() => {
    isOver = true;
  });
  for (; !isOver; await nextTurn()) t.mock.timers.tick(100);
  await finishing;
  t.mock.timers.reset();
  assert.deepEqual([manifestOf(life.disk).bases[0]?.offset, manifestOf(life.disk).nextOffset], [30, 55]);
  assert.equal((await nextOwner(life)).engine.state, WHOLE.slice(0, 55));
});

test("records that the log has lost since are a gap that is told, and what lies before it stays", async () => {
  const life = await prepared();
  life.log.startOffset = 40;
  const owner = await nextOwner(life);
  assert.match(owner.restored.problems.join("\n"), /no longer has the records from offset 30 on .* at offset 50/);
  assert.match(owner.restored.problems.join("\n"), /begins at offset 40; the records from 30 on/);
  owner.apply(RECORDS.length);
  assert.equal(owner.engine.state, `${WHOLE.slice(0, 30)}|${WHOLE.slice(40)}`);
  await checkpoint(owner, true);
  const again = await nextOwner(life);
  assert.deepEqual([again.restored.problems, again.engine.state], [[], owner.engine.state]);
});

test("records that are lost while they are read again are left out by a second attempt", async () => {
  const life = await prepared();
  let reads = 0;
  life.log.beforeRead = () => {
    if (++reads === 3) life.log.startOffset = 45;
  };
  const owner = await nextOwner(life);
  assert.match(owner.restored.problems.join("\n"), /begins at offset 45; the records from 30 on/);
  owner.apply(RECORDS.length);
  assert.equal(owner.engine.state, `${WHOLE.slice(0, 30)}|${WHOLE.slice(45)}`);
});

test("a log that lost its end is read on to it, and the loss is told", async () => {
  const life = await prepared();
  life.log.endOffset = 44;
  const owner = await nextOwner(life);
  assert.match(
    owner.restored.problems.join("\n"),
    /ends at offset 44, before the checkpoint's position 50: its end was lost/,
  );
  owner.apply(RECORDS.length);
  assert.equal(owner.engine.state, `${WHOLE.slice(0, 30)}|${WHOLE.slice(30, 44)}`);
});

test("of a log that was made anew no record takes the place of one of the former", async () => {
  const life = await prepared("first");
  life.log.logId = "second";
  const owner = await nextOwner(life);
  assert.match(owner.restored.problems.join("\n"), /was re-created since the checkpoint/);
  owner.apply(3);
  assert.equal(owner.engine.state, `${WHOLE.slice(0, 30)}|${WHOLE.slice(0, 3)}`);
});

test("an older image serves where the newest is damaged, with more records of the log", async () => {
  const life = begin();
  const former = await nextOwner(life);
  for (const _ of [0, 1]) {
    former.apply(15);
    await checkpoint(former, true);
  }
  former.apply(20);
  await checkpoint(former);
  const { bases } = manifestOf(life.disk);
  const [part] = bases[0]?.parts ?? [];
  const files = life.disk.files();
  const path = [...files.keys()].find((name) => name.includes(part?.name ?? "none")) as string;
  const bytes = new Uint8Array(files.get(path) as Uint8Array);
  bytes[0]! ^= 1;
  life.disk = new SimulatedDisk(new Map(files).set(path, bytes));
  const owner = await nextOwner(life);
  assert.match(owner.restored.problems.join("\n"), /The image of partition 0 at offset 30 is damaged/);
  assert.equal(owner.engine.state, WHOLE.slice(0, 50));
});
