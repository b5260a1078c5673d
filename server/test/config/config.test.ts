import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { toEngineConfig } from "../../src/config/config.ts";
import { envNameOf, type KeySpec } from "../../src/config/key.ts";
import { CONFIG_KEYS, LATER_KEYS } from "../../src/config/keys.ts";
import { defaultConfig, loadConfig } from "../../src/config/load.ts";
import { readSettings } from "../../src/config/read-settings.ts";
import type { ConfigProblem } from "../../src/config/settings.ts";
import { showJson, showYaml } from "../../src/config/show.ts";
import { finestStepMs, stepOfWindowMs, windowsOf } from "../../src/config/windows.ts";
import type { EngineConfig } from "../../src/engine/types.ts";
import { tempDir } from "../support/tmp.ts";
import { fromEnv, fromYaml, problemsOf } from "./loading.ts";

describe("windows", () => {
  const stepsOf = (list: string): number[] =>
    windowsOf(list.split(","), undefined).windows.map(({ stepMs }) => stepMs / 1_000);

  test("default windows have the steps of the table", () => {
    assert.deepEqual(stepsOf("1m,5m,15m,30m,1h,6h,24h"), [1, 5, 15, 15, 15, 60, 60]);
  });

  test("any other window has the largest step that divides it and is at most a sixtieth of it", () => {
    assert.deepEqual(stepsOf("10s,59s,2m,10m,2h,4h,5h,12h,7d,30d"), [1, 1, 1, 5, 60, 60, 300, 300, 300, 300]);
    // 61 s has 61 steps of one second; 901 s is prime to every larger step; 301 s would fit 5 s but is no multiple of it.
    assert.deepEqual(stepsOf("61s,301s,901s"), [1, 1, 1]);
    assert.equal(stepOfWindowMs(60_000), 1_000);
  });

  test("steps of any windows divide each other, and each divides its window", () => {
    const names = Array.from({ length: 16 }, (_, index) => `${10 + index * 173}s`);
    const { windows, problems } = windowsOf(names, undefined);
    assert.deepEqual(problems, []);
    for (const a of windows) {
      assert.equal(a.lengthMs % a.stepMs, 0);
      for (const b of windows) assert.equal(Math.max(a.stepMs, b.stepMs) % Math.min(a.stepMs, b.stepMs), 0);
    }
    assert.equal(finestStepMs(windows), 1_000);
  });

  test("windows are ordered by length and have their names", () => {
    assert.deepEqual(windowsOf(["24h", "60s", "5m"], 5_000).windows, [
      { name: "60s", lengthMs: 60_000, stepMs: 5_000 },
      { name: "5m", lengthMs: 300_000, stepMs: 5_000 },
      { name: "24h", lengthMs: 86_400_000, stepMs: 5_000 },
    ]);
  });

  test("windows are limited to 1 to 16, 10 s to 30 days, different lengths, and multiples of the step", () => {
    assert.equal(windowsOf(["10s", "30d"], undefined).problems.length, 0);
    assert.match(windowsOf([], undefined).problems.join(), /names no window/);
    assert.match(
      windowsOf(
        Array.from({ length: 17 }, (_, i) => `${i + 1}h`),
        undefined,
      ).problems.join(),
      /17 windows/,
    );
    assert.match(windowsOf(["9s"], undefined).problems.join(), /outside 10s to 30d/);
    assert.match(windowsOf(["31d"], undefined).problems.join(), /outside/);
    assert.match(windowsOf(["1m", "60s"], undefined).problems.join(), /as long as "1m"/);
    assert.match(windowsOf(["1m"], 7_000).problems.join(), /not a multiple of the bucket step 7s/);
    for (const bad of ["", "5", "m", "05m", "1.5h", "5 m", "60000ms", "-1m"]) {
      assert.match(windowsOf([bad], undefined).problems.join(), /is not a window/, bad);
    }
  });
});

