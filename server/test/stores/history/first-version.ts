/** Stores that schema version 1 made (fixtures/history-schema-1), and the same history in memory. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { HistoryBatch, HistoryStore, SettledRow, StreamKey } from "../../../src/ports/history-store.ts";
import { MemoryHistory } from "../../support/memory-history.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { compareAll, compareStatus } from "./compare-stores.ts";
import { compactFully } from "./contract.ts";
import { ALWAYS, HistoryMaker, HOUR_MS } from "./random-history.ts";

const BEGIN_MS = Date.UTC(2026, 0, 31, 18);
const EARLIER: StreamKey = { logId: "log-a", partition: 1, epoch: 3 };
const LATER = { ...EARLIER, epoch: 5 };
const LATER_FROM = 30;
const ROWS = 63;
/** Rows of the earlier stream that are missing. */
const LOST = { from: 12, to: 15 };
const GAP = {
  ...EARLIER,
  ...{ fromMs: BEGIN_MS + 12 * HOUR_MS, toMs: BEGIN_MS + 16 * HOUR_MS },
  ...{ cause: "The store was away, and the buffer was full.", isRepairable: true },
};

/** The rows that the fixtures have. */
const rowOf = (i: number): SettledRow => ({
  ...{ chainId: 1, token: i % 3 === 0 ? "0xbb" : "0xaa", symbol: i % 5 === 0 ? undefined : i % 3 === 0 ? "TB" : "TA" },
  ...{ pool: i % 2 === 0 ? "0xpool" : undefined, who: `w${i % 4}`, isBuy: i % 2 === 0 },
  ...{ amountUnits: 10n ** 18n * BigInt(i + 1), usdMicro: (i + 1) * 2_500_000 },
  ...{ givenPrice: i % 7 === 0 ? undefined : 2.5, price: 2.5 },
  ...{ eventTimeMs: BEGIN_MS + i * HOUR_MS + (i % 10) * 60_000 + i, txHash: `0x${i}`, logIndex: i, txIndex: 0 },
  ...{ eventId: `1:0x${i}:${i}`, blockNumber: 100 + i, blockHash: i % 2 === 0 ? "0xblock" : undefined, revision: 0 },
});

const rowsOf = (from: number, to: number): SettledRow[] => Array.from({ length: to - from }, (_, i) => rowOf(from + i));

const settledOf = (stream: StreamKey, fromSequence: number, rows: readonly SettledRow[]): HistoryBatch => ({
  ...{ settled: [{ ...stream, fromSequence, rows }], raw: [], marks: [] },
});

/** Migrates the store, and compares its answers with those of all rows: as it was, and after its gap was filled, another stream began and all was merged. */
export async function compareFirstVersion(t: TestContext, store: HistoryStore, said: RegExp): Promise<void> {
  const model = new MemoryHistory();
  await model.beginStream(EARLIER, ALWAYS);
  await model.append(settledOf(EARLIER, 0, rowsOf(0, LOST.from)));
  await model.append(settledOf(EARLIER, LOST.to, rowsOf(LOST.to, 40)));
  await model.noteGap(GAP);
  await model.beginStream(LATER, { fromMs: BEGIN_MS + LATER_FROM * HOUR_MS, toMs: ALWAYS.toMs });
  await model.append(settledOf(LATER, 0, rowsOf(LATER_FROM, ROWS)));
  const marks = [
    { ...EARLIER, sequence: 40, beforeMs: BEGIN_MS + 40 * HOUR_MS },
    { ...LATER, sequence: 30, beforeMs: BEGIN_MS + 58 * HOUR_MS },
  ];
  await model.append({ settled: [], raw: [], marks });

  const done = await store.migrate();
  assert.match(done.join("\n"), said);
  assert.deepEqual(await store.migrate(), []);
  assert.equal((await store.status()).schemaVersion, 2);
  const tokens = ["0xaa", "0xbb"].map((token) => ({ chainId: 1, token }));
  const streams = [EARLIER, LATER].map((key) => ({ key, span: ALWAYS, fromSequence: 0, rows: [], marks: [] }));
  const maker = new HistoryMaker(randomFrom(seedOf(t)));
  const run = { maker, history: { tokens, streams }, lengthMs: ROWS * HOUR_MS, rounds: 4 };
  await compareAll(run, store, model);
  await compareStatus(store, model);
  assert.deepEqual(await store.verify(t.signal), []);

  // Gaps of that version do not say which sequences are missing.
  assert.equal((await store.status()).gaps[0]?.sequences, undefined);
  assert.deepEqual(await store.missingSequences(EARLIER, { from: 0, to: LATER_FROM }), [LOST]);
  for (const one of [store, model]) {
    await one.append(settledOf(EARLIER, LOST.from, rowsOf(LOST.from, LOST.to)));
    await one.closeGaps(EARLIER, GAP);
    await one.append({ settled: [], raw: [], marks: [{ ...LATER, sequence: 33, beforeMs: BEGIN_MS + 70 * HOUR_MS }] });
    await one.noteGap({ ...GAP, ...LATER, sequences: { from: 33, to: 35 } });
  }
  await compactFully(t, store);
  await compareAll(run, store, model);
  await compareStatus(store, model);
  assert.deepEqual(await store.verify(t.signal), []);
}
