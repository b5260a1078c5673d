/** The commands over a history that is open. Stores that differ from their rows are made by altering what a store in memory returns. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { historyCompact, historyMigrate, historyStatus, historyVerify } from "../../../src/cli/history/history.ts";
import { verifyHistory } from "../../../src/cli/history/verify-history.ts";
import type { HistoryStore, SettledRow, StreamKey, TokenSums } from "../../../src/ports/history-store.ts";
import { ALWAYS, BEGIN_MS, DAY_MS, HistoryMaker, HOUR_MS, MINUTE_MS } from "../../stores/history/random-history.ts";
import { MemoryHistory } from "../../support/memory-history.ts";
import { memoryOutput } from "../../support/memory-output.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";

const never = new AbortController().signal;
const STREAM: StreamKey = { logId: "log-a", partition: 0, epoch: 1 };

/** A sound history of a stream: 400 rows in about six hours, settled but for the last ones. */
async function soundHistory(t: TestContext): Promise<{ store: MemoryHistory; rows: readonly SettledRow[] }> {
  const maker = new HistoryMaker(randomFrom(seedOf(t)));
  const { rows } = maker.stream(STREAM, ALWAYS, maker.tokens(3), { rows: 400, stepMs: MINUTE_MS });
  const store = new MemoryHistory();
  await store.migrate();
  await store.beginStream(STREAM, ALWAYS);
  const beforeMs = rows.at(-1)!.eventTimeMs - 5 * MINUTE_MS;
  const marks = [{ ...STREAM, sequence: rows.length, beforeMs }];
  await store.append({ settled: [{ ...STREAM, fromSequence: 7, rows }], raw: [], marks });
  return { store, rows };
}

const findingsOf = async (store: HistoryStore): Promise<readonly string[]> =>
  (await verifyHistory(store, {}, () => {}, never)).findings;

/** The store with some of its members replaced. */
const altered = (store: MemoryHistory, members: Partial<HistoryStore>): HistoryStore =>
  new Proxy<HistoryStore>(store, {
    get: (target, name: keyof HistoryStore) => members[name] ?? target[name].bind(target),
  });

const withRows = (store: MemoryHistory, change: (rows: readonly SettledRow[]) => readonly SettledRow[]): HistoryStore =>
  altered(store, {
    async *rows(...args) {
      for await (const rows of store.rows(...args)) yield change(rows);
    },
  });

const withSums = (store: MemoryHistory, lengthMs: number, change: (sums: TokenSums) => TokenSums): HistoryStore =>
  altered(store, {
    tokens: async (span, edges, chainId) => {
      const sums = await store.tokens(span, edges, chainId);
      return span.toMs - span.fromMs === lengthMs ? sums.map(change) : sums;
    },
  });

