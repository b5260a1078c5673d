/** The list of a token's hot buckets: each time has its bucket, in order, however the times come. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HotList } from "../../../src/engine/buckets/hot-list.ts";
import { planLevels } from "../../../src/engine/buckets/levels.ts";
import { Heap } from "../../../src/engine/memory/heap.ts";
import { ACTIVE_BLOCK } from "../../../src/engine/memory/layout.ts";
import { newYear2026 } from "../../model/plain-events.ts";
import { defaultConfig } from "../../model/vectors.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { engineConfigOf } from "../pair.ts";

const { HOT_HEAD } = ACTIVE_BLOCK;
const SECOND_MS = 1000;
const FIVE_SECONDS = 1;

describe("hot buckets of a busy token", () => {
  test("each time has the one bucket that covers it, in order of time, while buckets come, widen and go", (t) => {
    const random = randomFrom(seedOf(t));
    const heap = new Heap();
    const list = new HotList(heap, planLevels(engineConfigOf(defaultConfig)));
    const active = heap.alloc(ACTIVE_BLOCK.BYTES);
    /** Ends by start. */
    const expected = new Map<number, number>();
    const covering = (timeMs: number) => [...expected].find(([startMs, endMs]) => startMs <= timeMs && timeMs < endMs);
    for (let i = 0; i < 3_000; i++) {
      const timeMs = newYear2026 + i * 150 - random.below(random.chance(0.05) ? 600_000 : 40_000);
      const bucket = list.locate(active, timeMs);
      const startMs = Math.floor(timeMs / SECOND_MS) * SECOND_MS;
      if (covering(timeMs) === undefined) expected.set(startMs, startMs + SECOND_MS);
      assert.equal(list.startMs(bucket), covering(timeMs)?.[0]);
      if (!random.chance(0.3)) continue;
      const oldest = heap.u32[2 * active + HOT_HEAD] as number;
      const oldestMs = list.startMs(oldest);
      if (random.chance(0.5)) {
        list.remove(active, oldest);
        expected.delete(oldestMs);
      } else if (list.level(oldest) === 0) {
        const wideMs = Math.floor(oldestMs / (5 * SECOND_MS)) * 5 * SECOND_MS;
        if ([...expected.keys()].some((ms) => ms !== oldestMs && ms < wideMs + 5 * SECOND_MS)) continue;
        list.widen(active, oldest, FIVE_SECONDS, wideMs);
        expected.delete(oldestMs);
        expected.set(wideMs, wideMs + 5 * SECOND_MS);
      }
    }
    const starts: number[] = [];
    for (let b = heap.u32[2 * active + HOT_HEAD] as number; b !== 0; b = list.next(b)) starts.push(list.startMs(b));
    assert.deepEqual(
      starts,
      [...expected.keys()].sort((a, b) => a - b),
    );
    assert.ok(starts.length > 96, "the token has no ring");
  });
});
