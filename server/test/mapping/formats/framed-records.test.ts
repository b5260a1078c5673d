import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import avsc from "avsc";
import protobufjs from "protobufjs";
import { SchemaRegistry } from "../../../src/clients/schema-registry/schema-registry.ts";
import { MalformedRecord } from "../../../src/mapping/formats/record-cursor.ts";
import { RegisteredSchemas, UNKNOWN_MS } from "../../../src/mapping/formats/registered-schemas.ts";
import { MappedEvents, type RecordMapper } from "../../../src/mapping/mapper.ts";
import { parseMapping } from "../../../src/mapping/reading/read-mapping.ts";
import { openMapper } from "../../../src/mapping/record-mapper.ts";
import { StandInRegistry, sendJson } from "../../support/stand-in-registry.ts";
import { tempDir } from "../../support/tmp.ts";

const NEVER = new AbortController().signal;
const SWAP =
  "chain_id: 1, log_index: 1, side: { value: buy }, amount_token: 1, event_time: 1767225600000, tx_hash: { value: '0xab' }";

/** Only the members under test are looked at. */
const mappingOf = (format: string, more = ""): string =>
  `{ format: ${format}, ${more} swaps: [{ ${SWAP}, token: token, amount_usd: { first: [usd, amount_usd] }, pool: pool }] }`;

type Fixture = { readonly server: StandInRegistry; readonly registry: SchemaRegistry };

async function start(t: TestContext): Promise<Fixture> {
  const server = await StandInRegistry.start();
  const settings = { url: server.url, username: undefined, password: undefined, token: undefined, ca: undefined };
  const registry = new SchemaRegistry(settings);
  t.after(async () => {
    registry.close();
    await server[Symbol.asyncDispose]();
  });
  return { server, registry };
}

const framed = (id: number, ...parts: readonly (Uint8Array | readonly number[])[]): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(id, 1);
  return Buffer.concat([head, ...parts.map((part) => Buffer.from(part))]);
};

/** Maps a record, and loads its schema first. Returns the members under test, or the code and its text. */
async function mapped(mapper: RecordMapper, bytes: Buffer): Promise<unknown> {
  const events = new MappedEvents();
  const record = { bytes, start: 0, end: bytes.length };
  let outcome = mapper.map(record, events);
  if (outcome === "schema_needed") {
    await mapper.loadSchema(NEVER);
    outcome = mapper.map(record, events);
  }
  if (outcome !== undefined)
    return `${outcome}: ${mapper.refusalText(outcome as "malformed_record", record, events, undefined)}`;
  assert.equal(events.count, 1);
  const { token, amount_usd, pool } = JSON.parse(Buffer.from(events.bytes.subarray(0, events.ends[0])).toString());
  return { token, usd: amount_usd, ...(pool === undefined ? {} : { pool }) };
}

const avro = (name: string, fields: readonly [name: string, type: avsc.Schema][]) => {
  const schema = { type: "record" as const, name, fields: fields.map(([field, type]) => ({ name: field, type })) };
  return { text: JSON.stringify(schema), type: avsc.Type.forSchema(schema) };
};
const FIRST = avro("Trade", [
  ["token", "string"],
  ["usd", "string"],
]);
const SECOND = avro("Trade", [
  ["pool", ["null", "string"]],
  ["amount_usd", "string"],
  ["token", "string"],
]);

