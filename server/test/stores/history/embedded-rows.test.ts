/** Rows on their way into the files of the embedded history: from the bytes of a worker, and from objects. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { SettledRowWriter } from "../../../src/codecs/settled-row-writer.ts";
import { readSettledRows } from "../../../src/codecs/settled-rows.ts";
import { FlatBatch } from "../../../src/history/flat-batch.ts";
import type { HistoryStore, SettledRow } from "../../../src/ports/history-store.ts";
import { openEmbeddedHistory } from "../../../src/stores/history/embedded/open-embedded-history.ts";
import { SettledRun } from "../../engine/settled-run.ts";
import { amountMax } from "../../model/log-builder.ts";
import { itemOf, plainEvent } from "../../model/plain-events.ts";
import { buildStream, plainStream } from "../../model/streams.ts";
import { defaultConfig } from "../../model/vectors.ts";
import { MemoryHistory } from "../../support/memory-history.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { tempDir } from "../../support/tmp.ts";
import { rowsOf } from "./compare-stores.ts";
import { embeddedSetup } from "./embedded-support.ts";
import { ALWAYS } from "./random-history.ts";

const KEY = { logId: "it's a log", partition: 3, epoch: 2 ** 40 };
const BEGIN_MS = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;
/** Texts of DuckDB are held in another way from 13 bytes on. */
const INLINE_LENGTHS = [1, 3, 4, 5, 8, 11, 12, 13, 14, 16, 17, 127, 128];

async function opened(t: TestContext): Promise<HistoryStore> {
  const store = await openEmbeddedHistory(embeddedSetup(tempDir(t, "history")), Date.now, 0);
  t.after(() => store.close());
  await store.migrate();
  await store.beginStream(KEY, ALWAYS);
  return store;
}

const sorted = (rows: readonly SettledRow[]): SettledRow[] =>
  rows.toSorted((a, b) => (a.eventId < b.eventId ? -1 : a.eventId > b.eventId ? 1 : 0));

test("rows of a worker's bytes are there once, as its objects are, however the batches overlap", async (t) => {
  const seed = seedOf(t);
  const random = randomFrom(seed);
  const stream = { ...plainStream, seed, count: 1_500, spanMs: 30 * HOUR_MS, chainIds: [1, 10] };
  const run = new SettledRun(defaultConfig);
  for (const item of buildStream(stream)) {
    // The decoder refuses larger amounts.
    if (item.kind === "event" && item.event.amount > amountMax) continue;
    run.run.take(item);
    if (random.chance(0.01)) run.cut();
  }
  const rows = run.settled();
  assert.ok(rows.length > 500 && run.chunks.length > 3);
  const store = await opened(t);
  const model = new MemoryHistory();
  await model.beginStream(KEY, ALWAYS);
  await model.append({ settled: [{ ...KEY, fromSequence: 0, rows }], raw: [], marks: [] });
  for (const [i, { fromSequence, count }] of run.chunks.entries()) {
    const chunks = run.chunks.slice(i, i + 2).map(({ bytes }) => bytes);
    // The store may already have the middle of the next chunks.
    const ahead = Math.min(rows.length, fromSequence + random.below(2 * count));
    const some = { ...KEY, fromSequence: ahead, rows: rows.slice(ahead, ahead + 20) };
    const settled = [some, new FlatBatch(KEY, fromSequence, chunks)];
    const marks = [{ ...KEY, sequence: fromSequence, beforeMs: 0 }];
    await store.append({ settled, raw: [], marks });
  }
  assert.deepEqual(sorted(await rowsOf(store.rows(ALWAYS, undefined, [], t.signal))), sorted(rows));
  const [got, expected] = [await store.tokens(ALWAYS, [], undefined), await model.tokens(ALWAYS, [], undefined)];
  assert.deepEqual(new Set(got), new Set(expected));
  for (const symbol of new Set(rows.map((row) => row.symbol ?? row.token))) {
    assert.deepEqual(new Set(await store.find(symbol)), new Set(await model.find(symbol)), symbol);
  }
  assert.equal((await store.status()).streams[0]!.rows, rows.length);
});

test("texts of every length and numbers at their limits come back as they were, from bytes and from objects", async (t) => {
  const limits = {
    ...{ amount: 10n ** 38n - 1n, usd: BigInt(Number.MAX_SAFE_INTEGER), logIndex: 2 ** 32 - 1, chainId: 2 ** 32 - 1 },
    ...{ txIndex: 2 ** 32 - 1, blockNumber: Number.MAX_SAFE_INTEGER, revision: 2 ** 32 - 1 },
  };
  const run = new SettledRun(defaultConfig);
  const amounts = [1n, 10n ** 15n - 1n, 10n ** 15n, 10n ** 30n - 1n, 10n ** 30n, 2n ** 64n, 2n ** 96n, 2n ** 126n];
  const texts = [
    ...INLINE_LENGTHS.map((length) => "é".repeat(length / 2).padEnd(length - Math.floor(length / 2), "x")),
  ];
  texts.push("чужой\u0000", "池", "🚀🚀🚀", "0xABC", `0x${"ab".repeat(32)}`);
  for (const [i, text] of texts.entries()) {
    const all = {
      who: text,
      pool: text,
      symbol: text,
      blockHash: text,
      txHash: text,
      eventId: `${i}${text}`.slice(0, 60),
    };
    run.run.take(itemOf(plainEvent(i, BEGIN_MS + i, { ...all, amount: amounts[i % amounts.length]! })));
  }
  run.run.take(itemOf(plainEvent(texts.length, BEGIN_MS + 500, { ...limits, chainId: 1 })));
  const ref = run.run.ref({ chainId: 1, token: plainEvent(0, BEGIN_MS).token })!;
  const writer = new SettledRowWriter(run.engine.source, 0);
  writer.settled(ref, run.engine.unsettled.records(ref, 0, Number.MAX_SAFE_INTEGER));
  const { bytes } = writer.cut()!;
  const rows = [...readSettledRows(bytes)];
  assert.equal(rows.length, texts.length + 1);
  for (const batch of [new FlatBatch(KEY, 0, [bytes]), { ...KEY, fromSequence: 0, rows }]) {
    const store = await opened(t);
    await store.append({ settled: [batch], raw: [], marks: [] });
    assert.deepEqual(sorted(await rowsOf(store.rows(ALWAYS, undefined, [], t.signal))), sorted(rows));
    assert.deepEqual(await store.verify(t.signal), []);
  }
});
