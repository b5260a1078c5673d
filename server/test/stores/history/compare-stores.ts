/** Compares every answer of a store with that of the model, for random tokens, spans and edges. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type {
  HistoryStatus,
  HistoryStore,
  SettledRow,
  SwapPosition,
  TokenKey,
} from "../../../src/ports/history-store.ts";
import type { MemoryHistory } from "../../support/memory-history.ts";
import { DAY_MS, type HistoryMaker, HOUR_MS, type MadeHistory, MINUTE_MS } from "./random-history.ts";

type Run = {
  readonly maker: HistoryMaker;
  readonly history: MadeHistory;
  readonly lengthMs: number;
  readonly rounds: number;
};

const NO_TOKEN: TokenKey = { chainId: 1, token: "none" };
const INTERVALS = [
  { ms: 1_000 },
  { ms: MINUTE_MS },
  { ms: 5 * MINUTE_MS },
  { ms: HOUR_MS },
  { ms: DAY_MS },
  { ms: 7 * DAY_MS },
];
const OTHERS = { buyers: ["NULL1", "a new one", "it's"], sellers: ["a new one", "NULL2"] };
const PAGE_LIMITS = [1, 7, 100, 1_000];
/** The status may be a second old. */
const STATUS_TRIES = 30;

export async function compareAll(run: Run, store: HistoryStore, model: MemoryHistory): Promise<void> {
  for (let round = 0; round < run.rounds; round++) {
    // Beside each other, which keeps a server busy. Each draws its random numbers before it waits.
    const tokens = [...run.history.tokens, NO_TOKEN];
    await Promise.all(tokens.map((token, i) => compareToken(run, 3 * round + i, token, store, model)));
    const { maker, history, lengthMs } = run;
    const span = maker.span(lengthMs);
    const edges = maker.edges(history);
    const chainId = round % 2 === 0 ? undefined : history.tokens[0]!.chainId;
    const [got, expected] = await Promise.all([store, model].map((one) => one.tokens(span, edges, chainId)));
    assert.deepEqual(sorted(got!), sorted(expected!), JSON.stringify({ span, edges, chainId }));
    const token = round % 2 === 0 ? undefined : history.tokens[1];
    const [rows, modelRows] = await Promise.all(
      [store, model].map((one) => rowsOf(one.rows(span, token, edges, NEVER))),
    );
    assertAscending(rows!);
    assert.deepEqual(sorted(rows!), sorted(modelRows!), JSON.stringify({ span, edges, token }));
  }
}

const NEVER = new AbortController().signal;

async function compareToken(run: Run, round: number, token: TokenKey, store: HistoryStore, model: MemoryHistory) {
  const { maker, history, lengthMs } = run;
  const spans = [maker.span(lengthMs), maker.span(lengthMs), maker.span(lengthMs)];
  const edges = maker.edges(history);
  const [span] = spans as [(typeof spans)[0]];
  const same = async <T>(what: string, ask: (one: HistoryStore) => Promise<T>): Promise<void> => {
    const [got, expected] = [await ask(store), await ask(model)];
    assert.deepEqual(got, expected, `${what} ${JSON.stringify({ token, spans, edges })}`);
  };
  await same("sums", (one) => one.sums(token, spans, edges));
  await same("traders", (one) => one.traders(token, span, edges, round % 2 === 0 ? OTHERS : NO_TRADERS));
  await same("symbol", (one) => one.symbol(token, span.toMs));
  const interval = round % (INTERVALS.length + 1) === 0 ? "month" : INTERVALS[(round - 1) % INTERVALS.length]!;
  const limit = [1, 3, 5_000][round % 3]!;
  await same(`candles ${JSON.stringify(interval)} ${limit}`, (one) => one.candles(token, interval, span, edges, limit));
  const order = round % 2 === 0 ? "asc" : "desc";
  const pageLimit = PAGE_LIMITS[round % PAGE_LIMITS.length]!;
  const pages = round % 4 === 0 ? 5 : 1_000;
  let after: SwapPosition | undefined;
  for (let i = 0; i < pages; i++) {
    const page = { ...span, order, after, limit: pageLimit } as const;
    const rows = await store.swaps(token, page, edges);
    assert.deepEqual(rows, await model.swaps(token, page, edges), `swaps ${JSON.stringify({ token, page, edges })}`);
    if (rows.length < pageLimit) break;
    const { eventTimeMs, blockNumber = 0, txIndex, logIndex, eventId } = rows.at(-1)!;
    after = { eventTimeMs, blockNumber, txIndex, logIndex, eventId };
  }
}

const NO_TRADERS = { buyers: [], sellers: [] };

/** The times of a store may be those of rows that do not count, until it has dropped them. */
export async function compareStatus(store: HistoryStore, model: MemoryHistory): Promise<void> {
  const expected = await model.status();
  const plain = ({ streams, gaps, rows }: HistoryStatus) => ({ streams: sorted(streams), gaps: sorted(gaps), rows });
  for (let i = 0; ; i++) {
    try {
      const status = await store.status();
      assert.deepEqual(plain(status), plain(expected));
      if (expected.fromMs !== undefined) assert.ok(status.fromMs! <= expected.fromMs, `from ${status.fromMs}`);
      if (expected.toMs !== undefined) assert.ok(status.toMs! >= expected.toMs, `to ${status.toMs}`);
      return;
    } catch (error) {
      if (i === STATUS_TRIES) throw error;
      await delay(50);
    }
  }
}

export async function rowsOf(batches: AsyncIterable<readonly SettledRow[]>): Promise<SettledRow[]> {
  const rows: SettledRow[] = [];
  for await (const batch of batches) rows.push(...batch);
  return rows;
}

function assertAscending(rows: readonly SettledRow[]): void {
  for (let i = 1; i < rows.length; i++)
    assert.ok(rows[i - 1]!.eventTimeMs <= rows[i]!.eventTimeMs, "rows in order of time");
}

/** In an order of their contents, for answers without an order. Members may come in any order. */
export function sorted<T extends object>(items: readonly T[]): T[] {
  const keyOf = (item: T): string =>
    JSON.stringify(
      Object.entries(item)
        .map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : String(value)])
        .sort(),
    );
  return items
    .map((item) => ({ item, key: keyOf(item) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ item }) => item);
}
