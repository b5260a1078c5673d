import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseScreenerQuery } from "@swapstats/protocol/screener/parse-query.ts";
import fc from "fast-check";
import { buildFilter, depthOf } from "../../../src/screener/filter/build.ts";
import { checkFilter } from "../../../src/screener/filter/check.ts";
import {
  addAt,
  type Draft,
  type DraftComparison,
  type DraftGroup,
  draftOf,
  emptyDraft,
  newComparison,
  replaceAt,
  withField,
} from "../../../src/screener/filter/draft.ts";
import { wordsOf } from "../../../src/screener/filter/words.ts";
import { type Field, findField } from "../../../src/screener/model/fields.ts";
import { draftGroup, WINDOWS } from "../arbitraries.ts";

const context = {
  windows: WINDOWS.map((name) => ({ name, lengthMs: 3_600_000, stepMs: 1_000 })),
  hint: () => "",
  canonicalToken: (text: string) => text,
};
const parse = (filter: unknown) => parseScreenerQuery(JSON.parse(JSON.stringify({ filter })), context);

const field = (name: string): Field => findField(name) as Field;
const compare = (name: string, op: DraftComparison["op"], text: string, to = ""): DraftComparison => ({
  ...newComparison(field(name), "1h"),
  ...{ op, text, to },
});
const all = (...parts: Draft[]): DraftGroup => ({ kind: "group", match: "all", parts });
const build = (draft: DraftGroup) => buildFilter(draft, WINDOWS, 1_760_000_000_000);

describe("filter of a draft", () => {
  test("the service takes every filter, and the draft of the filter makes the same filter again", () => {
    fc.assert(
      fc.property(draftGroup, (draft) => {
        const { filter, errors, unfinished } = build(draft);
        assert.deepEqual([errors, unfinished], [[], []]);
        const parsed = parse(filter);
        assert.ok(!("errors" in parsed), JSON.stringify(parsed));
        assert.deepEqual(checkFilter(filter, WINDOWS), { filter });
        const again = parse(build(draftOf(filter)).filter);
        assert.deepEqual(JSON.parse(JSON.stringify(again)), JSON.parse(JSON.stringify(parsed)));
      }),
    );
  });

  test("negations of groups and comparisons are kept", () => {
    const volume = { field: "volume_usd", window: "1h", gte: "5" };
    for (const filter of [
      { not: volume },
      { not: { not: volume } },
      { not: { and: [volume, { not: volume }] } },
      { not: { not: { or: [volume, volume] } } },
    ]) {
      const once = build(draftOf(filter)).filter;
      assert.deepEqual(build(draftOf(once)).filter, once);
    }
    assert.deepEqual(build(draftOf({ not: { or: [volume, volume] } })).filter, { not: { or: [volume, volume] } });
    assert.deepEqual(build(draftOf({ not: { not: volume } })).filter, volume);
  });

  test("several operators of one comparison become a group", () => {
    const draft = draftOf({ field: "trades", window: "1h", gte: 10, lt: 100 });
    assert.deepEqual(build(draft).filter, {
      and: [
        { field: "trades", window: "1h", gte: "10" },
        { field: "trades", window: "1h", lt: "100" },
      ],
    });
  });

  test("comparisons without a value and empty groups are left out, and named", () => {
    const { filter, errors, unfinished } = build(all(compare("trades", "gte", " "), all(), compare("buys", "gt", "3")));
    assert.deepEqual(filter, { field: "buys", window: "1h", gt: "3" });
    assert.deepEqual([errors, unfinished], [[], [[0]]]);
    assert.equal(build(emptyDraft).filter, undefined);
    assert.deepEqual(build(all(compare("trades", "between", "3"))).unfinished, [[0]]);
  });

  test("each mistake is a sentence at its place", () => {
    const wrong = all(
      compare("volume_usd", "gte", "ten"),
      compare("trades", "between", "9", "3"),
      { ...compare("trades", "gt", "1"), window: "2h" },
      all(compare("chain_id", "in", "1, Moon")),
      compare("first_seen", "gte", "yesterday"),
    );
    const { errors } = build(wrong);
    assert.deepEqual(
      errors.map(({ path }) => path),
      [[0], [1], [2], [3, 0], [4]],
    );
    assert.deepEqual(
      errors.map(({ message }) => message),
      [
        '"ten" is no number. Write one such as 10k.',
        "9 is more than 3. The lowest value comes first.",
        `The service has no window "2h". Choose one of ${WINDOWS.join(", ")}.`,
        '"Moon" is no chain. Write its number, such as 8453, or a name such as Base.',
        '"yesterday" is no time. Write one such as 2026-01-31 14:00 (UTC) or 30m ago.',
      ],
    );
  });

  test("the limits of the service hold, at them and one beyond", () => {
    const many = (count: number): DraftGroup =>
      all(...Array.from({ length: count }, () => compare("trades", "gt", "1")));
    assert.deepEqual(build(many(64)).errors, []);
    assert.match(build(many(65)).errors[0]?.message ?? "", /65 comparisons; the service takes at most 64/);
    const deep = (levels: number): DraftGroup => {
      const two = all(compare("trades", "gt", "1"), compare("buys", "gt", "1"));
      return levels <= 2 ? two : all(deep(levels - 1), compare("sells", "gt", "1"));
    };
    assert.deepEqual(build(deep(8)).errors, []);
    assert.match(build(deep(9)).errors[0]?.message ?? "", /9 levels deep; the service takes at most 8/);
    const list = (count: number): DraftGroup => all(compare("trades", "in", Array(count).fill("1").join(",")));
    assert.deepEqual(build(list(100)).errors, []);
    assert.match(build(list(101)).errors[0]?.message ?? "", /101 values; the service takes at most 100/);
    assert.match(build(all(compare("symbol", "eq", "x".repeat(129)))).errors[0]?.message ?? "", /at most 128/);
    assert.deepEqual(build(all(compare("symbol", "eq", "x".repeat(128)))).errors, []);
  });

  test("its depth is that of the service", () => {
    assert.equal(depthOf({ not: { and: [{ field: "trades", window: "1h", gt: 1 }] } }), 3);
  });
});

