/** Unique traders of tokens with many unsettled swaps: exact while swaps arrive, leave and settle, with bounded work. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SwapTimes } from "../../../src/engine/swaps/swap-times.ts";
import { KEPT_SWAPS_MIN } from "../../../src/engine/traders/trader-counts.ts";
import type { ModelEvent } from "../../model/model-event.ts";
import { itemOf, newYear2026, plainEvent } from "../../model/plain-events.ts";
import { defaultConfig } from "../../model/vectors.ts";
import { windowsOf } from "../../model/window-rules.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { restoreImage, takeImage } from "../images.ts";
import { EngineRun, Pair } from "../pair.ts";

const at = newYear2026;
const asOfMs = at + 600_000;

/** Many swaps of one token within a few minutes, some of them by the same wallets. */
function crowd(count: number): ModelEvent[] {
  return Array.from({ length: count }, (_, i) =>
    plainEvent(i, at + Math.floor((i * 300_000) / count), {
      who: `wallet${(i * 7) % Math.ceil(count * 0.6)}`,
      side: i % 3 === 0 ? "sell" : "buy",
    }),
  );
}

function figuresOf(run: EngineRun): string {
  const ref = run.ref({ chainId: 1, token: "token" }) as number;
  const all = run.config.windows.map((_window, index) => run.engine.windowStats(ref, index, asOfMs));
  return JSON.stringify(all.map(({ traders, buyers, sellers }) => [traders, buyers, sellers]));
}

