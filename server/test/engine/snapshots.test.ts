import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { PartitionEngine } from "../../src/engine/partition-engine.ts";
import { SwapstatsError } from "../../src/shared/errors.ts";
import { commandLists, configs, type TestConfig } from "../model/arbitraries.ts";
import { LogBuilder, type LogItem } from "../model/log-builder.ts";
import { itemOf, plainEvent } from "../model/plain-events.ts";
import { buildStream, plainStream } from "../model/streams.ts";
import { defaultConfig } from "../model/vectors.ts";
import { windowsOf } from "../model/window-rules.ts";
import { propertyOptions, type Random, randomFrom, seedOf } from "../support/seed.ts";
import { figuresOf } from "./figures.ts";
import { type Image, imageOf, restoreImage, takeImage } from "./images.ts";
import { EngineRun } from "./pair.ts";

const start = Date.UTC(2026, 0, 1);

/** Applies the items from `at` on while a snapshot is taken in random slices. Stops at the end of the log or of the snapshot. */
function snapshotWhileApplying(run: EngineRun, items: readonly LogItem[], at: number, random: Random): [Image, number] {
  const snapshot = run.engine.beginSnapshot();
  const header = Buffer.from(snapshot.header).toString("utf8");
  const slices: Uint8Array[] = [];
  let next = at;
  for (;;) {
    const slice = snapshot.next(1 + random.below(random.chance(0.5) ? 5_000 : 300_000));
    if (slice === undefined) break;
    slices.push(Uint8Array.from(slice));
    for (let burst = random.below(20); burst > 0 && next < items.length; burst--) run.take(items[next++] as LogItem);
  }
  const bytes = Buffer.concat(slices);
  assert.equal(bytes.length, snapshot.totalBytes, "the slices have the size that was told");
  return [{ header, bytes }, next];
}

/** Runs the log with snapshots at random places, each restored and replayed to the end. All final states must be equal. */
function assertReplayable(config: TestConfig, items: readonly LogItem[], random: Random, snapshots: number): void {
  const whole = new EngineRun(config).takeAll(items);
  const wanted = imageOf(whole.engine);
  const run = new EngineRun(config);
  let at = 0;
  for (let i = 0; i < snapshots; i++) {
    const begin = Math.min(items.length, at + random.below(Math.ceil((1.5 * items.length) / snapshots)));
    for (; at < begin; at++) run.take(items[at] as LogItem);
    const atBegin = imageOf(new EngineRun(config).takeAll(items.slice(0, begin)).engine);
    const [image, next] = snapshotWhileApplying(run, items, begin, random);
    at = next;
    const restored = restoreImage(config, image, random);
    assert.deepEqual(imageOf(restored), atBegin, "a restored state is the state at the beginning of its snapshot");
    const replayed = new EngineRun(config, restored).takeAll(items.slice(begin));
    assert.deepEqual(imageOf(replayed.engine), wanted, `replay from ${begin}`);
    assertSameAnswers(replayed, whole);
  }
  for (; at < items.length; at++) run.take(items[at] as LogItem);
  assert.deepEqual(imageOf(run.engine), wanted, "taking snapshots changes nothing");
}

function assertSameAnswers(a: EngineRun, b: EngineRun): void {
  const asOfMs = b.engine.maxHighMs() ?? start;
  assert.deepEqual(figuresOf(a, asOfMs), figuresOf(b, asOfMs));
  assert.deepEqual({ ...a.engine.counters }, { ...b.engine.counters });
  assert.equal(a.engine.seenSinceMs(), b.engine.seenSinceMs());
  assert.deepEqual(a.engine.highs(), b.engine.highs());
  assert.deepEqual(versions(a.engine), versions(b.engine));
}

function versions(engine: PartitionEngine): [string, number][] {
  return [...engine.tokens()].map((ref) => [engine.info(ref).id, engine.version(ref)]);
}

