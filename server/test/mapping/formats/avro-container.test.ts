import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deflateRawSync, zstdCompressSync } from "node:zlib";
import avsc from "avsc";
import { AvroContainers, CONTAINER_BYTES_MAX, isContainer } from "../../../src/mapping/formats/avro-container.ts";
import { seedOf } from "../../support/seed.ts";
import { fuzz } from "./fuzz.ts";
import { decoded, refusal, shown } from "./trees.ts";

const SCHEMA: avsc.Schema = { type: "record", name: "T", fields: [{ name: "token", type: "string" }] };
const TYPE = avsc.Type.forSchema(SCHEMA);
const SYNC = Buffer.alloc(16, 0xab);
const LONG = avsc.Type.forSchema("long");
const read = (bytes: Uint8Array) => decoded(bytes, (cursor) => new AvroContainers().read(cursor));
const refused = (bytes: Uint8Array) => refusal(bytes, (cursor) => new AvroContainers().read(cursor)) ?? "is read";

function header(codec: string | undefined, schema = JSON.stringify(SCHEMA)): Buffer {
  const metadata = avsc.Type.forSchema({ type: "map", values: "bytes" }).toBuffer({
    "avro.schema": Buffer.from(schema),
    ...(codec === undefined ? {} : { "avro.codec": Buffer.from(codec) }),
  });
  return Buffer.concat([Buffer.from("Obj\u0001"), metadata, SYNC]);
}

function block(count: number, data: Uint8Array, sync = SYNC): Buffer {
  return Buffer.concat([LONG.toBuffer(count), LONG.toBuffer(data.length), data, sync]);
}

const values = (...tokens: string[]): Buffer => Buffer.concat(tokens.map((token) => TYPE.toBuffer({ token })));
const PLAIN = Buffer.concat([header(undefined), block(2, values("A", "B")), block(1, values("C"))]);

describe("an Avro container as one record", () => {
  test("has the values of all blocks, with each codec", () => {
    const expected = shown([{ token: "A" }, { token: "B" }, { token: "C" }]);
    assert.equal(shown(read(PLAIN)), expected);
    const packed: [codec: string, pack: (data: Buffer) => Buffer][] = [
      ["null", (data) => data],
      ["deflate", (data) => deflateRawSync(data)],
      ["zstandard", (data) => zstdCompressSync(data)],
    ];
    for (const [codec, pack] of packed) {
      const blocks = [block(2, pack(values("A", "B"))), block(1, pack(values("C")))];
      assert.equal(shown(read(Buffer.concat([header(codec), ...blocks]))), expected);
    }
    assert.equal(shown(read(header("null"))), "[]");
  });

  test("is recognised by its first bytes", () => {
    assert.ok(isContainer(PLAIN, 0, PLAIN.length));
    assert.ok(!isContainer(PLAIN, 1, PLAIN.length) && !isContainer(PLAIN, 0, 4));
  });

  const bomb = deflateRawSync(Buffer.alloc(CONTAINER_BYTES_MAX + 1));
  const cases: [what: string, bytes: Buffer, message: RegExp][] = [
    ["has an unknown codec", Buffer.concat([header("snappy"), block(1, values("A"))]), /codec snappy is not supported/],
    ["has a bad schema", Buffer.concat([header("null", "{")]), /the schema of the file cannot be used/],
    ["has no schema", Buffer.concat([header("null", "")]), /the schema of the file cannot be used/],
    [
      "has a wrong marker",
      Buffer.concat([header("null"), block(1, values("A"), Buffer.alloc(16))]),
      /marker of the file/,
    ],
    [
      "has too few values",
      Buffer.concat([header("null"), block(1, values("A", "B"))]),
      /a block has 2 bytes behind its 1 values/,
    ],
    ["has too many values", Buffer.concat([header("null"), block(3, values("A", "B"))]), /ends inside a number/],
    [
      "has a block that is no deflate",
      Buffer.concat([header("deflate"), block(1, Buffer.from([0xff]))]),
      /cannot be decompressed/,
    ],
    [
      "has a block that grows beyond the limit",
      Buffer.concat([header("deflate"), block(1, bomb)]),
      /cannot be decompressed/,
    ],
    ["is cut", PLAIN.subarray(0, -1), /ends inside a value/],
    [
      "has 2^50 values of nothing",
      Buffer.concat([header("null", '"null"'), block(2 ** 50, Buffer.alloc(0))]),
      /more than \d+ values/,
    ],
  ];
  for (const [what, bytes, message] of cases) {
    test(`is malformed when it ${what}`, () => assert.match(refused(bytes), message));
  }

  test("blocks of many values share one limit", () => {
    const one = block(1_000_000, Buffer.alloc(0));
    assert.equal(refused(Buffer.concat([header("null", '"null"'), one, one])), "is read");
    assert.match(refused(Buffer.concat([header("null", '"null"'), one, one, one])), /more than \d+ values/);
  });

  test("values within the values of all blocks share it", () => {
    const data = Buffer.concat([LONG.toBuffer(1_500_000), LONG.toBuffer(0)]);
    const file = [header("null", '{"type":"array","items":"null"}'), block(1, data)];
    assert.equal(refused(Buffer.concat(file)), "is read");
    assert.match(refused(Buffer.concat([...file, block(1, data)])), /more than \d+ values/);
  });

  test("never fails but as a malformed record", (t) => {
    const packed = Buffer.concat([header("deflate"), block(1, deflateRawSync(values("A")))]);
    for (const sample of [PLAIN, packed]) fuzz(sample, seedOf(t), 2000, (bytes) => refused(bytes));
  });
});
