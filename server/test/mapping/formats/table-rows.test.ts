import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { rowAt } from "../../../src/mapping/formats/table-rows.ts";
import { propertyOptions } from "../../support/seed.ts";

const COMMA = 44;

function rowsOf(text: string): (readonly string[])[] {
  const bytes = Buffer.from(text);
  const rows: (readonly string[])[] = [];
  for (let start = 0; start < bytes.length; ) {
    const row = rowAt(bytes, start, COMMA, true);
    assert.ok(row !== undefined && row.next > start);
    rows.push(row.cells);
    start = row.next;
  }
  return rows;
}

describe("rows in memory", () => {
  test("a quoted cell may hold delimiters, line breaks and doubled quotes", () => {
    const text = 'a,"b,""c""\r\nd",e\r\n"",f"g,\n';
    assert.deepEqual(rowsOf(text), [
      ["a", 'b,"c"\r\nd', "e"],
      ["", 'f"g', ""],
    ]);
  });

  test("a quote that is broken costs its line, and swallows no other row", () => {
    for (const broken of ['x,"y,1', '"x"y,z', 'a,"b" ,c', '"']) {
      assert.deepEqual(rowsOf(`${broken}\r\n1,"2",3\n4,5,6`), [[], ["1", "2", "3"], ["4", "5", "6"]], broken);
      assert.deepEqual(rowsOf(broken), [[]], broken);
    }
  });

  test("the row is not read before its end is there", () => {
    for (const cut of ["a,b", 'a,"b', 'a,"b"', 'a,"b"c,', 'a,"b"c', 'a,"b\n']) {
      assert.equal(rowAt(Buffer.from(cut), 0, COMMA, false), undefined, cut);
    }
  });

  test("any table that is written by the rules is read as it was", (t) => {
    const cell = fc.stringMatching(/^[a-c", \r\n]{0,6}$/);
    const rows = fc.array(fc.array(cell, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(rows, (table) => {
        const quoted = table.map((row) => row.map((text) => `"${text.replaceAll('"', '""')}"`).join(","));
        assert.deepEqual(rowsOf(`${quoted.join("\r\n")}\r\n`), table);
      }),
      propertyOptions(t, 500),
    );
  });
});
