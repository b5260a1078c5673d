import assert from "node:assert/strict";
import { test } from "node:test";
import { claimsAt, signingKey, tokenOf } from "../../server/test/support/tokens.ts";
import { expiryOf, TokenSource } from "../src/token-source.ts";

const tokenAt = (nowMs: number): string => tokenOf(signingKey("HS256"), claimsAt(nowMs, { jti: Math.random() }));

test("a token is fetched once, for all that ask meanwhile and until shortly before its end", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
  let calls = 0;
  const source = new TokenSource(async () => {
    calls += 1;
    return tokenAt(Date.now());
  });
  const [a, b] = await Promise.all([source.current(), source.current()]);
  assert.equal(a, b);
  t.mock.timers.tick(3_600_000 - 30_001);
  assert.equal(await source.current(), a);
  t.mock.timers.tick(1);
  assert.notEqual(await source.current(), a);
  assert.equal(calls, 2);
});

test("a refused token is fetched again, a newer one is kept", async () => {
  const source = new TokenSource(async () => tokenAt(Date.now()));
  const first = await source.current();
  source.refused(first);
  const second = await source.current();
  assert.notEqual(second, first);
  source.refused(first);
  assert.equal(await source.current(), second);
});

test("a failed function is called again by the next call", async () => {
  let calls = 0;
  const source = new TokenSource(async () => {
    calls += 1;
    return calls === 1 ? "" : "key";
  });
  await assert.rejects(source.current(), { code: "token_function", message: /no text/ });
  assert.equal(await source.current(), "key");
  assert.equal(source.renews, true);
  assert.equal(new TokenSource("key").renews, false);
});

test("the end of a token is read from its claims, of keys and broken tokens there is none", () => {
  assert.equal(expiryOf(tokenAt(1_700_000_000_000)), 1_700_003_600_000);
  for (const text of ["key", "a.b.c", "..", `x.${btoa('{"exp":"5"}')}.y`]) assert.equal(expiryOf(text), Infinity);
});
