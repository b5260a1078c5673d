import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ModelEvent } from "../model/model-event.ts";
import { itemOf, newYear2026, plainEvent } from "../model/plain-events.ts";
import { buildStream, plainStream } from "../model/streams.ts";
import { defaultConfig } from "../model/vectors.ts";
import { windowsOf } from "../model/window-rules.ts";
import { seedOf } from "../support/seed.ts";
import { takeImage } from "./images.ts";
import { EngineRun, Pair } from "./pair.ts";

const at = newYear2026;
const chainsMax = 256;
const newestKept = 100;

function bytesOf(run: EngineRun): number {
  return run.engine.memory().total as number;
}

function imageBytesOf(run: EngineRun): number {
  return run.engine.memory().image as number;
}

/** Remembered and newest swaps that the state holds. */
function recordsOf(run: EngineRun): number {
  const { header } = takeImage(run.engine);
  return (JSON.parse(header) as { tallies: { records: number } }).tallies.records;
}

/** Raises the high of chain 1 by this much, in steps, so that all due upkeep is done. */
function passTime(run: EngineRun, ms: number): void {
  const startMs = run.engine.maxHighMs() ?? at;
  const steps = 4_000;
  for (let i = 1; i <= steps; i++) {
    const eventTimeMs = startMs + Math.floor((i * ms) / steps);
    run.take(itemOf(plainEvent(i, eventTimeMs, { token: "clock", who: undefined, txHash: `pass${eventTimeMs}` })));
  }
}

type Rest = { readonly used: number; readonly image: number };

/** Runs the same kind of attack repeatedly with new names, a day apart. Returns the bytes after each pause. */
function bytesAfterRests(run: EngineRun, rounds: number, attack: (serial: number, ms: number) => ModelEvent): Rest[] {
  const rests: Rest[] = [];
  for (let round = 0; round < rounds; round++) {
    const startMs = (run.engine.maxHighMs() ?? at) + 1;
    for (let i = 0; i < 4_000; i++) run.take(itemOf(attack(round * 4_000 + i, startMs + i * 20)));
    passTime(run, 100_000_000);
    rests.push({ used: bytesOf(run), image: imageBytesOf(run) });
  }
  return rests;
}

const pad = (text: string) => text.padEnd(120, "-");

describe("memory used by an attack is released when the attack is over", () => {
  const attacks: Readonly<Record<string, (serial: number, ms: number) => ModelEvent>> = {
    "long strings of every kind": (i, ms) =>
      plainEvent(i, ms, {
        token: `t${i % 50}`,
        txHash: pad(`h${i}`),
        pool: pad(`p${i}`),
        who: pad(`w${i}`),
        symbol: `s${i}`.padEnd(60, "-"),
        eventId: pad(`e${i}`),
        blockHash: pad(`b${i}`),
      }),
    "removals of swaps and tokens that never come": (i, ms) =>
      plainEvent(i, ms, { token: pad(`never${i}`), symbol: `s${i}`, removed: true, blockHash: pad(`b${i}`) }),
    "sixteen inclusions a swap, and a removal of each": (i, ms) =>
      plainEvent(i, ms - (i % 1_000), {
        token: "one",
        eventId: `swap${i >> 5}`,
        blockHash: pad(`b${i >> 1}`),
        removed: i % 2 === 1,
      }),
    "a wallet a swap": (i, ms) => plainEvent(i, ms, { token: `t${i % 3}`, who: pad(`wallet${i}`) }),
    "symbols that change with every swap": (i, ms) =>
      plainEvent(i, ms, { token: "one", symbol: `s${i}`.padEnd(60, "-") }),
  };
  for (const [name, attack] of Object.entries(attacks)) {
    test(name, () => {
      const run = new EngineRun({ ...defaultConfig, exactTraders: 200 });
      passTime(run, 100_000_000);
      const [first, ...later] = bytesAfterRests(run, 4, attack) as [Rest, ...Rest[]];
      for (const { used, image } of later) {
        assert.ok(
          used <= first.used * 1.05 + 4_096,
          `${used} bytes in use after a rest, ${first.used} after the first`,
        );
        assert.ok(image <= first.image * 1.5, `an image of ${image} bytes, ${first.image} at first`);
      }
    });
  }

  test("idle tokens cost little, and are not visited again", () => {
    const run = new EngineRun(defaultConfig);
    passTime(run, 1_000_000);
    const before = bytesOf(run);
    const tokens = 5_000;
    const startMs = run.engine.maxHighMs() as number;
    for (let i = 0; i < 4 * tokens; i++) {
      const token = `0x${(i % tokens).toString(16).padStart(40, "0")}`;
      run.take(itemOf(plainEvent(i, startMs + i, { token, symbol: `SYM${i % tokens}`, who: `w${i % 97}` })));
    }
    const busy = bytesOf(run);
    passTime(run, 90_000_000);
    passTime(run, 90_000_000);
    const perToken = (bytesOf(run) - before) / tokens;
    assert.ok(perToken <= 200, `${perToken} bytes a retired token; ${(busy - before) / tokens} when busy`);
    for (const ref of run.engine.tokens()) {
      const isClock = run.engine.info(ref).id === "1:clock";
      assert.equal(run.engine.isRetired(ref, run.engine.maxHighMs() as number), !isClock);
    }
  });
});

