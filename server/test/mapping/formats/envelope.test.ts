import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RecordEnvelope } from "../../../src/mapping/formats/envelope.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString();

/** Key `k`, value `v`, and two headers `a`, with the values `1` and `2`. Lengths are doubled by the zigzag form. */
const WHOLE = Buffer.from([2, 0x6b, 2, 0x76, 4, 2, 0x61, 2, 0x31, 2, 0x61, 2, 0x32]);

describe("the envelope of a record", () => {
  test("has key, value and the last header of a name, at any place of the bytes", () => {
    const envelope = new RecordEnvelope();
    envelope.read(Buffer.concat([Buffer.from("before"), WHOLE, Buffer.from("behind")]), 6, 6 + WHOLE.length);
    assert.deepEqual([text(envelope.key), envelope.valueStart, envelope.valueEnd], ["k", 9, 10]);
    assert.deepEqual(
      [text(envelope.header("a")), envelope.header("b"), envelope.header("")],
      ["2", undefined, undefined],
    );
  });

  test("has neither key nor value nor header where they are null", () => {
    const envelope = new RecordEnvelope();
    envelope.read(Buffer.from([1, 1, 2, 2, 0x61, 1]), 0, 6);
    assert.deepEqual([envelope.key, envelope.valueStart, envelope.valueEnd], [undefined, 2, 2]);
    assert.equal(envelope.header("a"), undefined);
  });

  test("an empty key is a key", () => {
    const envelope = new RecordEnvelope();
    envelope.read(Buffer.from([0, 0, 0]), 0, 3);
    assert.equal(text(envelope.key), "");
  });

  test("headers that are damaged count as absent, and nothing is read beyond the record", (t) => {
    const random = randomFrom(seedOf(t));
    const envelope = new RecordEnvelope();
    for (let run = 0; run < 5_000; run++) {
      const bytes = Buffer.from(WHOLE);
      for (let flips = 1 + random.below(3); flips > 0; flips--) bytes[random.below(bytes.length)] = random.below(256);
      const end = random.below(bytes.length + 1);
      try {
        envelope.read(bytes, 0, end);
      } catch (error) {
        assert.ok(error instanceof RangeError);
        continue;
      }
      assert.ok(envelope.valueStart <= envelope.valueEnd && envelope.valueEnd <= end);
      assert.ok((envelope.header("a")?.length ?? 0) <= end);
    }
  });
});
