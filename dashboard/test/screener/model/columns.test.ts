import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  COLUMNS_MAX,
  columnKey,
  columnsFor,
  groupColumns,
  moveFigure,
  toggleColumn,
} from "../../../src/screener/model/columns.ts";
import { type Field, fields, findField } from "../../../src/screener/model/fields.ts";
import { nearestWindow } from "../../../src/screener/model/windows.ts";
import { WINDOWS } from "../arbitraries.ts";

const wanted = [
  ["trades", ["5m", "1h"]],
  ["volume_usd", ["24h"]],
] as const;
const columns = columnsFor(wanted, WINDOWS);
const keys = (list: readonly Parameters<typeof columnKey>[0][]): string[] => list.map(columnKey);

describe("columns", () => {
  test("a window that the service lacks is replaced by the nearest one, once", () => {
    assert.equal(nearestWindow(["10s", "2h", "7d"], "1h"), "2h");
    assert.deepEqual(keys(columnsFor([["trades", ["5m", "1h"]]], ["2h", "7d"])), ["trades:2h"]);
  });

  test("neighbours of one figure are a group", () => {
    assert.deepEqual(
      groupColumns(columns).map(({ field, start, windows }) => [field.name, start, windows]),
      [
        ["trades", 0, ["5m", "1h"]],
        ["volume_usd", 2, ["24h"]],
      ],
    );
  });

  test("a new column stands among those of its figure by the order of windows", () => {
    const trades = findField("trades") as Field;
    const added = toggleColumn(columns, { field: trades, window: "15m" }, WINDOWS);
    assert.deepEqual(keys(added), ["trades:5m", "trades:15m", "trades:1h", "volume_usd:24h"]);
    assert.deepEqual(keys(toggleColumn(columns, { field: trades, window: "1m" }, WINDOWS))[0], "trades:1m");
    assert.deepEqual(keys(toggleColumn(added, { field: trades, window: "15m" }, WINDOWS)), keys(columns));
    const buys = findField("buys") as Field;
    assert.equal(keys(toggleColumn(columns, { field: buys, window: "1m" }, WINDOWS)).at(-1), "buys:1m");
  });

  test("a table has at most as many columns as its limit", () => {
    const all = fields.filter(({ isColumn }) => isColumn).map((field) => ({ field, window: "1h" }));
    const full = all.slice(0, COLUMNS_MAX);
    assert.equal(toggleColumn(full, { field: all[0]!.field, window: "5m" }, WINDOWS), full);
    assert.equal(toggleColumn(full.slice(1), full[0]!, WINDOWS).length, COLUMNS_MAX);
  });

  test("a figure moves with all its windows, and not beyond the ends", () => {
    assert.deepEqual(keys(moveFigure(columns, "trades", 1)), ["volume_usd:24h", "trades:5m", "trades:1h"]);
    assert.equal(moveFigure(columns, "trades", -1), columns);
    assert.equal(moveFigure(columns, "volume_usd", 1), columns);
  });
});
