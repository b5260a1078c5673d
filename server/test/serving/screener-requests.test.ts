import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { screenerLimits } from "@swapstats/protocol/limits.ts";
import type { ScreenerFilter } from "@swapstats/protocol/screener/query.ts";
import type { ProblemError } from "../../src/serving/problems.ts";
import { ScreenerRequests } from "../../src/serving/screener-requests.ts";

const WINDOWS = [
  { name: "1m", lengthMs: 60_000, stepMs: 1_000 },
  { name: "5m", lengthMs: 300_000, stepMs: 5_000 },
  { name: "24h", lengthMs: 86_400_000, stepMs: 60_000 },
];
const requests = new ScreenerRequests(WINDOWS, new Map([[101, { addressBytes: 32 }]]));

/** The mistakes of a query, as `<path> <message>`. */
function mistakes(query: unknown): string[] {
  try {
    requests.query(query);
  } catch (error) {
    const { code, extras } = error as ProblemError;
    assert.equal(code, "invalid_parameters");
    return (extras.errors ?? []).map(({ name, message }) => `${name} ${message}`);
  }
  return [];
}

const filterOf = (filter: unknown): ScreenerFilter | undefined => requests.query({ filter }).query.filter;
const leaf = { field: "late", gt: 1 };
const nested = (depth: number): object => (depth === 1 ? leaf : { not: nested(depth - 1) });
const leaves = (count: number): object => ({ or: Array.from({ length: count }, () => leaf) });
const valuesOf = (gte: unknown): unknown => {
  const filter = filterOf({ field: "volume_usd", window: "5m", gte });
  return filter !== undefined && "values" in filter ? filter.values[0] : undefined;
};

