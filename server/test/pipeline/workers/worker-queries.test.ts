import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type SortField, sortFields } from "@swapstats/protocol/figures.ts";
import { compareRankKeys, decodeCursor, encodeCursor } from "../../../src/bus/rank-order.ts";
import type { WindowStats } from "../../../src/engine/reads/figures.ts";
import { finished } from "../../../src/pipeline/thread-share.ts";
import { servedValue } from "../../../src/pipeline/views/ranking.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { FedWorker, START_MS } from "./fed-worker.ts";
import { ask, runAtRandom } from "./worker-reads.ts";

describe("overview", () => {
  const exactOrder = (host: FedWorker, windowIndex: number, field: SortField, order: "asc" | "desc"): string[] => {
    const asOf = host.clock.now();
    return [...host.engine.tokens()]
      .filter((token) => !host.engine.isRetired(token, asOf))
      .map((token) => {
        const stats: WindowStats = host.engine.windowStats(token, windowIndex, asOf);
        return { value: servedValue(stats, field), id: host.engine.info(token).id };
      })
      .sort((a, b) => compareRankKeys(a, b, order))
      .map((key) => key.id);
  };

  test("the pages have the order of the served figures for every statistic", (t) => {
    const seed = seedOf(t);
    const random = randomFrom(seed + 1);
    runAtRandom(seed, 120, (host, step) => {
      if (step % 4 !== 3) return;
      const window = random.pick(["1m", "5m", "24h"]);
      const sort = random.pick(sortFields);
      const order = random.pick(["asc", "desc"] as const);
      const request = { window, sort, order, limit: 1 + random.below(7) };
      const found: string[] = [];
      let cursor: string | undefined;
      do {
        const after = cursor === undefined ? undefined : decodeCursor(request, cursor);
        const page = finished(host.queries.overview({ kind: "overview", request, after, at: undefined }));
        assert.ok(page.rows.length <= request.limit);
        found.push(...page.rows.map((row) => row.key.id));
        const last = page.rows.at(-1);
        cursor = page.more && last !== undefined ? encodeCursor(request, last.key) : undefined;
      } while (cursor !== undefined);
      assert.deepEqual(found, exactOrder(host, host.queries.windowIndex(window), sort, order), `${sort} ${order}`);
    });
  });

  test("a page begins behind the place of its cursor, also when the token there has moved or left", () => {
    const host = new FedWorker();
    for (const [token, usd] of [
      ["0xa", 50],
      ["0xb", 40],
      ["0xc", 30],
      ["0xd", 20],
    ] as const) {
      host.feed({ token, amount_usd: String(usd), event_time: START_MS });
    }
    const request = { window: "5m", sort: "volume_usd", order: "desc", limit: 2 } as const;
    const page = (after?: { value: string | undefined; id: string }) =>
      finished(host.queries.overview({ kind: "overview", request, after, at: undefined })).rows;
    const first = page();
    assert.deepEqual(
      first.map((row) => row.key.id),
      ["1:0xa", "1:0xb"],
    );
    host.feed({ token: "0xb", amount_usd: "100", event_time: START_MS });
    host.feed({ token: "0xe", amount_usd: "35", event_time: START_MS });
    assert.deepEqual(
      page(first.at(-1)?.key).map((row) => row.key.id),
      ["1:0xe", "1:0xc"],
    );
  });

  test("rows hold the same figures as the response about the token", () => {
    const host = new FedWorker();
    host.feed({ token: "0xa", token_symbol: 'é"', event_time: START_MS, who: "w" });
    const request = { window: "5m", sort: "trades", order: "desc", limit: 2 } as const;
    const [row] = finished(host.queries.overview({ kind: "overview", request, after: undefined, at: undefined })).rows;
    const [answer] = ask(host, "1:0xa");
    const body = JSON.parse(`{${answer?.found?.body}}`);
    const expected = { id: "1:0xa", symbol: 'é"', rev: answer?.found?.rev, stats: body.windows["5m"] };
    assert.deepEqual(JSON.parse(row?.json ?? ""), expected);
  });
});

describe("looking tokens up", () => {
  const address = `0x${"aB".repeat(20)}`;

  test("an id has priority over an exact token and that over a symbol, and several hits are listed", () => {
    const host = new FedWorker();
    host.feed({ chain_id: 1, token: address, token_symbol: "USDC", event_time: START_MS });
    host.feed({ chain_id: 5, token: address, token_symbol: "usdc", event_time: START_MS });
    host.feed({ chain_id: 9, token: "USDT", token_symbol: "USDC.e", event_time: START_MS });
    host.feed({ chain_id: 9, token: "0xother", token_symbol: "usdt", event_time: START_MS });
    host.feed({ chain_id: 9, token: "9:USDT", event_time: START_MS });
    const found = (text: string) => {
      const lookup = ask(host, text)[0]?.lookup;
      return lookup == null ? undefined : { tier: lookup.tier, ids: lookup.ids };
    };
    const lower = address.toLowerCase();
    assert.deepEqual(found(`1:${address}`), { tier: "id", ids: [`1:${lower}`] });
    assert.deepEqual(found(address.toUpperCase().replace("0X", "0x")), {
      tier: "token",
      ids: [`1:${lower}`, `5:${lower}`],
    });
    assert.deepEqual(found("UsDc"), { tier: "symbol", ids: [`1:${lower}`, `5:${lower}`] });
    assert.deepEqual(found("USDT"), { tier: "token", ids: ["9:USDT"] });
    assert.deepEqual(found("usdt"), { tier: "symbol", ids: ["9:0xother"] });
    assert.deepEqual(found("9:USDT"), { tier: "id", ids: ["9:USDT"] });
    assert.deepEqual(found("8:USDT"), undefined);
    assert.equal(found(""), undefined);
    const [ambiguous, one] = ask(host, "USDC", "9:9:USDT");
    assert.equal(ambiguous?.found, undefined);
    assert.equal(ambiguous?.lookup?.ids.length, 2);
    assert.ok(one?.found);
  });
});
