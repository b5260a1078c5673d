/** Lives of owners over a log that keeps its records, so that the redo names their offsets: taken over, applied, saved and killed. */
import assert from "node:assert/strict";
import { decodeManifest } from "../../../src/pipeline/checkpoint/manifest.ts";
import { START_MS } from "../../sources/embedded/log-support.ts";
import type { Random } from "../../support/seed.ts";
import { SimulatedDisk } from "./simulated-disk.ts";
import { filesOf, type ToyLog, ToyOwner, WHOLE } from "./toy-partition.ts";

export const MINUTE_MS = 60_000;

export type Life = { disk: SimulatedDisk; log: ToyLog; nowMs: number };

export const beginLife = (log: ToyLog): Life => ({ disk: new SimulatedDisk(), log, nowMs: START_MS });

/** The next owner after the one before was killed. */
export async function nextOwner(life: Life): Promise<ToyOwner> {
  life.disk = life.disk.afterKill();
  life.nowMs += MINUTE_MS;
  return ToyOwner.start(life.disk.fs, life.log, life.nowMs);
}

export async function checkpoint(owner: ToyOwner, isWithImage = false): Promise<void> {
  owner.nowMs += MINUTE_MS;
  if (isWithImage) await owner.writeBase();
  else await owner.checkpointer.write();
}

/** An owner with an image at 30, and a checkpoint at 50 that needs the records between. */
export async function ownerAt50(life: Life): Promise<ToyOwner> {
  const owner = await nextOwner(life);
  owner.apply(30);
  await checkpoint(owner, true);
  owner.apply(20);
  await checkpoint(owner);
  return owner;
}

export function manifestOf(disk: SimulatedDisk) {
  const [path] = filesOf(disk, /manifest-/).slice(-1);
  const decoded = decodeManifest(disk.files().get(path as string) as Uint8Array, 0);
  assert.ok(decoded.kind === "good");
  return decoded.manifest;
}

/** Takes over, asserts that nothing is lost, and goes on at random. The caller kills the owner by taking over again. */
export async function liveAtRandom(life: Life, random: Random, imageShare: number): Promise<void> {
  const owner = await nextOwner(life);
  assert.deepEqual(owner.restored.problems, []);
  assert.equal(owner.engine.state, WHOLE.slice(0, owner.position));
  for (let steps = random.below(6); steps > 0; steps--) {
    owner.apply(1 + random.below(12));
    if (random.chance(0.2)) owner.applyInTwo(() => void owner.checkpointer.write().catch(() => {}));
    if (random.chance(0.7)) await checkpoint(owner, random.chance(imageShare));
    if (random.chance(0.1)) await owner.checkpointer.finish();
  }
}
