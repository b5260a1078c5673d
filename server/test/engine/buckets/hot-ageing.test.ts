/** Which hot buckets have which step, as the high rises. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AGED_BUCKETS_MIN } from "../../../src/engine/buckets/hot-ageing.ts";
import { EngineState } from "../../../src/engine/engine-state.ts";
import { ACTIVE_BLOCK } from "../../../src/engine/memory/layout.ts";
import { newYear2026 } from "../../model/plain-events.ts";
import { defaultConfig } from "../../model/vectors.ts";
import { TEST_SEED } from "../../support/hash-seed.ts";
import { engineConfigOf } from "../pair.ts";

const { HOT_HEAD } = ACTIVE_BLOCK;
const SECOND_MS = 1000;
const NOTHING_SETTLES = Number.NEGATIVE_INFINITY;

/** A token with a bucket in each of the first `count` seconds of the year. */
class Aged {
  readonly #state = EngineState.empty(engineConfigOf(defaultConfig), TEST_SEED);
  readonly #active = this.#state.heap.alloc(ACTIVE_BLOCK.BYTES);

  constructor(count: number) {
    for (let s = 0; s < count; s++) this.#state.hotList.locate(this.#active, newYear2026 + s * SECOND_MS);
  }

  age(second: number, settlesMs: number): void {
    this.#state.ageing.age(this.#active, newYear2026 + second * SECOND_MS, settlesMs);
  }

  /** Start, in seconds, and level of each bucket. */
  buckets(): { start: number; level: number }[] {
    const { hotList, heap } = this.#state;
    const found: { start: number; level: number }[] = [];
    for (let b = heap.u32[2 * this.#active + HOT_HEAD] as number; b !== 0; b = hotList.next(b)) {
      found.push({ start: (hotList.startMs(b) - newYear2026) / SECOND_MS, level: hotList.level(b) });
    }
    return found;
  }
}

/** The buckets of `count` seconds, of which those that lie wholly before `wideTo` are of five seconds. */
function expected(count: number, wideTo: number): { start: number; level: number }[] {
  const wide = Math.max(0, Math.floor(wideTo / 5));
  return [
    ...Array.from({ length: wide }, (_, i) => ({ start: 5 * i, level: 1 })),
    ...Array.from({ length: count - 5 * wide }, (_, i) => ({ start: 5 * wide + i, level: 0 })),
  ];
}

describe("ageing of hot buckets", () => {
  /** Twice a minute, a step and the skew of 60 s. */
  const keptSeconds = 181;

  test("seconds of a token with many buckets become five seconds, each as soon as no window needs it", () => {
    const count = 300;
    const token = new Aged(count);
    for (let high = keptSeconds; high < 400; high += 2) {
      token.age(high, NOTHING_SETTLES);
      assert.deepEqual(token.buckets(), expected(count, high - keptSeconds));
    }
  });

  test("seconds of a token with few buckets stay until they are about to settle", () => {
    const count = AGED_BUCKETS_MIN - 1;
    const token = new Aged(count);
    token.age(900, NOTHING_SETTLES);
    assert.deepEqual(token.buckets(), expected(count, 0));
    token.age(400, newYear2026 + 20 * SECOND_MS);
    assert.deepEqual(token.buckets(), expected(count, 20));
    token.age(2_000, newYear2026 + 30 * SECOND_MS);
    assert.deepEqual(
      token.buckets().slice(0, 3),
      [0, 15].map((start) => ({ start, level: 2 })).concat([{ start: 30, level: 0 }]),
    );
  });
});
