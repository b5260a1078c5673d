import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { initialYaml } from "../../src/config/init.ts";
import { loadConfig } from "../../src/config/load.ts";
import { showJson, showYaml } from "../../src/config/show.ts";
import { tempDir } from "../support/tmp.ts";

function fileOf(t: TestContext, yaml: string): string {
  const path = join(tempDir(t, "config"), "config.yaml");
  writeFileSync(path, yaml);
  return path;
}

function load(t: TestContext, yaml: string, env: Record<string, string> = {}) {
  return loadConfig({ filePath: fileOf(t, yaml), env });
}

function problemsOf(t: TestContext, yaml: string, env: Record<string, string> = {}): string[] {
  try {
    load(t, yaml, env);
  } catch (error) {
    const lines = (error as Error).message.split("\n").slice(1);
    return lines.map((line) => line.trim().replaceAll(/ \(\/[^)]*config\.yaml:([0-9]+)\)/g, " (line $1)"));
  }
  return [];
}

const TWO = `ingest:
  feeders:
    - type: file
      name: trades
      path: /data/trades.ndjson
      poll: 5s
    - type: postgres
      name: table
      hosts: db:5432
      database: d
      user: u
      password: env:DB_PASSWORD
      tls:
        enabled: on
      table: trades
`;

test("each entry has the keys of its type, with their defaults and secrets", (t) => {
  const { config } = load(t, TWO, { DB_PASSWORD: "secret" });
  assert.ok(config.ingest.source === "embedded");
  const [file, table] = config.ingest.feeders;
  assert.deepEqual(file, {
    ...{ type: "file", name: "trades", mapping: undefined, path: "/data/trades.ndjson", from: "start", pollMs: 5_000 },
  });
  assert.ok(table?.type === "postgres");
  assert.deepEqual([table.name, table.password, table.tls.isOn, table.table], ["table", "secret", true, "trades"]);
});

test("config show lists the entries, hides their secrets, and its YAML loads to the same", (t) => {
  const { settings, config } = load(t, TWO, { DB_PASSWORD: "hunter2" });
  const yaml = showYaml(settings);
  assert.doesNotMatch(yaml + showJson(settings), /hunter2/);
  assert.match(yaml, / {2}feeders:\n {4}- type: "file" # file\n {6}name: "trades" # file\n/);
  const again = load(t, yaml.replace(/password: .*/, "password: env:DB_PASSWORD"), { DB_PASSWORD: "hunter2" });
  assert.deepEqual(again.config, config);
  const { ingest } = JSON.parse(showJson(settings));
  assert.deepEqual(
    ingest.feeders.map((entry: { type: string; name: string }) => [entry.type, entry.name]),
    [
      ["file", "trades"],
      ["postgres", "table"],
    ],
  );
  assert.equal(ingest.feeders[1].tls.enabled, "on");
});

test("config init shows an entry of each type, and its examples load without their marks", (t) => {
  const lines = initialYaml().split("\n");
  const at = lines.findIndex((line) => line.includes("#   - type: file"));
  const entry = lines.slice(at, at + 4).map((line) => line.replace("#", " "));
  assert.match(entry.join("\n"), /- type: file\n\s+name:/);
  assert.deepEqual(load(t, initialYaml()).config, load(t, "").config);
});

test("problems have the path of the entry, the line, and what to do", (t) => {
  const head = "ingest:\n  feeders:\n";
  const cases: [string, RegExp[]][] = [
    ["    - name: a\n", [/^ingest\.feeders\[0\] \(line 3\): has no type; write type: file or postgres/]],
    [
      "    - type: fil\n      name: a\n",
      [/^ingest\.feeders\[0\]\.type \(line 3\): "fil" is none of file, .*did you mean file\?/],
    ],
    [
      "    - type: file\n      path: x\n",
      [/^ingest\.feeders\[0\]\.name \(line 3\): is not set, and type file needs it/],
    ],
    [
      "    - type: file\n      name: a\n      pth: x\n",
      [/\[0\]\.pth \(line 5\): is not a key of type file; did you mean path\?/, /\[0\]\.path .*is not set/],
    ],
    [
      "    - type: file\n      name: A b\n      path: x\n",
      [/\[0\]\.name \(line 4\): "A b" does not fit; write 1 to 64 bytes of lower-case/],
    ],
    [
      "    - type: file\n      name: a\n      path: x\n      table: t\n",
      [/\[0\]\.table \(line 6\): is not a key of type file/],
    ],
    [
      "    - type: file\n      name: a\n      path: x\n      poll: soon\n",
      [/\[0\]\.poll \(line 6\): "soon" is not a duration/],
    ],
    ["    - text\n", [/^ingest\.feeders\[0\] \(line 3\): is not a section/]],
    [
      "    - {type: file, name: a, path: x}\n    - {type: file, name: a, path: y}\n",
      [/\[1\]\.name \(line 4\): "a" is the name of ingest\.feeders\[0\] as well/],
    ],
    [
      "    - type: postgres\n      name: a\n      password: secret\n",
      [/\[0\]\.password \(line 5\): holds a secret in clear/],
    ],
    ["    - type: file\n      name: a\n      path: {x: 1}\n", [/\[0\]\.path \(line 5\): is a section/]],
  ];
  for (const [entries, messages] of cases) {
    const problems = problemsOf(t, head + entries);
    for (const message of messages)
      assert.ok(
        problems.some((line) => message.test(line)),
        `${entries}${problems.join("\n")}`,
      );
    assert.equal(problems.length, messages.length, problems.join("\n"));
  }
});

test("feeders are a list in the file, of at most 16, beside a log of this service", (t) => {
  const entries = (count: number): string =>
    `ingest:\n  feeders:\n${Array.from({ length: count }, (_, i) => `    - {type: file, name: f${i}, path: x}\n`).join("")}`;
  const { ingest } = load(t, entries(16)).config;
  assert.equal(ingest.source === "embedded" && ingest.feeders.length, 16);
  assert.match(problemsOf(t, entries(17)).join(), /^ingest\.feeders: has 17 entries; give at most 16$/);
  for (const form of ["ingest:\n  feeders: file\n", "ingest:\n  feeders: {type: file}\n"]) {
    assert.match(problemsOf(t, form).join(), /^ingest\.feeders \(line 2\): is .*a list of sections is needed/);
  }
  assert.deepEqual(problemsOf(t, "ingest:\n  feeders: []\n"), []);
  const onKafka = `${entries(1)}  source: kafka\n  brokers: k:9092\n`;
  assert.match(problemsOf(t, onKafka).join(), /ingest\.feeders: is set, and ingest\.source is kafka.*swapstats feed/);
  const variable = problemsOf(t, "", { SWAPSTATS_INGEST_FEEDERS_0_PATH: "x" }).join();
  assert.match(
    variable,
    /SWAPSTATS_INGEST_FEEDERS_0_PATH .*only the configuration file|names no key; feeders are a list/,
  );
});
