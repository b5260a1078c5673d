import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { MalformedRecord, RecordCursor } from "../../../src/mapping/formats/record-cursor.ts";
import { SPAN, Span } from "../../../src/mapping/formats/tree.ts";
import { propertyOptions } from "../../support/seed.ts";

function textOf(bytes: Uint8Array): Span | undefined {
  const cursor = new RecordCursor();
  cursor.begin(Uint8Array.from([0xff, ...bytes, 0x22]), 1, 1 + bytes.length);
  try {
    return cursor.text(bytes.length);
  } catch (error) {
    assert.ok(error instanceof MalformedRecord);
    return undefined;
  }
}

/** Whether the text can stand between quotes in JSON as it is. */
const isJson = (text: string): boolean => JSON.stringify(text) === `"${text}"`;

describe("a text of a record", () => {
  test("is plain only where it needs no escapes in JSON, whatever byte is at whatever place", () => {
    for (let at = 0; at < 9; at++) {
      for (let byte = 0; byte < 256; byte++) {
        const bytes = new Uint8Array(9).fill(0x61);
        bytes[at] = byte;
        const text = textOf(bytes);
        if (byte >= 0x80) assert.equal(text, undefined, "half a character is no UTF-8");
        else if (byte < 0x7f) {
          assert.ok(text instanceof Span);
          assert.equal(text.form === SPAN.plain, isJson(String(text)), `byte ${byte} at ${at}`);
        }
      }
    }
  });

  test("is what a decoder of UTF-8 reads, or is refused as it does", (t) => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => Buffer.from(text)),
    );
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const property = fc.property(bytes, (value) => {
      let expected: string | undefined;
      try {
        expected = decoder.decode(value);
      } catch {
        expected = undefined;
      }
      const text = textOf(value);
      assert.equal(text && String(text), expected);
      if (text?.form === SPAN.plain) assert.ok(isJson(String(text)));
    });
    fc.assert(property, propertyOptions(t, 2000));
  });
});
