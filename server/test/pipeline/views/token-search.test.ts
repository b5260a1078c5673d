import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compareCandidates } from "../../../src/bus/name-lookup.ts";
import { finished } from "../../../src/pipeline/thread-share.ts";
import type { Candidate } from "../../../src/ports/stats-bus.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { FedWorker, START_MS } from "../workers/fed-worker.ts";

type Found = { readonly tier: number; readonly candidate: Candidate };

function search(worker: FedWorker, query: string, chainId: number | undefined, limit: number): readonly Found[] {
  return finished(worker.queries.search({ kind: "search", query, chainId, limit })).rows;
}

/** Goes through all tokens of the overview. */
function naive(worker: FedWorker, query: string, chainId: number | undefined, limit: number): Found[] {
  const folded = query.toLowerCase();
  const found: Found[] = [];
  const longest = worker.engine.config.windows.length - 1;
  for (const token of worker.engine.tokens()) {
    const { id, symbol, chainId: chain } = worker.engine.info(token);
    if (worker.engine.isRetired(token, worker.nowMs) || (chainId !== undefined && chain !== chainId)) continue;
    const address = id.slice(id.indexOf(":") + 1);
    const names = [address, ...(query.includes(":") ? [id] : [])];
    const at = symbol?.toLowerCase().indexOf(folded) ?? -1;
    const isPrefix = at === 0 || names.some((name) => name.startsWith(/0x/i.test(query) ? folded : query));
    if (!isPrefix && at < 0) continue;
    const { volume_usd } = worker.engine.windowStats(token, longest, worker.nowMs);
    const named = symbol === undefined ? {} : { symbol };
    const candidate = { id, ...named, chain_id: chain, volume_usd, window: "24h" };
    found.push({ tier: isPrefix ? 0 : 1, candidate });
  }
  found.sort((a, b) => a.tier - b.tier || compareCandidates(a.candidate, b.candidate));
  return [0, 1].flatMap((tier) => found.filter((one) => one.tier === tier).slice(0, limit));
}

describe("search of tokens", () => {
  test("it finds what a pass over all tokens finds, while symbols and volumes change and tokens leave", (t) => {
    const random = randomFrom(seedOf(t));
    const worker = new FedWorker();
    const symbols = ["PEPE", "pep", "PEPECOIN", "xPEPE", "WETH", "Ωmega", "a:b", "1INCH"];
    let compared = 0;
    for (let step = 0; step < 60; step++) {
      worker.nowMs += random.pick([0, 1_000, 400_000, step % 20 === 19 ? 90_000_000 : 0]);
      const swaps = Array.from({ length: 8 }, () => ({
        chain_id: random.pick([1, 10, 8453]),
        token: random.pick(["0xAa", "0xab", "0xabc", "0xb", "So1", "so1"]) + random.below(4),
        token_symbol: random.pick(symbols),
        amount_usd: String(random.below(50)),
        event_time: worker.nowMs - random.below(100_000),
      }));
      worker.feed(...swaps);
      for (const query of [
        "p",
        "PEP",
        "eth",
        "0xA",
        "0xab",
        "1:0xab",
        "10:0X",
        "8453:",
        "So",
        "so1",
        "Ω",
        "a:",
        "1",
        "zz",
      ]) {
        const [chainId, limit] = [random.pick([undefined, undefined, 1, 10, 7]), random.pick([1, 3, 100])];
        const expected = naive(worker, query, chainId, limit);
        assert.deepEqual(search(worker, query, chainId, limit), expected, `${query} on ${chainId} at ${step}`);
        compared += expected.length;
      }
    }
    assert.ok(compared > 1_000, `${compared} rows are too few to show anything`);
  });

  test("a token that left the overview is not found, and is again after its next swap", () => {
    const worker = new FedWorker();
    worker.feed({ event_time: START_MS, token_symbol: "GONE" });
    assert.equal(search(worker, "gon", undefined, 5).length, 1);
    worker.nowMs += 2 * 86_400_000;
    worker.feed({ token: "0xbb", event_time: worker.nowMs });
    assert.deepEqual(search(worker, "gon", undefined, 5), []);
    worker.feed({ event_time: worker.nowMs, token_symbol: "GONE" });
    assert.equal(search(worker, "gon", undefined, 5).length, 1);
  });
});
