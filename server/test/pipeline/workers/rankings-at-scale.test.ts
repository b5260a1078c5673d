/**
 * Rankings over many tokens whose figures tie, while swaps are applied between the pieces of every answer. Counted is the work of a
 * piece, never its time.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type SortField, sortFields } from "@swapstats/protocol/figures.ts";
import { compareRankKeys } from "../../../src/bus/rank-order.ts";

import type { RankingPart, RankKey } from "../../../src/bus/responses.ts";
import type { Piecewise } from "../../../src/pipeline/thread-share.ts";

import { servedValue } from "../../../src/pipeline/views/ranking.ts";
import { RANKINGS_BYTES_MAX, RANKINGS_MAX } from "../../../src/pipeline/views/served-partition.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { FedWorker, START_MS, type SwapInput } from "./fed-worker.ts";

/** Figures, looks and comparisons in a piece; a piece of so many takes one to three milliseconds. */
const PIECE_FIGURES_MAX = 700;
const PIECE_STEPS_MAX = 20_000;

const COUNTED = ["rankKey", "nextChangeMs", "isRetired", "windowStats", "windowsStats"] as const;

/** Counts what a host's engine is asked for. */
function countFigures({ engine }: FedWorker): () => number {
  let count = 0;
  const methods = engine as unknown as Record<string, (...given: unknown[]) => unknown>;
  for (const name of COUNTED) {
    const method = methods[name] as (...given: unknown[]) => unknown;
    methods[name] = (...given) => {
      count += 1;
      return method.apply(engine, given);
    };
  }
  return () => count;
}

class Load {
  readonly host: FedWorker;
  readonly #figures: () => number;
  readonly #next: () => SwapInput;
  pieces = 0;

  constructor(host: FedWorker, next: () => SwapInput) {
    this.host = host;
    this.#figures = countFigures(host);
    this.#next = next;
  }

