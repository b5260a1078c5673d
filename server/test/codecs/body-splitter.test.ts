import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { splitBody } from "../../src/codecs/body-splitter.ts";
import { propertyOptions, randomFrom, seedOf } from "../support/seed.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function textsOf(text: string, eventsMax = 1000): string[] {
  const body = bytesOf(text);
  const { count, starts, ends } = splitBody(body, eventsMax);
  return Array.from({ length: count }, (_, i) => new TextDecoder().decode(body.subarray(starts[i], ends[i])));
}

describe("the events of a body", () => {
  const readable: [string, string, string[]][] = [
    ["one object", '{"a":1}', ['{"a":1}']],
    ["one object over several lines", ' {\n"a": "}"\n}\r\n', ['{\n"a": "}"\n}']],
    ["an array", '[{"a":[1,{"b":2}]} , {"c":"],["}]', ['{"a":[1,{"b":2}]}', '{"c":"],["}']],
    ["an array of what are no objects", '[1, "x,]", null,[2]]', ["1", '"x,]"', "null", "[2]"]],
    ["an empty array", "[ ]", []],
    ["escapes before a quote", '[{"a":"\\\\\\""},{"b":"\\\\"}]', ['{"a":"\\\\\\""}', '{"b":"\\\\"}']],
    ["lines", '{"a":1}\n{"b":2}\n', ['{"a":1}', '{"b":2}']],
    ["lines that end with \\r\\n, blank ones between", '\r\n{"a":1}\r\n\r\n \t\n{"b":2}', ['{"a":1}', '{"b":2}']],
    ["a damaged line costs itself alone", '{"a":\n{"b":2}\n', ['{"a":', '{"b":2}']],
    ["an open string costs its line alone", '{"a":"x\n{"b":2}\n', ['{"a":"x', '{"b":2}']],
    ["a first line of something else", 'x\n{"b":2}', ["x", '{"b":2}']],
    ["a cut line behind a whole one costs itself alone", '{"a":1}\n{"b":', ['{"a":1}', '{"b":']],
    ["an object line behind blank lines", 'x\n\r\n \n\t{"b":2}', ["x", '{"b":2}']],
    ["a byte order mark", '\ufeff{"a":1}', ['{"a":1}']],
    ["an object and more on its line", '{"a":1} {"b":2}', ['{"a":1} {"b":2}']],
  ];
  for (const [name, text, events] of readable) test(name, () => assert.deepEqual(textsOf(text), events));

  const unreadable: [string, string][] = [
    ["nothing", ""],
    ["blanks", " \n\r\n"],
    ["text", "hello"],
    ["a number", "12"],
    ["an object that is cut behind a colon", '{"a":'],
    ["an object that is cut in a string", '{"a":"x}'],
    ["an object that is cut, over several lines", '{\n  "a": {\n    "b": 1\n  },\n'],
    ["a brace alone", "{"],
    ["many braces", "{".repeat(1000)],
    ["text and blank lines", `x${"\n".repeat(1000)}`],
    ["an array that does not end", '[{"a":1}'],
    ["an element that does not end", '[{"a":1},{"b"'],
    ["a string that does not end", '[{"a":"1}]'],
    ["a missing element", '[{"a":1},]'],
    ["a missing comma", '[{"a":1}{"b":2}]'],
    ["more behind the array", '[{"a":1}] x'],
  ];
  for (const [name, text] of unreadable) {
    test(`unreadable: ${name}`, () => assert.throws(() => textsOf(text), { code: "bad_request" }));
  }

  test("as many events as allowed, and one more", () => {
    const array = `[${Array(5).fill("{}").join(",")}]`;
    const lines = Array(5).fill("{}").join("\n");
    assert.equal(textsOf(array, 5).length, 5);
    assert.equal(textsOf(lines, 5).length, 5);
    assert.throws(() => textsOf(array, 4), { code: "too_large" });
    assert.throws(() => textsOf(lines, 4), { code: "too_large" });
  });

  test("an array and the same elements as lines give the same events", (t) => {
    const property = fc.property(fc.array(fc.dictionary(fc.string(), fc.jsonValue())), (values) => {
      assert.deepEqual(
        textsOf(JSON.stringify(values, null, " "), 1e6).map((text) => JSON.parse(text)),
        JSON.parse(JSON.stringify(values)),
      );
      if (values.length === 0) return;
      const lines = values.map((value) => JSON.stringify(value));
      assert.deepEqual(textsOf(lines.join("\n"), 1e6), lines);
    });
    fc.assert(property, propertyOptions(t, 500));
  });

  test("any bytes are split or refused", (t) => {
    const random = randomFrom(seedOf(t));
    const whole = bytesOf('[{"a":"\\"x","b":[1,2,{"c":null}]},\n{"d":1e5}]\r\n{"e":"f"}');
    for (let i = 0; i < 20_000; i++) {
      const body = whole.slice(0, 1 + random.below(whole.length));
      for (let k = random.below(4); k > 0; k--) body[random.below(body.length)] = random.below(256);
      try {
        const { count, starts, ends } = splitBody(body, 1000);
        for (let e = 0; e < count; e++) assert.ok(starts[e]! < ends[e]! && ends[e]! <= body.length);
      } catch (error) {
        assert.equal((error as { code?: string }).code, "bad_request");
      }
    }
  });
});
