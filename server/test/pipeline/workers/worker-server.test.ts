import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type SortField, sortFields } from "@swapstats/protocol/figures.ts";
import { applyMergePatch, type Json } from "@swapstats/protocol/merge-patch.ts";
import { compareRankKeys, decodeCursor, encodeCursor } from "../../../src/bus/rank-order.ts";
import { dataText, revisionOfParts, type TokenPart, updateChars } from "../../../src/bus/responses.ts";
import type { UpdateItem } from "../../../src/bus/worker-protocol.ts";
import type { WindowStats } from "../../../src/engine/reads/figures.ts";
import { finished } from "../../../src/pipeline/thread-share.ts";
import { servedValue } from "../../../src/pipeline/views/ranking.ts";
import { candlesBody } from "../../../src/pipeline/views/stats-json.ts";
import { UPDATE_CHARS_MAX } from "../../../src/pipeline/workers/worker-feeds.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { FedWorker, randomSwap, START_MS, type SwapInput } from "./fed-worker.ts";

const WINDOWS = ["1m", "5m", "24h"];
const SELECTION = { windows: WINDOWS, fields: [] };

function ask(host: FedWorker, ...tokens: string[]): readonly TokenPart[] {
  return finished(host.queries.tokens({ kind: "tokens", tokens, selection: SELECTION, at: undefined })).items;
}

/** The served figures without what moves by itself. */
function figuresOf(answer: TokenPart | undefined): Json {
  const data = JSON.parse(`{${answer?.found?.body}}`) as { windows: Record<string, Record<string, Json>> };
  for (const window of Object.values(data.windows)) {
    delete window.open_time;
    delete window.close_time;
  }
  return data as unknown as Json;
}

/** Moves time and feeds swaps at random, and calls `check` after each step. */
function runAtRandom(
  seed: number,
  steps: number,
  check: (host: FedWorker, step: number) => void,
  host = new FedWorker(),
): FedWorker {
  const random = randomFrom(seed);
  const earlier: SwapInput[] = [];
  for (let step = 0; step < steps; step++) {
    host.nowMs += random.pick([0, 90, 400, 1_000, 5_000, 61_000, step % 50 === 49 ? 6 * 3_600_000 : 0]);
    const count = random.below(6);
    const swaps = Array.from({ length: count }, () => randomSwap(random, host.nowMs, 30, earlier));
    if (swaps.length > 0) host.feed(...swaps);
    check(host, step);
  }
  return host;
}

/** Brings the looks at all tokens up to date. */
function lookAtAll(host: FedWorker): void {
  while (!host.served.views.lookSome(host.clock.now(), { left: 1_000 }));
}

describe("revisions", () => {
  for (const exactTraders of [4096, 6]) {
    test(`equal revisions mean equal figures, whoever looked in between; traders exact up to ${exactTraders}`, (t) => {
      checkRevisions(seedOf(t), exactTraders);
    });
  }

  function checkRevisions(seed: number, exactTraders: number): void {
    const random = randomFrom(seed + 1);
    const seen = new Map<string, { rev: number; figures: Json }>();
    const check = (host: FedWorker): void => {
      if (random.chance(0.5)) lookAtAll(host);
      for (const token of host.engine.tokens()) {
        if (random.chance(0.3)) continue;
        const { id } = host.engine.info(token);
        const [answer] = ask(host, id);
        const rev = answer?.found?.rev ?? 0;
        const figures = figuresOf(answer);
        const before = seen.get(id);
        assert.ok(before === undefined || rev >= before.rev);
        if (before?.rev === rev) assert.deepEqual(figures, before.figures, id);
        seen.set(id, { rev, figures });
      }
    };
    runAtRandom(seed, 300, check, new FedWorker({ exactTraders }));
  }

  test("stay while only time and edges move, and grow when a window loses a trade", () => {
    const host = new FedWorker();
    host.feed({ event_time: START_MS });
    const revAt = (ms: number) => {
      host.nowMs = ms;
      return ask(host, "1:0xaa")[0]?.found?.rev;
    };
    const first = revAt(START_MS + 1);
    assert.equal(revAt(START_MS + 30_000), first);
    const afterMinute = revAt(START_MS + 61_000);
    assert.notEqual(afterMinute, first);
    assert.equal(revAt(START_MS + 62_000), afterMinute);
  });

  test("a gap changes every token's completeness, and so its revision", () => {
    const host = new FedWorker();
    host.engine.setSeenSince(START_MS - 48 * 3_600_000);
    host.served.publish(0, 0);
    host.feed({ event_time: START_MS });
    const [before] = ask(host, "1:0xaa");
    const generation = host.board.generation();
    host.engine.noteGap();
    host.served.publish(1, 0);
    const [after] = ask(host, "1:0xaa");
    assert.notEqual(after?.found?.rev, before?.found?.rev);
    assert.notEqual(host.board.generation(), generation);
    assert.match(after?.found?.body ?? "", /"complete":false/);
  });

  test("a retired token leaves the overview, and comes back with a swap", () => {
    const host = new FedWorker();
    const ids = () => {
      lookAtAll(host);
      const request = { window: "5m", sort: "trades", order: "desc", limit: 9 } as const;
      const { rows, parts } = finished(
        host.queries.overview({ kind: "overview", request, after: undefined, at: undefined }),
      );
      return { ids: rows.map((row) => row.key.id), rev: revisionOfParts(parts) };
    };
    host.feed({ token: "0xold", event_time: START_MS });
    const first = ids();
    assert.deepEqual(first.ids, ["1:0xold"]);
    host.nowMs += 25 * 3_600_000;
    assert.deepEqual(ids().ids, ["1:0xold"], "its swap may still be removed, for no later event was seen");
    const waiting = ids();
    host.feed({ token: "0xnew", event_time: host.nowMs });
    const later = ids();
    assert.deepEqual(later.ids, ["1:0xnew"]);
    assert.ok(later.rev > waiting.rev);
    host.feed({ token: "0xold", event_time: host.nowMs });
    assert.deepEqual(ids().ids, ["1:0xnew", "1:0xold"]);
  });
});

