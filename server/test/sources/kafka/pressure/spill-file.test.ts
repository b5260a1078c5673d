import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  clearSpill,
  SPILL_PAGE_BYTES,
  SpillFile,
  type SpillPlace,
} from "../../../../src/sources/kafka/pressure/spill-file.ts";
import { randomFrom, seedOf } from "../../../support/seed.ts";
import { tempDir } from "../../../support/tmp.ts";

const PAGE = SPILL_PAGE_BYTES;

describe("a spill file", () => {
  test("every piece of any size is read back unchanged, and the file never exceeds its bound", async (t) => {
    const random = randomFrom(seedOf(t));
    const folder = tempDir(t, "spill");
    for (let round = 0; round < 10; round++) {
      const pagesMax = 1 + random.below(40);
      const spill = new SpillFile(folder, round, pagesMax * PAGE + random.below(PAGE));
      t.after(() => spill.close());
      const pieces: { place: SpillPlace; bytes: Buffer }[] = [];
      const writes: Promise<void>[] = [];
      for (let step = 0; step < 200; step++) {
        const bytes = Buffer.alloc(1 + random.below(6 * PAGE), random.below(256));
        const used = spill.usedBytes;
        const place = random.chance(0.6) ? spill.allocate(bytes) : undefined;
        if (place !== undefined) {
          pieces.push({ place, bytes });
          writes.push(spill.write(place, bytes));
        } else {
          assert.equal(spill.usedBytes, used);
        }
        assert.ok(spill.usedBytes <= pagesMax * PAGE);
        const oldest = random.chance(0.4) ? pieces.shift() : undefined;
        if (oldest === undefined) continue;
        await Promise.all(writes.splice(0));
        const back = Buffer.alloc(oldest.bytes.length);
        await spill.read(oldest.place, back);
        assert.ok(back.equals(oldest.bytes), `piece of ${back.length} bytes`);
        spill.free(oldest.place);
        assert.ok(!existsSync(spill.path) || statSync(spill.path).size <= pagesMax * PAGE);
        if (random.chance(0.03)) {
          pieces.length = 0;
          spill.reset();
        }
      }
    }
  });

  test("at its bound it takes a piece that fits exactly, and no more until the oldest piece is freed", () => {
    const spill = new SpillFile("/nowhere", 0, 4 * PAGE);
    const first = spill.allocate(Buffer.alloc(3 * PAGE));
    const second = spill.allocate(Buffer.alloc(1));
    assert.ok(first !== undefined && second !== undefined);
    assert.equal(spill.usedBytes, 4 * PAGE);
    assert.equal(spill.allocate(Buffer.alloc(1)), undefined);
    spill.free(first);
    // It would fit in pages, but one part is needed, and the pages behind the second piece are none.
    assert.equal(spill.allocate(Buffer.alloc(3 * PAGE + 1)), undefined);
    assert.equal(spill.allocate(Buffer.alloc(3 * PAGE))?.page, 0);
    assert.equal(spill.allocate(Buffer.alloc(1)), undefined);
    assert.equal(new SpillFile("/nowhere", 0, 4 * PAGE).allocate(Buffer.alloc(4 * PAGE + 1)), undefined);
  });

  test("a piece that was changed on the disk is detected, and so is one that is missing", async (t) => {
    const spill = new SpillFile(tempDir(t, "spill"), 3, 100 * PAGE);
    t.after(() => spill.close());
    const bytes = Buffer.alloc(5_000, 7);
    const place = spill.allocate(bytes)!;
    await spill.write(place, bytes);
    const file = await open(spill.path, "r+");
    t.after(() => file.close());
    await file.write(Buffer.from([8]), 0, 1, 4_999);
    await assert.rejects(spill.read(place, Buffer.alloc(5_000)), { code: "storage_failed", message: /checksum/ });
    await file.truncate(4_000);
    await assert.rejects(spill.read(place, Buffer.alloc(5_000)), {
      code: "storage_failed",
      message: /it ends at 4000/,
    });
  });

  test("a write fails when the folder cannot be created, and the next one works once it can", async (t) => {
    const folder = join(tempDir(t, "spill"), "spill");
    writeFileSync(folder, "in the way");
    const spill = new SpillFile(folder, 0, 10 * PAGE);
    t.after(() => spill.close());
    const bytes = Buffer.from("piece");
    await assert.rejects(spill.write(spill.allocate(bytes)!, bytes), { code: "storage_failed", retryable: true });
    clearSpill(folder);
    await spill.write(spill.allocate(bytes)!, bytes);
  });

  test("it leaves no file when it is closed, and files of a killed process are removed at the start", async (t) => {
    const folder = join(tempDir(t, "spill"), "spill");
    const spill = new SpillFile(folder, 0, 10 * PAGE);
    const bytes = Buffer.from("piece");
    await spill.write(spill.allocate(bytes)!, bytes);
    assert.equal(readdirSync(folder).length, 1);
    await spill.close();
    assert.deepEqual(readdirSync(folder), []);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "partition-0.0.spill"), "old");
    clearSpill(folder);
    assert.ok(!existsSync(folder));
  });
});