describe("Avro with a registry", () => {
  test("records of several schemas may be in one stream", async (t) => {
    const { server, registry } = await start(t);
    server.register(1, "trades", { schema: FIRST.text });
    server.register(70_000, "trades", { schema: SECOND.text });
    const mapper = openMapper(parseMapping(mappingOf("avro"), "m"), registry);
    const first = framed(1, FIRST.type.toBuffer({ token: "A", usd: "1" }));
    const second = framed(70_000, SECOND.type.toBuffer({ pool: "P", amount_usd: "2", token: "B" }));
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await mapped(mapper, first), { token: "A", usd: "1" });
      assert.deepEqual(await mapped(mapper, second), { token: "B", usd: "2", pool: "P" });
    }
    assert.deepEqual(server.requests, ["/schemas/ids/1", "/schemas/ids/70000"]);
  });

  test("types of other subjects are known", async (t) => {
    const { server, registry } = await start(t);
    server.register(1, "tokens", { schema: '{"type":"enum","name":"a.Token","symbols":["X","Y"]}' });
    const schema =
      '{"type":"record","name":"Trade","fields":[{"name":"token","type":"a.Token"},{"name":"usd","type":"int"}]}';
    server.register(2, "trades", { schema, references: [{ name: "a.Token", subject: "tokens", version: 1 }] });
    const mapper = openMapper(parseMapping(mappingOf("avro"), "m"), registry);
    assert.deepEqual(await mapped(mapper, framed(2, [2, 6])), { token: "Y", usd: "3" });
  });

  test("a record without a frame is malformed", async (t) => {
    const { registry } = await start(t);
    const mapper = openMapper(parseMapping(mappingOf("avro"), "m"), registry);
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from([0, 0, 0, 1]),
      FIRST.type.toBuffer({ token: "AAAA", usd: "1" }),
    ]) {
      assert.match(
        String(await mapped(mapper, bytes)),
        /^malformed_record: .*no frame of a schema registry, and the mapping names no `schema`/,
      );
    }
  });

  test("a schema that does not exist, has another type or cannot be used makes malformed records", async (t) => {
    const { server, registry } = await start(t);
    server.register(2, "a", { schema: "message M {}", schemaType: "PROTOBUF" });
    server.register(3, "b", { schema: '"Unknown"' });
    const mapper = openMapper(parseMapping(mappingOf("avro"), "m"), registry);
    assert.match(
      String(await mapped(mapper, framed(1, [0]))),
      /malformed_record: .*its schema 1 does not exist: .*\/schemas\/ids\/1 \(error 40403\)/,
    );
    assert.match(
      String(await mapped(mapper, framed(2, [0]))),
      /its schema 2 has the type PROTOBUF; the mapping reads AVRO/,
    );
    assert.match(
      String(await mapped(mapper, framed(3, [0]))),
      /its schema 3 cannot be used .*the type Unknown is not defined/,
    );
  });

  test("an id that the registry does not know costs one request for many records", async (t) => {
    const { server, registry } = await start(t);
    server.register(1, "trades", { schema: FIRST.text });
    const mapper = openMapper(parseMapping(mappingOf("avro"), "m"), registry);
    const good = framed(1, FIRST.type.toBuffer({ token: "A", usd: "1" }));
    for (let i = 0; i < 1000; i++) {
      assert.match(String(await mapped(mapper, framed(9, [0]))), /its schema 9 does not exist/);
      assert.deepEqual(await mapped(mapper, good), { token: "A", usd: "1" });
    }
    assert.equal(server.requests.length, 2);
  });

  test("a registry that is away makes no malformed records", async (t) => {
    const { server, registry } = await start(t);
    server.register(1, "trades", { schema: FIRST.text });
    await server.stop();
    const mapper = openMapper(parseMapping(mappingOf("avro"), "m"), registry);
    const record = framed(1, FIRST.type.toBuffer({ token: "A", usd: "1" }));
    for (let i = 0; i < 3; i++) await assert.rejects(mapped(mapper, record), { code: "unavailable", retryable: true });
    await server.listen();
    assert.deepEqual(await mapped(mapper, record), { token: "A", usd: "1" });
  });
});

