import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CheckpointStore } from "../../../src/ports/checkpoint-store.ts";
import { SwapstatsError } from "../../../src/shared/errors.ts";
import { readIndexKey, readManifestValue } from "../../../src/stores/kafka/checkpoint-format.ts";
import { type ManifestRecord, validChain } from "../../../src/stores/kafka/checkpoint-index.ts";
import { CHUNK_BYTES, KafkaCheckpointStore } from "../../../src/stores/kafka/checkpoint-store.ts";
import { propertyOptions, randomFrom, seedOf } from "../../support/seed.ts";
import { textOf, toBytes } from "../store-faults.ts";
import { type ModelFaults, ModelTopic } from "./model-log.ts";

const RUNS = 25;
const WRITERS = 5;
const SWAPS_EACH = 14;
const PARTITION = 3;
const NO_FAULTS: ModelFaults = { refused: 0, unanswered: 0, delayed: 0, unread: 0 };
/** No call runs out of time here. */
const LIMIT_MS = 600_000;

type Content = { readonly epoch: number; readonly parts: readonly string[] };

function storeOn(log: ReturnType<ModelTopic["client"]>): KafkaCheckpointStore {
  return new KafkaCheckpointStore({ log, topic: "model", limitMs: LIMIT_MS, prepare: async () => undefined });
}

/** Ids of the valid manifests in the order of the log, by the definition, from all that was ever appended. */
function truth(topic: ModelTopic): string[] {
  const valid: string[] = [];
  for (const { key, value } of topic.everything[PARTITION % Math.floor(topic.partitions.length / 2)]!) {
    const read = readIndexKey(key);
    if (read?.kind !== "manifest" || read.partition !== PARTITION || value === undefined) continue;
    if (readManifestValue(value).expected === (valid.at(-1) ?? "")) valid.push(read.id);
  }
  return valid;
}

function contentOf(bytes: Uint8Array | undefined): Content | undefined {
  return bytes === undefined ? undefined : (JSON.parse(textOf(bytes)!) as Content);
}

/** What is in a part follows from its name. */
function partOf(name: string): Uint8Array {
  const size = name.endsWith("-big") ? 2 * CHUNK_BYTES + 17 : name.length;
  return new Uint8Array(size).fill(name.length).fill(name.charCodeAt(name.length - 5), size >> 1);
}

/** An owner as the pipeline has them: claims, writes parts, names them, and removes what no manifest needs; any call may fail. */
class Writer {
  readonly store: KafkaCheckpointStore;
  readonly log: ReturnType<ModelTopic["client"]>;
  readonly #topic: ModelTopic;
  readonly #name: string;
  /** What its calls answered, by the id of the manifest. */
  readonly won = new Set<string>();
  /** Calls of which it cannot be said what they did. */
  failures = 0;
  #count = 0;

  constructor(topic: ModelTopic, name: string, faults: ModelFaults) {
    this.#topic = topic;
    this.#name = name;
    this.log = topic.client(faults);
    this.store = storeOn(this.log);
  }