describe("queries of the screener", () => {
  test("the defaults are filled in, and equal queries are equal texts", () => {
    const { query, cursor } = requests.query({});
    assert.equal(cursor, undefined);
    assert.deepEqual(query, {
      sort: [{ field: "volume_usd", window: "5m", order: "desc" }],
      limit: 50,
      windows: ["5m"],
      fields: [],
    });
    const one = requests.query({ filter: { gte: "1.50", field: "close", window: "24h" }, windows: ["24h", "1m"] });
    const other = requests.query({
      windows: ["1m", "24h", "1m"],
      filter: { field: "close", window: "24h", gte: 1.5 },
      limit: 50,
    });
    assert.equal(JSON.stringify(one), JSON.stringify(other));
    const named = requests.query({
      filter: { field: "close", window: "24h", gt: 1 },
      sort: [{ field: "low", window: "1m" }],
    });
    assert.deepEqual(named.query.windows, ["1m", "24h"]);
    assert.deepEqual(requests.query({ fields: ["close"] }).query.fields, [
      "open_time",
      "close_time",
      "complete",
      "close",
    ]);
  });

  test("decimals are taken as they are written", () => {
    for (const [given, expected] of [
      ["007.500", "7.5"],
      ["-0.0", "0"],
      ["0.1000000000000000000001", "0.1000000000000000000001"],
      [0.1, "0.1"],
      [-12, "-12"],
      [1e21, "1000000000000000000000"],
      [1.5e-7, "0.00000015"],
      [1e-9, "0.000000001"],
    ] as const) {
      assert.equal(valuesOf(given), expected, String(given));
    }
    for (const bad of ["", "1e5", "0x1", " 1", "1.", ".5", "--1", true, null, {}, [], Number.NaN]) {
      const [mistake] = mistakes({ filter: { field: "volume_usd", window: "5m", gte: bad } });
      assert.match(mistake ?? "", /^filter\.gte must be a number or a decimal/, String(bad));
    }
  });

  test("several operators of a comparison must all hold, flags and texts have operators of their own", () => {
    assert.deepEqual(filterOf({ field: "late", gte: 1, lt: 5 }), {
      and: [
        { field: "late", op: "gte", values: ["1"] },
        { field: "late", op: "lt", values: ["5"] },
      ],
    });
    assert.deepEqual(filterOf({ field: "complete", window: "5m", ne: true }), {
      field: "complete",
      window: "5m",
      op: "ne",
      values: ["1"],
    });
    assert.match(mistakes({ filter: { field: "symbol", gt: "a" } })[0] ?? "", /^filter\.gt is not a member here/);
    assert.match(mistakes({ filter: { field: "complete", window: "5m", eq: 1 } })[0] ?? "", /true or false/);
    assert.match(mistakes({ filter: { field: "first_seen", gt: 1_700_000_000 } })[0] ?? "", /is in seconds/);
  });

  test("tokens and ids are taken in their canonical form", () => {
    const tokenOf = (eq: string): unknown => {
      const filter = filterOf({ field: "token", eq });
      return filter !== undefined && "values" in filter ? filter.values[0] : undefined;
    };
    assert.equal(tokenOf("0xAB"), "0xab");
    assert.equal(tokenOf("1:0xAB"), "1:0xab");
    assert.equal(tokenOf("101:0x2::sui::SUI"), `101:0x${"2".padStart(64, "0")}::sui::SUI`);
    assert.equal(tokenOf("SUI"), "SUI");
  });

  test("each mistake names its path in the query", () => {
    assert.deepEqual(
      mistakes({
        filter: {
          and: [
            leaf,
            {
              or: [
                { field: "volume", window: "5m", gte: 1 },
                { field: "trades", window: "7m", gt: 1 },
              ],
            },
          ],
        },
        sort: [{ field: "trades" }, { field: "late", order: "down" }],
        windows: ["5m", "9m"],
        fields: [],
        spark: { field: "open", window: "24h", points: 1 },
        limits: 3,
      }).map((text) => text.split(" ")[0]),
      [
        "limits",
        "filter.and[1].or[0].field",
        "filter.and[1].or[1].window",
        "sort[0].window",
        "sort[1].order",
        "windows[1]",
        "fields",
        "spark.field",
        "spark.points",
      ],
    );
    assert.match(mistakes({ filter: { and: leaf } })[0] ?? "", /^filter\.and must be a list of 1 to 64 filters/);
    assert.match(mistakes({ filter: { and: [leaf], or: [leaf] } })[0] ?? "", /^filter must have exactly one of/);
    assert.match(mistakes({ filter: { field: "late" } })[0] ?? "", /compares late with nothing/);
    assert.match(
      mistakes({ filter: { field: "late", window: "5m", gt: 1 } })[0] ?? "",
      /^filter\.window is not a member/,
    );
    assert.match(mistakes([])[0] ?? "", /^query must be an object/);
    assert.equal(
      mistakes({ filter: { or: Array.from({ length: 40 }, () => ({ field: "x" })) } }).length,
      screenerLimits.errorsMax,
    );
  });

  test("the limits hold at their values and not beyond", () => {
    const { depthMax, leavesMax, sortsMax, valuesMax, rowsMax, valueCharsMax, cursorMax } = screenerLimits;
    const sorts = (count: number) => ({ sort: Array.from({ length: count }, () => ({ field: "late" })) });
    const list = (count: number) => ({ filter: { field: "late", in: Array.from({ length: count }, (_, i) => i) } });
    const text = (length: number) => ({ filter: { field: "symbol", contains: "x".repeat(length) } });
    const digits = (length: number) => ({ filter: { field: "late", gt: "1".repeat(length) } });
    const spark = (window: string, points: number) => ({ spark: { field: "close", window, points } });
    for (const [at, beyond] of [
      [{ filter: nested(depthMax) }, { filter: nested(depthMax + 1) }],
      [{ filter: leaves(leavesMax) }, { filter: leaves(leavesMax + 1) }],
      [
        { filter: { and: [leaves(leavesMax - 2), { field: "late", gt: 1, lt: 2 }] } },
        { filter: { and: [leaves(leavesMax - 1), { field: "late", gt: 1, lt: 2 }] } },
      ],
      [sorts(sortsMax), sorts(sortsMax + 1)],
      [sorts(1), sorts(0)],
      [list(valuesMax), list(valuesMax + 1)],
      [list(1), list(0)],
      [{ limit: rowsMax }, { limit: rowsMax + 1 }],
      [{ limit: 1 }, { limit: 0 }],
      [text(valueCharsMax), text(valueCharsMax + 1)],
      [text(1), text(0)],
      [digits(valueCharsMax), digits(valueCharsMax + 1)],
      [{ cursor: "x".repeat(cursorMax) }, { cursor: "x".repeat(cursorMax + 1) }],
      [spark("24h", 100), spark("24h", 101)],
      [spark("1m", 60), spark("1m", 61)],
      [spark("5m", 2), spark("5m", 1)],
    ]) {
      assert.deepEqual(mistakes(at), []);
      assert.equal(mistakes(beyond).length, 1, JSON.stringify(beyond).slice(0, 200));
    }
  });

  test("the short form of a sparkline", () => {
    assert.deepEqual(requests.spark("close:24h:24"), { field: "close", window: "24h", points: 24 });
    for (const bad of [
      "",
      "close",
      "close:24h",
      "close:24h:24:1",
      "close:24h:-1",
      "close:24h:1e1",
      "low:24h:24",
      "close:2h:24",
    ]) {
      assert.throws(() => requests.spark(bad), { code: "invalid_parameters" }, bad);
    }
  });
});
