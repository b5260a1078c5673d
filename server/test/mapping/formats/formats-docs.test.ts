import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { RESPONSE_BYTES_MAX } from "../../../src/clients/schema-registry/registry-http.ts";
import { REFERENCES_MAX } from "../../../src/clients/schema-registry/schema-registry.ts";
import { RECORD_BYTES_MAX } from "../../../src/codecs/limits.ts";
import { readerOfAvro } from "../../../src/mapping/formats/avro.ts";
import { CONTAINER_BYTES_MAX } from "../../../src/mapping/formats/avro-container.ts";
import { DECIMAL_BYTES_MAX, DECIMAL_SCALE_MAX } from "../../../src/mapping/formats/decimals.ts";
import { readMsgpack } from "../../../src/mapping/formats/msgpack.ts";
import { SCHEMA_FILE_BYTES_MAX } from "../../../src/mapping/formats/open-decoder.ts";
import { readMessage } from "../../../src/mapping/formats/protobuf.ts";
import { readProtobufSchema, STATEMENTS_MAX } from "../../../src/mapping/formats/protobuf-schema.ts";
import { type RecordCursor, VALUE_DEPTH_MAX, VALUES_MAX } from "../../../src/mapping/formats/record-cursor.ts";
import { UNKNOWN_MS } from "../../../src/mapping/formats/registered-schemas.ts";
import type { Tree } from "../../../src/mapping/formats/tree.ts";
import { decoded } from "./trees.ts";

const page = readFileSync(new URL("../../../../docs/formats.md", import.meta.url), "utf8");

/** Type, bytes and text of the rows of a section. */
function rowsOf(section: string): { type: string; bytes: Buffer; text: string }[] {
  const [, after = ""] = page.split(`### ${section}\n`);
  const [part = ""] = after.split(/^##/m);
  const rows = [...part.matchAll(/^\| (.*) \| `([0-9a-f ]*)` \| (absent|`.*`) \|$/gm)];
  assert.ok(rows.length > 7);
  return rows.map(([, type = "", bytes = "", text = ""]) => ({
    type: /`([^`]+)`/.exec(type)?.[1] ?? type,
    bytes: Buffer.from(bytes.replaceAll(" ", ""), "hex"),
    text: text.replaceAll("`", ""),
  }));
}

function textOf(bytes: Buffer, read: (cursor: RecordCursor) => Tree): string {
  const value = decoded(bytes, read);
  return value === null ? "absent" : String(value);
}

describe("docs/formats.md", () => {
  for (const { type, bytes, text } of rowsOf("Avro")) {
    test(`Avro ${type}`, () => assert.equal(textOf(bytes, readerOfAvro(type)), text));
  }

  for (const { type, bytes, text } of rowsOf("Protobuf")) {
    test(`Protobuf ${type}`, () => {
      const imports = ["google/protobuf/timestamp", "google/protobuf/wrappers", "confluent/type/decimal"];
      const schema = `syntax = "proto3"; ${imports.map((file) => `import "${file}.proto";`).join(" ")}
        message M { ${type} v = 1; } enum Side { NONE = 0; BUY = 1; }`;
      const plan = readProtobufSchema(schema, () => undefined).byIndexes([0]);
      assert.ok(plan !== undefined);
      assert.equal(
        textOf(bytes, (cursor) => {
          const message = readMessage(cursor, plan);
          return (message as unknown as { values: Tree[] }).values[0] as Tree;
        }),
        text,
      );
    });
  }

  for (const { type, bytes, text } of rowsOf("MessagePack")) {
    test(`MessagePack ${type}`, () => assert.equal(textOf(bytes, readMsgpack), text));
  }

  test("has the limits of the program", () => {
    const mib = (bytes: number): string => `${bytes / 1024 / 1024} MiB`;
    const limits = [
      `| record | ${mib(RECORD_BYTES_MAX)} |`,
      `| records, arrays and maps inside each other | ${VALUE_DEPTH_MAX} |`,
      `| values of a record | ${VALUES_MAX.toLocaleString("en")} |`,
      `| Avro and Confluent decimals | ${DECIMAL_BYTES_MAX} bytes, ${DECIMAL_SCALE_MAX.toLocaleString("en")} places |`,
      `| container after decompression | ${mib(CONTAINER_BYTES_MAX)} |`,
      `| schema file | ${mib(SCHEMA_FILE_BYTES_MAX)} |`,
      `| statements (semicolons) of a Protobuf schema with its imports | ${STATEMENTS_MAX.toLocaleString("en")} |`,
      `| response of the registry | ${mib(RESPONSE_BYTES_MAX)}, within 10 s |`,
      `| schemas that a schema refers to, files that a Protobuf schema imports | ${REFERENCES_MAX} |`,
      `asked for again after ${UNKNOWN_MS / 1000} s`,
    ];
    for (const limit of limits) assert.ok(page.includes(limit), limit);
  });
});