describe("loading", () => {
  test("defaults are those of the interface", () => {
    const config = defaultConfig();
    assert.equal(config.dataDir, "./data");
    assert.ok(config.ingest.source === "embedded");
    assert.partialDeepStrictEqual(config.ingest.embedded, {
      partitions: 1,
      retentionMs: 3_600_000,
      retentionBytes: 4 * 2 ** 30,
    });
    assert.deepEqual(
      config.windows.list.map(({ name }) => name),
      ["1m", "5m", "15m", "30m", "1h", "6h", "24h"],
    );
    assert.equal(config.windows.clock, "live");
    assert.deepEqual(
      [config.app.graceMs, config.app.maxSkewMs, config.app.reorgHorizonMs, config.app.snapshotIntervalMs],
      [120_000, 60_000, 900_000, 5_000],
    );
    assert.deepEqual([config.app.readyLagMs, config.app.maxTokens, config.app.exactTraders], [10_000, 2_000_000, 4096]);
    assert.ok(config.app.instanceId.length > 0);
    assert.partialDeepStrictEqual(config.api.http, {
      addr: { host: "127.0.0.1", port: 8080 },
      maxBodyBytes: 16 * 2 ** 20,
      maxBatch: 10_000,
    });
    assert.deepEqual(config.api.cors, []);
    assert.partialDeepStrictEqual(config.api.ws, {
      coalesceMs: 100,
      maxConn: 5000,
      maxSubscriptions: 500,
      maxMessageBytes: 65536,
      maxMessagesPerSec: 20,
      messageBurst: 200,
      maxRows: 10_000,
      maxRowsTotal: 100_000,
      resumeWindowMs: 60_000,
      resumeBytes: 262_144,
    });
    assert.deepEqual(config.metrics.prometheus, { host: "127.0.0.1", port: 9091 });
  });

  test("the engine gets its part of the configuration", () => {
    const engine: EngineConfig = toEngineConfig(
      fromEnv({ SWAPSTATS_APP_CHAINS_56_GRACE: "5s", SWAPSTATS_APP_GRACE: "1m" }),
    );
    assert.equal(engine.graceMs, 60_000);
    assert.deepEqual(engine.chains, new Map([[56, { graceMs: 5_000, reorgHorizonMs: 900_000 }]]));
    assert.equal(engine.windows.length, 7);
  });

  test("the command line overrides the environment, which overrides the file", (t) => {
    const file = fromYaml(t, "app: {grace: 10s, max_skew: 11s, ready_lag: 12s}\nwindows: {list: [5m, 1h]}\n");
    const env = { SWAPSTATS_APP_MAX_SKEW: "21s", SWAPSTATS_APP_READY_LAG: "22s" };
    const { app, windows } = loadConfig({ ...file, env, overrides: { "app.ready_lag": "32s" } }).config;
    assert.deepEqual([app.graceMs, app.maxSkewMs, app.readyLagMs], [10_000, 21_000, 32_000]);
    assert.deepEqual(
      windows.list.map(({ name }) => name),
      ["5m", "1h"],
    );
  });

  test("short forms of variables and values are accepted", () => {
    const { list } = fromEnv({ WINDOWS: "5m,1h,24h", BUCKET_STEP: "5s" }).windows;
    assert.deepEqual(
      list.map(({ name, stepMs }) => `${name}/${stepMs}`),
      ["5m/5000", "1h/5000", "24h/5000"],
    );
    assert.match(
      problemsOf({ env: { WINDOWS: "5m", SWAPSTATS_WINDOWS_LIST: "1h" } }).join(),
      /windows.list \(WINDOWS\): is given by/,
    );
    assert.deepEqual(problemsOf({ env: { WINDOWS: "5m", SWAPSTATS_WINDOWS_LIST: "5m" } }), []);
    assert.match(problemsOf({ env: { BUCKET_STEP: "1500ms" } }).join(), /whole seconds/);
  });

  test("an empty address turns a listener off, in the file and in the environment", (t) => {
    assert.equal(fromEnv({ SWAPSTATS_METRICS_PROMETHEUS: "" }).metrics.prometheus, undefined);
    for (const text of ['metrics: {prometheus: ""}', "metrics:\n  prometheus:\n"]) {
      assert.equal(loadConfig(fromYaml(t, text)).config.metrics.prometheus, undefined, text);
    }
    assert.deepEqual(fromEnv({ SWAPSTATS_API_HTTP_ADDR: "[::1]:0" }).api.http.addr, { host: "::1", port: 0 });
  });

  test("all problems are reported at once, each with path, place and solution", (t) => {
    const text = [
      "api:",
      "  http: {addr: nowhere, max_bod: 1MiB}",
      '  cors: ["*", "https://a.example"]',
      "ingest: {source: pulsar}",
      "app:",
      "  grace: 5",
      "  chains: {4294967296: {grace: 1s}}",
      "windows: {list: [1m, 7s]}",
      "metrics: {pprof: on}",
    ].join("\n");
    const file = fromYaml(t, text);
    const problems = problemsOf({ ...file, env: { SWAPSTATS_STORES_CLICKHOUSE_DSN: "x", SWAPSTATS_APP_GRACES: "1s" } });
    const expected = [
      /^SWAPSTATS_STORES_CLICKHOUSE_DSN \(environment\): names a key that is not in this version/,
      /^SWAPSTATS_APP_GRACES \(environment\): names no key; did you mean SWAPSTATS_APP_GRACE\?/,
      /^ingest.source \(.*config.yaml:4\): "pulsar" is not in this version of swapstats; use embedded or generator or kafka/,
      /^metrics.pprof \(.*:9\): is not in this version of swapstats; remove it/,
      /^app.grace \(.*:6\): "5" is not a duration; write a whole number and a unit/,
      /^api.http.addr \(.*:2\): "nowhere" is not an address; write HOST:PORT/,
      /^api.http.max_bod \(.*:2\): is not a key; did you mean api.http.max_body\?/,
      /^api.cors \(.*:3\): lists "\*" beside origins; write "\*" alone/,
      /^windows.list \(.*:8\): "7s" is outside 10s to 30d/,
      /^app.chains.4294967296.grace \(.*:7\): "4294967296" is not a chain id/,
    ];
    for (const pattern of expected)
      assert.ok(
        problems.some((line) => pattern.test(line)),
        `${pattern}\n${problems.join("\n")}`,
      );
    assert.equal(problems.length, expected.length);
  });

  test("values at their limits are accepted, and values beyond are refused", () => {
    const fine: Record<string, string> = {
      SWAPSTATS_APP_GRACE: "0s",
      SWAPSTATS_API_HTTP_MAX_BODY: "1GiB",
      SWAPSTATS_APP_WORKERS: "64",
    };
    assert.deepEqual(problemsOf({ env: fine }), []);
    const bad: Record<string, string> = {
      SWAPSTATS_APP_GRACE: "25h",
      SWAPSTATS_API_HTTP_MAX_BODY: "1025MiB",
      SWAPSTATS_APP_WORKERS: "65",
      SWAPSTATS_INGEST_EMBEDDED_PARTITIONS: "1.5",
      SWAPSTATS_LOGGING_LEVEL: "loud",
      SWAPSTATS_APP_INSTANCE_ID: "a b",
      SWAPSTATS_API_HTTP_ADDR: "127.0.0.1:65536",
      SWAPSTATS_API_CORS: "https://a.example/path",
      SWAPSTATS_DATA_DIR: "",
    };
    assert.equal(problemsOf({ env: bad }).length, Object.keys(bad).length);
    assert.match(
      problemsOf({ env: { SWAPSTATS_METRICS_PROMETHEUS: "127.0.0.1:8080" } }).join(),
      /metrics.prometheus \([A-Z_]+\): 127.0.0.1:8080 is taken by api.http.addr/,
    );
  });

  test("a file that is missing, not YAML, or not a mapping is refused", (t) => {
    assert.match(problemsOf({ filePath: "/nowhere/config.yaml" }).join(), /cannot be read .*--config/);
    assert.match(problemsOf(fromYaml(t, "a: [1")).join(), /line \d+\): is not valid YAML/);
    assert.match(problemsOf(fromYaml(t, "app: {}\napp: {}")).join(), /is not valid YAML/);
    assert.match(problemsOf(fromYaml(t, "just text")).join(), /is not a mapping/);
    assert.match(problemsOf(fromYaml(t, "app: 5")).join(), /app .*: is not a key/);
    assert.deepEqual(problemsOf(fromYaml(t, "# nothing\n")), []);
    assert.deepEqual(problemsOf(fromYaml(t, "api:\n  http:\n")), []);
  });

  test("variables of tests and of the path of the file are not read as keys", () => {
    const env = { SWAPSTATS_CONFIG: "x", SWAPSTATS_DATA: "y", SWAPSTATS_TEST_SEED: "1", HOME: "z" };
    assert.deepEqual(problemsOf({ env }), []);
  });
});

