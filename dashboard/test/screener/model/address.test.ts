import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { buildFilter } from "../../../src/screener/filter/build.ts";
import {
  type AddressChanges,
  chainChanges,
  columnChanges,
  limitChanges,
  presetChanges,
  queryChanges,
  readAddress,
  rowLimits,
  searchChanges,
  sortBy,
} from "../../../src/screener/model/address.ts";
import { COLUMNS_MAX, columnKey, toggleColumn } from "../../../src/screener/model/columns.ts";
import { fields } from "../../../src/screener/model/fields.ts";
import { DEFAULT_PRESET, presets } from "../../../src/screener/model/presets.ts";
import type { Sort } from "../../../src/screener/model/query.ts";
import { draftGroup, WINDOWS } from "../arbitraries.ts";

function applied(...changes: AddressChanges[]): URLSearchParams {
  const params = new URLSearchParams();
  for (const [name, value] of changes.flatMap(Object.entries)) {
    if (value === undefined) params.delete(name);
    else params.set(name, value);
  }
  return new URLSearchParams(params.toString());
}
const read = (params: URLSearchParams | string) => readAddress(new URLSearchParams(params), WINDOWS);

const sorts = fc
  .array(
    fc.tuple(fc.constantFrom(...fields), fc.constantFrom(...WINDOWS), fc.constantFrom("asc" as const, "desc" as const)),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((list) =>
    list.map(
      ([{ name, isOfWindow }, window, order]): Sort => ({ field: name, ...(isOfWindow ? { window } : {}), order }),
    ),
  );
const columns = fc
  .array(fc.tuple(fc.constantFrom(...fields.filter(({ isColumn }) => isColumn)), fc.constantFrom(...WINDOWS)), {
    maxLength: COLUMNS_MAX,
  })
  .map((list) =>
    list.reduce(
      (all, [field, window]) => toggleColumn(all, { field, window }, WINDOWS),
      [] as ReturnType<typeof toggleColumn>,
    ),
  );

describe("address", () => {
  test("without parameters it is the first preset, without problems", () => {
    const { state, problems } = read("");
    assert.equal(state.preset, DEFAULT_PRESET);
    assert.deepEqual(problems, []);
    assert.deepEqual(
      [
        ...applied(
          presetChanges(DEFAULT_PRESET),
          columnChanges(state.columns, WINDOWS),
          limitChanges(100),
          searchChanges(""),
        ),
      ],
      [],
    );
  });

  test("any query, columns, rows and search come back as they were written", () => {
    const query = fc.record({
      draft: draftGroup,
      sort: sorts,
      columns,
      limit: fc.constantFrom(...rowLimits),
      chains: fc.uniqueArray(fc.nat(), { maxLength: 5 }),
      search: fc.string({ maxLength: 128 }),
    });
    fc.assert(
      fc.property(query, ({ draft, sort, columns: chosen, limit, chains, search }) => {
        const { filter } = buildFilter(draft, WINDOWS, 0);
        const { state, problems } = read(
          applied(
            queryChanges(filter, sort),
            columnChanges(chosen, WINDOWS),
            limitChanges(limit),
            chainChanges(chains),
            searchChanges(search),
          ),
        );
        assert.deepEqual(problems, []);
        assert.deepEqual(
          { ...state, columns: state.columns.map(columnKey) },
          { preset: undefined, filter, sort, chains, columns: chosen.map(columnKey), limit, search },
        );
      }),
    );
  });

  test("every preset comes back, at a service with other windows too", () => {
    for (const preset of presets) {
      for (const windows of [WINDOWS, ["10s"], ["2h", "7d"]]) {
        const { state, problems } = readAddress(applied(presetChanges(preset)), windows);
        assert.equal(state.preset, preset);
        assert.deepEqual(problems, []);
        assert.ok(state.sort.every(({ window }) => window === undefined || windows.includes(window)));
        assert.ok(state.columns.every(({ window }) => windows.includes(window)));
      }
    }
  });

  test("a query without a filter is not the preset", () => {
    const { state } = read(applied(queryChanges(undefined, [{ field: "trades", window: "1h", order: "asc" }])));
    assert.equal(state.preset, undefined);
    assert.equal(state.filter, undefined);
  });

  test("parts that cannot be read are left out, each with a sentence", () => {
    for (const [text, pattern] of [
      ["preset=best", /no preset "best"/],
      ["filter=oops", /filter of the address is left out/],
      [`filter=${encodeURIComponent('{"field":"volume","gte":1}')}`, /no figure "volume"/],
      [`filter=${encodeURIComponent(`{"field":"trades","window":"2h","gte":1}`)}`, /no window "2h"/],
      ["sort=volume_usd:2h:desc", /order "volume_usd:2h:desc" is left out/],
      ["sort=volume_usd:1h:up", /order .* is left out/],
      ["columns=volume_usd:2h", /column "volume_usd:2h" is left out/],
      ["columns=symbol:1h", /column "symbol:1h" is left out/],
      ["rows=501", /no number of rows from 1 to 500/],
      ["rows=0", /no number of rows/],
      ["chains=base", /chain "base" is left out/],
    ] as const) {
      assert.match(read(text).problems.join(" "), pattern, text);
    }
    assert.equal(read("rows=500").state.limit, 500);
    assert.deepEqual(read("columns=none").state.columns, []);
  });

  test("whatever an address says, it gives a state that the service takes", () => {
    const part = fc.oneof(fc.string({ maxLength: 40 }), fc.json({ maxDepth: 3 }));
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom("preset", "filter", "sort", "columns", "rows", "search"), part),
        (values) => {
          const { state } = read(new URLSearchParams(values));
          assert.ok(state.sort.length >= 1 && state.limit >= 1 && state.limit <= 500);
          assert.ok(state.columns.length <= COLUMNS_MAX);
        },
      ),
    );
    assert.match(read(`filter=${"[".repeat(20_000)}`).problems.join(), /left out/);
  });
});

describe("order by a press on the head of a column", () => {
  const volume: Sort = { field: "volume_usd", window: "1h", order: "desc" };

  test("the highest come first, and a second press turns it around", () => {
    const once = sortBy([{ field: "trades", window: "1h", order: "desc" }], "volume_usd", "1h", false);
    assert.deepEqual(once, [volume]);
    const twice = sortBy(once, "volume_usd", "1h", false);
    assert.deepEqual(twice, [{ ...volume, order: "asc" }]);
    assert.deepEqual(sortBy(twice, "volume_usd", "1h", false), [volume]);
  });

  test("an added sort stands behind the others, of which there are at most four", () => {
    const two = sortBy([volume], "symbol", undefined, true);
    assert.deepEqual(two, [volume, { field: "symbol", order: "desc" }]);
    const four = ["trades", "buys"].reduce<readonly Sort[]>((sort, field) => sortBy(sort, field, "5m", true), two);
    assert.equal(four.length, 4);
    assert.deepEqual(sortBy(four, "sells", "5m", true), four);
    assert.deepEqual(sortBy(four, "buys", "5m", true)[3], { field: "buys", window: "5m", order: "asc" });
  });
});
