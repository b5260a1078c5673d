/**
 * What every history store must do, whatever keeps it; the same tests for all of them. Random histories are appended to the store and to one in
 * memory that computes everything from all rows.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { HistoryStatus, HistoryStore, RawRow } from "../../../src/ports/history-store.ts";
import { MemoryHistory } from "../../support/memory-history.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { compareAll, compareStatus } from "./compare-stores.ts";
import { registerFixedHistories } from "./fixed-histories.ts";
import { HistoryMaker, type MadeHistory } from "./random-history.ts";
import { registerRefilledGaps } from "./refilled-gaps.ts";

export type HistoryBackend = {
  /** Another client of the store of this space. Spaces know nothing of each other. The suite calls `migrate` first, and closes what it opens. */
  open(space: string): Promise<HistoryStore>;
  /** The valid raw rows of the space, read as a user of the store reads them. */
  rawRows(space: string): Promise<readonly RawRow[]>;
};

const COMPACTIONS_MAX = 50;

/** Registers the tests; `backend` is asked while they run. */
export function historyContract(backend: () => HistoryBackend): void {
  // The second shape has many small batches, the third crosses many days, and the fourth has thousands of rows in few minutes.
  const shapes = [
    { streams: 1, rows: 300, stepMs: 20_000, batch: 400 },
    { streams: 8, rows: 150, stepMs: 30_000, batch: 80 },
    { streams: 4, rows: 60, stepMs: 6 * 3_600_000, batch: 50 },
    { streams: 3, rows: 1_500, stepMs: 60, batch: 2_000 },
  ];
  for (const [i, { batch, ...shape }] of shapes.entries()) {
    test(`a random history of ${shape.streams} streams is there once, and every answer equals that of all rows`, async (t) => {
      const random = randomFrom(seedOf(t));
      const maker = new HistoryMaker(random);
      const history = maker.history(shape);
      const space = `random${i}`;
      let store = await opened(t, backend(), space);
      const model = new MemoryHistory();
      await begin(history, store, model);
      for (const part of maker.batches(history, batch)) {
        await store.append(part);
        await model.append(part);
        if (random.chance(0.1)) {
          await store.close();
          store = await opened(t, backend(), space);
        }
        if (random.chance(0.2)) await store.compact(t.signal);
      }
      // Two rounds have every interval, order and length of a page.
      const run = { maker, history, lengthMs: shape.rows * shape.stepMs, rounds: 2 };
      await compareAll(run, store, model);
      await compareStatus(store, model);
      await compactFully(t, store);
      await compareAll(run, store, model);
      await store.close();
      store = await opened(t, backend(), space);
      await compareAll({ ...run, rounds: 1 }, store, model);
      await compareStatus(store, model);
      assert.deepEqual(await store.verify(t.signal), []);
    });
  }
  registerFixedHistories(backend);
  registerRefilledGaps(backend);

  test("answers are complete while files are merged and batches arrive", async (t) => {
    const random = randomFrom(seedOf(t));
    const maker = new HistoryMaker(random);
    const history = maker.history({ streams: 3, rows: 400, stepMs: 10_000 });
    const store = await opened(t, backend(), "busy");
    const model = new MemoryHistory();
    await begin(history, store, model);
    for (const part of maker.batches(history, 30)) {
      await store.append(part);
      await model.append(part);
    }
    let isMerging = true;
    const merging = compactFully(t, store).finally(() => {
      isMerging = false;
    });
    do {
      await compareAll({ maker, history, lengthMs: 4_000_000, rounds: 1 }, store, model);
    } while (isMerging);
    await merging;
  });

  test("raw events are there once, and of two with one key that of the greater epoch counts", async (t) => {
    const random = randomFrom(seedOf(t));
    const maker = new HistoryMaker(random);
    const store = await opened(t, backend(), "raw");
    const model = new MemoryHistory();
    const [token] = maker.tokens(1);
    const rawOf = (offset: number, outcome: string): RawRow => {
      const { price: _, ...row } = maker.row(token!, 1_770_000_000_000 + offset * 40_000);
      return {
        ...row,
        offset,
        index: offset % 3,
        arrivalMs: row.eventTimeMs + 5,
        isRemoval: random.chance(0.2),
        outcome,
      };
    };
    const rows = Array.from({ length: 200 }, (_, i) =>
      rawOf(10_000 + i, random.pick(["applied", "late", "duplicate"])),
    );
    const key = { logId: "log-a", partition: 1 };
    const zombie = rows.slice(100, 120).map((row) => ({ ...row, outcome: "of a zombie" }));
    for (const raw of [
      [{ ...key, epoch: 4, rows: rows.slice(0, 150) }],
      [{ ...key, epoch: 4, rows: rows.slice(90, 200) }],
      [{ ...key, epoch: 3, rows: zombie }],
      [{ ...key, epoch: 5, rows: rows.slice(195).map((row) => ({ ...row, outcome: "read again" })) }],
      [{ ...key, logId: "log-b", epoch: 1, rows: rows.slice(0, 3) }],
    ]) {
      await store.append({ settled: [], raw, marks: [] });
      await model.append({ settled: [], raw, marks: [] });
    }
    const byKey = (all: readonly RawRow[]): string[] =>
      all
        .map((row) =>
          JSON.stringify(
            Object.entries(row)
              .map(([name, value]) => [name, String(value)])
              .sort(),
          ),
        )
        .sort();
    assert.deepEqual(byKey(await backend().rawRows("raw")), byKey(model.rawRows()));
    await compactFully(t, store);
    assert.deepEqual(byKey(await backend().rawRows("raw")), byKey(model.rawRows()));
  });

  test("a store that was migrated is migrated again without a change", async (t) => {
    const store = await backend().open("migrated");
    t.after(() => store.close());
    assert.notEqual((await store.migrate()).length, 0);
    assert.deepEqual(await store.migrate(), []);
    const { schemaVersion, streams, gaps, rows, fromMs, toMs }: HistoryStatus = await store.status();
    assert.ok(schemaVersion >= 1);
    assert.deepEqual(
      { streams, gaps, rows, fromMs, toMs },
      { streams: [], gaps: [], rows: 0, fromMs: undefined, toMs: undefined },
    );
    const other = await opened(t, backend(), "migrated");
    assert.deepEqual(await other.migrate(), []);
  });
}

/** Opens and migrates a store. It is also closed here for a failed test; closing it again does nothing. */
export async function opened(t: TestContext, backend: HistoryBackend, space: string): Promise<HistoryStore> {
  const store = await backend.open(space);
  t.after(() => store.close());
  await store.migrate();
  return store;
}

async function begin({ streams }: MadeHistory, ...stores: HistoryStore[]): Promise<void> {
  for (const { key, span } of streams) {
    for (const store of stores) {
      await store.beginStream(key, span);
      await store.beginStream(key, span);
    }
  }
}

/** Compacts until nothing is left to do. */
export async function compactFully(t: TestContext, store: HistoryStore): Promise<void> {
  for (let i = 0; (await store.compact(t.signal)).length > 0; i++) {
    assert.ok(i < COMPACTIONS_MAX, "compact still does something");
  }
}
