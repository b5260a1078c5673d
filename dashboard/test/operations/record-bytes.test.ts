import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BYTES_PER_LINE, bytesOf, hexLines, isBinary, textParts } from "../../src/operations/record-bytes.ts";

test("bytes are those of the record: of base64 if it is there, else of the text", () => {
  assert.deepEqual([...bytesOf({ raw: "\ufffd", raw_base64: "/w==" })], [0xff]);
  assert.deepEqual([...bytesOf({ raw: "é" })], [0xc3, 0xa9]);
  assert.deepEqual([...bytesOf({ raw: "a", raw_base64: "not base64!" })], [0x61]);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const raw_base64 = Buffer.from(bytes).toString("base64");
      assert.deepEqual([...bytesOf({ raw: "", raw_base64 })], [...bytes]);
    }),
  );
});

test("hexadecimal lines hold every byte once, and text that no terminal obeys", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const lines = hexLines(bytes);
      const back = lines.flatMap(({ hex }) => hex.split(/ +/).map((byte) => Number.parseInt(byte, 16)));
      assert.deepEqual(back, [...bytes]);
      for (const [i, { at, text }] of lines.entries()) {
        assert.equal(Number.parseInt(at, 16), i * BYTES_PER_LINE);
        assert.match(text, /^[\x20-\x7e]{1,16}$/);
      }
    }),
  );
  assert.deepEqual(hexLines(new TextEncoder().encode("<b>\u001b[0m abcdefghi"))[0], {
    at: "00000000",
    hex: "3c 62 3e 1b 5b 30 6d 20  61 62 63 64 65 66 67 68",
    text: "<b>.[0m abcdefgh",
  });
});

test("records that are not text are shown in hexadecimal digits first", () => {
  assert.equal(isBinary({ raw: "{}" }), false);
  assert.equal(isBinary({ raw: "\ufffd", raw_base64: "/w==" }), true);
  assert.equal(isBinary({ raw: "a\u0000b" }), true);
});

test("unseen characters are named, and the rest of a text stays as it is", () => {
  assert.deepEqual(textParts("a\u202eb\u0000\n\tc"), [
    { text: "a", isName: false },
    { text: "U+202E", isName: true },
    { text: "b", isName: false },
    { text: "U+0000", isName: true },
    { text: "\n\tc", isName: false },
  ]);
  assert.deepEqual(textParts("\ud800"), [{ text: "U+D800", isName: true }]);
  assert.deepEqual(textParts(""), []);
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const parts = textParts(text);
      const back = parts.map((part) =>
        part.isName ? String.fromCodePoint(Number.parseInt(part.text.slice(2), 16)) : part.text,
      );
      assert.equal(back.join(""), text);
      for (const part of parts) if (!part.isName) assert.doesNotMatch(part.text, /(?![\t\n])[\p{Cc}\p{Cf}]/u);
    }),
  );
});
