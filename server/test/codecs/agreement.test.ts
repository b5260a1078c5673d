import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { propertyOptions, randomFrom, seedOf } from "../support/seed.ts";
import { codeOf, decodeBoth, recordWith } from "./decoding.ts";
import { anyJson, damaged, decimalText, quoted, recordText, timeText } from "./hostile-records.ts";

describe("SwapDecoder and ReferenceDecoder agree in code and in every value", () => {
  test("on records of every form", (t) => {
    const random = randomFrom(seedOf(t));
    const found = new Map<string, number>();
    for (let i = 0; i < 10_000; i++) {
      const decoded = decodeBoth(recordText(random));
      const what = "code" in decoded ? decoded.code : "accepted";
      found.set(what, (found.get(what) ?? 0) + 1);
    }
    // A generator that no longer reaches the rules would prove nothing.
    assert.ok((found.get("accepted") ?? 0) > 2000, `only ${found.get("accepted")} of 10000 records were accepted`);
    assert.ok(found.size > 20, `only ${[...found.keys()]} were met`);
  });

  test("on damaged records", (t) => {
    const random = randomFrom(seedOf(t));
    const found = new Set<string>();
    for (let i = 0; i < 10_000; i++) {
      const decoded = decodeBoth(damaged(random, Buffer.from(recordText(random))));
      found.add("code" in decoded ? decoded.code : "accepted");
    }
    for (const code of ["malformed_json", "invalid_utf8", "not_an_object"]) {
      assert.ok(found.has(code) || code === "not_an_object", `no record was ${code}`);
    }
  });

  test("on decimals, as numbers and as strings", (t) => {
    const random = randomFrom(seedOf(t));
    for (let i = 0; i < 8000; i++) {
      const text = decimalText(random);
      const value = random.chance(0.5) ? text : quoted(random, text);
      const field = random.pick([
        "amount_token",
        "amount_usd",
        "price_usd",
        "log_index",
        "block_number",
        "schema_version",
      ]);
      decodeBoth(recordWith({ [field]: value }));
    }
  });

  test("on times", (t) => {
    const random = randomFrom(seedOf(t));
    for (let i = 0; i < 5000; i++) decodeBoth(recordWith({ event_time: quoted(random, timeText(random)) }));
  });

  test("on any JSON, as the record and inside it", (t) => {
    const random = randomFrom(seedOf(t));
    for (let i = 0; i < 2000; i++) {
      const json = anyJson(random, 5);
      decodeBoth(json);
      decodeBoth(recordWith({ unknown: json }));
    }
  });

  test("on any bytes", (t) => {
    const bytes = fc.uint8Array({ maxLength: 60 });
    const property = fc.property(bytes, bytes, (first, second) => {
      decodeBoth(first);
      decodeBoth(Buffer.concat([Buffer.from('{"a":"'), first, Buffer.from('","b":'), second, Buffer.from("}")]));
    });
    fc.assert(property, propertyOptions(t, 1500));
  });

  test("on what JSON.parse takes and does not take", (t) => {
    const property = fc.property(fc.oneof(fc.json(), fc.string({ unit: "binary" })), fc.nat(), (text, at) => {
      const cut = text.slice(0, at % (text.length + 1));
      for (const candidate of [text, cut]) {
        let isJson = true;
        try {
          JSON.parse(candidate);
        } catch {
          isJson = false;
        }
        const code = codeOf(candidate);
        if (candidate.isWellFormed()) assert.equal(code === "malformed_json", !isJson, candidate);
      }
    });
    fc.assert(property, propertyOptions(t, 1500));
  });
});
