/** A state that was made without its checkpoint begins a new stream, and has swaps that the store still answers with. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HistoryStatus, SettledRow, StreamKey } from "../../../src/ports/history-store.ts";
import type { OwnedPart } from "../../../src/ports/owned-history.ts";
import type { StatsBus } from "../../../src/ports/stats-bus.ts";
import { WholeHistory } from "../../../src/serving/history/whole-history.ts";
import { BEGIN_MS, HistoryMaker, MINUTE_MS } from "../../stores/history/random-history.ts";
import { MemoryHistory } from "../../support/memory-history.ts";
import { randomFrom } from "../../support/seed.ts";

const OLD: StreamKey = { logId: "log", partition: 0, epoch: 1 };
const NEW: StreamKey = { ...OLD, epoch: 2 };
const TOKEN = { chainId: 1, token: "0xaa" };
const END_MS = BEGIN_MS + 10 * MINUTE_MS;
const NEW_FROM_MS = BEGIN_MS + 5 * MINUTE_MS;
const MARK_MS = BEGIN_MS + 3 * MINUTE_MS;

/** A store that tells how often its status was asked for. */
class AskedStore extends MemoryHistory {
  asked = 0;
  onAsked = async (_times: number): Promise<void> => {};

  override async status(): Promise<HistoryStatus> {
    await this.onAsked(++this.asked);
    return super.status();
  }
}

/** Ten swaps, one a minute. The store has them of the old stream, and the owner has the later five, too. */
async function site() {
  const maker = new HistoryMaker(randomFrom(1));
  const rows = Array.from({ length: 10 }, (_, i) => maker.plainRow(TOKEN, BEGIN_MS + i * MINUTE_MS));
  const store = new AskedStore();
  await store.beginStream(OLD, { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER });
  const marks = [{ ...OLD, sequence: 10, beforeMs: MARK_MS }];
  await store.append({ settled: [{ ...OLD, fromSequence: 0, rows }], raw: [], marks });
  const part: OwnedPart = {
    ...{ partition: 0, owner: "a", edge: { ...NEW, sequence: 0 }, isWhole: true, seenSinceMs: NEW_FROM_MS },
    tokens: [{ sums: [], wallets: [], symbol: undefined, candles: [], swaps: rows.slice(5) }],
  };
  const bus: Pick<StatsBus, "ownedHistory"> = { ownedHistory: async () => [part] };
  const history = new WholeHistory(store, bus as StatsBus);
  const swaps = async (toMs: number): Promise<SettledRow[]> =>
    (await history.swaps(TOKEN, { fromMs: 0, toMs, order: "asc", after: undefined, limit: 100 })).rows;
  return { store, swaps, rows };
}

test("swaps of a new stream that the store does not know yet are there once: the question waits for it", async () => {
  const { store, swaps, rows } = await site();
  store.onAsked = async (times) => {
    if (times === 3) await store.beginStream(NEW, { fromMs: NEW_FROM_MS, toMs: Number.MAX_SAFE_INTEGER });
  };
  assert.deepEqual(await swaps(END_MS), rows);
  assert.equal(store.asked, 3);
});

test("what is final in the store is answered without the new stream", async () => {
  const { store, swaps, rows } = await site();
  const final = rows.filter(({ eventTimeMs }) => eventTimeMs < MARK_MS);
  // The answer of the owner has no swap of this time, so the stub's is left out with the owner.
  assert.deepEqual(await swaps(MARK_MS), final);
  assert.equal(store.asked, 1);
});

test("a question is refused when the store does not know the new stream after five seconds", async () => {
  const { store, swaps } = await site();
  await assert.rejects(swaps(MARK_MS + 1), { code: "unavailable", retryable: true });
  assert.equal(store.asked, 50);
});
