import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { WindowStats } from "../../src/engine/reads/figures.ts";
import { itemOf, newYear2026, plainEvent } from "../model/plain-events.ts";
import { buildStream, plainStream } from "../model/streams.ts";
import { defaultConfig } from "../model/vectors.ts";
import { windowsOf } from "../model/window-rules.ts";
import { randomFrom, seedOf } from "../support/seed.ts";
import { EngineRun, Pair } from "./pair.ts";

const at = newYear2026;
const longest = defaultConfig.windows.length - 1;
/** Relative standard error that the answer must state for p = 12. */
const statedError = 1.04 / Math.sqrt(4096);

/** Applies one swap of each of these wallets, spread over a span, and lets all of them settle. */
function runWithWallets(wallets: readonly string[], spanMs: number, config = defaultConfig): EngineRun {
  const run = new EngineRun(config);
  wallets.forEach((who, i) => {
    const eventTimeMs = at + Math.floor((i * spanMs) / wallets.length);
    run.take(itemOf(plainEvent(i, eventTimeMs, { who, side: i % 3 === 0 ? "sell" : "buy" })));
  });
  return run;
}

function settle(run: EngineRun): void {
  const highMs = run.engine.maxHighMs() as number;
  for (let i = 1; i <= 40; i++)
    run.take(itemOf(plainEvent(i, highMs + i * 60_000, { token: "clock", txHash: `c${i}` })));
}

function statsNow(run: EngineRun, windowIndex = longest): WindowStats {
  return run.engine.windowStats(
    run.ref({ chainId: 1, token: "token" }) as number,
    windowIndex,
    run.engine.maxHighMs() as number,
  );
}

describe("unique traders up to the cap are exact", () => {
  test("4,096 wallets in the longest window", () => {
    const run = runWithWallets(
      Array.from({ length: 4_096 }, (_, i) => `wallet${i}`),
      7_200_000,
    );
    for (const isSettled of [false, true]) {
      if (isSettled) settle(run);
      const { traders, buyers, sellers, traders_estimated, traders_error } = statsNow(run);
      assert.deepEqual(
        [traders, buyers, sellers, traders_estimated, traders_error],
        [4096, 2730, 1366, undefined, undefined],
      );
    }
  });

  test("a new wallet for each that leaves, up to the cap", () => {
    for (const wallets of [20, 35, 47]) {
      const pair = new Pair({ ...defaultConfig, windows: windowsOf(["1m", "1h"]), exactTraders: 50 });
      for (let i = 0; i < 8 * wallets; i++) {
        pair.take(itemOf(plainEvent(i, at + Math.floor((i * 3_600_000) / wallets))));
        if (i % 5 === 0) pair.compareAt(pair.highMs());
      }
    }
  });

  test("wallets that have left the longest window make room for others", () => {
    const run = new EngineRun({ ...defaultConfig, exactTraders: 50 });
    for (let i = 0; i < 4_000; i++) {
      const day = Math.floor(i / 40);
      run.take(itemOf(plainEvent(i, at + day * 90_000_000 + (i % 40) * 1_000, { who: `wallet${i}` })));
      if (i % 40 !== 39) continue;
      const { traders, traders_estimated } = statsNow(run);
      assert.deepEqual([traders, traders_estimated], [40, undefined], `day ${day}`);
    }
  });
});