describe("Protobuf with a registry", () => {
  const TEXT = `syntax = "proto3"; package trades; import "token.proto"; message Other { int32 a = 1; }
    message Envelope { message Trade { Token token = 1; string usd = 2; } }`;

  test("the frame names the message", async (t) => {
    const { server, registry } = await start(t);
    const token = { name: "token.proto", subject: "tokens", version: 1 };
    server.register(1, "tokens", {
      schema: 'syntax = "proto3"; package trades; message Token { string id = 1; }',
      schemaType: "PROTOBUF",
    });
    server.register(2, "trades", { schema: TEXT, schemaType: "PROTOBUF", references: [token] });
    server.register(3, "simple", {
      schema: 'syntax = "proto3"; message T { string token = 1; int64 usd = 2; }',
      schemaType: "PROTOBUF",
    });
    const mapping = `{ format: protobuf, swaps: [{ ${SWAP}, token: { first: [token.id, token] }, amount_usd: usd }] }`;
    const mapper = openMapper(parseMapping(mapping, "m"), registry);
    // Count 2, then the indexes 1 and 0, as zigzag.
    assert.deepEqual(await mapped(mapper, framed(2, [4, 2, 0], [0x0a, 3, 0x0a, 1, 0x41, 0x12, 1, 0x35])), {
      token: "A",
      usd: "5",
    });
    assert.deepEqual(await mapped(mapper, framed(3, [0], [0x0a, 1, 0x42, 0x10, 6])), { token: "B", usd: "6" });
    assert.match(
      String(await mapped(mapper, framed(2, [4, 2, 2], []))),
      /its schema has no message with the indexes \[1, 1\]/,
    );
    assert.match(String(await mapped(mapper, framed(2, [66], []))), /the frame announces 33 indexes/);
    assert.match(String(await mapped(mapper, framed(2, [1], []))), /the frame announces -1 indexes/);
    assert.match(String(await mapped(mapper, framed(2))), /ends inside a number/);
  });
});

describe("JSON with a frame", () => {
  test("is read with the frame and without, and needs no registry", async () => {
    const mapper = openMapper(parseMapping(mappingOf("json_schema"), "m"));
    const json = Buffer.from('{"token":"A","usd":"1.50"}');
    assert.deepEqual(await mapped(mapper, framed(7, json)), { token: "A", usd: "1.50" });
    assert.deepEqual(await mapped(mapper, json), { token: "A", usd: "1.50" });
    assert.match(String(await mapped(mapper, framed(7, json.subarray(1)))), /^malformed_json: /);
    assert.match(String(await mapped(mapper, framed(7))), /^malformed_json: .*it is empty/);
    await mapper.loadSchema(NEVER);
  });
});

