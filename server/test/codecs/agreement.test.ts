import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { decodeLine } from "../model/model-decoder.ts";
import { propertyOptions, randomFrom, seedOf } from "../support/seed.ts";
import { codeOf, decodeBoth, type PlainEvent, recordWith, TEST_CHAINS } from "./decoding.ts";
import { anyJson, damaged, decimalText, quoted, recordText, timeText } from "./hostile-records.ts";

/** The result of the decoders for a record, in the shape of the model. */
function modelWords(event: PlainEvent): Record<string, unknown> {
  const text = (name: string): string | undefined =>
    event[name] === undefined ? undefined : Buffer.from(event[name] as string, "latin1").toString();
  const { chainId, logIndex, txIndex, isBuy, usdMicro, eventTimeMs, blockNumber, removed, revision } = event;
  const limbs = [event["amount2"], event["amount1"], event["amount0"]] as number[];
  return {
    ...{ chainId, logIndex, txIndex, eventTimeMs, removed, revision, symbolDropped: event["symbolDropped"] },
    txHash: text("txHash"),
    eventId: text("eventId") ?? `${chainId}:${text("txHash")}:${logIndex}`,
    ...{ token: text("token"), symbol: text("symbol"), pool: text("pool"), who: text("who") },
    side: isBuy === true ? "buy" : "sell",
    amount: limbs.reduce((sum, limb) => sum * 10n ** 15n + BigInt(limb), 0n),
    usd: BigInt(usdMicro as number),
    price: Number.isNaN(event["priceUsd"]) ? undefined : event["priceUsd"],
    blockNumber: blockNumber === -1 ? undefined : blockNumber,
    blockHash: text("blockHash"),
  };
}

test("the decoder of the model, which shares no code with them, agrees as well", (t) => {
  const random = randomFrom(seedOf(t));
  const lengths = new Map([...TEST_CHAINS].map(([id, { addressBytes }]) => [id, addressBytes]));
  let accepted = 0;
  for (let i = 0; i < 6000; i++) {
    // As decoded from bytes: the texts of the generator may contain unpaired surrogates.
    const record = Buffer.from(recordText(random)).toString();
    const decoded = decodeBoth(record);
    const model = decodeLine(record, lengths);
    assert.equal(
      "event" in model,
      "event" in decoded,
      `${record}: ${JSON.stringify("code" in model ? model : decoded)}`,
    );
    if (!("event" in model) || !("event" in decoded)) continue;
    accepted++;
    const { price, ...rest } = model.event;
    const expected = {
      ...rest,
      price: price === undefined ? undefined : Number(`${price.coefficient}e${price.exponent}`),
    };
    assert.deepEqual(modelWords(decoded.event), expected, record);
  }
  assert.ok(accepted > 1000, `only ${accepted} records were accepted`);
});

describe("SwapDecoder and ReferenceDecoder agree in code and in every value", () => {
  test("on records of every form", (t) => {
    const random = randomFrom(seedOf(t));
    const found = new Map<string, number>();
    for (let i = 0; i < 10_000; i++) {
      const decoded = decodeBoth(recordText(random));
      const what = "code" in decoded ? decoded.code : "accepted";
      found.set(what, (found.get(what) ?? 0) + 1);
    }
    // A generator that misses some rules would prove nothing about them.
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

  test("on texts that JSON.parse accepts and refuses", (t) => {
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
