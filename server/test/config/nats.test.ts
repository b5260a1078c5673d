import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { showJson, showYaml } from "../../src/config/show.ts";
import { tempDir } from "../support/tmp.ts";

const URL = "nats://one:4222, tls://[::1]:4223";
const problemsOf = (env: Record<string, string>): string => {
  try {
    loadConfig({ env });
    return "";
  } catch (error) {
    return (error as Error).message;
  }
};

describe("settings of NATS", () => {
  test("without settings there is no transport between instances", () => {
    assert.equal(loadConfig({ env: {} }).config.pubsub.nats, undefined);
  });

  test("all settings are read, and secrets by reference are never shown", (t) => {
    const folder = tempDir(t);
    const jwt = "-----BEGIN NATS USER JWT-----\neyJhbGciOi\n------END NATS USER JWT------";
    writeFileSync(join(folder, "user.creds"), `${jwt}\n`);
    const filePath = join(folder, "config.yaml");
    const tls = "{enabled: on, ca: /ca.pem, cert: /cert.pem, key: /key.pem}";
    writeFileSync(filePath, `pubsub: {nats: {url: "${URL}", jwt: "file:${folder}/user.creds", tls: ${tls}}}\n`);
    const { config, settings } = loadConfig({ filePath, env: {} });
    assert.deepEqual(config.pubsub.nats, {
      ...{ url: URL, user: undefined, password: undefined, nkey: undefined, jwt },
      tls: { caPath: "/ca.pem", certPath: "/cert.pem", keyPath: "/key.pem" },
    });
    for (const shown of [showYaml(settings), showJson(settings)]) {
      assert.match(shown, /\*{8}/);
      assert.doesNotMatch(shown, /eyJhbGciOi/);
    }
  });

  test("a plain secret in the file is refused", (t) => {
    const filePath = join(tempDir(t), "config.yaml");
    writeFileSync(filePath, `pubsub: {nats: {url: "nats://a:1", user: u, password: hunter2}}\n`);
    assert.throws(() => loadConfig({ filePath, env: {} }), /pubsub\.nats\.password.*holds a secret in clear/);
  });

  const NATS = { SWAPSTATS_PUBSUB_NATS_URL: "nats://a:4222" };
  const refused: [string, Record<string, string>, RegExp][] = [
    ["no address", { SWAPSTATS_PUBSUB_NATS_URL: "a:4222" }, /pubsub\.nats\.url.*write.*nats:\/\/HOST:PORT/],
    ["no url", { SWAPSTATS_PUBSUB_NATS_USER: "u" }, /pubsub\.nats\.user( \([A-Z_]+\))?: is set without url/],
    [
      "user alone",
      { ...NATS, SWAPSTATS_PUBSUB_NATS_USER: "u" },
      /pubsub\.nats\.password( \([A-Z_]+\))?: is not set, and user is/,
    ],
    [
      "JWT without its seed",
      { ...NATS, SWAPSTATS_PUBSUB_NATS_JWT: "eyJ" },
      /pubsub\.nats\.nkey( \([A-Z_]+\))?: is not set, and jwt/,
    ],
    [
      "two kinds of proof",
      {
        ...NATS,
        SWAPSTATS_PUBSUB_NATS_USER: "u",
        SWAPSTATS_PUBSUB_NATS_PASSWORD: "p",
        SWAPSTATS_PUBSUB_NATS_NKEY: "SU",
      },
      /pubsub\.nats\.user( \([A-Z_]+\))?: is set beside nkey or jwt/,
    ],
    [
      "TLS off",
      { ...NATS, SWAPSTATS_PUBSUB_NATS_TLS_CA: "/ca" },
      /pubsub\.nats\.tls\.ca( \([A-Z_]+\))?: is set, and TLS is off/,
    ],
    [
      "a certificate without its key",
      { ...NATS, SWAPSTATS_PUBSUB_NATS_TLS_ENABLED: "on", SWAPSTATS_PUBSUB_NATS_TLS_CERT: "/c" },
      /pubsub\.nats\.tls\.key( \([A-Z_]+\))?: is not set, and tls\.cert is/,
    ],
  ];
  for (const [name, env, message] of refused) {
    test(`refused: ${name}`, () => assert.match(problemsOf(env), message));
  }
});
