/** The market of a partition, compared with sums over all swaps of its log. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { marketOf } from "../../../../src/bus/market-sums.ts";
import { CountedSwaps } from "../../../../src/pipeline/views/counted-swaps.ts";
import { TokenViews } from "../../../../src/pipeline/views/token-views.ts";
import { explained, Pair } from "../../../engine/pair.ts";
import { hostileLogs } from "../../../model/arbitraries.ts";
import type { ModelEvent } from "../../../model/model-event.ts";
import { sumsOf } from "../../../model/naive-stats.ts";
import { buildStream, plainStream } from "../../../model/streams.ts";
import { defaultConfig } from "../../../model/vectors.ts";
import { edgesOf, hasPrevious, type ModelWindow } from "../../../model/window-rules.ts";
import { propertyOptions, seedOf } from "../../../support/seed.ts";

/** The market of a pair's engine, and the market that follows from all of the model's swaps. */
class Market {
  readonly #pair: Pair;
  readonly #views: TokenViews;
  readonly #counted: CountedSwaps;
  #atMs = 0;

  constructor(pair: Pair) {
    this.#pair = pair;
    const finestMs = Math.min(...pair.config.windows.map(({ stepMs }) => stepMs));
    this.#views = new TokenViews(pair.engine, finestMs);
    this.#counted = new CountedSwaps(pair.engine, this.#views);
  }

  get slots(): number {
    return this.#counted.market.slots;
  }

  /** Applies an item as the pipeline does. */
  take(item: Parameters<Pair["take"]>[0]): void {
    const { engine } = this.#pair;
    const seenSinceMs = engine.seenSinceMs();
    this.#pair.take(item);
    if (engine.touchedRef !== -1 && item.kind === "event") this.#views.touch(engine.touchedRef);
    for (const moved of engine.movedRefs) this.#views.touch(moved);
    if (engine.seenSinceMs() !== seenSinceMs) this.#views.touchAll();
  }

  /** Does some of the work. An as-of never goes back. */
  work(asOfMs: number, units: number): boolean {
    this.#atMs = Math.max(this.#atMs, asOfMs);
    const work = { left: units };
    return this.#views.lookSome(this.#atMs, work) && this.#counted.market.syncSome(this.#atMs, work);
  }

  compareAt(asOfMs: number): void {
    while (!this.work(asOfMs, 1_000));
    const names = this.#pair.config.windows.map(({ name }) => name);
    assert.deepEqual(marketOf([this.#counted.market.text(this.#atMs)], names), this.#naive(), `as of ${this.#atMs}`);
  }

  #naive(): object {
    const { model } = this.#pair;
    const chains = new Map<number, ModelEvent[][]>();
    for (const { id, chainId } of model.known.values()) {
      chains.set(chainId, [...(chains.get(chainId) ?? []), [...model.counted(id)]]);
    }
    const used = [...chains].sort(([a], [b]) => a - b).filter(([, tokens]) => this.#isUsed(tokens.flat()));
    const byChain = used.map(([chainId, tokens]) => [String(chainId), this.#sums(tokens)]);
    return { ...this.#sums([...chains.values()].flat()), chains: Object.fromEntries(byChain) };
  }

  #isUsed(events: readonly ModelEvent[]): boolean {
    const { windows } = this.#pair.config;
    const { openMs, closeMs } = edgesOf(windows, windows.at(-1) as ModelWindow, this.#atMs);
    return events.some(({ eventTimeMs }) => eventTimeMs >= openMs && eventTimeMs < closeMs);
  }

  #sums(tokens: readonly (readonly ModelEvent[])[]): object {
    const { model, config } = this.#pair;
    const { windows } = config;
    const events = tokens.flat();
    const entries = windows.map((window) => {
      const { openMs, closeMs } = edgesOf(windows, window, this.#atMs);
      const complete = model.seenSinceMs !== undefined && model.seenSinceMs <= openMs;
      const previous = hasPrevious(windows, window) ? figuresOf(events, openMs - window.lengthMs, openMs) : undefined;
      const figures = { complete, ...figuresOf(events, openMs, closeMs) };
      return [window.name, previous === undefined ? figures : { ...figures, previous }];
    });
    const active = tokens.filter((one) => this.#isUsed(one)).length;
    return { tokens_active: active, windows: Object.fromEntries(entries) };
  }
}

function figuresOf(events: readonly ModelEvent[], fromMs: number, toMs: number): object {
  const sums = sumsOf(events.filter(({ eventTimeMs }) => eventTimeMs >= fromMs && eventTimeMs < toMs));
  const { volume_token: _all, buy_volume_token: _buy, sell_volume_token: _sell, ...additive } = sums;
  return additive;
}

describe("the market of a partition equals the sums over all swaps of the log", () => {
  test("small hostile logs, followed from any point of the log", (t) => {
    const property = fc.property(hostileLogs(60), fc.nat(60), (log, from) => {
      const { pair, items } = Pair.of(log);
      const market = new Market(pair);
      explained(items, () => {
        for (const [i, item] of items.entries()) {
          market.take(item);
          // The first reading of all tokens is in progress while swaps come in.
          if (i >= from) market.work(pair.highMs(), 2);
          if (i >= from && i % 9 === 0) market.compareAt(pair.highMs() + (i % 5) * 700);
        }
        for (const offset of [...log.offsets].sort((a, b) => a - b)) market.compareAt(pair.highMs() + offset);
      });
    });
    fc.assert(property, propertyOptions(t, 300));
  });

  test("a day with many tokens: the sums stay exact while slots are merged and dropped", (t) => {
    const seed = seedOf(t);
    const pair = new Pair(defaultConfig);
    const market = new Market(pair);
    const items = buildStream({ ...plainStream, seed, count: 6_000, tokens: 40, spanMs: 27 * 3_600_000 });
    for (const [i, item] of items.entries()) {
      market.take(item);
      if (i % 500 === 499) market.compareAt(pair.highMs());
    }
    const slotsBefore = market.slots;
    for (const hours of [1, 5, 13, 25]) market.compareAt(pair.highMs() + hours * 3_600_000);
    assert.ok(slotsBefore < 3_500, `${slotsBefore} slots`);
    assert.equal(market.slots, 0, "nothing is left after a day without swaps");
  });
});
