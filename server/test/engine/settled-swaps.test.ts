import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { SwapDecoder } from "../../src/codecs/swap-decoder.ts";
import { PartitionEngine } from "../../src/engine/partition-engine.ts";
import { SwapEvent } from "../../src/engine/swaps/swap-event.ts";
import { commandLists, configs, hostileLogs, type TestConfig } from "../model/arbitraries.ts";
import { LogBuilder, type LogItem } from "../model/log-builder.ts";
import { decodeLine } from "../model/model-decoder.ts";
import type { ModelEvent } from "../model/model-event.ts";
import { itemOf, plainEvent } from "../model/plain-events.ts";
import { buildStream, plainStream } from "../model/streams.ts";
import { defaultConfig, loadVector, vectorNames } from "../model/vectors.ts";
import { propertyOptions, type Random, randomFrom, seedOf } from "../support/seed.ts";
import { imageOf, restoreImage, takeImage } from "./images.ts";
import { engineConfigOf, explained, Pair } from "./pair.ts";
import { assertWhole, SettledRun, settledBeforeMs } from "./settled-run.ts";

const start = Date.UTC(2026, 0, 1);
const minute = 60_000;

/** A pair whose engine is watched. */
function watched(config: TestConfig): { pair: Pair; settled: SettledRun } {
  const pair = new Pair(config);
  return { pair, settled: new SettledRun(config, pair.engine) };
}

describe("settled swaps and the unsettled ones in memory are the swaps that count, each once", () => {
  test("small hostile logs", (t) => {
    const property = fc.property(hostileLogs(90), (log) => {
      const { pair, items } = Pair.of(log);
      const settled = new SettledRun(pair.config, pair.engine);
      explained(items, () => {
        items.forEach((item, i) => {
          pair.take(item);
          if (i % 7 === 0) assertWhole(settled, pair.model);
        });
        assertWhole(settled, pair.model);
      });
    });
    fc.assert(property, propertyOptions(t, 150));
  });

  test("a day of a market", (t) => {
    const seed = seedOf(t);
    const random = randomFrom(seed + 1);
    const items = buildStream({ ...plainStream, seed, count: 12_000, spanMs: 26 * 3_600_000, chainIds: [1, 10] });
    const { pair, settled } = watched(defaultConfig);
    items.forEach((item, i) => {
      pair.take(item);
      if (random.chance(0.01)) settled.cut();
      if (i % 3_000 === 2_999) assertWhole(settled, pair.model);
    });
    assert.ok(settled.engine.settledCount > 10_000, "most swaps have settled");
  });

  test("a market whose chains have limits of their own, with many removals and inclusions", (t) => {
    const seed = seedOf(t);
    const chains = new Map([[10, { graceMs: 5_000, reorgHorizonMs: 20_000, priceMinUsdMicro: 5_000_000 }]]);
    const spec = { ...plainStream, seed, tokens: 200, removals: 0.2, inclusions: 0.3, disorderMs: 5_000, late: 0.05 };
    const items = buildStream({ ...spec, count: 5_000, spanMs: 3_600_000, chainIds: [1, 10, 56] });
    const { pair, settled } = watched({ ...defaultConfig, graceMs: 20_000, reorgHorizonMs: 120_000, chains });
    items.forEach((item, i) => {
      pair.take(item);
      if (i % 1_000 === 999) assertWhole(settled, pair.model);
    });
  });

  for (const name of vectorNames) {
    test(`the vector ${name}, and a day after it`, () => {
      const { lines, expected } = loadVector(name);
      const { pair, settled } = watched(defaultConfig);
      const decoder = new SwapDecoder();
      const event = new SwapEvent();
      for (const line of lines) {
        const bytes = Buffer.from(line);
        if (decoder.decode(bytes, 0, bytes.length, event) === undefined) settled.engine.apply(event, expected.arrival);
        const decoded = decodeLine(line);
        if ("event" in decoded) pair.model.apply(decoded.event, expected.arrival);
      }
      assertWhole(settled, pair.model);
      for (let i = 0; i < 2_000; i++) {
        pair.take(itemOf(plainEvent(i, expected.as_of + 86_400_000 + i * 1_000, { token: "0xlast" })));
      }
      assertWhole(settled, pair.model);
    });
  }
});

