import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { propertyOptions } from "../../../server/test/support/seed.ts";
import { checksumOf, checksumSteps } from "../../src/live/checksum.ts";
import { canonicalJson } from "../../src/wire/canonical-json.ts";

test("the checksum is the CRC-32 of the canonical JSON in UTF-8", (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.equal(checksumOf(value), crc32(canonicalJson(value as never)));
    }),
    propertyOptions(t, 300),
  );
});

test("each row of a list is a step", () => {
  const items = Array.from({ length: 100 }, (_, n) => ({ n }));
  let steps = 0;
  for (const _ of checksumSteps({ items })) steps += 1;
  assert.ok(steps >= items.length, `${steps} steps`);
});