describe("records with a schema file", () => {
  const openWith = (t: TestContext, format: string, file: string, text: string, more = ""): RecordMapper => {
    const folder = tempDir(t);
    writeFileSync(join(folder, file), text);
    return openMapper(parseMapping(mappingOf(format, `schema: ${file}, ${more}`), "m", folder));
  };

  test("Avro has no frame, or one that is skipped", async (t) => {
    const mapper = openWith(t, "avro", "trade.avsc", FIRST.text);
    const record = FIRST.type.toBuffer({ token: "AAAA", usd: "1" });
    assert.deepEqual(await mapped(mapper, record), { token: "AAAA", usd: "1" });
    assert.deepEqual(await mapped(mapper, framed(7, record)), { token: "AAAA", usd: "1" });
    // A record that begins with the byte 0 and has no frame.
    const empty = FIRST.type.toBuffer({ token: "", usd: "12345" });
    assert.match(JSON.stringify(await mapped(mapper, empty)), /"usd":"12345"/);
    assert.match(String(await mapped(mapper, framed(7, record.subarray(1)))), /malformed_record/);
  });

  test("an Avro record that can be read in both ways is refused", async (t) => {
    const texts = avro("Trade", [
      ["token", "bytes"],
      ["usd", { type: "map", values: "bytes" }],
    ]);
    const mapper = openWith(t, "avro", "trade.avsc", texts.text);
    // Plain: token "", then a map with one member: name "" and the last four bytes. Framed: token "" and no members.
    const both = Buffer.from([0, 2, 0, 4, 9, 0, 0]);
    assert.match(
      String(await mapped(mapper, both)),
      /can be read with the frame of a schema registry and without; take `schema` out of the mapping/,
    );
  });

  test("where case is ignored, the exact name goes before others, and the last of others counts", async (t) => {
    const names = (...fields: string[]) =>
      avro("Trade", [...fields.map((name): [string, avsc.Schema] => [name, "string"]), ["usd", "string"]]);
    const cases: [fields: string[], token: string][] = [
      [["TOKEN", "Token"], "B"],
      [["TOKEN", "token", "Token"], "B"],
      [["Token", "other"], "A"],
    ];
    for (const [fields, token] of cases) {
      const { text, type } = names(...fields);
      const mapper = openWith(t, "avro", "trade.avsc", text, "ignore_case: true,");
      const record = type.toBuffer({ ...Object.fromEntries(fields.map((name, i) => [name, "ABC"[i]])), usd: "1" });
      assert.deepEqual(await mapped(mapper, record), { token, usd: "1" });
    }
  });

  test("Protobuf has no frame, or one that is skipped", async (t) => {
    const text =
      'syntax = "proto3"; message Other { int32 a = 1; } message Trade { string token = 1; string usd = 2; }';
    const mapper = openWith(t, "protobuf", "trade.proto", text, "message: Trade,");
    const type = protobufjs.parse(text).root.lookupType("Trade");
    const record = type.encode({ token: "A", usd: "1" }).finish();
    assert.deepEqual(await mapped(mapper, Buffer.from(record)), { token: "A", usd: "1" });
    assert.deepEqual(await mapped(mapper, framed(7, [2, 2], record)), { token: "A", usd: "1" });
  });

  test("files that a Protobuf schema imports are beside it, and not above", async (t) => {
    const folder = tempDir(t);
    const text = (file: string): string =>
      `syntax = "proto3"; import "${file}"; message Trade { Token token = 1; string usd = 2; }`;
    writeFileSync(join(folder, "token.proto"), 'syntax = "proto3"; message Token { string id = 1; }');
    writeFileSync(join(folder, "trade.proto"), text("token.proto"));
    writeFileSync(join(folder, "above.proto"), text(`../${folder.split("/").at(-1)}/token.proto`));
    const mapping = (file: string) => parseMapping(mappingOf("protobuf", `schema: ${file},`), "m", folder);
    openMapper(mapping("trade.proto"));
    assert.throws(() => openMapper(mapping("above.proto")), { code: "bad_request", message: /Token.*it imports \.\./ });
  });

  test("a schema that cannot be used is refused at the start", (t) => {
    const cases: [format: string, text: string, more: string, message: RegExp][] = [
      ["avro", "{", "", /the schema \/.*\/s of the mapping m cannot be used: .*not JSON/],
      ["protobuf", "{", "", /cannot be used/],
      ["protobuf", 'syntax = "proto3"; enum E { A = 0; }', "", /has no message type/],
      ["protobuf", 'syntax = "proto3"; message M {}', "message: N,", /has no message type N/],
    ];
    for (const [format, text, more, message] of cases) {
      assert.throws(() => openWith(t, format, "s", text, more), { code: "bad_request", message });
    }
    assert.throws(() => openMapper(parseMapping(mappingOf("avro", "schema: none.avsc,"), "m", tempDir(t))), {
      code: "bad_request",
      message: /none\.avsc.*ENOENT/,
    });
    assert.throws(() => openMapper(parseMapping(mappingOf("avro"), "m")), {
      code: "bad_request",
      message: /no `schema`; name a schema file in it, or set ingest\.registry\.url/,
    });
  });
});

test("an id that the registry did not know is asked for again after a while", async (t) => {
  const { server, registry } = await start(t);
  let nowMs = 0;
  const schemas = new RegisteredSchemas(
    registry,
    "AVRO",
    ({ text }) => ({ text }),
    () => nowMs,
  );
  assert.equal(schemas.get(7), undefined);
  await schemas.load(NEVER);
  server.register(7, "a", { schema: "a" });
  nowMs = UNKNOWN_MS - 1;
  assert.throws(() => schemas.get(7), MalformedRecord);
  nowMs = UNKNOWN_MS;
  assert.equal(schemas.get(7), undefined);
  await schemas.load(NEVER);
  assert.deepEqual(schemas.get(7), { text: "a" });
  server.respond = (_request, response) => sendJson(response, 500, {});
  assert.deepEqual(schemas.get(7), { text: "a" });
});