/** Runs the log in one go and with restores at random places. Rows, their sequences and their bytes must be equal. */
function assertSameStream(config: TestConfig, items: readonly LogItem[], random: Random, restores: number): void {
  const whole = new SettledRun(config).takeAll(items);
  const total = whole.engine.settledCount;
  const otherSeed = new SettledRun(config, new PartitionEngine(engineConfigOf(config), [7, 11]));
  for (const item of items) {
    otherSeed.run.take(item);
    if (random.chance(0.02)) otherSeed.cut();
  }
  assert.ok(otherSeed.bytes().equals(whole.bytes()), "the bytes under another seed and with other chunks");
  for (let i = 0; i < restores; i++) {
    const at = random.below(items.length + 1);
    const before = new SettledRun(config).takeAll(items.slice(0, at));
    before.engine.nameStream({ logId: "log", epoch: 3 });
    const image = takeImage(before.engine);
    const after = new SettledRun(config, restoreImage(config, image, random));
    assert.equal(after.engine.settledCount, before.engine.settledCount);
    assert.deepEqual(after.engine.stream, { logId: "log", epoch: 3 });
    after.takeAll(items.slice(at));
    assert.equal(after.engine.settledCount, total);
    const both = Buffer.concat([before.bytes(), after.bytes()]);
    assert.ok(both.equals(whole.bytes()), `the bytes after a restore at ${at}`);
    const sequences = [...before.chunks, ...after.chunks].map(({ fromSequence, count }) => [fromSequence, count]);
    let next = 0;
    for (const [fromSequence, count] of sequences) {
      assert.equal(fromSequence, next);
      next += count as number;
    }
    assert.equal(next, total);
  }
}

describe("equal logs give equal sequences and bytes, also after a restore at any place", () => {
  test("small hostile logs", (t) => {
    const property = fc.property(configs, commandLists(80), fc.nat(), (config, commands, seed) => {
      assertSameStream(config, new LogBuilder(config, start).build(commands), randomFrom(seed), 3);
    });
    fc.assert(property, propertyOptions(t, 50));
  });

  test("a market", (t) => {
    const seed = seedOf(t);
    const items = buildStream({ ...plainStream, seed, count: 8_000, spanMs: 6 * 3_600_000, chainIds: [1, 10] });
    assertSameStream(defaultConfig, items, randomFrom(seed), 3);
  });

  test("a watch changes no byte of the state, and a state without a stream has none in its header", (t) => {
    const seed = seedOf(t);
    const items = buildStream({ ...plainStream, seed, count: 3_000, spanMs: 3 * 3_600_000 });
    const alone = new SettledRun(defaultConfig);
    alone.engine.watchSettled(undefined);
    alone.takeAll(items);
    const { engine } = new SettledRun(defaultConfig).takeAll(items);
    assert.deepEqual(imageOf(alone.engine), imageOf(engine));
    assert.ok(!takeImage(engine).header.includes("stream"));
    assert.equal(alone.writer.count, 0);
  });

  test("an image of a version that did not count begins with no stream and count 0", (t) => {
    const items = buildStream({ ...plainStream, seed: seedOf(t), count: 2_000, spanMs: 3 * 3_600_000 });
    const image = takeImage(new SettledRun(defaultConfig).takeAll(items).engine);
    const { settledCount, ...older } = JSON.parse(image.header);
    assert.ok(settledCount > 0);
    const engine = restoreImage(defaultConfig, { ...image, header: JSON.stringify(older) }, randomFrom(1));
    assert.deepEqual([engine.settledCount, engine.stream], [0, undefined]);
  });
});

describe("before the bound no swap settles later", () => {
  test("while events are applied during the scan", (t) => {
    const seed = seedOf(t);
    const random = randomFrom(seed);
    const spec = { ...plainStream, seed, removals: 0.15, inclusions: 0.2, late: 0.05, chainIds: [1, 10] };
    const items = buildStream({ ...spec, count: 6_000, spanMs: 4 * 3_600_000 });
    const settled = new SettledRun({ ...defaultConfig, graceMs: 30_000, reorgHorizonMs: 200_000 });
    const marks: { sequence: number; beforeMs: number }[] = [];
    let next = 0;
    // The bound holds on the chains that the partition knows.
    while (settled.engine.highs().size < 2) settled.run.take(items[next++] as LogItem);
    while (next < items.length) {
      const scan = settled.engine.unsettled.settledBeforeMs();
      for (let step = scan.next(); ; step = scan.next()) {
        if (step.done === true) {
          marks.push({ sequence: settled.engine.settledCount, beforeMs: step.value as number });
          break;
        }
        if (random.chance(0.1) && next < items.length) settled.run.take(items[next++] as LogItem);
      }
    }
    const rows = settled.settled();
    for (const { sequence, beforeMs } of marks) {
      for (const row of rows.slice(sequence))
        assert.ok(row.eventTimeMs >= beforeMs, `${row.eventTimeMs} < ${beforeMs}`);
    }
    assert.ok(marks.length > 10 && (marks.at(-1)?.beforeMs ?? 0) > start + 3 * 3_600_000, "the bound follows");
  });

  test("there is none before the first event, and a silent chain holds it back", () => {
    const { pair, settled } = watched(defaultConfig);
    assert.equal(settledBeforeMs(settled.engine), undefined);
    pair.take(itemOf(plainEvent(1, start, { chainId: 10 })));
    for (let i = 2; i < 500; i++) pair.take(itemOf(plainEvent(i, start + i * minute)));
    assert.equal(settledBeforeMs(settled.engine), start - defaultConfig.reorgHorizonMs);
    assertWhole(settled, pair.model);
  });

  test("a chain that appears with older swaps brings it back", () => {
    const { pair, settled } = watched(defaultConfig);
    for (let i = 0; i < 100; i++) pair.take(itemOf(plainEvent(i, start + i * minute)));
    assert.ok((settledBeforeMs(settled.engine) as number) > start);
    pair.take(itemOf(plainEvent(100, start - 86_400_000, { chainId: 10 })));
    assert.ok((settledBeforeMs(settled.engine) as number) < start - 86_400_000);
    assertWhole(settled, pair.model);
  });
});

