import assert from "node:assert/strict";
import { test } from "node:test";
import {
  API_KEYS_MAX,
  findApiKey,
  hashOfKey,
  keyLine,
  newApiKey,
  parseApiKeys,
} from "../../../src/access/identity/api-keys.ts";

const HASH = "ab".repeat(32);

test("a line of a new key leads from its text to its name and scopes", () => {
  const text = newApiKey();
  assert.match(text, /^swapstats_[A-Za-z0-9_-]{43}$/);
  const line = keyLine({ name: "desk", scopes: new Set(["read", "ingest"]), hash: hashOfKey(text) });
  const keys = parseApiKeys(`# keys\n\n${line}\r\nother read ${HASH}\n`);
  assert.equal(keys.length, 2);
  assert.equal(findApiKey(keys, text)?.name, "desk");
  assert.deepEqual(findApiKey(keys, text)?.scopes, new Set(["read", "ingest"]));
  assert.equal(findApiKey(keys, `${text}x`), undefined);
  assert.equal(findApiKey([], text), undefined);
});

test("a bad line is named by its number, and never repeated", () => {
  const bad: readonly (readonly [string, RegExp])[] = [
    [`desk read`, /line 2: after name and scope comes the SHA-256/],
    [`desk read ${HASH}00`, /line 2: after name and scope/],
    [`desk read swapstats_secret`, /line 2: after name and scope/],
    [`desk read ${HASH} more`, /line 2: after name and scope/],
    [`desk write ${HASH}`, /line 2: the scope is not/],
    [`desk read, ${HASH}`, /line 2: the scope is not/],
    [`dé sk ${HASH}`, /line 2: the name is not/],
    [`${"x".repeat(129)} read ${HASH}`, /line 2: the name is not/],
    [`first read ${HASH}`, /line 2: the name first is there twice/],
  ];
  for (const [line, message] of bad) {
    assert.throws(
      () => parseApiKeys(`first read ${HASH}\n${line}\n`),
      (error: Error) => {
        assert.match(error.message, message);
        assert.ok(!error.message.includes("secret"));
        return true;
      },
    );
  }
});

test("a file may have as many keys as the limit says, and no more", () => {
  const lines = (count: number): string => Array.from({ length: count }, (_, i) => `key${i} read ${HASH}`).join("\n");
  assert.equal(parseApiKeys(lines(API_KEYS_MAX)).length, API_KEYS_MAX);
  assert.throws(() => parseApiKeys(lines(API_KEYS_MAX + 1)), /more than 1000 keys/);
});
