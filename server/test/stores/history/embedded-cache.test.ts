/** The cache of files in S3, and the footers of damaged files. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, utimesSync } from "node:fs";
import { type FileHandle, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { CACHE_FOLDER, ColdCache } from "../../../src/stores/history/embedded/cold-cache.ts";
import { piecesOf } from "../../../src/stores/history/embedded/row-groups.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { tempDir } from "../../support/tmp.ts";

const SIZE = 100;
const FIXTURES = join(import.meta.dirname, "../../fixtures/history-schema-1/embedded/swaps/2026-02-01");

describe("the cache of files in S3", () => {
  function cacheOf(t: TestContext, bytesMax: number) {
    const folder = tempDir(t, "cache");
    mkdirSync(join(folder, CACHE_FOLDER));
    const read = new Set<string>();
    const cache = new ColdCache(folder, bytesMax, (path) => read.has(path));
    const names = (): string[] => readdirSync(join(folder, CACHE_FOLDER)).sort();
    let writes = 0;
    const copyOf = (name: string) => ({ path: `${CACHE_FOLDER}/${name}`, length: SIZE, bytes: SIZE });
    const bring = async (name: string): Promise<void> => {
      await cache.bring(copyOf(name), async (temporary) => {
        writes += 1;
        await writeFile(temporary, new Uint8Array(SIZE));
      });
      // The order of use has the resolution of the clock of files.
      const used = new Date(Date.now() - 1_000_000 + writes * 1_000);
      utimesSync(join(folder, CACHE_FOLDER, name), used, used);
    };
    return { folder, cache, read, names, bring, copyOf, writes: () => writes };
  }

  test("holds as many bytes as its limit, and beyond it lets those go that were not read for the longest time", async (t) => {
    const { names, bring, cache, copyOf } = cacheOf(t, 2 * SIZE);
    await bring("a");
    await bring("b");
    assert.deepEqual(names(), ["a", "b"]);
    assert.ok(await cache.has(copyOf("a")));
    await bring("c");
    assert.deepEqual(names(), ["a", "c"]);
  });

  test("keeps copies that queries read, also beyond its limit", async (t) => {
    const { names, bring, read } = cacheOf(t, SIZE);
    for (const name of ["a", "b", "c"]) {
      read.add(`${CACHE_FOLDER}/${name}`);
      await bring(name);
    }
    assert.deepEqual(names(), ["a", "b", "c"]);
    read.clear();
    await bring("d");
    assert.deepEqual(names(), ["d"]);
  });

  test("counts what is on its way, and writes a copy once for calls side by side", async (t) => {
    const { names, bring, writes } = cacheOf(t, 2 * SIZE);
    await bring("a");
    await bring("b");
    await Promise.all([bring("c"), bring("c"), bring("d"), bring("c")]);
    assert.equal(writes(), 4);
    assert.deepEqual(names(), ["c", "d"]);
  });

  test("leaves nothing of a copy that failed, and brings it at the next call", async (t) => {
    const { names, bring, cache, copyOf } = cacheOf(t, SIZE);
    const failing = cache.bring(copyOf("a"), async (temporary) => {
      await writeFile(temporary, "half");
      throw new Error("the line was cut");
    });
    await assert.rejects(failing, /the line was cut/);
    assert.deepEqual(names(), []);
    await bring("a");
    assert.deepEqual(names(), ["a"]);
  });

  test("counts no holes, and brings a copy again that was cut", async (t) => {
    const { folder, cache, names, bring, copyOf, writes } = cacheOf(t, 64 * 1024);
    const length = 2 ** 30;
    const sparse = { path: `${CACHE_FOLDER}/sparse`, length, bytes: SIZE };
    await cache.bring(sparse, async (temporary) => {
      const handle: FileHandle = await open(temporary, "w");
      await handle.write(new Uint8Array(SIZE), 0, SIZE, length - SIZE);
      await handle.close();
    });
    await bring("a");
    assert.deepEqual(names(), ["a", "sparse"]);
    truncateSync(join(folder, CACHE_FOLDER, "a"), 1);
    assert.equal(await cache.has(copyOf("a")), false);
    await bring("a");
    assert.equal(statSync(join(folder, CACHE_FOLDER, "a")).size, SIZE);
    assert.equal(writes(), 2);
  });
});

test("damaged footers end in an error or in row groups, and never in a loop", async (t) => {
  const random = randomFrom(seedOf(t));
  const [name] = readdirSync(FIXTURES);
  const whole = readFileSync(join(FIXTURES, name!));
  const [piece] = await piecesOf(whole, whole.length);
  assert.equal(piece!.minToken, "0xaa");
  assert.equal(piece!.maxToken, "0xbb");
  let damaged = 0;
  for (let i = 0; i < 2_000; i++) {
    const bytes = Buffer.from(whole);
    const length = bytes.readUInt32LE(bytes.length - 8);
    for (let n = 1 + random.below(4); n > 0; n--)
      bytes[bytes.length - 8 - 1 - random.below(length)] = random.below(256);
    await piecesOf(bytes, bytes.length).catch(() => {
      damaged += 1;
    });
  }
  assert.ok(damaged > 100, `${damaged}`);
  await assert.rejects(piecesOf(whole, piece!.ranges.at(-1)!.to - 1), /places that it does not have/);
  await assert.rejects(piecesOf(whole.subarray(0, whole.length - 1), whole.length));
  await assert.rejects(piecesOf(new Uint8Array(), 0));
});