describe("looks in pieces", () => {
  test("a token that leaves the longest window at a look of somebody else leaves the overview, too", () => {
    const host = new FedWorker();
    const listed = () => {
      lookAtAll(host);
      return host.served.views.listed;
    };
    host.feed({ token: "0xold", event_time: START_MS });
    assert.equal(listed(), 1);
    host.nowMs += 25 * 3_600_000;
    host.feed({ token: "0xnew", event_time: host.nowMs });
    // The look that sees the last trade leave is not the one at all tokens.
    ask(host, "1:0xold");
    assert.equal(listed(), 1);
  });

  test("a batch is of one as-of however long it takes; equal revisions mean equal figures, whatever comes between its pieces", (t) => {
    const random = randomFrom(seedOf(t));
    const host = new FedWorker();
    const ids = Array.from({ length: 20 }, (_, i) => `1:0x${i.toString(16)}`);
    const seen = new Map<string, Json>();
    const note = (items: readonly TokenPart[]): void => {
      for (const item of items) {
        if (item.found === undefined) continue;
        const key = `${item.lookup?.ids[0]} ${item.found.rev}`;
        const figures = figuresOf(item);
        assert.deepEqual(figures, seen.get(key) ?? figures, key);
        seen.set(key, figures);
      }
    };
    for (let round = 0; round < 60; round++) {
      const work = host.queries.tokens({ kind: "tokens", tokens: ids, selection: SELECTION, at: undefined });
      const from = host.nowMs;
      for (;;) {
        const { done, value } = work.next();
        if (done === true) {
          assert.equal(value.asOf, from);
          for (const { found } of value.items) assert.equal(found?.asOf ?? from, from);
          note(value.items);
          break;
        }
        host.nowMs += random.pick([0, 0, 20, 700, 3_000]);
        if (random.chance(0.3)) host.feed(randomSwap(random, host.nowMs, 20, []));
        if (random.chance(0.3)) note(ask(host, random.pick(ids)));
        if (random.chance(0.1)) lookAtAll(host);
      }
    }
  });

  test("candles are made page by page, of one state: as the engine gives them at once, whatever comes in between", () => {
    const host = new FedWorker();
    for (let minute = 0; minute < 1_200; minute++) {
      host.nowMs = START_MS + minute * 60_000;
      host.feed({ event_time: host.nowMs, amount_usd: String(1 + (minute % 7)) });
    }
    const asked = { intervalMs: 60_000, fromMs: undefined, toMs: undefined, limit: 1_100 };
    for (const swapsBetween of [0, 1, 100]) {
      const work = host.queries.body({ kind: "candles", token: "1:0xaa", ...asked });
      let pieces = 1;
      let answer = work.next();
      for (; answer.done !== true; pieces++) {
        if (pieces <= swapsBetween) host.feed({ event_time: host.nowMs, amount_usd: "3" });
        answer = work.next();
      }
      assert.ok(pieces >= 2, "in pieces");
      const [token] = [...host.engine.tokens()] as [number];
      const whole = host.engine.candles(token, 60_000, 0, Number.POSITIVE_INFINITY, 1_100, host.clock.now());
      assert.equal(answer.value.found?.body, candlesBody(whole.availableFromMs, whole.items));
      assert.equal(whole.items.length, 1_100);
    }
  });

  test("updates that are not taken hold further ones back, and the next patch leads from the data that was sent last", () => {
    const host = new FedWorker();
    host.feed({ event_time: START_MS });
    host.feeds.open(1, { kind: "token", token: "1:0xaa", windows: ["1m", "5m"] });
    host.tick();
    const [first] = host.updates.splice(0);
    host.feeds.taken(-UPDATE_CHARS_MAX);
    for (let i = 0; i < 5; i++) {
      host.feed({ event_time: START_MS });
      host.tick();
    }
    assert.equal(host.updates.length, 0);
    host.feeds.taken(UPDATE_CHARS_MAX + updateChars(first as UpdateItem));
    host.tick();
    const [next] = host.updates.splice(0);
    assert.equal(next?.prevRev, first?.rev);
    const before = JSON.parse(first?.data ?? "") as Json;
    assert.deepEqual(applyMergePatch(before, JSON.parse(next?.patch ?? "")), JSON.parse(next?.data ?? ""));
  });
});

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

  test("ranks by every statistic as sorting what is served does, page by page", (t) => {
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

  test("a page begins behind the place of its cursor, also when the token there has moved or gone", () => {
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

describe("feeds", () => {
  test("patches lead from data to data, and the data is what HTTP answers at that revision", (t) => {
    const seed = seedOf(t);
    const held = new Map<number, { rev: number; data: Json }>();
    let patches = 0;
    const topics = new Map<number, string>();
    runAtRandom(seed, 250, (host, step) => {
      if (step % 20 === 5) {
        host.feeds.open(1000 + step, { kind: "overview", window: "5m", sort: "volume_usd", limit: 7 });
        const [first] = [...host.engine.tokens()].map((token) => host.engine.info(token).id);
        if (first !== undefined) {
          host.feeds.open(step, { kind: "token", token: first, windows: WINDOWS });
          topics.set(step, first);
        }
      }
      host.tick();
      for (const update of host.updates.splice(0)) {
        host.feeds.taken(updateChars(update));
        const data = JSON.parse(dataText(update)) as Json;
        const before = held.get(update.feedId);
        assert.equal(update.prevRev, before?.rev);
        if (before !== undefined) {
          patches++;
          assert.ok(update.rev > before.rev);
          const patch = JSON.parse(update.patch ?? "") as Json;
          assert.deepEqual(applyMergePatch(before.data, patch), data);
          assert.notDeepEqual(patch, {});
        }
        held.set(update.feedId, { rev: update.rev, data });
      }
      for (const [feedId, id] of topics) {
        const [answer] = ask(host, id);
        assert.deepEqual(held.get(feedId)?.data, figuresOf(answer), "after a tick the feed holds the current figures");
      }
    });
    assert.ok(patches > 100, `${patches} patches are too few to show anything`);
  });

  test("a window that shrinks without a trade is reported, and a closed feed is silent", () => {
    const host = new FedWorker();
    host.feed({ event_time: START_MS });
    host.feeds.open(1, { kind: "token", token: "1:0xaa", windows: ["1m", "5m"] });
    host.tick();
    assert.equal(host.updates.length, 1);
    host.nowMs += 61_000;
    host.tick();
    assert.equal(host.updates.length, 2);
    const patch = JSON.parse(host.updates[1]?.patch ?? "");
    assert.deepEqual(Object.keys(patch), ["windows"]);
    assert.deepEqual([patch.windows["1m"].trades, patch.windows["1m"].open], [0, null]);
    host.feeds.close(1);
    host.nowMs += 3_600_000;
    host.tick();
    assert.equal(host.updates.length, 2);
  });
});

describe("looking tokens up", () => {
  const address = `0x${"aB".repeat(20)}`;

  test("an id goes before an exact token, that before a symbol; several hits are named", () => {
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

describe("dead letters of a worker", () => {
  test("hold records that cannot be read, and quarantined swaps, newest first", () => {
    const host = new FedWorker();
    host.feed("{", { token: "0xaa", event_time: START_MS + 61_000 }, { event_time: START_MS });
    assert.deepEqual(
      host.deadLetters.newest(9).map(({ code, offset, partition, arrival }) => [code, offset, partition, arrival]),
      [
        ["quarantined", 1, 0, START_MS],
        ["malformed_json", 0, 0, START_MS],
      ],
    );
    const [ahead = "", cut = ""] = host.deadLetters.newest(2).map(({ message }) => message);
    assert.match(ahead, new RegExp(`^event_time is ${START_MS + 61_000}, the arrival is ${START_MS}; `));
    assert.match(cut, /the record ends in the middle$/);
    assert.equal(host.letters[1]?.raw, "{");
    const { accepted, applied, quarantined, dead_letters } = host.engine.counters;
    assert.deepEqual(
      { accepted, applied, quarantined, ...dead_letters },
      {
        accepted: 3,
        applied: 1,
        quarantined: 1,
        malformed_json: 1,
      },
    );
  });
});
