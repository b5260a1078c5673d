import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { makeProgram } from "../../src/cli/program.ts";
import { Progress, progressLine } from "../../src/cli/progress.ts";
import { runCli } from "../../src/cli/run.ts";
import { displayWidth, safeText, tableLines } from "../../src/cli/table.ts";
import { memoryOutput } from "../support/memory-output.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");
const MAIN = join(REPOSITORY, "server/src/main.ts");
const never = new AbortController().signal;

/** Returns a port without a listener: one that was free a moment ago. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const output = memoryOutput();
  const code = await runCli(args, output, never);
  return { code, out: output.outText(), err: output.errText() };
}

describe("command line", () => {
  test("version and help end with 0", async () => {
    const { version } = JSON.parse(readFileSync(join(REPOSITORY, "server/package.json"), "utf8")) as {
      version: string;
    };
    assert.deepEqual(await cli("--version"), { code: 0, out: `${version}\n`, err: "" });
    const help = await cli("--help");
    assert.equal(help.code, 0);
    assert.match(help.out, /Examples:/);
    assert.equal((await cli("help", "replay")).code, 0);
  });

  test("every command has a description, and help with an example", async () => {
    const program = makeProgram(memoryOutput(), never);
    const leaves = program.commands.flatMap((command) =>
      command.commands.length > 0 ? command.commands.map((sub) => [command.name(), sub.name()]) : [[command.name()]],
    );
    assert.deepEqual(
      leaves.map((names) => names.join(" ")),
      [
        "serve",
        "demo",
        "generate",
        "replay",
        "mapping test",
        "mapping guess",
        "feed",
        "top",
        "watch",
        "mcp",
        "audit",
        "history status",
        "history migrate",
        "history verify",
        "history compact",
        "history export",
        "history import",
        "history repair",
        "config check",
        "config init",
        "config show",
        "checkpoint inspect",
        "log verify",
        "backup",
        "key create",
        "key list",
        "token mint",
        "topic ensure",
        "help",
      ],
    );
    for (const names of leaves) {
      const { code, out } = await cli(...names, "--help");
      assert.equal(code, 0);
      assert.match(out, new RegExp(`Examples?:\n {2}.*swapstats ${names.join(" ")}`), names.join(" "));
    }
  });

  test("docs/command-line.md names every command and every option", async () => {
    const text = readFileSync(join(REPOSITORY, "docs/command-line.md"), "utf8");
    const program = makeProgram(memoryOutput(), never);
    const commands = program.commands.flatMap((command) =>
      command.commands.length > 0 ? [...command.commands] : [command],
    );
    for (const command of commands) {
      const parent = command.parent === program ? "" : `${command.parent?.name()} `;
      const heading = `## ${parent}${command.name()}`;
      const from = text.indexOf(`\n${heading}\n`);
      assert.notEqual(from, -1, heading);
      const next = text.indexOf("\n## ", from + 1);
      const section = text.slice(from, next === -1 ? undefined : next);
      for (const { long } of command.options) assert.ok(section.includes(`\`${long}`), `${heading}: ${long}`);
    }
  });

  test("wrong usage ends with 2 and an explanation of the correct usage", async () => {
    const cases: [string[], RegExp][] = [
      [[], /Usage: swapstats/],
      [["sevre"], /unknown command 'sevre'/],
      [["serve", "--prot", "1"], /unknown option '--prot'\n\(Did you mean --port\?\)/],
      [["serve", "--port", "65536"], /Give a whole number from 0 to 65535/],
      [["replay"], /give files of swaps, - for standard input, or --history/],
      [["replay", "x", "--order", "up"], /Allowed choices are auto, file, time/],
      [["generate"], /required option '--to <target>'/],
      [["generate", "--to", "kafka:topic"], /Use ndjson, http, kafka, kafka:\/\/HOST:PORT\/TOPIC/],
      [["generate", "--to", "ndjson", "--rate", "0"], /Give a number from/],
      [["generate", "--to", "ndjson", "--late", "2"], /Give a share from 0 to 1/],
      [["generate", "--to", "ndjson", "--disorder", "30"], /It is not a duration; write a whole number and a unit/],
      [["generate", "--to", "ndjson", "--start", "1767225600"], /Numbers are milliseconds, not seconds/],
      [["generate", "--to", "ndjson", "--start", "2026-01-01 00:00"], /Write a time such as/],
      [["generate", "--to", "ndjson", "--late", "0.6", "--removed", "60%"], /sum up to more than 1/],
      [["top", "--sort", "beauty"], /is not a figure by which tokens can be ranked\. Use one of trades, buys, /],
      [["top", "--url", "ftp://x"], /Give the address of a service/],
      [["token", "mint", "--sub", "x"], /security\.dev_tokens is off/],
      [["token", "mint", "--sub", "x", "--ttl", "999ms"], /Give at least 1s/],
      [["key", "create", "a b"], /letters, digits/],
      [["key", "create", "a", "--scope", "read,write"], /Give read, ingest or admin/],
      [["key", "list"], /No file of keys is named/],
      [["top", "--token", "two words"], /It is empty or holds spaces/],
      [["top", "--token", "env:SWAPSTATS_TEST_ABSENT"], /It is empty or holds spaces/],
      [["top", "--token", "file:/absent"], /The file of the token cannot be read/],
      [["top", "--ca", "/absent"], /It cannot be used: ENOENT/],
      [["unknown"], /unknown command 'unknown'/],
    ];
    for (const [args, pattern] of cases) {
      const { code, out, err } = await cli(...args);
      assert.match(out + err, pattern, args.join(" "));
      assert.equal(code, 2, args.join(" "));
    }
  });

  test("an unreachable service ends a command with 1 and a solution", async () => {
    const url = `http://127.0.0.1:${await closedPort()}`;
    for (const args of [["top"], ["watch", "WETH"], ["generate", "--to", "http", "--count", "1"]]) {
      const { code, err } = await cli(...args, "--url", url);
      assert.equal(code, 1, args.join(" "));
      assert.match(err, /cannot be reached \(ECONNREFUSED\); start .*swapstats serve/);
    }
  });

  test("config check and show", async () => {
    assert.deepEqual(await cli("config", "check"), { code: 0, out: "The configuration is fine.\n", err: "" });
    const bad = await cli("config", "check", "--config", "/nowhere.yaml");
    assert.equal(bad.code, 1);
    assert.match(bad.err, /^swapstats: the configuration has 1 problem:\n {2}\/nowhere\.yaml: cannot be read/);
    assert.match((await cli("config", "show")).out, /^data_dir: "\.\/data"\ningest:\n/);
    assert.equal(JSON.parse((await cli("config", "show", "--format", "json")).out).windows.list.length, 7);
  });

  test("generate writes the requested number of records, and the same records for the same seed", async () => {
    const args = ["generate", "--to", "ndjson", "--count", "3000", "--removed", "1%", "--seed", "9"];
    const first = await cli(...args);
    assert.equal(first.code, 0);
    assert.equal(first.out.split("\n").length, 3_001);
    const { event_time } = JSON.parse(first.out.split("\n")[0] as string) as { event_time: number };
    const startMs = Date.UTC(2026, 0, 1);
    assert.ok(event_time <= startMs && event_time >= startMs - 30_000, String(event_time));
    assert.equal((await cli(...args)).out, first.out);
    assert.notEqual((await cli(...args.slice(0, -1), "10")).out, first.out);
  });
});

describe("the program as a process", () => {
  function run(
    args: string[],
    use: (child: ReturnType<typeof spawn>) => void,
  ): Promise<{ code: number | null; err: string }> {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    let err = "";
    child.stderr?.on("data", (part: Buffer) => {
      err += part;
    });
    use(child);
    return new Promise((resolve) => child.on("close", (code) => resolve({ code, err })));
  }

  test("a closed pipe ends generate without a failure", async () => {
    const result = await run(["generate", "--to", "ndjson"], ({ stdout }) =>
      stdout?.once("data", () => stdout.destroy()),
    );
    assert.deepEqual(result, { code: 0, err: "" });
  });

  test("an interrupt ends generate after a whole record", async () => {
    let last = 0;
    const result = await run(["generate", "--to", "ndjson"], (child) => {
      child.stdout?.once("data", () => child.kill("SIGINT"));
      child.stdout?.on("data", (part: Buffer) => {
        last = part.at(-1) ?? last;
      });
    });
    assert.equal(result.code, 0, result.err);
    assert.equal(last, 10);
  });
});

describe("progress", () => {
  test("progress shows rate, share and remaining time", () => {
    assert.equal(
      progressLine({ records: 1_200_000, bytesDone: 40, bytesAll: 100 }, 4),
      "1,200,000 swaps, 300,000/s, 40 %, 6 s remaining",
    );
    assert.equal(progressLine({ records: 10, bytesDone: 0, bytesAll: 0 }, 2), "10 swaps, 5/s");
  });

  test("progress is one line on a terminal, plain lines elsewhere, and absent for short operations", () => {
    const state = { records: 1, bytesDone: 0, bytesAll: 0 };
    const terminal = { ...memoryOutput(), errIsTerminal: true };
    const texts: string[] = [];
    const progress = new Progress({ ...terminal, errDraw: (text) => void texts.push(text) }, "replay", 0);
    progress.update(state, 500);
    assert.equal(texts.length, 0);
    progress.update(state, 1_000);
    progress.update(state, 1_100);
    progress.update(state, 1_300);
    progress.end();
    assert.equal(texts.length, 3);
    assert.ok(texts[0]?.startsWith("\r\x1b[2Kreplay: 1 swaps"));
    assert.equal(texts[2], "\r\x1b[2K");
    const plain = memoryOutput();
    const other = new Progress(plain, "replay", 0);
    for (let ms = 0; ms <= 20_000; ms += 100) other.update(state, ms);
    other.end();
    assert.equal(plain.errText().split("\n").length - 1, 3);
  });
});

describe("tables", () => {
  test("columns are as wide as their widest cell", () => {
    const columns = [
      { title: "a", align: "left" },
      { title: "b", align: "right" },
    ] as const;
    assert.deepEqual(
      tableLines(columns, [
        ["long", "1"],
        ["", "1234"],
      ]),
      ["a        b", "long     1", "      1234"],
    );
  });

  test("texts from outside are made printable and cut by their width", () => {
    assert.equal(safeText("a\x1b[31mb\nc\u202e", 20), "a?[31mb?c?");
    assert.equal(safeText("abcdef", 4), "abc…");
    assert.equal(displayWidth("狗狗币🐶"), 8);
    assert.equal(safeText("狗狗币", 5), "狗狗…");
  });
});