describe("history verify", () => {
  test("finds nothing in a sound history, and reads up to the mark", async (t) => {
    const { store, rows } = await soundHistory(t);
    const { isSound, findings, rows: read, span } = await verifyHistory(store, {}, () => {}, never);
    assert.deepEqual([findings, isSound], [[], true]);
    const toMs = Math.floor((rows.at(-1)!.eventTimeMs - 5 * MINUTE_MS) / MINUTE_MS) * MINUTE_MS;
    assert.equal(span?.toMs, toMs);
    assert.equal(read, rows.filter(({ eventTimeMs }) => eventTimeMs < toMs).length);
    assert.ok(read > 100);
  });

  test("finds rows that are missing, twice, out of order or changed", async (t) => {
    const { store } = await soundHistory(t);
    assert.match(
      (await findingsOf(withRows(store, (rows) => rows.slice(1))))[0]!,
      /sums differ from those of the rows/,
    );
    const [twice, ...sums] = await findingsOf(withRows(store, (rows) => [rows[0]!, ...rows]));
    assert.match(twice!, /^swap .* it is there twice$/);
    assert.match(sums[0]!, /sums differ from those of the rows \((buys|sells)/);
    assert.match((await findingsOf(withRows(store, (rows) => rows.toReversed())))[0]!, /it comes behind a later one/);
    const wrong = withRows(store, ([first, ...rest]) => [{ ...first!, amountUnits: first!.amountUnits + 1n }, ...rest]);
    assert.match((await findingsOf(wrong))[0]!, /\(token(Buy|Sell)Units\)$/);
  });

  test("finds wrong sums of minutes, hours and days, and each sum", async (t) => {
    const { store } = await soundHistory(t);
    for (const [name, lengthMs] of [
      ["minute", MINUTE_MS],
      ["hour", HOUR_MS],
    ] as const) {
      const found = await findingsOf(withSums(store, lengthMs, (sums) => ({ ...sums, buys: sums.buys + 1 })));
      assert.ok(found.length > 0);
      assert.ok(
        // The part of an hour or a day that the history covers may be as short.
        found.some((finding) => finding.includes(`, ${name} from `) && finding.endsWith("(buys)")),
        found[0],
      );
    }
    const changes: Partial<TokenSums>[] = [
      { sells: -1 },
      { usdBuyMicro: -1n },
      { usdSellMicro: -1n },
      { tokenBuyUnits: -1n },
      { tokenSellUnits: -1n },
      { open: -1 },
      { high: -1 },
      { low: -1 },
      { close: -1 },
      { firstMs: -1 },
      { lastMs: -1 },
    ];
    for (const change of changes) {
      const found = await findingsOf(withSums(store, MINUTE_MS, (sums) => ({ ...sums, ...change })));
      assert.ok(found[0]?.endsWith(`(${Object.keys(change)[0]})`), found[0]);
    }
    const without = altered(store, { tokens: async () => [] });
    assert.match((await findingsOf(without))[0]!, /\(all\)$/);
    assert.equal((await findingsOf(without)).length, 100);
    assert.ok((await verifyHistory(without, {}, () => {}, never)).moreFindings > 0);
  });

  test("finds sums of a day that lack an hour", async (t) => {
    const maker = new HistoryMaker(randomFrom(seedOf(t)));
    const [token] = maker.tokens(1);
    const dayMs = Math.ceil(BEGIN_MS / DAY_MS) * DAY_MS;
    const store = new MemoryHistory();
    await store.beginStream(STREAM, ALWAYS);
    const rows = [1, 9, 30].map((hour) => maker.row(token!, dayMs + hour * HOUR_MS));
    const marks = [{ ...STREAM, sequence: 3, beforeMs: dayMs + 2 * DAY_MS }];
    await store.append({ settled: [{ ...STREAM, fromSequence: 0, rows }], raw: [], marks });
    assert.deepEqual(await findingsOf(store), []);
    const found = await findingsOf(withSums(store, 23 * HOUR_MS, (sums) => ({ ...sums, lastMs: 0 })));
    assert.equal(found.length, 1);
    assert.match(found[0]!, /, day from .*\(lastMs\)$/);
  });

  test("finds holes in a stream, unless a gap is recorded, and rows above the sequences", async (t) => {
    const { store, rows } = await soundHistory(t);
    const settled = [{ ...STREAM, fromSequence: 7 + rows.length + 3, rows: rows.slice(0, 0) }];
    await store.append({ settled, raw: [], marks: [] });
    const status = await store.status();
    const withStatus = (more: object, gaps: typeof status.gaps = []): HistoryStore =>
      altered(store, { status: async () => ({ ...status, streams: [{ ...status.streams[0]!, ...more }], gaps }) });
    const { nextSequence } = status.streams[0]!;
    const hole = { nextSequence: nextSequence + 3 };
    assert.match((await findingsOf(withStatus(hole)))[0]!, /partition 0, epoch 1: 3 of 403 rows are missing/);
    const gap = { ...STREAM, fromMs: 0, toMs: 1, cause: "the store was away", isRepairable: true };
    assert.deepEqual(await findingsOf(withStatus(hole, [gap])), []);
    const twice = { nextSequence: nextSequence - 1 };
    assert.match((await findingsOf(withStatus(twice, [gap])))[0]!, /400 rows for 399 sequences/);
  });

  test("reads the asked span alone", async (t) => {
    const { store, rows } = await soundHistory(t);
    const from = BEGIN_MS + HOUR_MS;
    const verified = await verifyHistory(store, { fromMs: from + 1, toMs: from + HOUR_MS + 1 }, () => {}, never);
    assert.deepEqual(verified.span, { fromMs: from, toMs: from + HOUR_MS });
    const within = rows.filter(({ eventTimeMs }) => eventTimeMs >= from && eventTimeMs < from + HOUR_MS);
    assert.equal(verified.rows, within.length);
  });

  test("a superseded stream without a mark does not hold the others back", async (t) => {
    const { store } = await soundHistory(t);
    const older = { ...STREAM, epoch: 0 };
    await store.beginStream(older, ALWAYS);
    const before = await verifyHistory(store, {}, () => {}, never);
    assert.ok(before.rows > 100);
    await store.beginStream({ ...STREAM, epoch: 2 }, { fromMs: BEGIN_MS + 900 * HOUR_MS, toMs: ALWAYS.toMs });
    assert.equal((await verifyHistory(store, {}, () => {}, never)).span, undefined);
  });

  test("the command prints findings, ends with 1, and is fine with an empty store", async (t) => {
    const { store } = await soundHistory(t);
    const output = memoryOutput();
    await historyVerify({ kind: "embedded", store }, {}, output, never);
    assert.match(output.outText(), /^Read \d+ rows, 2026-01-31 2[23]:\d\d:00 to .*\.\nThe history is sound\.\n$/);
    const bad = memoryOutput();
    const wrong = withRows(store, (rows) => rows.slice(1));
    await assert.rejects(historyVerify({ kind: "embedded", store: wrong }, { json: true }, bad, never), /not sound/);
    assert.equal(JSON.parse(bad.outText()).is_sound, false);
    const damaged = altered(store, { verify: async () => ["The file swaps/day=2026-01-31/a.parquet cannot be read."] });
    const said = memoryOutput();
    await assert.rejects(historyVerify({ kind: "embedded", store: damaged }, {}, said, never), /not sound/);
    assert.match(said.outText(), /^The file swaps.* cannot be read\.\nRead \d+ rows.*\nThe history is NOT sound\.\n$/);
    const empty = memoryOutput();
    await historyVerify({ kind: "embedded", store: new MemoryHistory() }, {}, empty, never);
    assert.equal(empty.outText(), "There are no final rows yet.\nThe history is sound.\n");
  });

  test("an interrupted verification says how to go on", async (t) => {
    const { store } = await soundHistory(t);
    const stop = new AbortController();
    const output = memoryOutput();
    const stopping = withRows(store, (rows) => {
      stop.abort(new Error("interrupted"));
      return rows;
    });
    await assert.rejects(historyVerify({ kind: "embedded", store: stopping }, {}, output, stop.signal), /interrupted/);
    assert.doesNotMatch(output.outText(), /sound/);
  });
});

describe("history status, migrate and compact", () => {
  test("status shows rows, streams and gaps in 80 columns", async (t) => {
    const { store } = await soundHistory(t);
    await store.noteGap({
      ...STREAM,
      fromMs: BEGIN_MS,
      toMs: BEGIN_MS + HOUR_MS,
      cause: `The store was away, and the buffer of 16 MiB was full. ${"x".repeat(80)}`,
      isRepairable: true,
    });
    const output = memoryOutput();
    await historyStatus({ kind: "embedded", store }, {}, output);
    const lines = output.outText().split("\n");
    assert.ok(lines.every((line) => line.length <= 80));
    assert.equal(lines[0], "Store    embedded, schema 1");
    assert.equal(lines[1], "Rows     400 in 0 bytes");
    assert.equal(lines[3], "Gaps     1");
    assert.match(lines[5]!, /^Log +Part +Epoch +Rows +Valid from +Settled before$/);
    assert.match(lines[6]!, /^log-a +0 +1 +400 +- +2026-02-01 /);
    assert.match(
      output.outText(),
      /Gap of partition 0 of log log-a\n {2}2026-01-31 23:00:00 to 2026-02-01 00:00:00, repairable/,
    );
    const json = memoryOutput();
    await historyStatus({ kind: "embedded", store }, { json: true }, json);
    const { store: kind, schema_version, streams, gaps } = JSON.parse(json.outText());
    assert.deepEqual([kind, schema_version, streams[0].rows, gaps[0].is_repairable], ["embedded", 1, 400, true]);
  });

  test("migrate and compact print what was done", async () => {
    const store = new MemoryHistory();
    const said = memoryOutput();
    await historyMigrate({ kind: "embedded", store }, {}, said);
    await historyMigrate({ kind: "embedded", store }, {}, said);
    await historyCompact({ kind: "embedded", store }, {}, said, never);
    assert.equal(said.outText(), "began\nThe schema is up to date.\nThere is nothing to compact.\n");
    const json = memoryOutput();
    await historyMigrate({ kind: "embedded", store: new MemoryHistory() }, { json: true }, json);
    assert.equal(json.outText(), '{"done":["began"]}\n');
  });
});
