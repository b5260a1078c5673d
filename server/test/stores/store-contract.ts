/** What every checkpoint store must do, whatever keeps it; the same tests for all backends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DELTA_BYTES_MAX } from "../../src/pipeline/checkpoint/redo-chain.ts";
import type { CheckpointStore } from "../../src/ports/checkpoint-store.ts";
import { freeMemory } from "../../src/shared/free-memory.ts";
import { randomFrom, seedOf } from "../support/seed.ts";

export type StoreBackend = {
  /** Another client of the same store. Clients with different spaces know nothing of each other. */
  open(space: string): Promise<CheckpointStore>;
};

type ContractOptions = {
  /** The store sees to compare-and-set among many writers by itself. */
  readonly hasManyWriters: boolean;
};

const WRITERS = 16;
const ROUNDS = 40;
/** More than a page of any store (S3 lists a thousand at a time). */
const MANY_PARTS = 1_100;
/** A delta is cut behind the batch that brought it over its limit. */
const LARGEST_PART_BYTES = DELTA_BYTES_MAX + 2 * 1024 * 1024;
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes);
const CONFLICT = { code: "checkpoint_conflict" };

/** Calls `run` for all items, a few at a time. */
async function eachOf<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.pop(); item !== undefined; item = queue.pop()) await run(item);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

/** Registers the tests; `backend` is asked while they run. */
export function storeContract(backend: () => StoreBackend, { hasManyWriters }: ContractOptions): void {
  test("a manifest is replaced only by a caller that knows its version", async () => {
    const store = await backend().open("swaps");
    const other = await backend().open("swaps");
    assert.equal(await store.readManifest(3), undefined);
    assert.equal(await store.readPreviousManifest(3), undefined);
    await assert.rejects(store.swapManifest(3, bytesOf("x"), "no-such-version"), CONFLICT);
    const first = await store.swapManifest(3, bytesOf("first"), undefined);
    await assert.rejects(other.swapManifest(3, bytesOf("x"), undefined), CONFLICT);
    assert.equal(textOf((await other.readManifest(3))?.bytes), "first");
    assert.equal((await other.readManifest(3))?.version, first);
    assert.equal(await other.readPreviousManifest(3), undefined);
    // The same bytes have another version: a caller with the first version has missed a write.
    const second = await other.swapManifest(3, bytesOf("first"), first);
    assert.notEqual(second, first);
    await assert.rejects(store.swapManifest(3, bytesOf("x"), first), CONFLICT);
    const third = await store.swapManifest(3, bytesOf("third"), second);
    assert.equal(textOf(await other.readPreviousManifest(3)), "first");
    await store.swapManifest(3, bytesOf("fourth"), third);
    assert.equal(textOf((await other.readManifest(3))?.bytes), "fourth");
    assert.equal(textOf(await other.readPreviousManifest(3)), "third");
    assert.equal(await store.readManifest(4), undefined);
    await Promise.all([store.close(), other.close()]);
  });

  if (hasManyWriters) registerRaces(backend);

  test("parts of every size are read back unchanged, also when they are views into a larger buffer", async (t) => {
    const store = await backend().open("parts");
    const random = randomFrom(seedOf(t));
    assert.equal(await store.getPart(0, "base-1-0"), undefined);
    for (const length of [1, 1_000, 65_536, 1024 * 1024 + 1, LARGEST_PART_BYTES]) {
      const whole = new Uint8Array(length + 20);
      for (let i = 0; i < whole.length; i += 1 + random.below(500)) whole[i] = random.below(256);
      const content = whole.subarray(10, 10 + length);
      const copy = Buffer.from(content);
      await store.putPart(0, `base-1-${length}`, content);
      freeMemory(whole);
      const read = await store.getPart(0, `base-1-${length}`);
      assert.ok(read !== undefined && copy.equals(read), `${length} bytes`);
      // Callers give the memory of what they were given back; nothing else may lie in it.
      freeMemory(read);
    }
    await store.putPart(0, "base-1-1", bytesOf("again"));
    assert.equal(textOf(await store.getPart(0, "base-1-1")), "again");
    await store.close();
  });

  test("parts are listed and removed separately in each partition, also more than one page of them", async () => {
    const store = await backend().open("lists");
    assert.deepEqual(await store.listParts(1), []);
    const names = Array.from({ length: MANY_PARTS }, (_, i) => `redo-1700000000000-${i}`);
    await eachOf(names, (name) => store.putPart(1, name, bytesOf(name)));
    await store.putPart(11, "base-7-0", bytesOf("eleven"));
    await store.swapManifest(1, bytesOf("manifest"), undefined);
    assert.deepEqual((await store.listParts(1)).sort(), [...names].sort());
    const removed = names.filter((_, i) => i % 2 === 0);
    await eachOf(removed, (name) => store.deletePart(1, name));
    await store.deletePart(1, removed[0]!);
    await store.deletePart(2, "never-there");
    assert.deepEqual((await store.listParts(1)).sort(), names.filter((_, i) => i % 2 === 1).sort());
    assert.equal(await store.getPart(1, removed[0]!), undefined);
    assert.equal(textOf(await store.getPart(1, names[1]!)), names[1]);
    assert.deepEqual(await store.listParts(11), ["base-7-0"]);
    await eachOf(await store.listParts(1), (name) => store.deletePart(1, name));
    assert.deepEqual(await store.listParts(1), []);
    assert.equal(textOf((await store.readManifest(1))?.bytes), "manifest");
    await store.close();
  });

  test("stores with different prefixes are independent", async () => {
    const one = await backend().open("space");
    const two = await backend().open("space2");
    await one.swapManifest(0, bytesOf("one"), undefined);
    await one.putPart(0, "base-1-0", bytesOf("one"));
    assert.equal(await two.readManifest(0), undefined);
    assert.deepEqual(await two.listParts(0), []);
    assert.equal(await two.getPart(0, "base-1-0"), undefined);
    await two.swapManifest(0, bytesOf("two"), undefined);
    await two.deletePart(0, "base-1-0");
    assert.equal(textOf((await one.readManifest(0))?.bytes), "one");
    assert.equal(textOf(await one.getPart(0, "base-1-0")), "one");
    await Promise.all([one.close(), two.close()]);
  });
}

function registerRaces(backend: () => StoreBackend): void {
  test(`exactly one of ${WRITERS} writers that swap the same version succeeds`, async () => {
    const stores = await Promise.all(Array.from({ length: 4 }, () => backend().open("races")));
    let version: string | undefined;
    let before: string | undefined;
    for (let round = 0; round < ROUNDS; round++) {
      const expected = version;
      const results = await Promise.allSettled(
        Array.from({ length: WRITERS }, (_, writer) =>
          stores[writer % stores.length]!.swapManifest(5, bytesOf(`${round} by ${writer}`), expected),
        ),
      );
      const winners = results.flatMap((result, writer) => (result.status === "fulfilled" ? [writer] : []));
      assert.equal(winners.length, 1, `round ${round} was won by ${winners.join(", ") || "nobody"}`);
      for (const result of results) {
        if (result.status === "rejected") assert.equal(result.reason.code, CONFLICT.code, String(result.reason));
      }
      const current = await stores[0]!.readManifest(5);
      assert.equal(textOf(current?.bytes), `${round} by ${winners[0]}`);
      const winner = results[winners[0]!] as PromiseFulfilledResult<string>;
      assert.equal(current?.version, winner.value);
      assert.equal(textOf(await stores[1]!.readPreviousManifest(5)), before);
      version = winner.value;
      before = textOf(current?.bytes);
    }
    await Promise.all(stores.map((store) => store.close()));
  });
}
