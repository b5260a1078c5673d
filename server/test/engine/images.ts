import { createHash } from "node:crypto";
import { PartitionEngine } from "../../src/engine/partition-engine.ts";
import type { TestConfig } from "../model/arbitraries.ts";
import type { Random } from "../support/seed.ts";
import { engineConfigOf } from "./pair.ts";

/** A whole snapshot: header and slices as one. */
export type Image = { readonly header: string; readonly bytes: Buffer };

/** Takes a snapshot at once, in slices of this size. */
export function takeImage(engine: PartitionEngine, sliceBytes = 1 << 20): Image {
  const snapshot = engine.beginSnapshot();
  const slices: Uint8Array[] = [];
  for (let slice = snapshot.next(sliceBytes); slice !== undefined; slice = snapshot.next(sliceBytes)) {
    slices.push(Uint8Array.from(slice));
  }
  return { header: Buffer.from(snapshot.header).toString("utf8"), bytes: Buffer.concat(slices) };
}

/** Header and checksum of the whole state: short enough for a message when two differ. */
export function imageOf(engine: PartitionEngine): { header: string; bytes: number; checksum: string } {
  const { header, bytes } = takeImage(engine);
  return { header, bytes: bytes.length, checksum: createHash("sha256").update(bytes).digest("hex") };
}

/** Restores from an image cut into chunks of random sizes, as a store may deliver them. */
export function restoreImage(config: TestConfig, image: Image, random: Random): PartitionEngine {
  const chunks = function* (): Generator<Uint8Array> {
    for (let at = 0; at < image.bytes.length; ) {
      const size = 1 + random.below(random.chance(0.3) ? 64 : 200_000);
      yield Uint8Array.from(image.bytes.subarray(at, at + size));
      at += size;
    }
  };
  return PartitionEngine.restore(engineConfigOf(config), Buffer.from(image.header, "utf8"), chunks());
}
