import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as layouts from "../../../src/engine/memory/layout.ts";
import { IMAGE_FORMAT } from "../../../src/engine/snapshot.ts";

const { layout } = layouts;
const u8 = { width: 1, count: 1 } as const;
const u32 = { width: 4, count: 1 } as const;
const f64 = { width: 8, count: 1 } as const;

describe("layout of the memory image", () => {
  test("fields lie one after another; offsets count elements of their own width", () => {
    const fields = layout({ A: u32, B: u32, C: f64, D: { width: 1, count: 8 }, E: f64, REST: { width: 4, count: 0 } });
    assert.deepEqual(fields, { A: 0, B: 1, C: 1, D: 16, E: 3, REST: 8, BYTES: 32, UNITS: 4 });
  });

  test("units are rounded up", () => {
    assert.equal(layout({ A: u32 }).UNITS, 1);
    assert.equal(layout({ A: f64, B: u8 }).UNITS, 2);
  });

  test("a field that is not aligned to its width is refused", () => {
    assert.throws(() => layout({ A: u32, B: f64 }), /B would lie at byte 4, not at a multiple of 8/);
    assert.throws(() => layout({ A: u8, B: u32 }), /B would lie at byte 1/);
  });

  test("the sizes of all structures are those of format 5; another size is a new format", () => {
    const sizes = Object.entries(layouts).flatMap(([name, value]) =>
      typeof value === "object" ? [[name, value.BYTES]] : [],
    );
    assert.equal(IMAGE_FORMAT, 5);
    assert.deepEqual(Object.fromEntries(sizes), {
      HEAP_HEADER: 1116,
      FREE_ALLOCATION: 4,
      STRING: 12,
      HASH_SEGMENT: 8,
      HASH_ENTRY: 8,
      LABEL_LIST: 8,
      TOKEN_ROW: 104,
      ACTIVE_BLOCK: 88,
      RECORD: 32,
      INCLUSION_GROUP: 8,
      INCLUSION: 8,
      HOT_BUCKET: 160,
      COLD_BLOB: 176,
      TRADER_TABLE: 16,
      TRADER_ENTRY: 12,
      SKETCH: 0,
      SKETCH_GROUP: 80,
    });
  });
});
