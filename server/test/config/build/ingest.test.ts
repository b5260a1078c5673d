import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { loadConfig } from "../../../src/config/load.ts";
import { showJson, showYaml } from "../../../src/config/show.ts";
import { tempDir } from "../../support/tmp.ts";

const URL = "https://registry:8081/base";

function problemsOf(overrides: Record<string, string>): string {
  try {
    loadConfig({ env: {}, overrides });
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

describe("settings of mappings", () => {
  test("the registry is read, and its secrets are never shown", (t) => {
    const folder = tempDir(t);
    writeFileSync(join(folder, "password"), "hunter2\n");
    const filePath = join(folder, "config.yaml");
    const registry = `{url: "${URL}", username: me, password: "file:${folder}/password", ca: /ca.pem}`;
    writeFileSync(filePath, `ingest: {mappings: /maps, registry: ${registry}}\n`);
    const { config, settings, warnings } = loadConfig({ filePath, env: {} });
    assert.deepEqual(warnings, []);
    assert.deepEqual(config.ingest.registry, {
      ...{ url: URL, username: "me", password: "hunter2", token: undefined, caPath: "/ca.pem" },
    });
    for (const shown of [showYaml(settings), showJson(settings)]) assert.doesNotMatch(shown, /hunter2/);
    writeFileSync(filePath, `ingest: {registry: {url: "${URL}", token: hunter2}}\n`);
    assert.throws(() => loadConfig({ filePath, env: {} }), /ingest\.registry\.token.*holds a secret in clear/);
  });

  const refused: [string, Record<string, string>, RegExp][] = [
    ["no address", { "ingest.registry.url": "registry:8081" }, /ingest\.registry\.url.*http:\/\/HOST:PORT/],
    ["a user in the address", { "ingest.registry.url": "http://me:pw@registry" }, /ingest\.registry\.url/],
    ["no url", { "ingest.registry.token": "x" }, /ingest\.registry\.token.*: is set without ingest\.registry\.url/],
    [
      "user alone",
      { "ingest.registry.url": URL, "ingest.registry.username": "u" },
      /registry\.password.*: is not set, and username is/,
    ],
    [
      "two kinds of proof",
      {
        ...{ "ingest.registry.url": URL, "ingest.registry.username": "u" },
        ...{ "ingest.registry.password": "p", "ingest.registry.token": "t" },
      },
      /registry\.token.*: is set, and ingest\.registry\.username is/,
    ],
    [
      "no TLS",
      { "ingest.registry.url": "http://a", "ingest.registry.ca": "/ca.pem" },
      /registry\.ca.*: is set, and ingest\.registry\.url begins with http:/,
    ],
  ];
  for (const [name, overrides, expected] of refused) {
    test(`refused: ${name}`, () => assert.match(problemsOf(overrides), expected));
  }

  test("keys without an effect are warnings", () => {
    const warningsOf = (overrides: Record<string, string>): string =>
      loadConfig({ env: {}, overrides }).warnings.join("\n");
    assert.match(
      warningsOf({ "ingest.mapping": "m.yaml" }),
      /ingest\.mapping.*: has no effect without `ingest\.source: kafka`/,
    );
    assert.match(
      warningsOf({ "ingest.registry.url": URL }),
      /ingest\.registry\.url.*: has no effect without `ingest\.mapping`, `ingest\.mappings`/,
    );
    const kafka = { "ingest.source": "kafka", "ingest.brokers": "a:1" };
    assert.match(
      warningsOf({ ...kafka, "ingest.mappings": "maps" }),
      /ingest\.mappings.*: has no effect with `ingest\.source: kafka`/,
    );
    assert.equal(warningsOf({ ...kafka, "ingest.mapping": "m.yaml", "ingest.registry.url": URL }), "");
  });
});
