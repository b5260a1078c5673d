import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Heap } from "../../../src/engine/memory/heap.ts";
import { Strings } from "../../../src/engine/memory/strings.ts";
import { TraderSketches } from "../../../src/engine/traders/trader-sketch.ts";
import { newYear2026 } from "../../model/plain-events.ts";
import { TEST_SEED } from "../../support/hash-seed.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";

const day = 86_400_000;
const wallets = 3_000;

type Note = { readonly who: number; readonly buy: boolean; readonly ms: number };

/** Highest rank of each register and side among the notes at or after openMs, as sorted text. */
function naiveMaxima(sketches: TraderSketches, notes: readonly Note[], openMs: number): string[] {
  const best = new Map<string, number>();
  for (const { who, buy, ms } of notes) {
    if (Math.floor(ms / 1000) * 1000 < openMs) continue;
    const key = `${sketches.registerOf(who)} ${buy}`;
    best.set(key, Math.max(best.get(key) ?? 0, sketches.rankOf(who)));
  }
  return [...best].map(([key, rank]) => `${key} ${rank}`).sort();
}

function sketchMaxima(sketches: TraderSketches, sketch: number, openMs: number): string[] {
  const best = new Map<string, number>();
  sketches.eachEntry(sketch, (register, buy, rank, ms) => {
    const key = `${register} ${buy}`;
    if (ms >= openMs) best.set(key, Math.max(best.get(key) ?? 0, rank));
  });
  return [...best].map(([key, rank]) => `${key} ${rank}`).sort();
}

describe("sketches of settled traders", () => {
  const keeps = { "a day, entries of three bytes": day + 120_000, "thirty days, entries of four": 30 * day + 600_000 };
  for (const [name, keepMs] of Object.entries(keeps)) {
    test(`${name}: every window has the highest rank of each register, over many changes of the base`, (t) => {
      const random = randomFrom(seedOf(t));
      const heap = new Heap();
      const strings = new Strings(heap, TEST_SEED);
      const sketches = new TraderSketches(heap, strings, TEST_SEED, keepMs);
      const who = Array.from({ length: wallets }, (_, i) => {
        const bytes = Buffer.from(`wallet ${i} ${random.next()}`);
        return strings.intern(bytes, 0, bytes.length);
      });
      const emptyBytes = heap.inUseBytes;
      const sketch = sketches.create();
      const notes: Note[] = [];
      let highMs = newYear2026;
      for (let round = 0; round < 12; round++) {
        // Sometimes centuries without a swap, which no base can span.
        highMs += random.pick([0, 0, 0, keepMs / 2, 2 * keepMs, 300 * 365 * day]);
        for (let i = 0; i < 1_500; i++) {
          highMs += Math.floor((random.next() * keepMs) / 3_000);
          const behindMs = random.chance(0.01) ? random.next() * keepMs : random.next() * 30_000;
          const note = { who: random.pick(who), buy: random.chance(0.5), ms: Math.floor(highMs - behindMs) };
          sketches.note(sketch, note.who, note.buy, note.ms, highMs - keepMs);
          notes.push(note);
        }
        for (const share of [0, 0.01, 0.3, 0.99]) {
          const openMs = Math.ceil((highMs - keepMs * share) / 1000) * 1000;
          assert.deepEqual(sketchMaxima(sketches, sketch, openMs), naiveMaxima(sketches, notes, openMs));
        }
        assert.equal(heap.inUseBytes - emptyBytes, sketches.bytes);
      }
      sketches.free(sketch);
      assert.equal(heap.inUseBytes, emptyBytes);
      assert.equal(sketches.bytes, 0);
    });
  }
});
