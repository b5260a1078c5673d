/** One patch composed of several, for clients that are behind by any number of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { applyMergePatch, diffMergePatch } from "@swapstats/protocol/merge-patch.ts";
import fc from "fast-check";
import { PatchHistory } from "../../../src/serving/live/patch-history.ts";
import { propertyOptions } from "../../support/seed.ts";

const ENTRY_BYTES = 64;
const MUCH = 1_000_000;

const numbers = fc.integer({ min: 0, max: 9 });
const rows = fc.dictionary(fc.constantFrom("p", "q", "r", "__proto__"), numbers, { noNullPrototype: true });
const documents = fc.dictionary(
  fc.constantFrom("a", "b", "c", "d", "e", "f"),
  fc.oneof(numbers, rows, fc.dictionary(fc.constantFrom("x", "y"), rows, { noNullPrototype: true })),
  { noNullPrototype: true },
) as fc.Arbitrary<JsonObject>;

test("one patch leads from any revision that is reached to the newest, in whatever order they are asked for", (t) => {
  const step = fc.record({
    data: documents,
    asked: fc.array(fc.nat(), { maxLength: 3 }),
    waitMs: fc.constantFrom(0, 0, 0, 3),
  });
  const counts = { composed: 0, none: 0 };
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 200, size: "max" }), (steps) => {
      const history = new PatchHistory(20);
      const states: JsonObject[] = [{}];
      let nowMs = 0;
      for (const { data, asked, waitMs } of steps) {
        nowMs += waitMs;
        history.push(
          states.length - 1,
          JSON.stringify(diffMergePatch(states.at(-1) as JsonObject, data)),
          nowMs,
          2_000,
        );
        states.push(data);
        for (const one of asked) {
          const behind = 1 + (one % history.size);
          const rev = states.length - 1 - behind;
          assert.equal(history.stepsFrom(rev), behind);
          const patch = history.newest(behind);
          counts[patch === undefined ? "none" : "composed"] += 1;
          if (patch === undefined) continue;
          assert.equal(patch.prevRev, rev);
          assert.deepEqual(applyMergePatch(states[rev], JSON.parse(patch.text)), data);
        }
      }
    }),
    propertyOptions(t, 100),
  );
  assert.ok(counts.composed > 500 && counts.none > 500, JSON.stringify(counts));
});

test("patches are kept for the time and up to the bytes, and the newest always", () => {
  const history = new PatchHistory(10);
  const push = (rev: number, nowMs: number, bytesMax: number): void => history.push(rev, '{"a":1}', nowMs, bytesMax);
  const bytes = ENTRY_BYTES + 7;
  for (let rev = 0; rev < 3; rev++) push(rev, rev, MUCH);
  assert.deepEqual([history.size, history.bytes], [3, 3 * bytes]);
  push(3, 10, MUCH);
  assert.equal(history.stepsFrom(0), 4, "at the limit of time");
  push(4, 11, MUCH);
  assert.deepEqual([history.stepsFrom(0), history.stepsFrom(1)], [undefined, 4], "beyond it");
  push(5, 11, 5 * bytes);
  assert.equal(history.stepsFrom(1), 5, "at the limit of bytes");
  push(6, 11, 6 * bytes - 1);
  assert.deepEqual([history.stepsFrom(1), history.size], [undefined, 5], "beyond it");
  push(7, 11, 1);
  assert.deepEqual([history.size, history.bytes, history.stepsFrom(7)], [1, bytes, 1]);
  push(8, 1_000, MUCH);
  assert.deepEqual([history.size, history.newest(1)?.prevRev, history.newest(2)], [1, 8, undefined]);
  history.clear();
  assert.deepEqual([history.size, history.bytes, history.newest(1)], [0, 0, undefined]);
});

test("what composing takes is counted, and given back when nobody needs it any more", () => {
  const history = new PatchHistory(MUCH);
  const push = (rev: number): void => history.push(rev, `{"a":${rev}}`, 0, MUCH);
  for (let rev = 0; rev < 3; rev++) push(rev);
  const before = history.bytes;
  assert.equal(history.newest(3)?.text, '{"a":2}');
  assert.ok(history.bytes > before);
  for (let rev = 3; rev < 200; rev++) push(rev);
  const texts = Array.from({ length: 200 }, (_, rev) => `{"a":${rev}}`.length + ENTRY_BYTES);
  assert.equal(
    history.bytes,
    texts.reduce((sum, one) => sum + one, 0),
  );
  assert.equal(history.newest(200)?.text, '{"a":199}');
});