describe("what is held after the horizon", () => {
  test("only the newest swaps of each token are kept from bursts between long silences", (t) => {
    const seed = seedOf(t);
    const limits = { graceMs: 5_000, reorgHorizonMs: 60_000 };
    const run = new EngineRun({ ...defaultConfig, ...limits });
    for (let burst = 0; burst < 6; burst++) {
      const startMs = at + burst * 2_400_000;
      const spec = { ...plainStream, seed: seed + burst, startMs, tokens: 4, inclusions: 0, spanMs: 30_000 };
      for (const item of buildStream({ ...spec, count: 2_000, disorderMs: 4_000 })) {
        if (item.kind !== "event") continue;
        const eventId = `${burst}-${item.event.eventId}`;
        run.take({ ...item, event: { ...item.event, eventId } });
      }
      passTime(run, 300_000);
      // Swaps of the clock come every 75 ms; they settle a minute and a half after they came, at the latest. The newest of the burst
      // before may still be there beside those of this one.
      assert.ok(
        recordsOf(run) < (1 + 2 * 4) * newestKept + 100_000 / 75,
        `${recordsOf(run)} records after burst ${burst}`,
      );
    }
  });

  test("no slots of the index are kept for wallets that have left", () => {
    const run = new EngineRun(defaultConfig);
    const startMs = at;
    for (let i = 0; i < 80_000; i++) {
      const token = `t${i % 4_000}`;
      run.take(itemOf(plainEvent(i, startMs + i, { token, symbol: `of ${token}`, who: `w${i}` })));
    }
    const busy = run.engine.memory().indexes as number;
    passTime(run, 90_000_000);
    passTime(run, 90_000_000);
    const idle = run.engine.memory().indexes as number;
    assert.ok(idle < busy / 2, `${idle} bytes of indexes, ${busy} when busy`);
  });
});

describe("caps", () => {
  test("tokens beyond max_tokens are refused, and cost nothing", () => {
    const pair = new Pair({ ...defaultConfig, maxTokens: 100 });
    const feed = (from: number, to: number) => {
      for (let i = from; i < to; i++)
        pair.take(itemOf(plainEvent(i, at + i, { token: `token${i % 3_000}`, symbol: `s${i}` })));
    };
    feed(0, 100);
    const full = bytesOf(pair.run);
    feed(100, 3_000);
    assert.equal(bytesOf(pair.run), full);
    feed(3_000, 6_000);
    pair.compareState();
    pair.compareAt(pair.highMs());
    assert.equal(pair.engine.counters.dead_letters.too_many_tokens, 5_800);
  });

  test("a removal of an unknown token does not count towards max_tokens", () => {
    const pair = new Pair({ ...defaultConfig, maxTokens: 2 });
    for (let i = 0; i < 5; i++) pair.take(itemOf(plainEvent(i, at, { token: `gone${i}`, removed: true })));
    for (let i = 0; i < 4; i++) pair.take(itemOf(plainEvent(i, at, { token: `gone${i}` })));
    pair.compareState();
    pair.compareAt(at);
  });

  test("chains beyond the cap are refused, and raise nothing", () => {
    const pair = new Pair({ ...defaultConfig, maxChains: chainsMax });
    for (let i = 0; i < chainsMax + 50; i++) pair.take(itemOf(plainEvent(i, at + i, { chainId: 7 * i })));
    for (let i = 0; i < chainsMax + 50; i++) pair.take(itemOf(plainEvent(1_000 + i, at + i, { chainId: 7 * i })));
    pair.compareState();
    pair.compareAt(pair.highMs());
    assert.equal(pair.engine.counters.dead_letters.too_many_chains, 100);
  });

  test("inclusions beyond sixteen are refused, and cost nothing", () => {
    const pair = new Pair(defaultConfig);
    const feed = (from: number, to: number) => {
      for (let i = from; i < to; i++) {
        pair.take(itemOf(plainEvent(1, at, { blockHash: `0x${i}`, removed: i % 5 === 4 })));
      }
    };
    feed(0, 16);
    const full = bytesOf(pair.run);
    feed(16, 3_000);
    assert.equal(bytesOf(pair.run), full);
    pair.compareState();
    pair.compareAt(at);
  });

  test("a swap in every second of two days keeps as many buckets as the windows need", () => {
    const run = new EngineRun(defaultConfig);
    for (let i = 0; i < 2 * 86_400; i++) run.take(itemOf(plainEvent(i, at + i * 1_000, { who: `w${i % 9}` })));
    const { buckets } = run.engine.memory();
    // 181 steps of 1 s, 133 of 5 s, 485 of 15 s and 1,442 of 60 s at most, and the unsettled ones beside them.
    assert.ok((buckets as number) < 1_000_000, `${buckets} bytes of buckets`);
  });

  test("thousands of tokens that become due at once delay no figure", (t) => {
    const seed = seedOf(t);
    const config = { ...defaultConfig, windows: windowsOf(["1m", "5m", "1h"]), graceMs: 5_000, reorgHorizonMs: 10_000 };
    const pair = new Pair(config);
    for (const item of buildStream({ ...plainStream, seed, count: 6_000, tokens: 2_000, spanMs: 120_000 }))
      pair.take(item);
    pair.compareAt(pair.highMs());
    for (const aheadMs of [3_500_000, 100_000, 7_200_000]) {
      pair.take(itemOf(plainEvent(aheadMs, pair.highMs() + aheadMs, { token: "clock" })));
      pair.compareAt(pair.highMs());
    }
    const full = bytesOf(pair.run);
    passTime(pair.run, 10_000_000);
    assert.ok(bytesOf(pair.run) < full / 2);
  });
});
