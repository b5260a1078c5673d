import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Json } from "@swapstats/protocol/json.ts";
import { revisionOfParts, type TokenPart } from "../../../src/bus/responses.ts";
import { finished } from "../../../src/pipeline/thread-share.ts";
import { candlesBody } from "../../../src/pipeline/views/stats-json.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { FedWorker, randomSwap, START_MS } from "./fed-worker.ts";
import { ask, figuresOf, lookAtAll, runAtRandom, SELECTION } from "./worker-reads.ts";

describe("revisions", () => {
  for (const exactTraders of [4096, 6]) {
    test(`equal revisions mean equal figures, whatever is read in between, with traders exact up to ${exactTraders}`, (t) => {
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

  test("a revision stays while only time and edges move, and grows when a window loses a trade", () => {
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

  test("a gap changes the completeness and the revision of every token", () => {
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

  test("a retired token leaves the overview, and returns with a swap", () => {
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

describe("reads in pieces", () => {
  test("a token that another reader sees leave the longest window leaves the overview, too", () => {
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

  test("a batch has one as-of however long it takes, and equal revisions mean equal figures whatever happens between its pieces", (t) => {
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

  test("candles that are read in pieces equal those that the engine returns at once, whatever happens in between", () => {
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
});

describe("dead letters of a worker", () => {
  test("dead letters hold unreadable records and quarantined swaps, newest first", () => {
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
