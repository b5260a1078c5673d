/** Parts of apply that the benchmark leaves out. A change of the engine that moves a text must move its replacement, too. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LEFT_OUT } from "../../bench/parts/left-out.ts";
import { loadSide, patched } from "../../bench/parts/variant.ts";
import { BatchStream } from "../../bench/support/batches.ts";
import { SwapDecoder } from "../../server/src/codecs/swap-decoder.ts";
import { SwapEvent } from "../../server/src/engine/swaps/swap-event.ts";

const RECORDS = 400;
/** Beyond the horizon, so that swaps settle while each part is left out. */
const SLOW = { ratePerSecond: 0.2, tokens: 20 };

for (const leftOut of LEFT_OUT) {
  test(`${leftOut.name} can be left out, and the rest runs`, async () => {
    const side = await loadSide(leftOut);
    side.apply([new BatchStream(SLOW).next(RECORDS)]);
    assert.equal(side.accepted, leftOut.name === "apply" ? 0 : RECORDS);
  });
}

test("a copy of the program has no part of another copy", async () => {
  const whole = await loadSide(undefined);
  whole.apply([new BatchStream(SLOW).next(RECORDS)]);
  assert.equal(whole.accepted, RECORDS);
});

test("a text that is not there, or there twice, or in a file that is not loaded, is an error", async () => {
  const patch = { file: "a.ts", search: "x", replacement: "$&y" };
  assert.equal(patched("a x b", patch), "a $&y b");
  assert.throws(() => patched("a b", patch), /server\/src\/a\.ts .* occurs 0 times instead of once: x$/);
  assert.throws(() => patched("x x", patch), /occurs 2 times/);
  const nowhere = { name: "nowhere", part: "nothing", how: "", patches: [patch] };
  await assert.rejects(loadSide(nowhere), /server\/src\/a\.ts is not loaded/);
  const stale = {
    ...nowhere,
    name: "stale",
    patches: [{ ...patch, file: "engine/upkeep.ts", search: "no such text" }],
  };
  await assert.rejects(loadSide(stale), /occurs 0 times/);
});

test("batches hold the records back to back, with arrivals after their events", () => {
  const stream = new BatchStream();
  const batches = [stream.next(100), stream.next(50)];
  assert.deepEqual(
    batches.map(({ baseOffset, nextOffset, count }) => [baseOffset, nextOffset, count]),
    [
      [0, 100, 100],
      [100, 150, 50],
    ],
  );
  const decoder = new SwapDecoder();
  const event = new SwapEvent();
  for (const { payload, ends, arrivalsMs } of batches) {
    assert.equal(ends.at(-1), payload.length);
    for (const [i, end] of ends.entries()) {
      assert.equal(decoder.decode(payload, i === 0 ? 0 : ends[i - 1]!, end, event), undefined);
      assert.ok(event.eventTimeMs <= Number(arrivalsMs));
    }
  }
});
