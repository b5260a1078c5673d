/** Comparisons of two commits, and profiles, in a small repository that has the real runner and a made-up benchmark. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { comparisonText } from "../../bench/against/comparison.ts";
import type { Row } from "../../bench/report.ts";
import { tempDir } from "../../server/test/support/tmp.ts";
import { REPOSITORY } from "../house/repository.ts";

const RUNNER = ["run.ts", "report.ts", "against", "profile", "support"];

/** A benchmark that reports two values: one from a file of its own commit, one from a package that both commits share. */
const SAMPLE = `import { value } from "@small/space";
import { factor } from "factor";
import { report } from "./report.ts";
report({ what: "speed", goal: "none", figure: \`\${value * factor} us\`, met: undefined, note: "Why.", values: { us: value * factor } });
`;

/** Works in its own thread and in a worker, which it terminates. */
const BUSY = `import { isMainThread, parentPort, Worker } from "node:worker_threads";
function spin(): void {
  const untilMs = performance.now() + 200;
  // The function spends nearly all of its time in its own code. Reading the clock takes little.
  do for (let i = 0; i < 1e6; i++) globalThis.sum = (globalThis.sum ?? 0) + Math.sqrt(i);
  while (performance.now() < untilMs);
}
spin();
if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  worker.once("message", () => void worker.terminate());
} else parentPort!.postMessage("done");
`;

type Small = { readonly folder: string; readonly tmp: string };

function commitAll(folder: string, message: string): void {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: folder, stdio: "pipe" });
  git("add", "--all");
  git("-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "--message", message);
}

function writeValue(folder: string, value: number): void {
  writeFileSync(join(folder, "space/index.js"), `export const value = ${value};\n`);
}

/** A repository with two commits: the first has the value 10 and no benchmark \`late\`. The working tree has the value 15. */
function smallRepository(t: TestContext): Small {
  const [folder, tmp] = [tempDir(t, "against"), tempDir(t, "against-tmp")];
  for (const name of RUNNER) cpSync(join(REPOSITORY, "bench", name), join(folder, "bench", name), { recursive: true });
  mkdirSync(join(folder, "space"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module", "workspaces": ["space"] }\n');
  writeFileSync(
    join(folder, "space/package.json"),
    '{ "name": "@small/space", "type": "module", "exports": "./index.js" }\n',
  );
  writeFileSync(join(folder, ".gitignore"), "node_modules/\n");
  writeFileSync(join(folder, "bench/sample.ts"), SAMPLE);
  writeFileSync(join(folder, "bench/silent.ts"), "");
  writeFileSync(join(folder, "bench/stuck.ts"), 'console.log("stuck here");\nsetInterval(() => {}, 1000);\n');
  writeValue(folder, 10);
  const packages = join(folder, "node_modules");
  mkdirSync(join(packages, "@small"), { recursive: true });
  symlinkSync("../../space", join(packages, "@small/space"));
  mkdirSync(join(packages, "factor"));
  writeFileSync(
    join(packages, "factor/package.json"),
    '{ "name": "factor", "type": "module", "exports": "./index.js" }\n',
  );
  writeFileSync(join(packages, "factor/index.js"), "export const factor = 2;\n");
  execFileSync("git", ["init", "--quiet"], { cwd: folder });
  commitAll(folder, "The first");
  writeFileSync(join(folder, "bench/late.ts"), SAMPLE);
  commitAll(folder, "The second");
  writeValue(folder, 15);
  return { folder, tmp };
}

function start({ folder, tmp }: Small, args: readonly string[]) {
  const child = spawn(process.execPath, ["bench/run.ts", ...args], {
    cwd: folder,
    env: { ...process.env, TMPDIR: tmp },
  });
  const seen = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    seen.out += piece;
  });
  child.stderr.setEncoding("utf8").on("data", (piece: string) => {
    seen.err += piece;
  });
  const closed = once(child, "close").then(([code]) => ({ ...seen, code: code as number | null }));
  return { child, closed };
}

const run = (small: Small, ...args: readonly string[]) => start(small, args).closed;

function assertNothingLeft({ folder, tmp }: Small): void {
  assert.deepEqual(readdirSync(tmp), []);
  const list = execFileSync("git", ["worktree", "list"], { cwd: folder, encoding: "utf8" });
  assert.equal(list.trim().split("\n").length, 1, list);
}

test("old and new run in turn, each with its own sources and the same packages, and nothing is left", async (t) => {
  const small = smallRepository(t);
  const { out, err, code } = await run(small, "--against", "HEAD~1", "sample", "--pairs", "2");
  assert.equal(code, 0, err);
  assert.deepEqual(
    out.match(/== sample, (old|new)/g),
    ["old", "new", "new", "old"].map((one) => `== sample, ${one}`),
  );
  assert.match(out, /old is [0-9a-f]+ The first\n/);
  assert.match(out, /\nspeed\n {2}value +old +new +new \/ old +range\n {2}us +20 +30 +1\.500 +1\.500 to 1\.500\n/);
  assertNothingLeft(small);
});

test("a benchmark or a commit that does not exist is named, and nothing is left", async (t) => {
  const small = smallRepository(t);
  const late = await run(small, "--against", "HEAD~1", "late");
  assert.equal(late.code, 2);
  assert.match(late.err, /^HEAD~1 has no benchmark late: bench\/late\.ts does not exist there\./m);
  const unknown = await run(small, "--against", "nowhere", "sample");
  assert.equal(unknown.code, 2);
  assert.match(unknown.err, /^nowhere is no commit of this repository\./m);
  const silent = await run(small, "--against", "HEAD~1", "silent");
  assert.equal(silent.code, 1);
  assert.match(silent.err, /^silent of the old program reported no rows/m);
  assertNothingLeft(small);
});

