// First, so that everything below is compiled while its blocks are counted.
import "../../support/work-meter.ts";

import { describe, test } from "node:test";
import { JsonValues } from "../../../src/cli/replay/json-values.ts";
import { kindOf, packingOf } from "../../../src/cli/replay/kinds.ts";
import { isBlank, LineReader } from "../../../src/cli/replay/line-reader.ts";
import { TableRows } from "../../../src/cli/replay/table-rows.ts";
import { readConfigYaml } from "../../../src/config/file.ts";
import { parseMapping } from "../../../src/mapping/reading/read-mapping.ts";
import { hostileBodies, hostilePieces } from "../../support/hostile-bodies.ts";
import { assertLinear } from "../../support/work-meter.ts";

const BYTES = 4000;
/** Files come in pieces: here in a few for each size. */
const CHUNK_BYTES = 1500;

function* chunksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}

function readLines(bytes: Buffer): void {
  const lines = new LineReader();
  for (const chunk of chunksOf(bytes)) {
    lines.push({ file: 0, bytes: chunk });
    while (lines.next()) isBlank(lines.bytes, lines.start, lines.end);
  }
  lines.last();
}

function readValues(bytes: Buffer): void {
  const values = new JsonValues();
  for (const chunk of chunksOf(bytes)) values.push(chunk);
  values.end();
}

function readTable(bytes: Buffer): void {
  const rows = new TableRows(",", "lf");
  rows.push(bytes);
  rows.end();
  while (rows.next() !== undefined);
}

describe("the work of a hostile file grows with its length", () => {
  test("detection of its format", async () => {
    for (const body of hostileBodies) {
      await assertLinear(body, BYTES, (bytes) => {
        packingOf(bytes);
        kindOf(bytes, "file");
      });
    }
  });

  test("lines", async () => {
    for (const body of hostileBodies) await assertLinear(body, BYTES, readLines);
  });

  test("values of an array, or over several lines", async () => {
    for (const body of hostileBodies) await assertLinear(body, BYTES, readValues);
  });

  test("rows of a table", async () => {
    for (const body of hostileBodies) await assertLinear(body, BYTES, readTable);
  });
});

/** Steps of the library for each byte of YAML; its tokens and nodes are objects. */
const YAML_STEPS_PER_BYTE_MAX = 1000;

describe("the work of a hostile configuration or mapping grows with its length, which is bounded", () => {
  test("a configuration", async () => {
    for (const piece of hostilePieces) {
      const read = (bytes: Buffer) =>
        readConfigYaml(
          bytes.toString(),
          "file",
          () => false,
          () => false,
          [],
        );
      await assertLinear(piece, BYTES / 4, read, YAML_STEPS_PER_BYTE_MAX);
    }
  });

  test("a mapping", async () => {
    for (const piece of hostilePieces) {
      await assertLinear(piece, BYTES / 4, (bytes) => parseMapping(bytes.toString(), "file"), YAML_STEPS_PER_BYTE_MAX);
    }
  });
});
