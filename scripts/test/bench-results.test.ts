import assert from "node:assert/strict";
import { test } from "node:test";
import type { Row } from "../../bench/report.ts";
import { resultsText } from "../../bench/support/results-file.ts";

const row = (what: string, met?: boolean): Row => ({ what, goal: "at most 1 | 2 s", figure: "1 s", met, note: "Why." });
const run = { machine: "a machine", versions: "Node" };
const rowsOf = (text: string): string[] => text.split("\n").filter((line) => line.startsWith("| ") && /`/.test(line));

test("a run of some benchmarks replaces only their rows, and each row keeps its date", () => {
  const first = resultsText(undefined, {
    ...run,
    measured: "day 1, aaa",
    names: ["a", "b", "c-1"],
    results: [
      { name: "a", rows: [row("a", true)], failed: false },
      { name: "c-1", rows: [row("c", false), row("d")], failed: false },
    ],
  });
  assert.deepEqual(rowsOf(first), [
    "| a | at most 1 \\| 2 s | 1 s | yes | Why. | day 1, aaa | `a` |",
    "| c | at most 1 \\| 2 s | 1 s | no | Why. | day 1, aaa | `c-1` |",
    "| d | at most 1 \\| 2 s | 1 s |  | Why. | day 1, aaa | `c-1` |",
  ]);
  const second = resultsText(first, {
    ...run,
    measured: "day 2, bbb",
    names: ["a", "b", "c-1"],
    results: [
      { name: "b", rows: [row("b", true)], failed: false },
      { name: "c-1", rows: [row("e", true)], failed: false },
    ],
  });
  assert.deepEqual(rowsOf(second), [
    "| a | at most 1 \\| 2 s | 1 s | yes | Why. | day 1, aaa | `a` |",
    "| b | at most 1 \\| 2 s | 1 s | yes | Why. | day 2, bbb | `b` |",
    "| e | at most 1 \\| 2 s | 1 s | yes | Why. | day 2, bbb | `c-1` |",
  ]);
});

test("a failed benchmark keeps its rows and is named, and a deleted one is removed", () => {
  const results = ["a", "b"].map((name) => ({ name, rows: [row(name, true)], failed: false }));
  const before = resultsText(undefined, { ...run, measured: "day 1, aaa", names: ["a", "b"], results });
  const failed = [{ name: "b", rows: [row("half")], failed: true }];
  const text = resultsText(before, { ...run, measured: "day 2, bbb", names: ["b"], results: failed });
  assert.deepEqual(rowsOf(text), ["| b | at most 1 \\| 2 s | 1 s | yes | Why. | day 1, aaa | `b` |"]);
  assert.match(text, /^- failed in the newest run, so their earlier rows stay: b$/m);
});