describe("a snapshot at any offset and the replay of the rest equal a run from zero, byte for byte", () => {
  test("small hostile logs", (t) => {
    const property = fc.property(configs, commandLists(80), fc.nat(), (config, commands, seed) => {
      const items = new LogBuilder({ ...config }, start).build([...commands, { kind: "gap" }, ...commands.slice(0, 5)]);
      assertReplayable({ ...config, exactTraders: 3 }, items, randomFrom(seed), 3);
    });
    fc.assert(property, propertyOptions(t, 60));
  });

  test("a market of a day", (t) => {
    const seed = seedOf(t);
    const items = buildStream({ ...plainStream, seed, count: 15_000, spanMs: 26 * 3_600_000, chainIds: [1, 10] });
    assertReplayable({ ...defaultConfig, exactTraders: 40 }, items, randomFrom(seed), 4);
  });

  test("many tokens that share symbols, their swaps removed and included again, settling quickly", (t) => {
    const seed = seedOf(t);
    const spec = { ...plainStream, seed, tokens: 1_500, removals: 0.2, inclusions: 0.3, disorderMs: 5_000 };
    const items = buildStream({ ...spec, count: 6_000, spanMs: 900_000 });
    assertReplayable({ ...defaultConfig, graceMs: 20_000, reorgHorizonMs: 40_000 }, items, randomFrom(seed), 6);
  });

  test("the size of the slices changes no byte", (t) => {
    const seed = seedOf(t);
    const items = buildStream({ ...plainStream, seed, count: 2_000, spanMs: 3_600_000 });
    const { engine } = new EngineRun(defaultConfig).takeAll(items);
    const whole = takeImage(engine, 1 << 28);
    for (const sliceBytes of [4_096, 65_537]) assert.deepEqual(takeImage(engine, sliceBytes), whole);
  });

  test("an image that outgrows its buffer while the snapshot is taken", () => {
    const pad = (text: string) => text.padEnd(127, text);
    const items = Array.from({ length: 128_000 }, (_, i) =>
      itemOf(
        plainEvent(i, start + 2 * i, {
          txHash: pad(`h${i}`),
          who: pad(`w${i}`),
          blockHash: pad(`b${i}`),
          token: `t${i % 7}`,
        }),
      ),
    );
    const run = new EngineRun(defaultConfig).takeAll(items.slice(0, 115_000));
    const wanted = imageOf(run.engine);
    const [image, next] = snapshotWhileApplying(run, items, 115_000, {
      ...randomFrom(1),
      below: (limit) => (limit === 20 ? 800 : limit >> 1),
    });
    for (const item of items.slice(next)) run.take(item);
    assert.ok(
      image.bytes.length < 1 << 26 && (run.engine.memory().image as number) > 1 << 26,
      "the buffer was outgrown",
    );
    const restored = restoreImage(defaultConfig, image, randomFrom(2));
    assert.deepEqual(imageOf(restored), wanted);
    assert.deepEqual(
      imageOf(new EngineRun(defaultConfig, restored).takeAll(items.slice(115_000)).engine),
      imageOf(run.engine),
    );
  });

  test("an aborted snapshot changes nothing, and another may begin", (t) => {
    const seed = seedOf(t);
    const random = randomFrom(seed);
    const items = buildStream({ ...plainStream, seed, count: 3_000, spanMs: 3_600_000 });
    const wanted = imageOf(new EngineRun(defaultConfig).takeAll(items).engine);
    const run = new EngineRun(defaultConfig);
    let snapshot = run.engine.beginSnapshot();
    for (const item of items) {
      run.take(item);
      if (random.chance(0.02)) snapshot.next(10_000);
      if (random.chance(0.98)) continue;
      snapshot.abort();
      snapshot = run.engine.beginSnapshot();
    }
    snapshot.abort();
    assert.deepEqual(imageOf(run.engine), wanted);
  });
});

describe("a snapshot fits one configuration", () => {
  const other: Partial<TestConfig>[] = [
    { windows: windowsOf(["1m", "5m"]) },
    { windows: windowsOf(["1m", "5m", "15m", "30m", "1h", "6h", "24h"], 60_000) },
    { graceMs: 60_000 },
    { reorgHorizonMs: 60_000 },
    { maxSkewMs: 30_000 },
    { priceMinUsdMicro: 1 },
    { chains: new Map([[1, { maxSkewMs: 1 }]]) },
    { chains: new Map([[1, { priceMinUsdMicro: 1 }]]) },
    { chains: new Map([[1, { graceMs: 5_000, reorgHorizonMs: 60_000 }]]) },
    { exactTraders: 100 },
  ];
  const image = takeImage(
    new EngineRun(defaultConfig).takeAll(buildStream({ ...plainStream, seed: 5, count: 200, spanMs: 100_000 })).engine,
  );
  for (const change of other) {
    test(`refused with another ${Object.keys(change).join()} ${change.windows?.length ?? ""}`, () => {
      assert.throws(
        () => restoreImage({ ...defaultConfig, ...change }, image, randomFrom(1)),
        (error) => error instanceof SwapstatsError && error.code === "checkpoint_incompatible",
      );
    });
  }

  test("accepted with another max_tokens, which does not affect the bytes", () => {
    const engine = restoreImage({ ...defaultConfig, maxTokens: 10 }, image, randomFrom(1));
    assert.deepEqual(takeImage(engine), image);
  });

  const refused = (error: unknown) => error instanceof SwapstatsError && error.code.startsWith("checkpoint_");

  test("a header that cannot be read, or of another layout, is refused", () => {
    const { format } = JSON.parse(image.header);
    const others = [format - 1, format + 1, undefined].map((other) =>
      JSON.stringify({ ...JSON.parse(image.header), format: other }),
    );
    for (const header of ["", "{}", "null", "[1]", "not json", image.header.slice(0, -1), ...others]) {
      assert.throws(() => restoreImage(defaultConfig, { ...image, header }, randomFrom(1)), refused, header);
    }
  });

  test("bytes that are too few or too many are refused, even when the header agrees with them", () => {
    const { length } = image.bytes;
    for (const wanted of [0, 8, length >> 1, length - 8, length - 1, length + 1, length + 8]) {
      const bytes = Buffer.concat([image.bytes, Buffer.alloc(8)]).subarray(0, wanted);
      const header = JSON.stringify({ ...JSON.parse(image.header), imageBytes: wanted });
      assert.throws(() => restoreImage(defaultConfig, { ...image, bytes }, randomFrom(1)), refused, `${wanted} bytes`);
      assert.throws(() => restoreImage(defaultConfig, { header, bytes }, randomFrom(1)), refused, `${wanted} told`);
    }
  });
});
