/** Histories with known answers: limits of sums, streams that supersede others, edges, gaps and orders. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { HistoryGap, HistoryStore, SettledRow, StreamKey } from "../../../src/ports/history-store.ts";
import { MemoryHistory } from "../../support/memory-history.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { compareStatus, rowsOf, sorted } from "./compare-stores.ts";
import { compactFully, type HistoryBackend, opened } from "./contract.ts";
import { ALWAYS, BEGIN_MS, DAY_MS, HistoryMaker, HOUR_MS, MINUTE_MS, UNITS_MAX } from "./random-history.ts";

const TOKEN = { chainId: 1, token: "0x6982508145454ce325ddbe47a25d4ec3d2311933" };
const KEY: StreamKey = { logId: "log-a", partition: 0, epoch: 3 };
const NO_SUMS = {
  ...{ buys: 0, sells: 0, usdBuyMicro: 0n, usdSellMicro: 0n, tokenBuyUnits: 0n, tokenSellUnits: 0n },
  ...{ open: undefined, high: undefined, low: undefined, close: undefined, firstMs: undefined, lastMs: undefined },
};

async function write(
  store: HistoryStore,
  key: StreamKey,
  fromSequence: number,
  rows: readonly SettledRow[],
  beforeMs = 0,
) {
  const marks = beforeMs === 0 ? [] : [{ ...key, sequence: fromSequence + rows.length, beforeMs }];
  await store.append({ settled: [{ ...key, fromSequence, rows }], raw: [], marks });
}

const makerOf = (t: TestContext): HistoryMaker => new HistoryMaker(randomFrom(seedOf(t)));

export function registerFixedHistories(backend: () => HistoryBackend): void {
  registerSums(backend);
  registerStreams(backend);
  registerLookups(backend);
}

function registerSums(backend: () => HistoryBackend): void {
  test("sums beyond 38 digits are exact, of rows, minutes and days", async (t) => {
    const maker = makerOf(t);
    const store = await opened(t, backend(), "sums");
    await store.beginStream(KEY, ALWAYS);
    const rows = Array.from({ length: 400 }, (_, i) => ({
      ...maker.row(TOKEN, BEGIN_MS + i * 15 * MINUTE_MS + (i % 7)),
      isBuy: i % 4 !== 0,
      amountUnits: UNITS_MAX - BigInt(i % 2),
      usdMicro: Number.MAX_SAFE_INTEGER,
    }));
    await write(store, KEY, 0, rows);
    const check = async (): Promise<void> => {
      const [all] = await store.sums(TOKEN, [{ fromMs: 0, toMs: BEGIN_MS + 30 * DAY_MS }], []);
      assert.equal(all!.tokenBuyUnits, 300n * UNITS_MAX - 200n);
      assert.equal(all!.tokenSellUnits, 100n * UNITS_MAX);
      assert.equal(all!.usdBuyMicro, 300n * BigInt(Number.MAX_SAFE_INTEGER));
      const days = await store.candles(TOKEN, { ms: DAY_MS }, { fromMs: 0, toMs: ALWAYS.toMs }, [], 100);
      assert.equal(
        days.reduce((sum, { tokenBuyUnits }) => sum + tokenBuyUnits, 0n),
        all!.tokenBuyUnits,
      );
      const [token] = await store.tokens({ fromMs: 0, toMs: BEGIN_MS + 30 * DAY_MS }, [], undefined);
      assert.equal(token!.tokenSellUnits, all!.tokenSellUnits);
    };
    await check();
    await store.append({ settled: [], raw: [], marks: [{ ...KEY, sequence: 400, beforeMs: BEGIN_MS + 40 * DAY_MS }] });
    await check();
    await compactFully(t, store);
    await check();
  });

  test("an empty span, an unknown token and an empty store have no sums", async (t) => {
    const maker = makerOf(t);
    const store = await opened(t, backend(), "empty");
    const wide = { fromMs: 0, toMs: BEGIN_MS + DAY_MS };
    const ask = async (): Promise<void> => {
      assert.deepEqual(await store.sums({ chainId: 7, token: "none" }, [wide, { fromMs: 5, toMs: 5 }], []), [
        NO_SUMS,
        NO_SUMS,
      ]);
      assert.deepEqual(await store.sums(TOKEN, [{ fromMs: BEGIN_MS, toMs: BEGIN_MS }], []), [NO_SUMS]);
      assert.deepEqual(await store.sums(TOKEN, [], []), []);
      assert.deepEqual(await store.candles(TOKEN, "month", { fromMs: 5, toMs: 5 }, [], 10), []);
      assert.deepEqual(await store.tokens({ fromMs: 5, toMs: 5 }, [], undefined), []);
      assert.deepEqual(
        await store.swaps(TOKEN, { fromMs: 0, toMs: 5, order: "asc", after: undefined, limit: 5 }, []),
        [],
      );
      assert.deepEqual(await store.find("none"), []);
      assert.equal(await store.symbol(TOKEN, 5), undefined);
      const others = { buyers: ["a", "a", "b"], sellers: ["b"] };
      assert.deepEqual(await store.traders(TOKEN, { fromMs: 5, toMs: 5 }, [], others), {
        traders: 2,
        buyers: 2,
        sellers: 1,
      });
    };
    await ask();
    await store.append({ settled: [], raw: [], marks: [] });
    await store.beginStream(KEY, ALWAYS);
    await store.append({
      settled: [{ ...KEY, fromSequence: 0, rows: [] }],
      raw: [],
      marks: [{ ...KEY, sequence: 0, beforeMs: BEGIN_MS }],
    });
    await write(store, KEY, 0, [maker.row(TOKEN, BEGIN_MS)]);
    await ask();
  });

  test("swaps of one time are in the order of block, transaction, log index and the bytes of their ids", async (t) => {
    const maker = makerOf(t);
    const store = await opened(t, backend(), "order");
    const keys = [KEY, { ...KEY, logId: "import:x" }];
    // One in Unicode's private area and one beyond it: UTF-16 has them the other way round.
    const ids = ["a", "a\0", "aa", "b", "ﾮ", "🦄"];
    const rows = [0, 1].flatMap((n) =>
      ids.map((id, i) => ({
        ...maker.row(TOKEN, BEGIN_MS),
        ...{ blockNumber: n === 0 ? undefined : 0, txIndex: 2, logIndex: 4, eventId: `${id}`, price: 1 + n * 10 + i },
      })),
    );
    const first = [
      { ...rows[0]!, eventId: "z", txIndex: 1, price: 0.25 },
      { ...rows[0]!, eventId: "y", logIndex: 3, price: 0.5 },
    ];
    const last = [{ ...rows[0]!, eventId: "", blockNumber: 1, txIndex: 0, logIndex: 0, price: 99 }];
    await store.beginStream(keys[0]!, ALWAYS);
    await store.beginStream(keys[1]!, ALWAYS);
    await write(store, keys[0]!, 0, [...last, ...rows.slice(0, ids.length).reverse()]);
    await write(store, keys[1]!, 0, first.toReversed());
    const check = async (): Promise<void> => {
      const expected = [...first, ...rows.slice(0, ids.length), ...last];
      for (const limit of [1, 2, 3, 100]) {
        assert.deepEqual(await allPages(store, "asc", limit), expected);
        assert.deepEqual(await allPages(store, "desc", limit), expected.toReversed());
      }
      const [sums] = await store.sums(TOKEN, [{ fromMs: BEGIN_MS, toMs: BEGIN_MS + 1 }], []);
      const [minute] = await store.candles(TOKEN, { ms: MINUTE_MS }, { fromMs: 0, toMs: ALWAYS.toMs }, [], 5);
      assert.deepEqual([sums!.open, sums!.close], [0.25, 99]);
      assert.deepEqual([minute!.open, minute!.close], [0.25, 99]);
    };
    await check();
    for (const key of keys) {
      await store.append({ settled: [], raw: [], marks: [{ ...key, sequence: 2, beforeMs: BEGIN_MS + DAY_MS }] });
    }
    await check();
    await compactFully(t, store);
    await check();
  });
}

async function allPages(store: HistoryStore, order: "asc" | "desc", limit: number): Promise<SettledRow[]> {
  const rows: SettledRow[] = [];
  for (;;) {
    const last = rows.at(-1);
    const after = last === undefined ? undefined : { ...last, blockNumber: last.blockNumber ?? 0 };
    const page = await store.swaps(TOKEN, { fromMs: 0, toMs: ALWAYS.toMs, order, after, limit }, []);
    rows.push(...page);
    if (page.length < limit) return rows;
  }
}

function registerStreams(backend: () => HistoryBackend): void {
  test("of several streams of a log and partition the greatest epoch whose span holds the time counts", async (t) => {
    const maker = makerOf(t);
    const store = await opened(t, backend(), "painter");
    const rowsAt = (usd: number, ...minutes: number[]): SettledRow[] =>
      minutes.map((minute) => ({ ...maker.row(TOKEN, BEGIN_MS + minute * MINUTE_MS), isBuy: true, usdMicro: usd }));
    const spanOf = (from: number, to: number) => ({
      fromMs: BEGIN_MS + from * MINUTE_MS,
      toMs: BEGIN_MS + to * MINUTE_MS,
    });
    const usdOf = async (from: number, to: number): Promise<number> => {
      const [sums] = await store.sums(TOKEN, [spanOf(from, to)], []);
      const [token] = await store.tokens(spanOf(from, to), [], undefined);
      assert.equal(token?.usdBuyMicro ?? 0n, sums!.usdBuyMicro);
      const rows = await rowsOf(store.rows(spanOf(from, to), TOKEN, [], t.signal));
      assert.equal(
        rows.reduce((sum, { usdMicro }) => sum + usdMicro, 0),
        Number(sums!.usdBuyMicro),
      );
      return Number(sums!.usdBuyMicro);
    };
    await store.beginStream(KEY, ALWAYS);
    await write(store, KEY, 0, rowsAt(1, 0, 1, 2, 3, 4, 5, 6, 7), BEGIN_MS + 8 * MINUTE_MS);
    assert.equal(await usdOf(0, 10), 8);
    // A state that was built again, from its first whole minute on.
    const again = { ...KEY, epoch: 5 };
    await store.beginStream(again, { ...spanOf(6, 0), toMs: ALWAYS.toMs });
    assert.equal(await usdOf(0, 10), 6);
    await write(store, again, 0, rowsAt(100, 5, 6, 7, 8));
    assert.equal(await usdOf(0, 10), 306);
    // A repair of two minutes, and one of another partition.
    const repair = { ...KEY, epoch: 6 };
    await store.beginStream(repair, spanOf(2, 4));
    await write(store, repair, 0, rowsAt(10_000, 2, 3, 3, 4), BEGIN_MS + 5 * MINUTE_MS);
    const other = { ...KEY, partition: 1, epoch: 9 };
    await store.beginStream(other, ALWAYS);
    await write(store, other, 0, rowsAt(1_000_000, 3));
    const check = async (): Promise<void> => {
      assert.equal(await usdOf(0, 10), 1_030_304);
      assert.equal(await usdOf(1, 2), 1);
      assert.equal(await usdOf(2, 3), 10_000);
      assert.equal(await usdOf(4, 7), 102);
    };
    await check();
    await compactFully(t, store);
    await check();
    // An older epoch that comes later supersedes nothing.
    const older = { ...KEY, epoch: 1 };
    await store.beginStream(older, ALWAYS);
    await write(store, older, 0, rowsAt(1, 0, 3, 9));
    await check();
    await compactFully(t, store);
    await check();
  });

  test("rows from an edge on are left out, also where marks behind the edge made minutes and days final", async (t) => {
    const maker = makerOf(t);
    const store = await opened(t, backend(), "edges");
    await store.beginStream(KEY, ALWAYS);
    const rows = Array.from({ length: 100 }, (_, i) => ({
      ...maker.row(TOKEN, BEGIN_MS + i * 30 * MINUTE_MS),
      isBuy: true,
      usdMicro: 1,
    }));
    for (let i = 0; i < rows.length; i += 10) {
      await write(store, KEY, i, rows.slice(i, i + 10), BEGIN_MS + (i + 10) * 30 * MINUTE_MS);
    }
    const check = async (): Promise<void> => {
      for (let sequence = 0; sequence <= rows.length + 1; sequence += 7) {
        const edges = [{ ...KEY, sequence }];
        const span = { fromMs: 0, toMs: BEGIN_MS + 10 * DAY_MS };
        const expected = Math.min(sequence, rows.length);
        assert.equal((await store.sums(TOKEN, [span], edges))[0]!.buys, expected);
        const candles = await store.candles(TOKEN, { ms: HOUR_MS }, span, edges, 1_000);
        assert.equal(
          candles.reduce((sum, { buys }) => sum + buys, 0),
          expected,
        );
      }
    };
    await check();
    await compactFully(t, store);
    await check();
  });

  test("gaps are noted once, and closed by a span that holds them", async (t) => {
    const store = await opened(t, backend(), "gaps");
    const model = new MemoryHistory();
    const gap: HistoryGap = {
      ...{ ...KEY, fromMs: BEGIN_MS, toMs: BEGIN_MS + HOUR_MS },
      ...{ cause: 'the log lost 5 records; it\'s "gone"\0', isRepairable: false },
    };
    const later = { ...gap, fromMs: BEGIN_MS + DAY_MS, toMs: BEGIN_MS + DAY_MS + 1, isRepairable: true };
    for (const one of [store, model]) {
      await one.beginStream(KEY, ALWAYS);
      for (const noted of [gap, later, gap, { ...gap, epoch: 4 }]) await one.noteGap(noted);
    }
    await compareStatus(store, model);
    for (const one of [store, model]) {
      await one.closeGaps(KEY, { fromMs: gap.fromMs + 1, toMs: gap.toMs });
      await one.closeGaps(KEY, { fromMs: later.fromMs, toMs: later.toMs });
    }
    assert.equal((await model.status()).gaps.length, 2);
    await compareStatus(store, model);
    await store.closeGaps(KEY, { fromMs: gap.fromMs - 1, toMs: gap.toMs });
    await model.closeGaps(KEY, { fromMs: gap.fromMs - 1, toMs: gap.toMs });
    const other = await opened(t, backend(), "gaps");
    await compareStatus(other, model);
  });
}

function registerLookups(backend: () => HistoryBackend): void {
  test("tokens are found by address and by their newest symbol, at most 100, the most recently traded first", async (t) => {
    const maker = makerOf(t);
    const store = await opened(t, backend(), "find");
    const model = new MemoryHistory();
    const tokens = [
      ...maker.tokens(6),
      ...Array.from({ length: 130 }, (_, i) => ({ chainId: i % 3, token: `token-${i}` })),
    ];
    const rows = tokens.flatMap((token, i) => [
      { ...maker.row(token, BEGIN_MS + i), symbol: `FIRST${i % 5}` },
      { ...maker.row(token, BEGIN_MS + HOUR_MS + 7 * i), symbol: i % 10 === 0 ? `it's "${i}"` : "MANY" },
      { ...maker.row(token, BEGIN_MS + 2 * HOUR_MS - i), symbol: undefined },
    ]);
    for (const one of [store, model]) {
      await one.beginStream(KEY, ALWAYS);
      await write(one, KEY, 0, rows.slice(0, 200));
      await write(one, KEY, 200, rows.slice(200));
    }
    const names = [...tokens.slice(0, 10).map(({ token }) => token), "MANY", "FIRST1", `it's "10"`, "", "many", "%"];
    for (const name of names) assert.deepEqual(await store.find(name), await model.find(name), name);
    assert.equal((await store.find("MANY")).length, 100);
  });

  test("every member of a row comes back as it was, also default ids", async (t) => {
    const maker = makerOf(t);
    const store = await opened(t, backend(), "members");
    await store.beginStream(KEY, ALWAYS);
    const rows = Array.from({ length: 500 }, (_, i) =>
      i % 3 === 0 ? maker.plainRow(TOKEN, BEGIN_MS + i) : maker.row(TOKEN, BEGIN_MS + i),
    );
    await write(store, KEY, 5, rows);
    assert.deepEqual(await allPages(store, "asc", 64), rows);
    const read = await rowsOf(store.rows({ fromMs: 0, toMs: ALWAYS.toMs }, undefined, [], t.signal));
    assert.deepEqual(sorted(read), sorted(rows));
    const aborted = AbortSignal.abort(new Error("enough"));
    await assert.rejects(rowsOf(store.rows({ fromMs: 0, toMs: ALWAYS.toMs }, undefined, [], aborted)), /enough/);
  });
}
