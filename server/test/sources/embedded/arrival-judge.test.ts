import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ArrivalJudge, JUDGED_CHAINS_MAX } from "../../../src/sources/embedded/arrival-judge.ts";
import { TestApps } from "../../support/app-harness.ts";

const NOW = 1_760_000_000_000;
const TIMING = { graceMs: 100, maxSkewMs: 1_000, chains: new Map([[7, { graceMs: 5_000, maxSkewMs: 0 }]]) };

describe("late and quarantined swaps in the response to a sender", () => {
  const at = (eventTimeMs: number, chainId = 1, removed = false) => ({ chainId, eventTimeMs, removed });

  test("grace and skew are compared exactly at their limits, by chain and by partition", () => {
    const judge = new ArrivalJudge(TIMING);
    assert.equal(judge.judge(0, at(NOW), NOW), undefined);
    assert.equal(judge.judge(0, at(NOW - 100), NOW), undefined);
    assert.equal(judge.judge(0, at(NOW - 101), NOW), "late");
    assert.equal(judge.judge(0, at(NOW - 101, 1, true), NOW), undefined, "a removal is not late");
    assert.equal(judge.judge(1, at(NOW - 101), NOW), undefined, "each partition has a watermark of its own");
    assert.equal(judge.judge(0, at(NOW + 1_000), NOW), undefined);
    assert.equal(judge.judge(0, at(NOW + 1_001), NOW), "quarantined");
    assert.equal(judge.judge(0, at(NOW + 899), NOW), "late");
    assert.equal(judge.judge(0, at(NOW + 1, 7), NOW), "quarantined");
    assert.equal(judge.judge(0, at(NOW, 7), NOW), undefined);
    assert.equal(judge.judge(0, at(NOW - 5_000, 7), NOW), undefined);
    assert.equal(judge.judge(0, at(NOW - 5_001, 7), NOW), "late");
  });

  test("any number of chains takes bounded memory, and chains beyond the limit are not checked", () => {
    const judge = new ArrivalJudge(TIMING);
    for (let chain = 100; chain < 100 + JUDGED_CHAINS_MAX; chain += 1) judge.judge(0, at(NOW, chain), NOW);
    assert.equal(judge.judge(0, at(NOW, 1), NOW), undefined);
    assert.equal(judge.judge(0, at(1, 1), NOW), undefined);
    assert.equal(judge.judge(0, at(1, 100), NOW), "late");
  });

  test("the response has the same numbers as the counters", async (t) => {
    const { post, caughtUp } = await new TestApps(t).start();
    const now = Date.now();
    const swap = { chain_id: 1, log_index: 0, side: "buy", amount_token: "1", amount_usd: "1", token: "0xa" };
    const plain = await post([{ ...swap, tx_hash: "0x1", event_time: now }]);
    assert.deepEqual(Object.keys(plain.json), ["accepted", "rejected"]);
    const answer = await post([
      { ...swap, tx_hash: "0x2", event_time: now - 3_600_000 },
      { ...swap, tx_hash: "0x3", event_time: now - 3_600_000 },
      { ...swap, tx_hash: "0x4", event_time: now + 3_600_000 },
      { ...swap, tx_hash: "0x5", event_time: now },
    ]);
    assert.deepEqual(answer.json, { accepted: 4, rejected: [], late: 2, quarantined: 1 });
    const { counters } = await caughtUp();
    assert.equal(counters.late, 2);
    assert.equal(counters.quarantined, 1);
  });
});
