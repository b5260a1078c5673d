import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Held, parsePosition, StreamPosition } from "../../../src/serving/sse/stream-position.ts";

const DIGEST = "aB3-_x";

/** Returns the position of a line of an event. */
function idOf(line: Buffer): string {
  const text = line.toString();
  assert.match(text, /^id: [\x21-\x7e]+\n\n$/);
  return text.slice("id: ".length, -2);
}

const epochs = fc.constantFrom("1760000000000", "1760000000001", "12.13.14", "h_-Ab12Cd34Ef56Gh78Ij");
const numbers = fc.integer({ min: 0, max: 64 ** 7 - 1 });
const held = fc.tuple(epochs, numbers).map(([epoch, number]): Held => ({ epoch, number }));

test("a client gets back what it holds of each channel, after any changes", () => {
  const changes = fc.array(fc.tuple(fc.nat({ max: 19 }), held), { maxLength: 60 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), changes, (channels, list) => {
      const position = new StreamPosition(DIGEST, channels);
      const expected: (Held | undefined)[] = Array.from({ length: channels }, () => undefined);
      for (const [channel, one] of list) {
        if (channel >= channels) continue;
        position.set(channel, one);
        expected[channel] = one;
      }
      assert.deepEqual(parsePosition(idOf(position.line()), DIGEST, channels), expected);
    }),
  );
});

test("what a position cannot express counts as nothing", () => {
  const position = new StreamPosition(DIGEST, 3);
  position.set(0, { epoch: "7", number: 64 ** 7 });
  position.set(1, { epoch: "a~b", number: 1 });
  position.set(2, { epoch: "x".repeat(65), number: 1 });
  assert.deepEqual(parsePosition(idOf(position.line()), DIGEST, 3), [undefined, undefined, undefined]);
});

test("epochs that no channel has any more make room, and beyond 63 at a time a channel counts as nothing", () => {
  const position = new StreamPosition(DIGEST, 64);
  for (let round = 0; round < 10; round++) {
    for (let channel = 0; channel < 63; channel++) position.set(channel, { epoch: `${round}-${channel}`, number: 1 });
  }
  position.set(63, { epoch: "one-more", number: 1 });
  const parsed = parsePosition(idOf(position.line()), DIGEST, 64);
  assert.deepEqual(parsed?.slice(61), [{ epoch: "9-61", number: 1 }, { epoch: "9-62", number: 1 }, undefined]);
});

test("a position of another request, or any other text, is ignored", () => {
  const position = new StreamPosition(DIGEST, 2);
  position.set(0, { epoch: "7", number: 41 });
  const id = idOf(position.line());
  assert.equal(parsePosition(id, "other-", 2), undefined);
  assert.equal(parsePosition(id, DIGEST, 3), undefined);
  assert.equal(parsePosition("", DIGEST, 2), undefined);
  fc.assert(
    fc.property(fc.string(), fc.nat({ max: id.length }), (text, at) => {
      for (const damaged of [text, id.slice(0, at) + text + id.slice(at)]) {
        for (const one of parsePosition(damaged, DIGEST, 2) ?? []) assert.ok(one === undefined || one.number >= 0);
      }
    }),
  );
});

test("a line does not change after it was made", () => {
  const position = new StreamPosition(DIGEST, 1);
  position.set(0, { epoch: "7", number: 41 });
  const line = position.line();
  const before = line.toString();
  position.set(0, { epoch: "7", number: 42 });
  assert.equal(line.toString(), before);
});
