import assert from "node:assert/strict";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { hashOfKey, keyLine, newApiKey } from "../../../src/access/identity/api-keys.ts";
import { type Identities, REMEMBERED_MAX } from "../../../src/access/identity/identities.ts";
import { JWKS_LIMITS } from "../../../src/access/identity/jwks.ts";
import { openIdentities } from "../../../src/access/identity/open-identities.ts";
import type { Scope, VerifiedIdentity } from "../../../src/access/identity.ts";
import type { SecurityConfig } from "../../../src/config/build/security.ts";
import { tempDir } from "../../support/tmp.ts";
import { claimsAt, SECRET, signingKey, tokenOf } from "../../support/tokens.ts";
import { keySet, sends, startJwksServer } from "./jwks-server.ts";

const KEY = signingKey("HS256");
const LEEWAY = 30;

const JWT: NonNullable<SecurityConfig["jwt"]> = {
  algorithm: "HS256",
  key: { kind: "secret", secret: SECRET },
  ...{ audience: undefined, issuer: undefined, leewaySec: LEEWAY, privateKeyPath: undefined },
};
const NOTHING: SecurityConfig = {
  mode: "open",
  docs: "open",
  devTokens: false,
  ...{ apiKeysPath: undefined, revokedPath: undefined, ticketSecret: undefined, jwt: undefined },
};

type Harness = {
  readonly identities: Identities;
  readonly problems: Error[];
  readonly clock: { nowMs: number };
  token(more?: Record<string, unknown>): string;
  /** Resolves to who sends a request with these credentials. */
  who(bearer: string): Promise<VerifiedIdentity | undefined>;
  /** What is known of them at once. */
  known(bearer: string): unknown;
};

function open(t: TestContext, security: Partial<SecurityConfig>): Harness {
  const clock = { nowMs: Date.UTC(2026, 10, 30) };
  const problems: Error[] = [];
  const { identities, close } = openIdentities({
    security: { ...NOTHING, ...security },
    redis: undefined,
    onProblem: (error) => problems.push(error),
    nowMs: () => clock.nowMs,
    steadyMs: () => clock.nowMs,
  });
  t.after(close);
  const identify = (bearer: string) =>
    identities.identify({ headers: { authorization: `Bearer ${bearer}` }, socket: {}, url: "/" });
  return {
    ...{ identities, problems, clock },
    token: (more) => tokenOf(KEY, claimsAt(clock.nowMs, more)),
    who: async (bearer) => identify(bearer),
    known: (bearer) => {
      const identity = identify(bearer);
      if (!(identity instanceof Promise)) return identity?.subject;
      identity.catch(() => {});
      return "asked";
    },
  };
}

/** Writes a file of keys with a line for each. */
function writeKeys(path: string, keys: Readonly<Record<string, string>>, scopes: readonly Scope[] = ["read"]): void {
  const lines = Object.entries(keys).map(([name, text]) =>
    keyLine({ name, scopes: new Set(scopes), hash: hashOfKey(text) }),
  );
  writeFileSync(`${path}.new`, `${lines.join("\n")}\n`);
  renameSync(`${path}.new`, path);
}