describe("single cases", () => {
  const config = { ...defaultConfig, graceMs: 60_000, reorgHorizonMs: 300_000 };
  const other = (i: number, afterMs: number): LogItem =>
    itemOf(plainEvent(1_000 + i, start + afterMs, { token: "0xother" }));

  /** Lets the high of the chain rise, minute by minute. */
  function pass(pair: Pair, fromMs: number, toMs: number): void {
    for (let ms = fromMs; ms <= toMs; ms += minute) pair.take(other(ms / minute, ms));
  }

  test("a swap settles once, is removed too late, and after that counts again as another one", () => {
    const { pair, settled } = watched(config);
    const swap = plainEvent(1, start, { pool: "0xpool", symbol: "SYM", blockNumber: 7, blockHash: "0xb", revision: 2 });
    pair.take(itemOf(swap));
    pass(pair, 0, 20 * minute);
    assert.deepEqual(settled.settled().filter(({ token }) => token === swap.token).length, 1);
    pair.take(itemOf({ ...swap, removed: true }));
    pair.take(itemOf({ ...swap, eventTimeMs: start + 20 * minute, revision: 3 }));
    pass(pair, 21 * minute, 40 * minute);
    const rows = settled.settled().filter(({ token }) => token === swap.token);
    assert.deepEqual(
      rows.map(({ eventTimeMs, revision }) => [eventTimeMs - start, revision]),
      [
        [0, 2],
        [20 * minute, 3],
      ],
    );
    assertWhole(settled, pair.model);
  });

  test("a bucket waits while a later removal keeps one of its swaps, and the removed swap never settles", () => {
    const { pair, settled } = watched(config);
    const removed = plainEvent(1, start);
    const kept = plainEvent(2, start + 1);
    pair.take(itemOf(removed));
    pair.take(itemOf(kept));
    pass(pair, 0, 4 * minute);
    pair.take(itemOf({ ...removed, eventTimeMs: start + 4 * minute, revision: 0, removed: true }));
    pair.take(itemOf({ ...removed, removed: true }));
    pass(pair, 5 * minute, 8 * minute);
    assert.equal(settled.settled().filter(({ token }) => token === kept.token).length, 0, "the bucket waits");
    assert.ok((settledBeforeMs(settled.engine) as number) <= start);
    pass(pair, 9 * minute, 30 * minute);
    const rows = settled.settled().filter(({ token }) => token === kept.token);
    assert.deepEqual(
      rows.map(({ txHash }) => txHash),
      [kept.txHash],
    );
    assertWhole(settled, pair.model);
  });

  test("a token that retires has settled, also over a long gap", () => {
    const { pair, settled } = watched(config);
    for (let i = 0; i < 150; i++) pair.take(itemOf(plainEvent(i, start + i * 100)));
    pair.take({ kind: "gap" });
    pass(pair, 3 * 1_440 * minute, 3 * 1_440 * minute + 10 * minute);
    const ref = settled.run.ref(plainEvent(0, start));
    assert.ok(ref !== undefined && settled.engine.isRetired(ref, start + 3 * 1_440 * minute));
    assert.equal(settled.settled().filter(({ token }) => token !== "0xother").length, 150);
    assertWhole(settled, pair.model);
  });

  test("a token with more pools and symbols than its list holds keeps them in its rows", (t) => {
    const random = randomFrom(seedOf(t));
    const { pair, settled } = watched(config);
    for (let i = 0; i < 400; i++) {
      const event: Partial<ModelEvent> = {
        ...(random.chance(0.8) && { pool: `0xpool${random.below(60)}` }),
        ...(random.chance(0.8) && { symbol: `S${random.below(60)}` }),
        ...(random.chance(0.3) && { eventId: `own-${i}` }),
        ...(random.chance(0.3) && { txIndex: i, blockNumber: i, revision: random.below(300) }),
        ...(random.chance(0.3) && { price: { coefficient: 12_345n, exponent: -3 } }),
      };
      pair.take(itemOf(plainEvent(i, start + i * 1_000, event)));
    }
    assertWhole(settled, pair.model);
    pass(pair, 7 * minute, 30 * minute);
    assertWhole(settled, pair.model);
  });
});
