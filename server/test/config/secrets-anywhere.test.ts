import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { runCli } from "../../src/cli/run.ts";
import { envNameOf } from "../../src/config/key.ts";
import { CONFIG_KEYS } from "../../src/config/keys.ts";
import { memoryOutput } from "../support/memory-output.ts";
import { seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";

const never = new AbortController().signal;

async function everythingSaid(args: readonly string[], env: Record<string, string>): Promise<string> {
  const output = memoryOutput(env);
  await runCli(args, output, never);
  return output.outText() + output.errText();
}

/** A secret no part of which stands in any other text. */
const secret = fc
  .tuple(fc.stringMatching(/^[A-Za-z0-9]{6,12}$/), fc.constantFrom("", "/", "@", ",", ":", "#", "?", " ", "$&", "%40"))
  .map(([text, odd]) => `Zq${text}${odd}xW`);
const path = fc.oneof(
  fc.constantFrom(...CONFIG_KEYS.map((key) => key.path.replace("<id>", "1"))),
  fc.constantFrom(
    "ingest.sasl.passwrd",
    "redis.password",
    "stores.redis",
    "stores",
    "pubsub.nats.urls",
    "secret",
    "a.b.c",
  ),
);
const schemes = fc.constantFrom("redis", "rediss", "nats", "tls", "kafka", "http", "https", "amqp", "s3");
/** Values that hold the secret, as YAML would have them. */
const holders = fc.constantFrom<(text: string, scheme: string) => unknown>(
  (text, scheme) => `${scheme}://user:${text}@host:6379`,
  (text, scheme) => `${scheme}://${text}@host:6379/0`,
  (text, scheme) => `${scheme}://a:1,${scheme}://user:${text}@host:6379`,
  (text) => `user:${text}@host:9092`,
  (text) => ({ file: text }),
  (text) => ({ value: text, nested: [{ deep: text }] }),
  (text) => [{ password: text }],
  (text) => [`user:${text}@host:9092`, "host:9092"],
  (text) => [[text]],
  (text) => `password=${text}`,
  (text) => `Bearer ${text}`,
);

describe("secrets", () => {
  test("a secret at any key and in any form is never shown", async (t) => {
    const folder = tempDir(t);
    const seed = seedOf(t);
    await fc.assert(
      fc.asyncProperty(secret, path, schemes, holders, async (text, key, scheme, holder) => {
        const value = holder(text, scheme);
        const nested = key.split(".").reduceRight<unknown>((inner, part) => ({ [part]: inner }), value);
        const file = join(folder, "config.yaml");
        writeFileSync(file, JSON.stringify(nested));
        const said = [
          await everythingSaid(["config", "check", "--config", file], {}),
          await everythingSaid(["config", "show", "--config", file], {}),
          await everythingSaid(["config", "show", "--format", "json", "--config", file], {}),
        ];
        if (typeof value === "string") {
          const env = { [envNameOf(key)]: value };
          said.push(await everythingSaid(["config", "check"], env), await everythingSaid(["config", "show"], env));
          for (const args of [
            ["generate", "--to", value],
            ["replay", "/nowhere.ndjson", "--to", value],
            ["top", "--url", `ftp:${value}`],
            ["top", `--url=ftp://${value}`],
            ["serve", "--port", value],
            ["top", "--sort", value],
            ["bogus", value],
          ]) {
            // What would be sent on to a host is no matter of this test.
            if (!/^(https?|kafka):/.test(value)) said.push(await everythingSaid(args, {}));
          }
        }
        for (const shown of said) assert.ok(!shown.includes(text), shown);
      }),
      { numRuns: 300, seed },
    );
  });

  test("any value at a secret key is hidden", async (t) => {
    const file = join(tempDir(t), "config.yaml");
    for (const { path: key, kind } of CONFIG_KEYS) {
      if (kind.type !== "secret") continue;
      for (const value of [
        "plain-hunter2",
        { file: "plain-hunter2" },
        ["plain-hunter2"],
        "*hunter2",
        "|hunter2",
        "!hunter2",
      ]) {
        const text = typeof value === "string" ? value : JSON.stringify(value);
        const parts = key.split(".");
        const yaml = parts.map((part, depth) => `${"  ".repeat(depth)}${part}:`).join("\n");
        writeFileSync(file, `${yaml} ${text}\n`);
        const said = await everythingSaid(["config", "check", "--config", file], {});
        assert.ok(!said.includes("hunter2"), said);
        assert.match(said, /the configuration has|warning/);
      }
    }
  });
});
