import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { messages } from "@swapstats/protocol/proto/contract.ts";
import { messageDesc } from "@swapstats/protocol/proto/descriptor.ts";
import fc from "fast-check";
import { decode } from "../../../src/serving/protobuf/decode.ts";
import { encode } from "../../../src/serving/protobuf/encode.ts";
import { propertyOptions } from "../../support/seed.ts";
import { messageJson } from "./arbitrary-messages.ts";

for (const { name } of messages) {
  test(`${name}: JSON to protobuf to JSON is the same, and another library reads and writes the same message`, (t) => {
    fc.assert(
      fc.property(messageJson(name), (json) => {
        const bytes = encode(name, json);
        assert.deepEqual(decode(name, bytes), json);
        const foreign = toBinary(messageDesc(name), fromBinary(messageDesc(name), bytes, { readUnknownFields: false }));
        assert.deepEqual(decode(name, foreign), json);
      }),
      propertyOptions(t, 30),
    );
  });
}

test("bytes that are no message end in an error, and nothing else", (t) => {
  const names = fc.constantFrom(...messages.map(({ name }) => name));
  fc.assert(
    fc.property(names, fc.uint8Array({ maxLength: 64 }), (name, bytes) => {
      try {
        decode(name, bytes);
      } catch (error) {
        assert.ok(error instanceof Error && !(error instanceof TypeError), String(error));
      }
    }),
    propertyOptions(t, 2_000),
  );
});

test("an integer that JSON cannot hold is refused", () => {
  const tooLarge = toBinary(
    messageDesc("Shutdown"),
    fromBinary(messageDesc("Shutdown"), new Uint8Array([8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1])),
  );
  assert.throws(() => decode("Shutdown", tooLarge), /too large/);
});

test("a member that the contract does not have is left out", () => {
  const json: JsonObject = { time: 5 };
  assert.deepEqual(decode("Heartbeat", encode("Heartbeat", { ...json, later: [{ a: 1 }] })), json);
});
