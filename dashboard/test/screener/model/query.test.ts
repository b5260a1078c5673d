import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseScreenerQuery } from "@swapstats/protocol/screener/parse-query.ts";
import { columnKey, columnsFor, DEFAULT_COLUMNS } from "../../../src/screener/model/columns.ts";
import { fields } from "../../../src/screener/model/fields.ts";
import { presetQuery, presets } from "../../../src/screener/model/presets.ts";
import { queryOf, shownColumns, sparkWindow } from "../../../src/screener/model/query.ts";
import { WINDOWS } from "../arbitraries.ts";

const MINUTE_MS = 60_000;
const LENGTHS_MS = [1, 5, 15, 30, 60, 360, 1_440].map((minutes) => minutes * MINUTE_MS);
const context = {
  windows: WINDOWS.map((name, at) => ({ name, lengthMs: LENGTHS_MS[at] as number, stepMs: 1_000 })),
  hint: () => "",
  canonicalToken: (text: string) => text,
};

function assertTaken(query: ReturnType<typeof queryOf>): void {
  const parsed = parseScreenerQuery(JSON.parse(JSON.stringify(query)), context);
  assert.ok(!("errors" in parsed), JSON.stringify(parsed));
}

describe("query", () => {
  for (const preset of presets) {
    test(`the service takes the preset ${preset.id}`, () => {
      const columns = columnsFor(DEFAULT_COLUMNS, WINDOWS);
      const { filter, sort } = presetQuery(preset, WINDOWS);
      assertTaken(queryOf({ filter, sort, chains: [1, 8453], limit: 500 }, columns, WINDOWS, "24h"));
    });
  }

  test("the service takes a query for the column of every field", () => {
    for (const field of fields.filter(({ isColumn }) => isColumn)) {
      const sort = [{ field: field.name, window: "1h", order: "asc" as const }];
      assertTaken(
        queryOf({ filter: undefined, sort, chains: [], limit: 50 }, [{ field, window: "1h" }], WINDOWS, "1h"),
      );
    }
  });

  test("it asks for the windows and figures of the columns, the price and nothing else", () => {
    const columns = columnsFor(
      [
        ["change.volume_usd", ["1h"]],
        ["trades", ["5m", "1h"]],
      ],
      WINDOWS,
    );
    const {
      windows,
      fields: names,
      spark,
    } = queryOf({ filter: undefined, sort: [], chains: [], limit: 50 }, columns, WINDOWS, "1h");
    assert.deepEqual(windows, ["5m", "1h"]);
    assert.deepEqual(names, ["close", "previous", "volume_usd", "trades"]);
    assert.equal(spark?.window, "1h");
  });

  test("chains are added to the filter, and figures of the order to the columns, once", () => {
    const { filter } = queryOf(
      { filter: { field: "symbol", eq: "A" }, sort: [], chains: [1], limit: 50 },
      [],
      WINDOWS,
      "24h",
    );
    assert.deepEqual(filter, {
      and: [
        { field: "chain_id", in: [1] },
        { field: "symbol", eq: "A" },
      ],
    });
    const columns = columnsFor([["trades", ["1h"]]], WINDOWS);
    const sort = [
      { field: "trades", window: "1h", order: "desc" as const },
      { field: "buyers", window: "1h", order: "desc" as const },
      { field: "first_seen", order: "desc" as const },
    ];
    assert.deepEqual(shownColumns(columns, sort).map(columnKey), ["buyers:1h", "trades:1h"]);
  });

  test("the sparkline has the longest window that is shown and seen completely", () => {
    const columns = columnsFor([["trades", ["5m", "1h", "24h"]]], WINDOWS);
    assert.equal(sparkWindow(columns, WINDOWS, new Set(WINDOWS)), "24h");
    assert.equal(sparkWindow(columns, WINDOWS, new Set(["1m", "5m", "6h"])), "5m");
    assert.equal(sparkWindow(columns, WINDOWS, new Set()), "1m");
  });

  test("without columns the price is that of the longest window", () => {
    const query = queryOf({ filter: undefined, sort: [], chains: [], limit: 50 }, [], WINDOWS, "24h");
    assert.deepEqual(query.windows, ["24h"]);
    assert.deepEqual(query.fields, ["close"]);
  });
});