const refused = (message: RegExp) => ({ code: "unauthorized", message });
/** Files are looked at every second. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

test("without any configuration credentials are ignored, even bad ones", (t) => {
  const { identities } = open(t, {});
  assert.equal(identities.isUsed, false);
  assert.equal(identities.identify({ headers: { authorization: "Bearer x" }, socket: {}, url: "/" }), undefined);
});

test("a token is verified once, and then known at once until it expires", async (t) => {
  const harness = open(t, { jwt: JWT });
  const token = harness.token();
  assert.equal(harness.known(token), "asked");
  assert.equal((await harness.who(token))?.subject, "alice");
  assert.equal(harness.known(token), "alice");
  harness.clock.nowMs += (3_600 + LEEWAY) * 1_000 - 1;
  assert.equal(harness.known(token), "alice");
  harness.clock.nowMs += 1;
  await assert.rejects(harness.who(token), refused(/has expired/));
});

test("refused credentials are not remembered as anything", async (t) => {
  const harness = open(t, { jwt: JWT });
  const early = harness.token({ nbf: harness.clock.nowMs / 1_000 + 100 });
  await assert.rejects(harness.who(early), refused(/not valid yet/));
  harness.clock.nowMs += 100_000;
  assert.equal((await harness.who(early))?.subject, "alice");
});

test("no more than the limit of tokens is remembered", async (t) => {
  const harness = open(t, { jwt: JWT });
  const oldest = harness.token({ jti: "oldest" });
  await harness.who(oldest);
  // They are verified side by side, and remembered in any order.
  const tokens = Array.from({ length: REMEMBERED_MAX }, (_, i) => harness.token({ jti: `t${i}` }));
  for (let i = 0; i < tokens.length; i += 500) await Promise.all(tokens.slice(i, i + 500).map(harness.who));
  assert.ok(tokens.every((token) => harness.known(token) === "alice"));
  assert.equal(harness.known(oldest), "asked");
});

test("keys and tokens say which of them is accepted", async (t) => {
  const path = join(tempDir(t), "keys");
  const key = newApiKey();
  writeKeys(path, { desk: key }, ["read", "ingest"]);
  const onlyKeys = open(t, { apiKeysPath: path });
  await assert.rejects(onlyKeys.who(onlyKeys.token()), refused(/Tokens are not accepted here; send an API key/));
  const identity = await onlyKeys.who(key);
  assert.deepEqual([identity?.kind, identity?.subject, identity?.expiresAtMs], ["key", "desk", undefined]);
  assert.deepEqual(identity?.scopes, new Set(["read", "ingest"]));
  const onlyTokens = open(t, { jwt: JWT });
  await assert.rejects(onlyTokens.who(key), refused(/API keys are not accepted here; send a token/));
  const both = open(t, { jwt: JWT, apiKeysPath: path });
  assert.equal((await both.who(key))?.subject, "desk");
  assert.equal((await both.who(both.token()))?.subject, "alice");
  await assert.rejects(both.who(`${key}x`), refused(/The API key is not known/));
});

test("a key that is added is accepted, and one that is removed is refused and ends its connections", async (t) => {
  const path = join(tempDir(t), "keys");
  const [first, second] = [newApiKey(), newApiKey()];
  writeKeys(path, { first });
  const harness = open(t, { apiKeysPath: path });
  const identity = (await harness.who(first)) as VerifiedIdentity;
  assert.equal(harness.identities.hasEnded(identity), false);
  writeKeys(path, { second });
  await until(() => harness.identities.hasEnded(identity));
  assert.equal((await harness.who(second))?.subject, "second");
  await assert.rejects(harness.who(first), refused(/is not known/));
  // Another key under the old name is another identity.
  writeKeys(path, { first: newApiKey(), second });
  await until(() => harness.known(second) === "asked");
  assert.equal(harness.identities.hasEnded(identity), true);
});

test("a bad file of keys is reported, and the former keys stay in use", async (t) => {
  const path = join(tempDir(t), "keys");
  const key = newApiKey();
  writeKeys(path, { desk: key });
  const harness = open(t, { apiKeysPath: path });
  writeFileSync(path, `desk read ${key}\n`);
  await until(() => harness.problems.length === 1);
  assert.match(
    String(harness.problems[0]?.message),
    /security.api_keys_path .* its former content stays in use: line 1/,
  );
  assert.ok(!String(harness.problems[0]?.message).includes(key));
  assert.equal((await harness.who(key))?.subject, "desk");
  rmSync(path);
  await until(() => harness.problems.length === 2);
  assert.equal((await harness.who(key))?.subject, "desk");
});

test("a revoked subject, token or key is refused, though it was known, and is accepted again when it is taken off", async (t) => {
  const dir = tempDir(t);
  const [keys, revoked] = [join(dir, "keys"), join(dir, "revoked")];
  const key = newApiKey();
  writeKeys(keys, { desk: key });
  writeFileSync(revoked, "");
  const harness = open(t, { jwt: JWT, apiKeysPath: keys, revokedPath: revoked });
  const tokens = [harness.token(), harness.token({ sub: "bob", jti: "b1" }), harness.token({ sub: "bob", jti: "b2" })];
  const given = [...tokens, key];
  const identities = (await Promise.all(given.map(harness.who))) as VerifiedIdentity[];
  const ended = (): boolean[] => identities.map((identity) => harness.identities.hasEnded(identity));
  assert.deepEqual(ended(), [false, false, false, false]);
  writeFileSync(revoked, "sub alice\njti b2\nsub desk\n");
  await until(() => ended()[0] === true);
  assert.deepEqual(ended(), [true, false, true, true]);
  for (const [i, text] of given.entries()) {
    if (i === 1) await harness.who(text);
    else await assert.rejects(harness.who(text), refused(/were revoked/));
  }
  writeFileSync(revoked, "# nobody\n");
  await until(() => ended()[0] === false);
  for (const text of given) await harness.who(text);
});

test("a token whose key the issuer has removed is refused, though it was known", async (t) => {
  const [key, other] = [signingKey("ES256"), signingKey("ES256")];
  const server = await startJwksServer(t, sends(keySet({ a: key })));
  const harness = open(t, { jwt: { ...JWT, algorithm: "ES256", key: { kind: "jwks", url: server.url } } });
  const token = tokenOf(key, claimsAt(harness.clock.nowMs), { kid: "a" });
  await harness.who(token);
  assert.equal(harness.known(token), "alice");
  server.respond = sends(keySet({ b: other }));
  harness.clock.nowMs += JWKS_LIMITS.coolDownMs;
  await harness.who(tokenOf(other, claimsAt(harness.clock.nowMs), { kid: "b" }));
  await assert.rejects(harness.who(token), refused(/not among those of the issuer/));
});

test("what changes while a token is verified is not missed", async (t) => {
  const key = signingKey("ES256");
  const { promise: asked, resolve } = Promise.withResolvers<import("node:http").ServerResponse>();
  const server = await startJwksServer(t, resolve);
  const harness = open(t, { jwt: { ...JWT, algorithm: "ES256", key: { kind: "jwks", url: server.url } } });
  const token = tokenOf(key, claimsAt(harness.clock.nowMs), { kid: "a" });
  const verifying = harness.who(token);
  const response = await asked;
  harness.identities.setRevoked({ subjects: new Set(["alice"]), tokenIds: new Set() });
  sends(keySet({ a: key }))(response);
  await assert.rejects(verifying, refused(/were revoked/));
});

test("a ticket stands for its identity until that ends, and is used up by the first use", async (t) => {
  const harness = open(t, { jwt: JWT });
  const identity = (await harness.who(harness.token({ exp: harness.clock.nowMs / 1_000 + 10 }))) as VerifiedIdentity;
  const use = async (text: string) =>
    harness.identities.identify({ headers: {}, socket: {}, url: `/ws?ticket=${encodeURIComponent(text)}` });
  const first = await harness.identities.issueTicket(identity);
  assert.deepEqual(await use(first.text), identity);
  await assert.rejects(use(first.text), refused(/ticket is not valid/));
  harness.clock.nowMs += (10 + LEEWAY) * 1_000 - 1;
  const second = await harness.identities.issueTicket(identity);
  harness.clock.nowMs += 1;
  await assert.rejects(use(second.text), refused(/not valid any longer/));
});

test("a file that cannot be used at the start ends it, and names the key", (t) => {
  const dir = tempDir(t);
  const absent = join(dir, "absent");
  const fails = (security: Partial<SecurityConfig>, message: RegExp): void => {
    assert.throws(() => open(t, security), { code: "bad_config", message });
  };
  fails({ apiKeysPath: absent }, /security.api_keys_path .*absent cannot be used: ENOENT/);
  fails({ revokedPath: absent }, /security.revoked_path .*absent cannot be used: ENOENT/);
  fails({ revokedPath: dir }, /it is a folder/);
  const jwt = { ...JWT, algorithm: "RS256" as const, key: { kind: "file" as const, path: absent } };
  fails({ jwt }, /security.jwt.public_key_path .*absent cannot be read/);
});