test("a failing benchmark and an interrupt leave nothing behind", async (t) => {
  const small = smallRepository(t);
  writeFileSync(join(small.folder, "bench/sample.ts"), "process.exitCode = 3;\n");
  const failing = await run(small, "--against", "HEAD", "sample", "--pairs", "1");
  assert.equal(failing.code, 1);
  assert.match(failing.err, /^sample of the new program failed/m);
  assertNothingLeft(small);
  const { child, closed } = start(small, ["--against", "HEAD", "stuck"]);
  for await (const piece of child.stdout) if (String(piece).includes("stuck here")) break;
  child.kill("SIGINT");
  assert.equal((await closed).code, 130);
  assertNothingLeft(small);
});

test("a profile has all threads of a benchmark, also one that is terminated, and leaves nothing", async (t) => {
  const small = smallRepository(t);
  writeFileSync(join(small.folder, "bench/busy.ts"), BUSY);
  const { out, err, code } = await run(small, "profile", "busy", "--under", "spin", "--top", "1");
  assert.equal(code, 0, err);
  assert.match(out, /^Profile of busy: .* samples of 2 threads/m);
  assert.match(out, /^benchmark itself +\d+ +\d/m);
  assert.match(out, /^spin bench\/busy\.ts:2 /m);
  const none = await run(small, "profile", "busy", "--threads-with", "nothing has this name");
  assert.equal(none.code, 1);
  assert.match(none.err, /^No sample of busy is left: 0 threads were profiled\./m);
  assertNothingLeft(small);
});

test("wrong arguments are named", async (t) => {
  const small = smallRepository(t);
  const refused = async (message: RegExp, ...args: string[]) => {
    const { code, err } = await run(small, ...args);
    assert.equal(code, 2);
    assert.match(err, message);
  };
  await refused(/No benchmark is named other/, "other");
  await refused(/Name exactly one benchmark/, "--against", "HEAD");
  await refused(/Name exactly one benchmark/, "profile", "sample", "late");
  await refused(/--pairs 0 is no number from 1 to 100/, "--against", "HEAD", "sample", "--pairs", "0");
  await refused(/--pairs 101 is no number/, "--against", "HEAD", "sample", "--pairs", "101");
  await refused(/--top x is no number from 1 to 200/, "profile", "sample", "--top", "x");
  await refused(/--write does not go with/, "--against", "HEAD", "sample", "--write");
  await refused(/--in-process goes with --against alone/, "--in-process");
  await refused(/--in-process goes with --against alone/, "--against", "HEAD", "--in-process", "sample");
  await refused(/nowhere is no commit/, "--against", "nowhere", "--in-process");
  const help = await run(small, "--help");
  assert.equal(help.code, 0);
  assert.match(help.out, /npm run bench -- --against COMMIT NAME/);
});

const row = (what: string, figure: string, values?: Row["values"]): Row => ({
  ...{ what, goal: "none", figure, met: undefined, note: "Why." },
  ...(values === undefined ? {} : { values }),
});

/** The cells of the line that begins with this. */
function cellsOf(text: string, name: string): string[] {
  const line = text.split("\n").find((one) => one.trim().startsWith(name));
  return line?.trim().split(/ {2,}/) ?? [];
}

test("the ratio is the median of the ratios of all pairs, with their range, and not the ratio of the medians", () => {
  const pairs = [
    { old: [row("a", "", { us: 10 })], new: [row("a", "", { us: 11 })] },
    { old: [row("a", "", { us: 20 })], new: [row("a", "", { us: 10 })] },
    { old: [row("a", "", { us: 40 })], new: [row("a", "", { us: 36 })] },
  ];
  assert.deepEqual(cellsOf(comparisonText(pairs), "us"), ["us", "20", "11", "0.900", "0.500 to 1.100"]);
  assert.deepEqual(cellsOf(comparisonText(pairs.slice(0, 2)), "us"), ["us", "15", "10.5", "0.800", "0.500 to 1.100"]);
});

test("a row without values on one side is compared by the numbers in the texts of both figures", () => {
  const text = comparisonText([
    {
      old: [row("a", "0.43 times (122k swaps/s against 3,000 in -2 s)")],
      new: [row("a", "0.86 times (61k swaps/s against 3,300 in -1 s)", { times: 9 })],
    },
  ]);
  assert.deepEqual(cellsOf(text, "1."), ["1. times", "0.43", "0.86", "2.000", "2.000 to 2.000"]);
  assert.deepEqual(cellsOf(text, "2."), ["2. k", "122", "61", "0.500", "0.500 to 0.500"]);
  assert.deepEqual(cellsOf(text, "3."), ["3. in", "3000", "3300", "1.100", "1.100 to 1.100"]);
  assert.deepEqual(cellsOf(text, "4."), ["4. s", "-2", "-1", "0.500", "0.500 to 0.500"]);
});

test("rows and units that only one side has are named", () => {
  const text = comparisonText([
    {
      old: [row("gone", "1 s"), row("other unit", "999 MB"), row("both", "1 s")],
      new: [row("both", "2 s"), row("other unit", "1.1 GB"), row("fresh", "1 s")],
    },
  ]);
  assert.match(text, /^gone\n {2}only the old program has this row$/m);
  assert.match(text, /^fresh\n {2}only the new program has this row$/m);
  assert.match(text, /^other unit\n {2}the rows of old and new have no number in common$/m);
  assert.deepEqual(cellsOf(text, "1."), ["1. s", "1", "2", "2.000", "2.000 to 2.000"]);
});
