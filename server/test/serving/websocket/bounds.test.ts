/** The limits on what clients hold, open, wait for and leave half read, without a connection. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CachedBytes } from "../../../src/serving/live/cached-bytes.ts";
import { OpeningQueue } from "../../../src/serving/live/opening-queue.ts";
import { PendingTokens } from "../../../src/serving/live/pending-tokens.ts";
import { OpenRate, RowBudget } from "../../../src/serving/live/row-budget.ts";
import { BegunMessages } from "../../../src/serving/websocket/begun-messages.ts";
import { MessageRate } from "../../../src/serving/websocket/message-rate.ts";

describe("the rate of messages", () => {
  const LIMITS = { perSecond: 20, burst: 200, refusals: 500 };
  const verdicts = (rate: MessageRate, count: number, nowMs: number): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (let i = 0; i < count; i++) {
      const verdict = rate.take(nowMs);
      counts[verdict] = (counts[verdict] ?? 0) + 1;
    }
    return counts;
  };

  test("a burst is accepted at once, then the refill; a page of 500 rows gets some refusals and is not cut off", () => {
    const rate = new MessageRate(LIMITS, 0);
    assert.deepEqual(verdicts(rate, 500, 0), { accept: 200, refuse: 300 });
    assert.deepEqual(verdicts(rate, 21, 1_000), { accept: 20, refuse: 1 });
    assert.deepEqual(verdicts(rate, 300, 1_000), { refuse: 219, cut_off: 81 });
    // Quiet for ten seconds: the whole burst is available again, and no more.
    assert.deepEqual(verdicts(rate, 201, 11_000), { accept: 200, refuse: 1 });
    assert.deepEqual(verdicts(rate, 201, 1_000_000), { accept: 200, refuse: 1 });
  });

  test("a burst below the rate does not lower the rate, and long messages that are refused count for more", () => {
    assert.deepEqual(verdicts(new MessageRate({ perSecond: 20, burst: 1, refusals: 1 }, 0), 22, 0), {
      accept: 20,
      refuse: 1,
      cut_off: 1,
    });
    const rate = new MessageRate({ perSecond: 1, burst: 1, refusals: 20 }, 0);
    assert.equal(rate.take(0, 65_536), "accept");
    assert.deepEqual([rate.take(0, 65_536), rate.take(0, 65_536)], ["refuse", "cut_off"]);
  });
});

describe("rows", () => {
  test("up to the limit there is room, beyond it only for clients below their share", () => {
    let clients = 1;
    const budget = new RowBudget(1_000, () => clients);
    assert.equal(budget.take(1_000, 0), true);
    assert.equal(budget.take(1, 1_000), false);
    clients = 10;
    assert.equal(budget.take(100, 0), true, "a tenth of it is each client's");
    assert.equal(budget.take(1, 100), false);
    assert.equal(budget.total, 1_100);
    budget.give(1_100);
    assert.equal(budget.take(1_000, 5_000), true);
  });

  test("the sum never exceeds twice the limit, however many clients take their share", () => {
    let clients = 0;
    const budget = new RowBudget(1_000, () => clients);
    for (clients = 1; clients <= 500; clients++) {
      for (let held = 0; budget.take(1, held); ) held += 1;
    }
    assert.equal(budget.total, 2_000);
  });

  test("opening and closing in a loop waits as long as the rows take to refill", () => {
    const rate = new OpenRate(1_000, 100, 0);
    assert.equal(rate.take(1_000, 0), 0);
    assert.equal(rate.take(500, 0), 0);
    assert.equal(rate.take(500, 0), 5_000);
    assert.equal(rate.take(10, 10_000), 0);
    assert.equal(rate.take(10, 1_000_000), 0, "a quiet client has its burst again");
  });
});

describe("the opening queue", () => {
  test("work starts in order while it fits; work that is too large runs alone; failures give their room back", async () => {
    const queue = new OpeningQueue(10);
    const begun: string[] = [];
    const ends = new Map<string, PromiseWithResolvers<void>>();
    const run = (name: string, rows: number): Promise<void> => {
      const end = Promise.withResolvers<void>();
      ends.set(name, end);
      return queue.run(rows, async () => {
        begun.push(name);
        await end.promise;
      });
    };
    const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    const [a, b, c, d] = [run("a", 6), run("b", 4), run("c", 50), run("d", 1)];
    assert.deepEqual([begun.join(""), queue.rows], ["ab", 10]);
    ends.get("a")?.reject(new Error("failed"));
    await assert.rejects(a);
    assert.deepEqual([begun.join(""), queue.rows], ["ab", 4], "c waits for the rest, and d behind it");
    ends.get("b")?.resolve();
    await Promise.all([b, settle()]);
    assert.deepEqual([begun.join(""), queue.rows], ["abc", 50]);
    ends.get("c")?.resolve();
    await Promise.all([c, settle()]);
    ends.get("d")?.resolve();
    await d;
    assert.deepEqual([begun.join(""), queue.rows], ["abcd", 0]);
  });
});

describe("cached bytes", () => {
  test("beyond the bound the owners that were used least recently drop theirs", () => {
    const dropped: string[] = [];
    const owner = (name: string) => ({ dropCaches: () => void dropped.push(name) });
    const [a, b, c] = [owner("a"), owner("b"), owner("c")];
    const cached = new CachedBytes(100);
    cached.set(a, 40);
    cached.set(b, 40);
    cached.set(a, 50);
    assert.deepEqual([dropped, cached.total], [[], 90]);
    cached.set(c, 30);
    assert.deepEqual([dropped, cached.total], [["b"], 80]);
    cached.set(c, 0);
    assert.deepEqual([dropped, cached.total], [["b"], 50]);
    cached.set(b, 101);
    assert.deepEqual([dropped, cached.total], [["b", "b"], 50], "an owner that is too large alone drops its own only");
  });
});

describe("messages that were begun", () => {
  const message = (bytes: number) => [Buffer.alloc(bytes)];

  test("a message that several clients read is counted once; beyond the bound the clients that began first are closed", () => {
    const begun = new BegunMessages<string>(100);
    const first = message(60);
    assert.deepEqual(begun.set("a", first), []);
    assert.deepEqual(begun.set("b", first), []);
    assert.equal(begun.bytes, 60);
    assert.deepEqual(begun.set("c", message(40)), []);
    assert.deepEqual([begun.set("d", message(1)), begun.bytes], [["a", "b"], 41]);
  });

  test("a client that reaches the end, or leaves, gives its bytes back", () => {
    const begun = new BegunMessages<string>(100);
    const first = message(60);
    begun.set("a", first);
    begun.set("a", first);
    begun.set("b", first);
    begun.set("a", undefined);
    assert.equal(begun.bytes, 60);
    begun.set("b", message(10));
    assert.equal(begun.bytes, 10);
    begun.set("b", undefined);
    begun.set("b", undefined);
    assert.equal(begun.bytes, 0);
  });
});

describe("tokens that no swap has named", () => {
  const LIMITS = { idsMax: 5, idsAskedMax: 2, everyMs: 10 };

  function watched(answer: (ids: readonly string[]) => Promise<readonly boolean[]>) {
    const asked: string[] = [];
    const known: string[] = [];
    const pending = new PendingTokens(LIMITS, (ids) => {
      asked.push(ids.join(""));
      return answer(ids);
    });
    const add = (id: string, name = id) => pending.add(id, () => known.push(name));
    return { asked, known, pending, add };
  }
  const turn = async (t: { mock: { timers: { tick(ms: number): void } } }): Promise<void> => {
    t.mock.timers.tick(LIMITS.everyMs);
    for (let i = 0; i < 5; i++) await Promise.resolve();
  };

  test("are requested in turn, a bounded number at a time, and no request is sent while none waits", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const named = new Set<string>();
    const { asked, known, pending, add } = watched(async (ids) => ids.map((id) => named.has(id)));
    await turn(t);
    assert.deepEqual(asked, []);
    for (const id of ["a", "b", "c"]) add(id);
    for (let i = 0; i < 3; i++) await turn(t);
    assert.deepEqual(asked, ["ab", "ca", "bc"]);
    named.add("b");
    for (let i = 0; i < 2; i++) await turn(t);
    assert.deepEqual([known, pending.size], [["b"], 2]);
    named.add("a").add("c");
    for (let i = 0; i < 3; i++) await turn(t);
    assert.deepEqual([known.toSorted(), pending.size], [["a", "b", "c"], 0]);
    const questions = asked.length;
    for (let i = 0; i < 5; i++) await turn(t);
    assert.equal(asked.length, questions);
  });

  test("one id for many clients is requested once and reported to all that stayed; a failed request is repeated", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    let isBroken = true;
    const { asked, known, pending, add } = watched(async (ids) => {
      if (isBroken) throw new Error("no answer");
      return ids.map(() => true);
    });
    add("a", "first");
    const leave = add("a", "second");
    add("a", "third");
    await turn(t);
    assert.deepEqual([asked, known], [["a"], []]);
    leave?.();
    leave?.();
    isBroken = false;
    await turn(t);
    assert.deepEqual([asked, known, pending.size], [["a", "a"], ["first", "third"], 0]);
    const end = add("b");
    end?.();
    assert.equal(pending.size, 0);
  });

  test("up to the limit there is room, beyond it none, and an id that already waits needs none", () => {
    const { pending, add } = watched(async (ids) => ids.map(() => false));
    for (const id of ["a", "b", "c", "d", "e"]) assert.notEqual(add(id), undefined);
    assert.equal(add("f"), undefined);
    assert.notEqual(add("a"), undefined);
    pending.close();
  });
});
