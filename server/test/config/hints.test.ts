import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { envNameOf } from "../../src/config/key.ts";
import { CONFIG_KEYS } from "../../src/config/keys.ts";
import { loadConfig } from "../../src/config/load.ts";
import { tempDir } from "../support/tmp.ts";

function problemsOf(t: TestContext, yaml: string, env: Record<string, string> = {}): string {
  const filePath = join(tempDir(t), "config.yaml");
  writeFileSync(filePath, yaml);
  try {
    loadConfig({ filePath, env });
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

function warningsOf(t: TestContext, yaml: string, env: Record<string, string> = {}): readonly string[] {
  const filePath = join(tempDir(t), "config.yaml");
  writeFileSync(filePath, yaml);
  return loadConfig({ filePath, env }).warnings;
}

test("names of other programs get a hint with the name here", (t) => {
  for (const [yaml, hint] of [
    ["ingest: {tls: {ca_file: /x}}", /config\.yaml:1\): is not a key; write tls\.ca below ingest/],
    ["ingest: {tls: {certFile: /x}}", /write tls\.cert/],
    ["pubsub: {nats: {tls: {key-file: /x}}}", /write tls\.key/],
    ["app: {dedupe_ttl: 10m}", /write app\.reorg_horizon: copies/],
    ["ingest: {sasl: {enabled: true}}", /SASL is on where ingest\.sasl\.mechanism/],
    ["kafka: {bootstrap.servers: 'a:1'}", /write ingest\.brokers/],
    ["kafka: {brokers: 'a:1'}", /did you mean ingest\.brokers\?/],
    ["ingest: {auto_offset_reset: latest}", /write ingest\.start/],
    ["redis: {addr: 'a:1'}", /did you mean stores\.redis\.addr\?/],
    ["log: {level: info}", /write logging\.level/],
    ["server: {port: 8080}", /write api\.http\.addr/],
    ["port: 8080", /write HOST:PORT into one key: api\.http\.addr/],
    ["api: {http: {host: x}}", /write api\.http\.addr: HOST:PORT/],
    ["stores: {redis: {port: 6379}}", /write stores\.redis\.addr: HOST:PORT/],
    ["pubsub: {nats: {port: 4222}}", /write pubsub\.nats\.url/],
    ["kafka: {topic: x}", /write ingest\.topic$/m],
    ["kafka: {group: x}", /write ingest\.group_id/],
    ["ingest: {tls: {insecure: true}}", /name the authority/],
    ["metrics: {enabled: false}", /metrics\.prometheus: "" turns the listener/],
    ["grace: 5s", /did you mean app\.grace\?/],
    ["app: {graze: 5s}", /did you mean app\.grace\?/],
    ["app: {maxSkew: 5s}", /did you mean app\.max_skew\?/],
    ["window: {list: [5m]}", /did you mean windows\.list\?/],
    ["entirely: {other: 1}", /remove it \(docs\/configuration\.md/],
  ] as const) {
    assert.match(problemsOf(t, yaml), hint, yaml);
  }
});

test("values of other programs get a hint with what to write", (t) => {
  assert.match(problemsOf(t, 'api: {http: {addr: ":8080"}}'), /is not an address; .*0\.0\.0\.0:8080 for all addresses/);
  assert.match(problemsOf(t, "api: {http: {addr: 8080}}"), /is not an address/);
  assert.match(problemsOf(t, "ingest: {max_inflight: 256}"), /256 bytes \(a number without a unit\) is outside/);
  assert.match(problemsOf(t, "ingest: {source: Kafka}"), /did you mean kafka\?/);
});

test("unknown variables with the prefix are refused with a hint; variables of other programs are warnings", (t) => {
  assert.match(problemsOf(t, "", { SWAPSTATS_LOG_LEVEL: "info" }), /SWAPSTATS_LOG_LEVEL.*write logging\.level/);
  assert.match(problemsOf(t, "", { SWAPSTATS_APP_GRAZE: "1s" }), /did you mean SWAPSTATS_APP_GRACE\?/);
  assert.deepEqual(warningsOf(t, "", { KAFKA_BROKERS: "a:1", PORT: "80", HOME: "/x", LOG_LEVEL: "" }), [
    "KAFKA_BROKERS (environment): is not read; SWAPSTATS_INGEST_BROKERS is",
    "PORT (environment): is not read; SWAPSTATS_API_HTTP_ADDR is",
  ]);
  assert.deepEqual(warningsOf(t, "", { PORT: "80", SWAPSTATS_API_HTTP_ADDR: "127.0.0.1:80" }), []);
});

test("settings of a part that is not in use are warnings with their place; settings of a part in use are not", (t) => {
  for (const [yaml, warning] of [
    [
      "ingest: {brokers: ['a:1']}",
      /ingest\.brokers \(.*config\.yaml:1\): has no effect .*without `ingest\.source: kafka`/,
    ],
    ["ingest: {group_id: x}", /has no effect without `ingest\.source: kafka`/],
    ["stores: {redis: {addr: 'a:1'}}", /has no effect without `stores\.checkpoint: redis`/],
    ["stores: {hot_ttl: 1h}", /has no effect without `stores\.hot: redis`/],
    ["stores: {s3: {region: x}}", /has no effect without `stores\.checkpoint: s3`/],
    [
      "ingest: {source: kafka, brokers: ['a:1'], embedded: {retention: 2h}}",
      /has no effect with `ingest\.source: kafka`/,
    ],
    ["ingest: {generator: {rate: 5}}", /has no effect without `ingest\.source: generator`/],
    ["pubsub: {nats: {url: 'nats://a:1'}}", /has no effect without `ingest\.source: kafka`/],
    ["api: {http: {addr: ''}, symbols: largest}", /api\.symbols .*has no effect while `api\.http\.addr` is empty/],
  ] as const) {
    const warnings = warningsOf(t, yaml);
    assert.equal(warnings.length, 1, `${yaml}: ${warnings}`);
    assert.match(warnings[0]!, warning);
  }
  for (const yaml of [
    "ingest: {source: kafka, brokers: ['a:1'], group_id: x}\npubsub: {nats: {url: 'nats://a:1'}}",
    "ingest: {source: generator, embedded: {retention: 2h}, generator: {rate: 5}}",
    "stores: {hot: redis, hot_ttl: 1h, redis: {addr: 'a:1'}}",
    "app: {grace: 1s}\nwindows: {list: [5m]}\nlogging: {level: warn}\ndata_dir: x\nmetrics: {prometheus: ''}",
  ]) {
    assert.deepEqual(warningsOf(t, yaml), [], yaml);
  }
});

test("the default configuration has no warnings, also when keys are set to their defaults", (t) => {
  // A guard of the table of rules: a key that no rule knows has an effect always.
  for (const { path, defaultText } of CONFIG_KEYS) {
    if (path.includes("<id>") || defaultText === "" || /^(history|ingest|stores|pubsub|security)\./.test(path))
      continue;
    assert.deepEqual(warningsOf(t, "", { [envNameOf(path)]: defaultText }), [], path);
  }
});

test("problems that concern several keys also name the file and the line", (t) => {
  assert.match(
    problemsOf(t, "app:\n  grace: 1s\nwindows:\n  list: [5x]\n"),
    /windows\.list \(.*config\.yaml:4\): "5x" is not a window/,
  );
  assert.match(
    problemsOf(t, "windows:\n  bucket_step: 1500ms\n"),
    /windows\.bucket_step \(.*config\.yaml:2\): is not in whole/,
  );
  assert.match(problemsOf(t, "", { WINDOWS: "5x" }), /windows\.list \(WINDOWS\): "5x" is not a window/);
});
