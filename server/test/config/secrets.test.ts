/** A secret that stands where it should not must not be repeated by the error that says so. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { runCli } from "../../src/cli/run.ts";
import { envNameOf } from "../../src/config/key.ts";
import { CONFIG_KEYS } from "../../src/config/keys.ts";
import { createLogger } from "../../src/observability/logger.ts";
import { maskSecrets } from "../../src/shared/mask-secrets.ts";
import { memoryOutput } from "../support/memory-output.ts";
import { propertyOptions } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";

const SECRET = "hunter2SECRETvalue";
const never = new AbortController().signal;

/** Ways to write an address with a password in it, and, in a file, sections where a value should stand. */
const FORMS: readonly ((secret: string) => string)[] = [
  (secret) => `redis://user:${secret}@host:6379`,
  (secret) => `"nats://user:${secret}@host:4222, nats://other:${secret}@host:4222"`,
  (secret) => `user:${secret}@host:9092`,
  (secret) => `[a:1, "user:${secret}@host:2"]`,
  (secret) => `{file: ${secret}}`,
  (secret) => `{password: ${secret}, user: me}`,
  (secret) => `"http://:${secret}@[::1]:80/path?x=1"`,
  (secret) => `"amqp://u:p@ss:${secret}@host"`,
];

async function outputOf(args: readonly string[], env: Record<string, string>): Promise<string> {
  const output = { ...memoryOutput(), env };
  await runCli(args, output, never);
  return output.outText() + output.errText();
}

test("check and show never print a password in an address or in a section under a key", async (t) => {
  const folder = tempDir(t);
  const keys = CONFIG_KEYS.map(({ path }) => path.replace("<id>", "1"));
  const misspelt = ["stores.redis.pass", "stores.redis", "pubsub.nats.urls", "ingest.brokerz", "nonsense.deep.er"];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...keys, ...misspelt),
      fc.constantFrom(...FORMS),
      fc.boolean(),
      async (path, form, inEnvironment) => {
        const filePath = join(folder, "config.yaml");
        const parts = path.split(".");
        const lines = parts.map((part, depth) => `${"  ".repeat(depth)}${part}:`);
        writeFileSync(filePath, inEnvironment ? "" : `${lines.join("\n")} ${form(SECRET)}\n`);
        // In the environment braces are text like any other, such as a strange name of a folder.
        fc.pre(!inEnvironment || form(SECRET).includes("@"));
        const env = inEnvironment ? { [envNameOf(path)]: form(SECRET) } : {};
        for (const command of ["check", "show"]) {
          const text = await outputOf(["config", command, "--config", filePath], env);
          assert.doesNotMatch(text, new RegExp(SECRET), `${path} ${form(SECRET)}`);
        }
      },
    ),
    propertyOptions(t, 200),
  );
});

test("the error about a file that is not YAML does not quote the file", async (t) => {
  const filePath = join(tempDir(t), "config.yaml");
  for (const content of [
    `stores:\n  redis:\n    password: "${SECRET}\n`,
    `stores:\n  redis:\n    password: *${SECRET}\n`,
    `password: x\n ${SECRET}: y\n`,
    `password: !<${SECRET}> x: y\n`,
    `@${SECRET}\n`,
    `a: b: ${SECRET}\n`,
  ]) {
    writeFileSync(filePath, content);
    const text = await outputOf(["config", "check", "--config", filePath], {});
    assert.notEqual(text, "");
    assert.doesNotMatch(text, new RegExp(SECRET), content);
  }
});

test("an error about an option does not print a password in its address", async () => {
  for (const args of [
    ["top", "--url", `ftp://user:${SECRET}@host`],
    ["watch", "WETH", "--url", `ftp://user:${SECRET}@host`],
    ["generate", "--to", `kafka://user:${SECRET}@host`],
    ["replay", "x", "--to", `ftp://user:${SECRET}@host`],
    ["serve", `redis://user:${SECRET}@host`],
  ]) {
    assert.doesNotMatch(await outputOf(args, {}), new RegExp(SECRET), args.join(" "));
  }
});

test("logs mask addresses wherever they stand", () => {
  const lines: string[] = [];
  for (const format of ["json", "text"] as const) {
    const logger = createLogger({ level: "info", format }, { write: (line) => void lines.push(line) });
    logger.warn({ url: `nats://user:${SECRET}@host:4222`, err: new Error(`connect redis://:${SECRET}@host`) }, "away");
    logger.info(`user:${SECRET}@host is away`);
  }
  assert.equal(lines.length, 4);
  assert.doesNotMatch(lines.join(""), new RegExp(SECRET));
});

test("a text that is not an address is not changed", () => {
  for (const text of ["mail me@example.com", "a:b", "http://host:80/x", "", "@", "0x1::sui::SUI", "12:30 @ noon"]) {
    assert.equal(maskSecrets(text), text);
  }
  assert.equal(maskSecrets("see nats://u:p@h:1, and u:p@h:2."), "see nats://***@h:1, and ***@h:2.");
});
