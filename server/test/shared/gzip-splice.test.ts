import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { GZIP_HEAD_BYTES_MAX, gzipEnd, gzipOf } from "../../src/shared/gzip-splice.ts";
import { propertyOptions } from "../support/seed.ts";

describe("gzip of a beginning and an end", () => {
  test("any two texts come out one behind the other, checksum and length among them", (t) => {
    const text = fc.string({ unit: "binary", maxLength: 2_000 });
    fc.assert(
      fc.property(text, text, fc.nat(30_000), (head, end, repeat) => {
        const long = end + "figure,".repeat(repeat);
        assert.equal(gunzipSync(gzipOf(head, gzipEnd(long))).toString(), Buffer.from(head + long).toString());
      }),
      propertyOptions(t, 200),
    );
  });

  test("one end serves many beginnings, to the longest", () => {
    const end = gzipEnd("end");
    for (const head of ["", "a", "é", "x".repeat(GZIP_HEAD_BYTES_MAX)]) {
      assert.equal(gunzipSync(gzipOf(head, end)).toString(), `${head}end`);
    }
    assert.throws(() => gzipOf("x".repeat(GZIP_HEAD_BYTES_MAX + 1), end), RangeError);
  });
});
