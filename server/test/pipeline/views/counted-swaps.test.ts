/** The journals of swaps that begin and cease to count, compared with all swaps of the log that count. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { ServedSwap } from "../../../src/engine/types.ts";
import { CountedSwaps, JOURNAL_KEPT_MS } from "../../../src/pipeline/views/counted-swaps.ts";
import { JOURNAL_ITEMS } from "../../../src/pipeline/views/swap-journal.ts";
import { TokenViews } from "../../../src/pipeline/views/token-views.ts";
import { explained, Pair } from "../../engine/pair.ts";
import { hostileLogs } from "../../model/arbitraries.ts";
import { propertyOptions } from "../../support/seed.ts";
import { FedWorker, START_MS } from "../workers/fed-worker.ts";

type Item = ServedSwap & { readonly action: "applied" | "removed" };

const keyOf = (id: string, timeMs: number, hash: string | undefined, revision: number | undefined): string =>
  `${id} ${timeMs} ${hash ?? ""} ${revision ?? 0}`;

describe("the journal of a token's swaps", () => {
  test("applied to the swaps that counted at its beginning it gives those that count now, in hostile logs", (t) => {
    const property = fc.property(hostileLogs(60), fc.nat(60), (log, from) => {
      const { pair, items } = Pair.of(log);
      const counted = new CountedSwaps(pair.engine, new TokenViews(pair.engine, 1_000));
      const countingNow = (id: string): string[] => {
        const events = pair.model.counted(id);
        return events.map((one) => keyOf(one.eventId, one.eventTimeMs, one.blockHash, one.revision)).sort();
      };
      const held = new Map<string, { readonly swaps: Set<string>; seq: number }>();
      explained(items, () => {
        for (const [i, item] of items.entries()) {
          pair.take(item);
          if (i < from) continue;
          for (const token of pair.model.known.values()) {
            const journal = counted.journalOf(pair.run.ref(token) as number);
            const one = held.get(token.id) ?? { swaps: new Set(countingNow(token.id)), seq: journal.seq };
            held.set(token.id, one);
            const behind = journal.behind(one.seq).map((text) => JSON.parse(text) as Item);
            assert.equal(journal.seq - one.seq, behind.length);
            one.seq = journal.seq;
            for (const { action, event_id, event_time, block_hash, revision } of behind) {
              const key = keyOf(event_id, event_time, block_hash, revision);
              assert.equal(one.swaps.has(key), action === "removed", `${action} ${key}`);
              if (action === "applied") one.swaps.add(key);
              else one.swaps.delete(key);
            }
            assert.deepEqual([...one.swaps].sort(), countingNow(token.id), token.id);
          }
        }
      });
    });
    fc.assert(property, propertyOptions(t, 200));
  });

  test("it keeps the newest hundred changes, and its numbers have no gaps", () => {
    const worker = new FedWorker();
    worker.feed({ event_time: START_MS });
    const token = worker.engine.findById(1, "0xaa") as number;
    const { seq, from } = worker.served.counted.journalOf(token);
    assert.equal(seq, from);
    for (let i = 0; i < JOURNAL_ITEMS + 1; i++) worker.feed({ event_time: START_MS + i });
    const journal = worker.served.counted.journalOf(token);
    assert.equal(journal.seq, from + JOURNAL_ITEMS + 1);
    assert.equal(journal.behind(from + 1).length, JOURNAL_ITEMS);
    assert.equal(journal.behind(from).length, JOURNAL_ITEMS);
    assert.deepEqual(journal.behind(journal.seq), []);
  });

  test("a token that no feed reads is not followed any more, and a later journal begins above its numbers", () => {
    const worker = new FedWorker();
    let nowMs = 0;
    const counted = new CountedSwaps(worker.engine, worker.served.views, () => nowMs);
    worker.feed({ event_time: START_MS }, { token: "0xbb", event_time: START_MS });
    const [one, other] = ["0xaa", "0xbb"].map((token) => worker.engine.findById(1, token) as number);
    counted.journalOf(one as number);
    worker.feed({ event_time: START_MS });
    const { seq } = counted.journalOf(one as number);
    nowMs += JOURNAL_KEPT_MS;
    assert.equal(counted.journalOf(one as number).seq, seq, "it is kept for as long as it is promised");
    nowMs += JOURNAL_KEPT_MS + 1;
    counted.journalOf(other as number);
    assert.equal(counted.journals, 1);
    worker.feed({ event_time: START_MS });
    const again = counted.journalOf(one as number);
    assert.ok(again.from > seq && again.seq === again.from);
    nowMs += JOURNAL_KEPT_MS + 1;
    worker.feed({ event_time: START_MS }, { token: "0xbb", event_time: START_MS });
    assert.equal(counted.journals, 0, "a swap also ends a journal that no feed reads");
  });
});
