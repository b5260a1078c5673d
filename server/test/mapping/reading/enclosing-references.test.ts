import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMapping } from "../../../src/mapping/reading/read-mapping.ts";
import { mappingText, problemsOf } from "./mappings.ts";

test("a path with wildcards names an element around the present one", () => {
  const each = "each: $.blocks[*]['a.b'][*].logs[*].data";
  const names = [
    "$.blocks[*].number",
    "$.blocks[*]",
    "$.blocks[*]['a.b'][*].hash[0]",
    "$.blocks[*]['a.b'][*].logs[*].x",
  ];
  const { references } = parseMapping(mappingText([`who: { first: ${JSON.stringify(names)} }`], [each]), "m.yaml");
  assert.deepEqual(
    references.filter(({ of }) => of === "enclosing"),
    [
      { of: "enclosing", name: names[0], level: 0, steps: ["number"] },
      { of: "enclosing", name: names[1], level: 0, steps: [] },
      { of: "enclosing", name: names[2], level: 1, steps: ["hash", 0] },
      { of: "enclosing", name: names[3], level: 2, steps: ["x"] },
    ],
  );
  const other = (name: string, ...head: string[]): string =>
    problemsOf(mappingText([`who: { path: ${JSON.stringify(name)} }`], [each, ...head])).join();
  for (const name of [
    "$.blocks[*].txs[*].x",
    "$[*].x",
    "$.blocks[0]['a.b'][*]",
    "$.blocks[*]['a.b'][*].logs[*].data[*]",
    "$.BLOCKS[*].x",
  ]) {
    assert.equal(
      other(name).replace(/^line [0-9]+: /, ""),
      `swaps[0].who.path: ${name} has [*] where \`each\` has none; a path with [*] names an element around the present one, and begins with $.blocks[*] or $.blocks[*]['a.b'][*] or $.blocks[*]['a.b'][*].logs[*]`,
    );
  }
  const alike = mappingText(["who: $.BLOCKS[*].x"], [each, "ignore_case: true"]);
  assert.ok(parseMapping(alike, "m.yaml").references.some(({ of }) => of === "enclosing"));
  const long = `each: $.a${"[*]".repeat(31)}`;
  assert.match(
    problemsOf(mappingText(["who: $.b[*]"], [long])).join(),
    /with \$\.a\[\*\] or \$\.a(\[\*\]){2} or \$\.a(\[\*\]){3} or \$\.a(\[\*\]){4} or \.\.\.$/,
  );
  assert.match(problemsOf(mappingText([`who: "$.a${"[*]".repeat(31)}.b"`], [long])).join(), /has 33 names and indexes/);
});
