import assert from "node:assert/strict";
import { test } from "node:test";
import { addProfile, type CpuProfile, noSums, urlToPath } from "../../bench/profile/cpu-profile.ts";
import { profileText } from "../../bench/profile/profile-text.ts";

const ROOT = "/repo";
const RULES = [
  { part: "settling", path: "engine/upkeep.ts", withCalls: true },
  { part: "image", path: "engine/memory/", withCalls: false },
  { part: "apply", path: "engine/", withCalls: false },
];

type Call = {
  readonly name: string;
  readonly file?: string;
  readonly us?: readonly number[];
  readonly calls?: readonly Call[];
};

/** A profile in V8's form of a tree of calls, each with the times of its samples. */
function profileOf(...calls: readonly Call[]): CpuProfile {
  const nodes: { id: number; callFrame: CpuProfile["nodes"][number]["callFrame"]; children: number[] }[] = [];
  const samples: number[] = [];
  const timeDeltas: number[] = [];
  const add = ({ name, file, us = [], calls = [] }: Call): number => {
    const id = nodes.length + 1;
    const url = file === undefined || file.startsWith("node:") ? (file ?? "") : `file://${file}`;
    const node = { id, callFrame: { functionName: name, url, lineNumber: 9 }, children: [] as number[] };
    nodes.push(node);
    for (const each of us) {
      samples.push(id);
      timeDeltas.push(each);
    }
    node.children.push(...calls.map(add));
    return id;
  };
  add({ name: "(root)", calls });
  return { nodes, samples, timeDeltas };
}

const PROFILE = profileOf(
  { name: "(idle)", us: [5000] },
  { name: "(garbage collector)", us: [300] },
  {
    name: "apply",
    file: "/repo/engine/applier.ts",
    us: [1000, -5],
    calls: [
      { name: "find", file: "/repo/engine/memory/index.ts", us: [200], calls: [{ name: "set", us: [50] }] },
      {
        name: "visit",
        file: "/repo/engine/upkeep.ts?copy=1",
        us: [100],
        calls: [
          { name: "find", file: "/repo/engine/memory/index.ts", us: [400] },
          { name: "visit", file: "/repo/engine/upkeep.ts", us: [30] },
        ],
      },
      { name: "", file: "/repo/other/a.ts", us: [7] },
    ],
  },
);

function sumsOf(under = "", profiles: readonly CpuProfile[] = [PROFILE]) {
  const sums = noSums();
  for (const profile of profiles) addProfile(sums, profile, { root: ROOT, rules: RULES, under });
  return sums;
}

test("each sample is in one part, native code is in its caller's, and a part with calls has everything below it", () => {
  const sums = sumsOf();
  assert.deepEqual(Object.fromEntries(sums.parts), {
    "garbage collector": 300,
    apply: 1000,
    image: 250,
    settling: 530,
    "other scripts": 7,
  });
  assert.equal(sums.totalUs, 2087);
  assert.equal(sums.idleUs, 5000);
  assert.equal(sums.samples, 9);
});

test("a function has its own time, and once the time of its calls even if it calls itself", () => {
  const { functions } = sumsOf();
  const timeOf = (name: string) => ({ ...functions.get(name), name: undefined });
  const time = (selfUs: number, inclusiveUs: number) => ({ name: undefined, selfUs, inclusiveUs });
  assert.deepEqual(timeOf("apply engine/applier.ts:10"), time(1000, 1787));
  assert.deepEqual(timeOf("visit engine/upkeep.ts:10"), time(130, 530));
  assert.deepEqual(timeOf("find engine/memory/index.ts:10"), time(600, 650));
  assert.deepEqual(timeOf("(anonymous) other/a.ts:10"), time(7, 7));
});

test("a scope takes the samples below a function alone, and several threads add up", () => {
  const below = sumsOf("visit");
  assert.deepEqual(Object.fromEntries(below.parts), { settling: 530 });
  assert.equal(below.totalUs, 530);
  assert.equal(below.samples, 3);
  assert.equal(sumsOf("", [PROFILE, PROFILE]).totalUs, 2 * 2087);
  assert.equal(sumsOf("nothing has this name").totalUs, 0);
});

test("an empty profile adds nothing", () => {
  assert.equal(sumsOf("", [{ nodes: [] }, profileOf()]).totalUs, 0);
});

test("the tables have the parts in order and the functions with the most time, in 100 columns", () => {
  const far = profileOf({ name: "far", file: `/repo/${"folder/".repeat(20)}end.ts`, us: [9000] });
  const text = profileText(sumsOf("", [PROFILE, far]), 2, 2);
  const lines = text.split("\n");
  assert.match(lines[0]!, /^0\.01 s in 10 samples of 2 threads, without 0\.01 s idle\.$/);
  const parts = lines.slice(lines.findIndex((line) => line.startsWith("part ")) + 1).slice(0, 3);
  assert.deepEqual(
    parts.map((line) => line.split(/ {2,}/)),
    [
      ["other scripts", "9", "81.2"],
      ["apply", "1", "9.0"],
      ["settling", "1", "4.8"],
    ],
  );
  const tables = text.slice(text.indexOf("function "));
  assert.equal(tables.match(/end\.ts:10 +9 /g)?.length, 2);
  assert.equal(tables.match(/^apply /gm)?.length, 2);
  assert.doesNotMatch(tables, /find/);
  assert.ok(
    lines.every((line) => line.length <= 100),
    text,
  );
  assert.match(text, /^….*folder\/end\.ts:10 +9 /m);
});

test("paths begin after the root, and packages with their folder", () => {
  assert.equal(urlToPath("file:///repo/a/b.ts?x=1", ROOT), "a/b.ts");
  assert.equal(urlToPath("file:///repo/node_modules/p/node_modules/q/i.js", ROOT), "node_modules/q/i.js");
  assert.equal(urlToPath("file:///repository/a.ts", ROOT), "/repository/a.ts");
  assert.equal(urlToPath("node:fs", ROOT), "node:fs");
  assert.equal(urlToPath("", ROOT), "");
});