  async run(): Promise<void> {
    let version: string | undefined;
    let current: Content = { epoch: 0, parts: [] };
    let before = current;
    for (let i = 0; i < SWAPS_EACH; i++) {
      try {
        // An owner continues from its last swap, however long ago. It may be a former owner.
        const isOwner = version !== undefined && this.#topic.random.chance(0.7);
        if (!isOwner) {
          const stored = await this.store.readManifest(PARTITION);
          const { epoch, parts } = contentOf(stored?.bytes) ?? { epoch: 0, parts: [] };
          current = { epoch: epoch + 1, parts };
          before = current;
          version = await this.#swap(current, stored?.version);
        }
        const parts = [...current.parts.slice(-2), ...(await this.#newParts(current.epoch))];
        const next = { epoch: current.epoch, parts };
        version = await this.#swap(next, version);
        const needed = new Set([...parts, ...current.parts]);
        const garbage = before.parts.filter((name) => !needed.has(name));
        before = current;
        current = next;
        // A sweep, which a zombie does long after others have taken over.
        if (this.#topic.random.chance(0.3)) garbage.push(...(await this.#foreignParts(next.epoch, needed)));
        for (const name of garbage) await this.store.deletePart(PARTITION, name);
      } catch (error) {
        assert.ok(error instanceof SwapstatsError, String(error));
        if (error.code !== "checkpoint_conflict") {
          assert.equal(error.code, "storage_failed", error.message);
          this.failures++;
        }
        version = undefined;
      }
    }
  }

  async #swap(content: Content, expected: string | undefined): Promise<string> {
    const version = await this.store.swapManifest(PARTITION, toBytes(JSON.stringify(content)), expected);
    this.won.add(version);
    return version;
  }

  async #foreignParts(epoch: number, needed: ReadonlySet<string>): Promise<string[]> {
    const listed = await this.store.listParts(PARTITION);
    return listed.filter((name) => !needed.has(name) && !name.includes(`-${epoch}-`));
  }

  async #newParts(epoch: number): Promise<string[]> {
    const names: string[] = [];
    while (this.#topic.random.chance(0.6)) {
      const size = this.#topic.random.chance(0.05) ? "big" : "little";
      const name = `redo-${epoch}-${this.#name}-${this.#count++}-${size}`;
      await this.store.putPart(PARTITION, name, partOf(name));
      names.push(name);
    }
    return names;
  }
}

/** Reads all the time, with a client of its own each time or one for all; whatever it reads was current while it read. */
async function watch(topic: ModelTopic, isFresh: boolean, isOver: () => boolean): Promise<void> {
  const one = storeOn(topic.client(NO_FAULTS));
  while (!isOver()) {
    const store = isFresh ? storeOn(topic.client(NO_FAULTS)) : one;
    const from = Math.max(0, truth(topic).length - 1);
    try {
      const version = (await store.readManifest(PARTITION))?.version;
      const valid = truth(topic);
      const possible: (string | undefined)[] = from === 0 ? [undefined, ...valid] : valid.slice(from);
      assert.ok(possible.includes(version), `${version} was read, which was not current meanwhile`);
    } catch (error) {
      // Leaders may change faster than it can be read.
      if (!(error instanceof SwapstatsError)) throw error;
    }
    await topic.turns.next();
  }
}

/** All that must be there, as this client sees it. */
async function checkStore(store: CheckpointStore, valid: readonly string[]): Promise<void> {
  const current = await store.readManifest(PARTITION);
  assert.equal(current?.version, valid.at(-1));
  const previous = await store.readPreviousManifest(PARTITION);
  assert.equal(previous === undefined, valid.length < 2);
  const listed = new Set(await store.listParts(PARTITION));
  for (const manifest of [contentOf(current?.bytes), contentOf(previous)]) {
    for (const name of manifest?.parts ?? []) {
      assert.ok(listed.has(name), `${name} is not listed`);
      const bytes = await store.getPart(PARTITION, name);
      assert.ok(bytes !== undefined && Buffer.from(bytes).equals(partOf(name)), `${name} is not as it was written`);
    }
  }
}

async function oneLife(seed: number, faults: ModelFaults): Promise<number> {
  const random = randomFrom(seed);
  const topic = new ModelTopic(random, 2 + random.below(5));
  const writers = Array.from({ length: WRITERS }, (_, i) => new Writer(topic, `w${i}`, faults));
  const killed = random.chance(0.5) ? writers[random.below(WRITERS)] : undefined;
  let steps = 0;
  const killAt = random.below(300);
  let isOver = false;
  const life = Promise.all(writers.map((writer) => writer.run()));
  const watchers = Promise.all([watch(topic, true, () => isOver), watch(topic, false, () => isOver)]);
  watchers.catch(() => {});
  await topic.turns.run(
    life.finally(() => {
      isOver = true;
    }),
    () => {
      if (steps++ === killAt) killed?.log.kill();
      topic.step();
    },
  );
  await topic.turns.run(watchers, () => {});
  const valid = truth(topic);
  const won = new Set<string>();
  for (const writer of writers) {
    for (const id of writer.won) {
      assert.ok(valid.includes(id), `${id} was taken for valid`);
      assert.ok(!won.has(id));
      won.add(id);
    }
  }
  if (writers.every(({ failures }) => failures === 0)) assert.equal(won.size, valid.length);
  const old = storeOn(topic.client(NO_FAULTS));
  const stores = writers.filter((one) => faults === NO_FAULTS && one !== killed).map(({ store }) => store);
  for (const share of [0, 0.5, 1]) {
    topic.compact(share);
    if (share === 1) topic.dropTombstones();
    for (const store of [old, storeOn(topic.client(NO_FAULTS)), ...stores]) {
      await topic.turns.run(checkStore(store, valid), () => {});
    }
  }
  return valid.length;
}

