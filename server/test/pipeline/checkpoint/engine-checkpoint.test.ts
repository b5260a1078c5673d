import assert from "node:assert/strict";
import { test } from "node:test";
import { PartitionEngine } from "../../../src/engine/partition-engine.ts";
import { fingerprintOf } from "../../../src/engine/snapshot.ts";
import { restorePartition } from "../../../src/pipeline/checkpoint/restore.ts";
import { EmbeddedCheckpointStore } from "../../../src/stores/embedded-checkpoint-store.ts";
import { never, START_MS } from "../../sources/embedded/log-support.ts";
import { TEST_SEED } from "../../support/hash-seed.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { applierOf, CONFIG, imageOf, live, streamOf } from "./engine-life.ts";
import { SimulatedDisk } from "./simulated-disk.ts";

const storeOn = (disk: SimulatedDisk): EmbeddedCheckpointStore => new EmbeddedCheckpointStore("/data", disk.fs);

test("a run with crashes and checkpoints ends in the same bytes of state as one without", async (t) => {
  const seed = seedOf(t);
  const random = randomFrom(seed);
  const batches = streamOf(seed, 5_000, random);
  const whole = new PartitionEngine(CONFIG, TEST_SEED);
  whole.setSeenSince(START_MS);
  for (const batch of batches) applierOf(whole).applySlice(batch, 0, Number.POSITIVE_INFINITY);
  const expected = imageOf(whole);
  const { counters } = whole;
  assert.ok(counters.applied > 2000 && counters.removed > 30 && counters.duplicates > 30 && counters.late > 3);
  assert.ok(counters.quarantined > 2 && Object.keys(counters.dead_letters).length > 0);
  for (let round = 0; round < 3; round++) {
    let disk = new SimulatedDisk();
    const ends = Array.from({ length: 5 }, () => random.below(5_000)).sort((a, b) => a - b);
    for (const until of ends) {
      await live(storeOn(disk), batches, until, random);
      disk = random.chance(0.5) ? disk.afterKill() : disk.afterPowerLoss(random);
    }
    const engine = await live(storeOn(disk), batches, Number.POSITIVE_INFINITY, random);
    assert.deepEqual(engine.counters, counters);
    assert.ok(imageOf(engine).equals(expected), "the images differ");
    disk.isDead = true;
  }
});

test("an incompatible configuration is reported with its settings", async () => {
  const disk = new SimulatedDisk();
  const random = randomFrom(1);
  const batches = streamOf(1, 500, random);
  await live(storeOn(disk), batches, 500, { ...random, chance: () => true });
  const other = { ...CONFIG, graceMs: 60_000, windows: CONFIG.windows.slice(0, 2) };
  const restoring = restorePartition<PartitionEngine>({
    store: new EmbeddedCheckpointStore("/data", disk.afterKill().fs),
    isStoreExclusive: false,
    partition: 0,
    owner: "test",
    nowMs: () => START_MS,
    log: {
      range: async () => ({ startOffset: 100, endOffset: 600, logId: undefined, formerLogIds: [] }),
      isOwn: true,
      openAt: async () => {},
    },
    readLog: () => assert.fail("no redo reads the log"),
    createEngine: () => new PartitionEngine(other, TEST_SEED),
    fingerprint: fingerprintOf(other),
    restoreEngine: (header, chunks) => PartitionEngine.restore(other, header, chunks),
    applyRedo: async () => {},
    seenSinceMs: START_MS,
    signal: never,
  });
  await assert.rejects(restoring, {
    code: "checkpoint_incompatible",
    message:
      /was made with windows=60000\/1000,.* \(now windows=60000\/1000,300000\/5000\), grace=120000 \(now grace=60000\)\. Set that back; or empty/,
  });
});