describe("beyond the cap traders are estimated, and the response says so", () => {
  test("two groups of wallets, one about to leave the longest window and one that has just arrived", () => {
    const day = 86_400_000;
    const crowds = [0, day - 2_400_000].map((fromMs, crowd) =>
      Array.from({ length: 6_000 }, (_, i) =>
        plainEvent(i, at + fromMs + i * 200, { who: `of${crowd}-${i}`, txHash: `${crowd}-${i}` }),
      ),
    );
    const run = new EngineRun(defaultConfig);
    for (const event of crowds.flat()) run.take(itemOf(event));
    run.take(itemOf(plainEvent(1, at + day - 60_000, { token: "clock" })));
    const { traders, traders_estimated } = statsNow(run);
    assert.equal(traders_estimated, true);
    assert.ok(Math.abs(traders / 12_000 - 1) < 5 * statedError, `${traders} of 12,000`);
  });

  test("a small cap: exact where not flagged, near where flagged, at any as-of", (t) => {
    const seed = seedOf(t);
    const random = randomFrom(seed);
    for (const exactTraders of [1, 8, 60]) {
      const pair = new Pair({ ...defaultConfig, exactTraders });
      const spec = { ...plainStream, seed, count: 5_000, tokens: 3, traders: 900, spanMs: 30 * 3_600_000 };
      buildStream(spec).forEach((item, i) => {
        pair.take(item);
        if (i % 500 === 499) pair.compareAt(pair.highMs() + random.below(100_000) - 60_000, { estimate: 0.1 });
      });
      for (const hours of [1, 9, 23, 25]) pair.compareAt(pair.highMs() + hours * 3_600_000, { estimate: 0.1 });
    }
  });

  test("the error over many sets of wallets is the one that the response states", () => {
    const errors: number[] = [];
    const config = { ...defaultConfig, exactTraders: 100 };
    for (let set = 0; set < 60; set++) {
      const size = [600, 2_500, 5_000, 9_000][set % 4] as number;
      const run = runWithWallets(
        Array.from({ length: size }, (_, i) => `0x${set}-${i}`),
        3_600_000,
        config,
      );
      settle(run);
      const stats = statsNow(run);
      assert.equal(stats.traders_estimated, true);
      assert.ok(Math.abs(Number(stats.traders_error) - statedError) < 0.0005, `stated: ${stats.traders_error}`);
      errors.push(stats.traders / size - 1);
      const sellers = Math.ceil(size / 3);
      assert.ok(Math.abs(stats.sellers / sellers - 1) < 6 * statedError, `${stats.sellers} sellers of ${sellers}`);
      assert.ok(stats.traders >= Math.max(stats.buyers, stats.sellers), "no side has more wallets than both");
    }
    // The wallets are fixed, so these bounds cannot fail by chance: they hold or they do not.
    const deviation = Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length);
    const bias = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    assert.ok(deviation < 1.25 * statedError, `standard error ${deviation}`);
    assert.ok(Math.abs(bias) < 0.4 * statedError, `bias ${bias}`);
    assert.ok(Math.max(...errors.map(Math.abs)) < 4.5 * statedError, "greatest error");
  });

  test("100,000 wallets in a day, in windows of every length", () => {
    const count = 100_000;
    const run = runWithWallets(
      Array.from({ length: count }, (_, i) => `0x${i.toString(16)}`),
      86_000_000,
    );
    const asOfMs = run.engine.maxHighMs() as number;
    defaultConfig.windows.forEach((window, index) => {
      const { traders, trades, traders_estimated } = run.engine.windowStats(
        run.ref({ chainId: 1, token: "token" }) as number,
        index,
        asOfMs,
      );
      const error = Math.abs(traders / trades - 1);
      assert.ok(error < (traders_estimated ? 5 * statedError : 1e-12), `${window.name}: ${traders} of ${trades}`);
    });
  });

  test("a removal of an unsettled swap leaves the estimate as if the swap had never happened", (t) => {
    const random = randomFrom(seedOf(t));
    const config = { ...defaultConfig, exactTraders: 20 };
    const wallets = Array.from({ length: 3_000 }, (_, i) => `wallet${i}`);
    const [plain, touched] = [runWithWallets(wallets, 3_600_000, config), runWithWallets(wallets, 3_600_000, config)];
    const highMs = plain.engine.maxHighMs() as number;
    const ghosts = Array.from({ length: 400 }, (_, i) =>
      plainEvent(50_000 + i, highMs - random.below(100_000), {
        who: random.chance(0.3) ? `wallet${i}` : `ghost${i}`,
        side: random.chance(0.5) ? "buy" : "sell",
      }),
    );
    for (const ghost of ghosts) touched.take(itemOf(ghost, highMs));
    assert.ok(statsNow(touched).traders > statsNow(plain).traders);
    for (const ghost of random.shuffled(ghosts)) touched.take(itemOf({ ...ghost, removed: true }, highMs));
    config.windows.forEach((_window, index) => {
      assert.deepEqual(statsNow(touched, index), statsNow(plain, index));
    });
  });

  test("the estimate falls as windows move on, and a token that was idle is exact again", () => {
    const run = runWithWallets(
      Array.from({ length: 6_000 }, (_, i) => `wallet${i}`),
      3_600_000,
    );
    settle(run);
    const ref = run.ref({ chainId: 1, token: "token" }) as number;
    const goneMs = (run.engine.maxHighMs() as number) + 86_400_000 + 60_000;
    const gone = run.engine.windowStats(ref, longest, goneMs);
    assert.deepEqual([gone.traders, gone.buyers, gone.sellers], [0, 0, 0]);
    for (let i = 0; i < 200; i++)
      run.take(itemOf(plainEvent(i, goneMs + 100_000_000 + i * 30_000, { token: "clock", txHash: `d${i}` })));
    const again = plainEvent(9, run.engine.maxHighMs() as number, { txHash: "again" });
    run.take(itemOf(again));
    const { traders, traders_estimated } = statsNow(run);
    assert.deepEqual([traders, traders_estimated], [1, undefined]);
  });

  test("a change by settling is reported: its tokens are named and their versions grow", (t) => {
    const seed = seedOf(t);
    const limits = { graceMs: 3_000, reorgHorizonMs: 10_000, windows: windowsOf(["1m", "1h"]) };
    const run = new EngineRun({ ...defaultConfig, ...limits, exactTraders: 20 });
    const spec = { ...plainStream, seed, tokens: 3, traders: 400, disorderMs: 2_000 };
    let moved = 0;
    for (const item of buildStream({ ...spec, count: 700, spanMs: 600_000 })) {
      if (item.kind !== "event") continue;
      const asOfMs = Math.max(item.event.eventTimeMs, run.engine.maxHighMs() ?? 0);
      const before = new Map([...run.engine.tokens()].map((ref) => [ref, shown(run, ref, asOfMs)]));
      run.take(item);
      const { touchedRef, movedRefs } = run.engine;
      moved += movedRefs.length;
      for (const [ref, { version, figures }] of before) {
        const after = shown(run, ref, asOfMs);
        const isTold = (ref === touchedRef || movedRefs.includes(ref)) && after.version > version;
        assert.ok(after.figures === figures || isTold, `${run.engine.info(ref).id} changed without a word`);
      }
    }
    assert.ok(moved > 0, "settling moved no estimate");
  });
});

function shown(run: EngineRun, ref: number, asOfMs: number): { readonly version: number; readonly figures: string } {
  const windows = run.config.windows.map((_window, index) => run.engine.windowStats(ref, index, asOfMs));
  return { version: run.engine.version(ref), figures: JSON.stringify(windows) };
}
