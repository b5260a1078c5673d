import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";
import { HashIndex } from "../../../src/engine/memory/hash-index.ts";
import { Heap, PAGE_BYTES } from "../../../src/engine/memory/heap.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";

type Allocation = { readonly ref: number; readonly bytes: number; readonly mark: number };

/** Whether every byte that the owner may use holds the mark. */
function fill(heap: Heap, { ref, bytes }: Allocation, mark: number): void {
  heap.own(ref, (bytes + 7) >>> 3);
  heap.u8.fill(mark, 8 * ref, 8 * ref + bytes);
}

function holds(heap: Heap, { ref, bytes }: Allocation, mark: number): boolean {
  return heap.u8.subarray(8 * ref, 8 * ref + bytes).every((byte) => byte === mark);
}

describe("allocations", () => {
  test("allocations are zeroed, do not overlap, and leak nothing", (t) => {
    const random = randomFrom(seedOf(t));
    const heap = new Heap();
    const emptyBytes = heap.imageBytes;
    const live: Allocation[] = [];
    let usedBytes = heap.inUseBytes;
    for (let i = 0; i < 20_000; i++) {
      // The heap grows and shrinks in turn.
      if (live.length === 0 || random.chance(i % 4_000 < 2_000 ? 0.7 : 0.3)) {
        // Up to 24 units of 8 bytes: what is left of any of these can be cut into single units in the end.
        const bytes = 1 + random.below(192);
        const allocation = { ref: heap.alloc(bytes), bytes, mark: 1 + random.below(255) };
        assert.ok(holds(heap, allocation, 0), "an allocation is not zeroed");
        fill(heap, allocation, allocation.mark);
        live.push(allocation);
        usedBytes += Heap.roundedBytes(bytes);
      } else {
        const [gone] = live.splice(random.below(live.length), 1) as [Allocation];
        assert.ok(holds(heap, gone, gone.mark), "an allocation was overwritten by another");
        heap.free(gone.ref, gone.bytes);
        usedBytes -= Heap.roundedBytes(gone.bytes);
      }
      assert.equal(heap.inUseBytes, usedBytes);
    }
    for (const { ref, bytes } of live) heap.free(ref, bytes);
    const fullBytes = heap.imageBytes;
    for (let bytes = emptyBytes; bytes < fullBytes; bytes += 8) {
      heap.alloc(8);
      assert.equal(heap.imageBytes, fullBytes, `${fullBytes - bytes} bytes of the image were lost`);
    }
  });
});

describe("an image that grows beyond what is copied", () => {
  /** Writes 24 MiB, a number into each allocation, and reads all back. Prints the bytes of the buffer. */
  const SCRIPT = `
    const { Heap } = await import(process.argv[1]);
    const heap = new Heap();
    const refs = Array.from({ length: 24 }, (_, i) => {
      const ref = heap.alloc(2 ** 20);
      heap.f64[ref] = heap.f64[ref + 2 ** 17 - 1] = i + 1;
      return ref;
    });
    if (refs.some((ref, i) => heap.f64[ref] !== i + 1 || heap.f64[ref + 2 ** 17 - 1] !== i + 1)) throw new Error("lost");
    console.log(heap.u8.length);
  `;
  const bufferBytes = (shell: string): number => {
    const args = [
      "--input-type=module",
      "--eval",
      SCRIPT,
      join(import.meta.dirname, "../../../src/engine/memory/heap.ts"),
    ];
    const { stdout, stderr } = spawnSync("sh", ["-c", `${shell} exec "$@"`, "sh", process.execPath, ...args], {
      encoding: "utf8",
    });
    assert.equal(stderr, "");
    return Number(stdout);
  };

  test("it has the addresses of the largest image, and keeps its bytes", () => {
    assert.equal(bufferBytes(""), 2 ** 32 - 65_536);
  });

  test("it has fewer addresses where the system refuses so many", () => {
    const bytes = bufferBytes("ulimit -v 4000000;");
    assert.ok(bytes >= 24 * 2 ** 20 && bytes <= 2 ** 31, `${bytes} bytes`);
  });
});

/** Slices of the snapshot in progress, with `between` run after each. */
function emitted(heap: Heap, imageBytes: number, between: () => void): Buffer {
  const slices: Buffer[] = [];
  for (;;) {
    const slice = Buffer.alloc(PAGE_BYTES);
    if (heap.emitPages(slice) === 0) break;
    slices.push(slice);
    between();
  }
  heap.endSnapshot();
  return Buffer.concat(slices).subarray(0, imageBytes);
}

describe("an index of large segments", () => {
  test("the index finds its entries, and snapshots have its state of their beginning", (t) => {
    const random = randomFrom(seedOf(t));
    const heap = new Heap();
    const index = new HashIndex(heap);
    const entries: { readonly hash: number; readonly value: number }[] = [];
    let serial = 0;
    const step = (): void => {
      if (entries.length === 0 || random.chance(entries.length < 9_000 ? 0.6 : 0.3)) {
        // Three segments, and hashes of which many are alike.
        const entry = { hash: random.below(3) * 2 ** 20 + random.below(3_000) * 300, value: ++serial };
        index.insert(entry.hash, entry.value);
        entries.push(entry);
      } else {
        const [{ hash, value }] = entries.splice(random.below(entries.length), 1) as [(typeof entries)[number]];
        index.remove(hash, value);
      }
    };
    index.insert(0, ++serial);
    entries.push({ hash: 0, value: serial });
    for (let i = 0; i < 40_000; i++) step();
    for (let round = 0; round < 10; round++) {
      const imageBytes = heap.beginSnapshot();
      const wanted = Buffer.from(heap.u8.subarray(0, imageBytes));
      const image = emitted(heap, imageBytes, () => {
        for (let i = random.below(40); i > 0; i--) step();
      });
      assert.ok(image.equals(wanted), "a snapshot shows what was written after it began");
      assert.deepEqual([...index.values()].sort(), entries.map(({ value }) => value).sort());
      for (const { hash, value } of entries) {
        assert.equal(index.find(hash, { matches: (other) => other === value }), value);
      }
    }
  });
});