describe("traders of a token with many unsettled swaps", () => {
  test("traders equal the model's through removals, re-inclusions, settling, waiting swaps and snapshots", (t) => {
    const random = randomFrom(seedOf(t));
    const windows = windowsOf(["1m", "5m", "1h"]);
    for (const exactTraders of [4_096, 60]) {
      const pair = new Pair({ ...defaultConfig, windows, exactTraders, graceMs: 60_000, reorgHorizonMs: 120_000 });
      const tolerance = exactTraders === 60 ? { estimate: 0.1 } : undefined;
      const known: ModelEvent[] = [];
      for (let i = 0; i < 5_000; i++) {
        const nowMs = at + i * 150;
        const old = known[Math.max(0, known.length - 1 - random.below(900))];
        const dice = random.next();
        if (dice < 0.6 || old === undefined) {
          const event = plainEvent(i, nowMs + random.below(60_000) - (random.chance(0.5) ? 55_000 : 5_000), {
            who: random.chance(0.05) ? undefined : `wallet${random.below(random.chance(0.5) ? 20 : 1_500)}`,
            side: random.chance(0.5) ? "buy" : "sell",
            blockHash: "0x01",
          });
          known.push(event);
          pair.take(itemOf(event, nowMs));
        } else if (dice < 0.9) {
          pair.take(itemOf({ ...old, removed: true }, nowMs));
          if (random.chance(0.8)) known.splice(known.indexOf(old), 1);
        } else {
          const again = { ...old, blockHash: `0x0${2 + random.below(4)}`, who: `wallet${random.below(1_500)}` };
          known.push(again);
          pair.take(itemOf(again, nowMs));
        }
        if (i % 1_900 === 1_500) pair.run.engine = restoreImage(pair.config, takeImage(pair.engine), random);
        // Also at as-ofs that go back and forth and leave swaps waiting. No as-of of the service is further behind a high than max_skew.
        const oldestMs = pair.highMs() - pair.config.maxSkewMs;
        if (i % 25 === 0) pair.compareAt(Math.max(oldestMs, nowMs + 1_000 * (random.below(20) - 10)), tolerance);
      }
      for (const laterMs of [0, 70_000, 400_000]) pair.compareAt(pair.highMs() + laterMs, tolerance);
    }
  });

  test("traders are not collected again when swaps leave, at any as-of, or after a token has grown or was restored", (t) => {
    const swaps = crowd(2 * KEPT_SWAPS_MIN);
    const run = new EngineRun(defaultConfig);
    for (const swap of swaps) run.take(itemOf(swap, asOfMs));
    const whole = figuresOf(run);
    const grown = run.engine.tradersGoneThrough();
    assert.ok(grown <= KEPT_SWAPS_MIN, `${grown} swaps gone through while the token grew`);
    const kept = swaps.filter((_swap, i) => i % 20 !== 0);
    for (const [i, swap] of swaps.entries()) {
      if (i % 20 !== 0) continue;
      run.take(itemOf({ ...swap, removed: true }, asOfMs));
      if (i % 400 === 0) figuresOf(run);
    }
    assert.equal(run.engine.tradersGoneThrough(), grown, "removals let no swap be gone through");
    const without = new EngineRun(defaultConfig);
    for (const swap of kept) without.take(itemOf(swap, asOfMs));
    assert.equal(figuresOf(run), figuresOf(without));
    assert.notEqual(figuresOf(run), whole);

    const restored = new EngineRun(
      defaultConfig,
      restoreImage(defaultConfig, takeImage(run.engine), randomFrom(seedOf(t))),
    );
    const atStart = restored.engine.tradersGoneThrough();
    assert.ok(atStart > 0, "the wallets are made with the state");
    assert.equal(figuresOf(restored), figuresOf(run));
    assert.equal(restored.engine.tradersGoneThrough(), atStart);
  });

  test("traders are not collected again when swaps settle, or when many other tokens are read", () => {
    const run = new EngineRun(defaultConfig);
    for (const swap of crowd(KEPT_SWAPS_MIN + 4_000)) run.take(itemOf(swap, asOfMs));
    const { engine } = run;
    for (let token = 0; token < 300; token++) {
      for (let i = 0; i < 201; i++)
        run.take(itemOf(plainEvent(i, at + 300_000, { token: `t${token}`, txHash: `${token}-${i}` }), asOfMs));
      engine.windowStats(run.ref({ chainId: 1, token: `t${token}` }) as number, 0, asOfMs);
    }
    const before = engine.tradersGoneThrough();
    figuresOf(run);
    assert.equal(engine.tradersGoneThrough(), before, "other tokens do not take the place of one with many swaps");
    // Its swaps settle: 15 minutes later, bucket by bucket.
    for (let ms = 900_000; ms <= 1_100_000; ms += 5_000) {
      run.take(itemOf(plainEvent(ms, at + ms, { token: "clock", txHash: `clock${ms}` }), at + ms));
      engine.windowStats(run.ref({ chainId: 1, token: "token" }) as number, 4, at + ms);
    }
    assert.equal(engine.tradersGoneThrough(), before, "settling lets no swap be gone through");
  });
});

describe("the steps in which a wallet traded", () => {
  test("the index finds the last step before any close, whichever swaps come and go", (t) => {
    const random = randomFrom(seedOf(t));
    const times = new SwapTimes();
    const heads = [0, 0, 0];
    const naive: number[][] = [[], [], []];
    for (let i = 0; i < 20_000; i++) {
      const list = random.below(3);
      const own = naive[list] as number[];
      if (random.chance(0.45) && own.length > 0) {
        const gone = random.below(own.length);
        heads[list] = times.take(heads[list] as number, own[gone] as number);
        own.splice(gone, 1);
      } else {
        const timeMs = 1_000 * random.below(60);
        heads[list] = times.add(heads[list] as number, timeMs);
        own.push(timeMs);
      }
      const closeMs = 1_000 * random.below(62);
      assert.equal(times.lastMs(heads[list] as number), Math.max(Number.NEGATIVE_INFINITY, ...own));
      assert.equal(
        times.lastBeforeMs(heads[list] as number, closeMs),
        Math.max(Number.NEGATIVE_INFINITY, ...own.filter((timeMs) => timeMs < closeMs)),
      );
      if (own.length > 200) {
        for (const timeMs of own.splice(0)) heads[list] = times.take(heads[list] as number, timeMs);
        assert.equal(heads[list], 0);
      }
    }
  });
});