describe("the Kafka checkpoint store on a model of a log", () => {
  test("one of several concurrent swaps succeeds, and all readers agree at any time and after any compaction", async (t) => {
    const { seed, numRuns } = propertyOptions(t, RUNS);
    let swaps = 0;
    for (let run = 0; run < numRuns; run++) swaps += await oneLife(seed + run, NO_FAULTS);
    assert.ok(swaps > numRuns);
  });

  test("the same holds when appends fail, lose their responses, or arrive after their writer has given up", async (t) => {
    const { seed, numRuns } = propertyOptions(t, RUNS);
    const faults = { refused: 0.05, unanswered: 0.05, delayed: 0.05, unread: 0.02 };
    let swaps = 0;
    for (let run = 0; run < numRuns; run++) swaps += await oneLife(seed + run, faults);
    assert.ok(swaps > numRuns);
  });

  test("a former owner that cleans up late removes only records before its last manifest, and none of its successor's", async (t) => {
    const topic = new ModelTopic(randomFrom(seedOf(t)), 4);
    const before = storeOn(topic.client(NO_FAULTS));
    const former = storeOn(topic.client(NO_FAULTS));
    const next = storeOn(topic.client(NO_FAULTS));
    const story = async (): Promise<void> => {
      await before.putPart(PARTITION, "redo-1-0", partOf("redo-1-0"));
      const claim = await former.swapManifest(PARTITION, toBytes("claim"), undefined);
      await former.putPart(PARTITION, "redo-2-0", partOf("redo-2-0"));
      await former.putPart(PARTITION, "redo-2-1", partOf("redo-2-1"));
      const version = await next.swapManifest(PARTITION, toBytes("next claim"), claim);
      await next.putPart(PARTITION, "redo-3-0", partOf("redo-3-0"));
      await next.swapManifest(PARTITION, toBytes("next"), version);
      for (const name of await former.listParts(PARTITION)) {
        if (name !== "redo-2-1") await former.deletePart(PARTITION, name);
      }
      // The successor may remove whatever was there before its manifest.
      assert.deepEqual((await next.listParts(PARTITION)).sort(), ["redo-2-1", "redo-3-0"]);
      await next.deletePart(PARTITION, "redo-2-1");
      assert.deepEqual(await former.listParts(PARTITION), ["redo-3-0"]);
      assert.ok(Buffer.from(partOf("redo-3-0")).equals((await former.getPart(PARTITION, "redo-3-0"))!));
    };
    await topic.turns.run(story(), () => topic.compact(0.5));
  });

  test("a chain is recognised by a first manifest without predecessor or by two successors, and a manifest with an unknown predecessor is invalid", () => {
    const chainOf = (...records: [id: string, expected: string][]): string =>
      validChain(
        records.map(([id, expected], offset): ManifestRecord => {
          return { key: id, id, expected, offset, packed: Buffer.alloc(0) };
        }),
      )
        .map(({ id }) => id)
        .join(" ");
    assert.equal(chainOf(), "");
    assert.equal(chainOf(["a", ""], ["b", "a"], ["x", "a"], ["y", ""], ["c", "b"]), "a b c");
    assert.equal(chainOf(["c", "b"], ["d", "c"], ["e", "d"], ["x", "c"]), "c d e");
    assert.equal(chainOf(["x", "gone"]), "");
    assert.equal(chainOf(["x", "gone"], ["a", ""], ["y", "x"], ["b", "a"]), "a b");
  });
});