  /** Runs an answer; a swap is applied between any two pieces, and each piece is held to the bounds. */
  run<T>(work: Piecewise<T>, steps: () => number): T {
    for (;;) {
      const figures = this.#figures();
      const stepsBefore = steps();
      const { done, value } = work.next();
      this.pieces += 1;
      assert.ok(this.#figures() - figures <= PIECE_FIGURES_MAX, `${this.#figures() - figures} figures in a piece`);
      assert.ok(steps() - stepsBefore <= PIECE_STEPS_MAX, `${steps() - stepsBefore} comparisons in a piece`);
      if (done === true) return value;
      this.host.feed(this.#next());
    }
  }

  overview(window: string, sort: string, limit = 500, order: "asc" | "desc" = "desc", after?: RankKey): RankingPart {
    const { queries, served } = this.host;
    const windowIndex = queries.windowIndex(window);
    const request = { window, sort, order, limit } as const;
    const work = queries.overview({ kind: "overview", request, after, at: undefined });
    return this.run(work, () => served.ranking(windowIndex, sort as SortField).steps);
  }
}

/** A host with so many tokens of one trade each. */
function hostOf(tokens: number, swapOf: (i: number) => Partial<SwapInput>): FedWorker {
  const host = new FedWorker();
  for (let at = 0; at < tokens; at += 10_000) {
    const count = Math.min(10_000, tokens - at);
    host.feed(
      ...Array.from({ length: count }, (_, i) => ({ token: tokenOf(at + i), event_time: START_MS, ...swapOf(at + i) })),
    );
  }
  return host;
}

const tokenOf = (i: number): string => `0x${(Math.imul(i + 1, 0x9e3779b1) >>> 0).toString(16)}${i.toString(16)}`;

/** The rows are those that sorting all tokens by what is served gives, at this moment. */
function assertExact(host: FedWorker, window: string, sort: string, answer: RankingPart, limit: number): void {
  const asOf = answer.asOf;
  const windowIndex = host.queries.windowIndex(window);
  const keys = [...host.engine.tokens()]
    .filter((token) => !host.engine.isRetired(token, asOf))
    .map((token) => {
      const value = servedValue(host.engine.windowStats(token, windowIndex, asOf), sort as SortField);
      return { value, id: host.engine.info(token).id };
    })
    .sort((a, b) => compareRankKeys(a, b, "desc"));
  assert.deepEqual(
    answer.rows.map((row) => row.key),
    keys.slice(0, limit),
    `${window} ${sort}`,
  );
}

describe("rankings over many tokens whose figures tie", () => {
  test("a ranking of 500,000 tokens is built and read in bounded pieces, and a second read costs only a page", (t) => {
    const random = randomFrom(seedOf(t));
    const host = hostOf(500_000, () => ({}));
    const load = new Load(host, () => ({ token: tokenOf(random.below(500_000)), event_time: host.nowMs }));
    for (const sort of ["volume_usd", "volume_token", "vwap"]) {
      const first = load.overview("24h", sort);
      assert.equal(first.rows.length, 500);
      const ranking = host.served.ranking(host.queries.windowIndex("24h"), sort as SortField);
      const before = ranking.steps;
      const pieces = load.pieces;
      const again = load.overview("24h", sort);
      assert.equal(again.rows.length, 500);
      assert.ok(ranking.steps - before < 10_000, `${ranking.steps - before} comparisons for a page`);
      assert.ok(load.pieces - pieces < 100, `${load.pieces - pieces} pieces for a page`);
    }
  });

  test("fifty rankings in turn with all sorts and several windows have bounded pieces and bounded memory", (t) => {
    const random = randomFrom(seedOf(t));
    const tokens = 20_000;
    const host = hostOf(tokens, () => ({}));
    const load = new Load(host, () => ({ token: tokenOf(random.below(tokens)), event_time: host.nowMs }));
    const wanted = ["5m", "1h", "24h"].flatMap((window) => sortFields.map((sort) => ({ window, sort }))).slice(0, 50);
    assert.equal(wanted.length, 50);
    for (const { window, sort } of wanted) {
      host.nowMs += 20;
      assert.equal(load.overview(window, sort, 50).rows.length, 50);
      const { count, bytes } = host.served.rankingsKept;
      assert.ok(count <= RANKINGS_MAX && bytes <= RANKINGS_BYTES_MAX);
    }
  });

  test("ties cost at most twice the comparisons of differing figures, to build and to read", () => {
    const tokens = 30_000;
    const stepsOf = (host: FedWorker, sort: string): { build: number; page: number } => {
      const load = new Load(host, () => ({ token: tokenOf(0), event_time: host.nowMs }));
      load.overview("1h", sort);
      const ranking = host.served.ranking(host.queries.windowIndex("1h"), sort as SortField);
      const build = ranking.steps;
      load.overview("1h", sort);
      return { build, page: ranking.steps - build };
    };
    for (const sort of ["volume_usd", "volume_token", "traders", "last_trade_time"]) {
      const tied = stepsOf(
        hostOf(tokens, () => ({})),
        sort,
      );
      const apart = stepsOf(
        hostOf(tokens, (i) => ({
          amount_usd: String(1 + ((i * 7919) % 100_003)),
          amount_token: `${1 + ((i * 7919) % 100_003)}.000000000000000001`,
          event_time: START_MS - (i % 20_000),
        })),
        sort,
      );
      assert.ok(tied.build <= 2 * apart.build, `${sort}: ${tied.build} comparisons with ties, ${apart.build} without`);
      assert.ok(tied.page <= 2 * apart.page + 1_000, `${sort}: a page ${tied.page} with ties, ${apart.page} without`);
    }
  });

  test("rankings are exact while swaps arrive between the pieces, with figures that differ in the last digit, and after time has passed", (t) => {
    const random = randomFrom(seedOf(t));
    const tokens = 3_000;
    const host = hostOf(tokens, (i) => ({
      amount_token: `900000000000000${random.below(3)}.00000000000000000${1 + random.below(3)}`,
      amount_usd: `${1 + (i % 4)}.00000${random.below(3)}`,
      side: random.chance(0.5) ? "buy" : "sell",
    }));
    const load = new Load(host, () => ({
      token: tokenOf(random.below(tokens + 10)),
      amount_token: `0.00000000000000000${1 + random.below(9)}`,
      event_time: host.nowMs,
    }));
    for (let round = 0; round < 24; round++) {
      host.nowMs += random.pick([0, 300, 1_000, 61_000, round === 20 ? 25 * 3_600_000 : 0]);
      const sort = random.pick(["volume_token", "volume_usd", "net_volume_usd", "vwap", "trades"]);
      const window = random.pick(["1m", "5m", "24h"]);
      const limit = random.pick([1, 40, 500]);
      assertExact(host, window, sort, load.overview(window, sort, limit), limit);
    }
  });

  test("a page is exact although a swap changes each row as soon as it is made", () => {
    const host = hostOf(500, (i) => ({ amount_usd: String(1 + i) }));
    const { rows } = host.served;
    const put = rows.put.bind(rows);
    let made = tokenOf(0);
    rows.put = (key, row) => {
      made = row.id.slice("1:".length);
      put(key, row);
    };
    const load = new Load(host, () => ({ token: made, event_time: host.nowMs }));
    for (const limit of [1, 100, 300]) {
      host.nowMs += 2_000;
      assertExact(host, "1h", "volume_usd", load.overview("1h", "volume_usd", limit), limit);
    }
  });

  test("two rankings that are built alternately are exact while tokens arrive and change", (t) => {
    const random = randomFrom(seedOf(t));
    const tokens = 4_000;
    const host = hostOf(tokens, (i) => ({
      amount_usd: String(1 + (i % 3)),
      amount_token: `9000000000000001.00000000000000000${1 + random.below(3)}`,
    }));
    let came = tokens;
    const asked = ["volume_usd", "volume_token", "price_change_pct"].map((sort) => {
      const request = { window: "1h", sort, order: "desc", limit: 500 } as const;
      return {
        sort,
        work: host.queries.overview({ kind: "overview", request, after: undefined, at: undefined } as never),
      };
    });
    while (asked.length > 0) {
      const one = random.pick(asked);
      const { done, value } = one.work.next();
      if (done === true) {
        assertExact(host, "1h", one.sort, value, 500);
        asked.splice(asked.indexOf(one), 1);
      }
      const token = random.chance(0.5) ? came++ : random.below(came);
      host.feed({ token: tokenOf(token), amount_usd: "2", event_time: host.nowMs });
    }
    assert.ok(came > tokens + 20, `${came - tokens} tokens came meanwhile`);
  });

  test("the pages hold every token once in both orders, with tokens without the figure last", (t) => {
    const random = randomFrom(seedOf(t));
    const tokens = 2_500;
    const host = hostOf(tokens, () => ({}));
    host.nowMs += 400_000;
    const later = Array.from({ length: tokens }, (_, i) => i).filter((i) => i % 3 !== 0);
    host.feed(...later.map((i) => ({ token: tokenOf(i), event_time: host.nowMs - (i % 5) })));
    // Too late to count, so that no page moves.
    const load = new Load(host, () => ({ token: tokenOf(1), event_time: START_MS - 7_200_000 }));
    for (const order of ["asc", "desc"] as const) {
      const keys: RankKey[] = [];
      let after: RankKey | undefined;
      do {
        const page = load.overview("5m", "last_trade_time", 1 + random.below(500), order, after);
        keys.push(...page.rows.map((row) => row.key));
        after = page.more ? page.rows.at(-1)?.key : undefined;
      } while (after !== undefined);
      assert.equal(new Set(keys.map(({ id }) => id)).size, tokens);
      assert.deepEqual(
        keys,
        keys.toSorted((a, b) => compareRankKeys(a, b, order)),
      );
    }
  });
});