describe("keys", () => {
  test("names of environment variables are unique, and no key is both present and announced for later", () => {
    const names = CONFIG_KEYS.map(({ path }) => envNameOf(path));
    assert.equal(new Set(names).size, names.length);
    for (const { path } of CONFIG_KEYS) assert.ok(!LATER_KEYS.includes(path), path);
  });
});

describe("showing", () => {
  test("the shown configuration loads again as the same configuration", (t) => {
    const env = {
      WINDOWS: "5m,1h",
      SWAPSTATS_APP_CHAINS_56_GRACE: "5s",
      SWAPSTATS_METRICS_PROMETHEUS: "",
      SWAPSTATS_API_CORS: "https://a.example",
    };
    const { config, settings } = loadConfig({ env });
    assert.deepEqual(loadConfig(fromYaml(t, showYaml(settings))).config, config);
    const shown = JSON.parse(showJson(settings)) as { windows: { list: string[] }; app: { chains: unknown } };
    assert.deepEqual(shown.windows.list, ["5m", "1h"]);
    assert.deepEqual(shown.app.chains, { 56: { grace: "5s" } });
    assert.match(showYaml(settings), /list: \["5m","1h"\] # environment/);
  });
});

describe("secrets", () => {
  const keys: readonly KeySpec[] = [{ path: "a.secret", kind: { type: "secret" }, defaultText: "", meaning: "" }];
  const read = (options: Parameters<typeof readSettings>[0]): { value: unknown; shown: string; problems: string } => {
    const problems: ConfigProblem[] = [];
    const settings = readSettings({ ...options, keys }, problems);
    return {
      value: settings[0]?.value,
      shown: showYaml(settings),
      problems: problems.map(({ message }) => message).join(),
    };
  };

  test("secrets are read from a file or a variable, and never shown", (t) => {
    const path = join(tempDir(t), "secret");
    writeFileSync(path, "hunter2\n");
    for (const filePath of [
      fromYaml(t, `a: {secret: "file:${path}"}`).filePath,
      fromYaml(t, 'a: {secret: "env:S"}').filePath,
    ]) {
      const { value, shown, problems } = read({ filePath, env: { S: "hunter2" } });
      assert.deepEqual([value, problems], ["hunter2", ""]);
      assert.match(shown, /\*{8}/);
      assert.doesNotMatch(shown, /hunter2/);
    }
  });

  test("plain secrets are accepted in the environment only, and a reference to a missing value is refused", (t) => {
    assert.match(read(fromYaml(t, "a: {secret: hunter2}")).problems, /holds a secret in clear/);
    assert.equal(read({ env: { SWAPSTATS_A_SECRET: "hunter2" } }).value, "hunter2");
    assert.match(read(fromYaml(t, 'a: {secret: "env:NOPE"}')).problems, /NOPE, which is not set/);
    assert.match(read(fromYaml(t, 'a: {secret: "file:/nowhere/s"}')).problems, /cannot be read/);
  });
});