describe("filter of an address", () => {
  test("whatever it holds is a filter that the service takes, or a problem", () => {
    const leaf = fc.record(
      {
        field: fc.constantFrom("trades", "symbol", "complete", "x"),
        window: fc.constantFrom("1h", 5),
        gte: fc.jsonValue(),
        in: fc.jsonValue(),
        eq: fc.jsonValue(),
      },
      { requiredKeys: ["field"] },
    );
    const node = fc.oneof(
      fc.jsonValue(),
      leaf,
      fc.record({ and: fc.array(leaf, { maxLength: 3 }) }),
      fc.record({ not: leaf }),
    );
    fc.assert(
      fc.property(node, (value) => {
        const checked = checkFilter(value, WINDOWS);
        if ("problem" in checked) assert.ok(checked.problem.endsWith("."));
        else assert.ok(!("errors" in parse(checked.filter)), JSON.stringify(parse(checked.filter)));
      }),
      { numRuns: 3_000 },
    );
  });

  test("a tree that is too deep is refused without looking at all of it", () => {
    let filter: unknown = { field: "trades", window: "1h", gt: 1 };
    for (let i = 0; i < 5_000; i++) filter = { not: filter };
    assert.match(JSON.stringify(checkFilter(filter, WINDOWS)), /more than 8 levels/);
  });
});

describe("editing a draft", () => {
  const draft = all(compare("trades", "gt", "1"), all(compare("buys", "gt", "2")));

  test("a node is replaced, added and removed by its path, and the rest keeps its identity", () => {
    const next = replaceAt(draft, [1, 0], compare("sells", "gt", "3"));
    assert.equal(next.parts[0], draft.parts[0]);
    assert.deepEqual(next.parts[1], all(compare("sells", "gt", "3")));
    assert.deepEqual(replaceAt(draft, [1], undefined).parts.length, 1);
    assert.deepEqual(addAt(draft, [1], all()).parts[1], all(compare("buys", "gt", "2"), all()));
    assert.equal(replaceAt(draft, [0, 4], undefined), draft);
  });

  test("another field keeps operator and value of its kind, and begins again otherwise", () => {
    const typed = compare("volume_usd", "lt", "10k");
    assert.deepEqual(withField(typed, field("buy_volume_usd"), "5m"), { ...typed, field: "buy_volume_usd" });
    assert.deepEqual(withField(typed, field("symbol"), "5m"), newComparison(field("symbol"), "5m"));
    assert.equal(withField(newComparison(field("symbol"), ""), field("trades"), "5m").window, "5m");
  });
});

test("a filter is told in words", () => {
  const draft = all(
    compare("volume_usd", "gte", "10000"),
    compare("price_change_pct", "between", "-5", "5"),
    { ...compare("symbol", "contains", "pepe"), isNot: true },
    { ...all(compare("chain_id", "in", "1, 8453"), compare("complete", "eq", "true")), match: "none" },
  );
  assert.equal(
    wordsOf(draft),
    "Volume 1h ≥ $10k and Price change 1h between -5 % to 5 % and not Symbol contains pepe and (not (Chain in Ethereum, Base or Seen completely 1h))",
  );
});
