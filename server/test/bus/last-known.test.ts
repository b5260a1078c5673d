import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KNOWN_CHARS_MAX, KNOWN_NAMES_MAX, LastKnown, ShownRevisions } from "../../src/bus/last-known.ts";

function answerOf(body: string) {
  const numbers = { rev: 1, asOf: 1, watermark: 0, lagMs: 0 };
  return { kind: "stats", id: "1:0xa", epoch: "7", stale: false, body, ...numbers } as const;
}

describe("what is known of tokens whose owner is away", () => {
  test("answers are bounded by their characters, and the one used longest ago goes first", () => {
    const { stats } = new LastKnown();
    const body = "x".repeat(KNOWN_CHARS_MAX / 4 - 1);
    for (const key of ["a", "b", "c", "d"]) stats.set(key, answerOf(body));
    assert.ok(stats.get("a") !== undefined);
    stats.set("e", answerOf(body));
    assert.deepEqual(
      ["a", "b", "c", "d", "e"].filter((key) => stats.has(key)),
      ["a", "c", "d", "e"],
    );
    assert.equal(stats.calculatedSize, KNOWN_CHARS_MAX);
  });

  test("an answer that is put again is counted once, and one larger than the bound is not kept", () => {
    const { stats } = new LastKnown();
    stats.set("a", answerOf("old"));
    stats.set("a", answerOf("newer"));
    assert.equal(stats.calculatedSize, "anewer".length);
    stats.set("a", answerOf("x".repeat(KNOWN_CHARS_MAX)));
    assert.deepEqual([stats.has("a"), stats.calculatedSize], [false, 0]);
  });

  test("names are bounded by their number", () => {
    const { homes } = new LastKnown();
    for (let i = 0; i <= KNOWN_NAMES_MAX; i++) homes.set(String(i), i);
    assert.deepEqual(
      [homes.size, homes.has("0"), homes.get(String(KNOWN_NAMES_MAX))],
      [KNOWN_NAMES_MAX, false, KNOWN_NAMES_MAX],
    );
  });

  test("an older revision of the same epoch and partition is not shown", () => {
    const shown = new ShownRevisions();
    const at = { partition: 1, epoch: "7", rev: 5 };
    assert.ok(shown.show("1:0xa", at));
    assert.ok(shown.show("1:0xa", at));
    assert.ok(!shown.show("1:0xa", { ...at, rev: 4 }));
    assert.ok(shown.show("1:0xb", { ...at, rev: 4 }));
    assert.ok(shown.show("1:0xa", { ...at, epoch: "8", rev: 1 }));
    assert.ok(shown.show("1:0xa", { ...at, partition: 2, rev: 1 }));
  });
});
