import assert from "node:assert/strict";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { JWKS_LIMITS, Jwks, type JwksLimits } from "../../../src/access/identity/jwks.ts";
import { TokenVerifier } from "../../../src/access/identity/token-verifier.ts";
import type { JwtAlgorithm } from "../../../src/config/build/security.ts";
import { claimsAt, type SigningKey, signingKey, tokenOf } from "../../support/tokens.ts";
import { type JwksServer, keySet, sends, stalls, startJwksServer } from "./jwks-server.ts";

const NOW_MS = Date.UTC(2026, 10, 30);
const OLD = signingKey("RS256");
const NEW = signingKey("RS256");

type Harness = {
  readonly server: JwksServer;
  readonly problems: Error[];
  changes: number;
  /** The clock of the set. */
  nowMs: number;
  verify(key: SigningKey, kid: string | undefined): Promise<unknown>;
  readonly jwks: Jwks;
};

async function open(
  t: TestContext,
  respond: (response: ServerResponse) => void,
  { limits = {}, algorithm = "RS256" }: { limits?: Partial<JwksLimits>; algorithm?: JwtAlgorithm } = {},
): Promise<Harness> {
  const server = await startJwksServer(t, respond);
  const problems: Error[] = [];
  const harness: Harness = {
    ...{ server, problems, changes: 0, nowMs: 0 },
    jwks: new Jwks({
      url: server.url,
      limits: { ...JWKS_LIMITS, ...limits },
      nowMs: () => harness.nowMs,
      onChanged: () => {
        harness.changes += 1;
      },
      onProblem: (error) => problems.push(error),
    }),
    verify: (key, kid) => verifier.verify(tokenOf(key, claimsAt(NOW_MS), { kid })),
  };
  t.after(() => harness.jwks.close());
  const settings = { algorithm, audience: undefined, issuer: undefined, leewaySec: 0, privateKeyPath: undefined };
  const verifier = new TokenVerifier(
    { ...settings, key: { kind: "jwks", url: server.url } },
    harness.jwks.keyOf,
    () => NOW_MS,
  );
  return harness;
}

const unauthorized = (message: RegExp) => ({ code: "unauthorized", message });

test("the set is fetched once for many tokens at the same time", async (t) => {
  const harness = await open(t, sends(keySet({ old: OLD })));
  await Promise.all(Array.from({ length: 20 }, () => harness.verify(OLD, "old")));
  assert.equal(harness.server.requests, 1);
  assert.equal(harness.changes, 0);
});

test("each algorithm with two keys is verified by a set", async (t) => {
  for (const algorithm of ["RS256", "ES256", "EdDSA"] as const) {
    const key = signingKey(algorithm);
    const harness = await open(t, sends(keySet({ a: key })), { algorithm });
    await harness.verify(key, "a");
  }
});

test("after a rotation the set is fetched again for the unknown key, and removed keys are refused", async (t) => {
  const harness = await open(t, sends(keySet({ old: OLD })));
  await harness.verify(OLD, "old");
  harness.server.respond = sends(keySet({ new: NEW }));
  harness.nowMs += JWKS_LIMITS.coolDownMs;
  await harness.verify(NEW, "new");
  assert.deepEqual([harness.server.requests, harness.changes], [2, 1]);
  await assert.rejects(harness.verify(OLD, "old"), unauthorized(/not among those of the issuer/));
});

test("made-up keys cause no more than one request within the cool-down", async (t) => {
  const harness = await open(t, sends(keySet({ old: OLD })));
  await harness.verify(OLD, "old");
  const tryMany = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await assert.rejects(harness.verify(NEW, `made-up-${i}`), unauthorized(/not among/));
  };
  harness.nowMs += JWKS_LIMITS.coolDownMs - 1;
  await tryMany();
  assert.equal(harness.server.requests, 1);
  harness.nowMs += 1;
  await tryMany();
  assert.equal(harness.server.requests, 2);
  await harness.verify(OLD, "old");
});

test("an old set serves while a new one is fetched", async (t) => {
  const harness = await open(t, sends(keySet({ old: OLD })));
  await harness.verify(OLD, "old");
  harness.nowMs += JWKS_LIMITS.maxAgeMs + 1;
  const { promise: asked, resolve } = Promise.withResolvers<ServerResponse>();
  harness.server.respond = resolve;
  await harness.verify(OLD, "old");
  const response = await asked;
  await harness.verify(OLD, "old");
  sends(keySet({ new: NEW }))(response);
  await harness.jwks.fetch();
  await harness.verify(NEW, "new");
  assert.equal(harness.server.requests, 2);
});

test("while the issuer fails, the last good set stays in use, and the failure is reported", async (t) => {
  const failures: readonly (readonly [(response: ServerResponse) => void, RegExp])[] = [
    [sends("down", 503), /the status is 503/],
    [sends("<html>"), /is not JSON/],
    [sends("[]"), /is not a key set/],
    [sends("null"), /is not a key set/],
    [sends({ keys: [] }), /has 0 keys/],
    [sends({ keys: [7] }), /malformed/],
    [(response) => response.destroy(), /fetch failed|terminated/],
    [(response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(), /redirect/],
  ];
  const harness = await open(t, sends(keySet({ old: OLD })));
  await harness.verify(OLD, "old");
  for (const [respond, message] of failures) {
    harness.server.respond = respond;
    harness.nowMs += JWKS_LIMITS.maxAgeMs + 1;
    await harness.verify(OLD, "old");
    await harness.jwks.fetch();
    assert.match(String(harness.problems.at(-1)?.message), message);
    assert.match(String(harness.problems.at(-1)?.message), /the last good keys stay in use/);
    await harness.verify(OLD, "old");
  }
  assert.equal(harness.changes, 0);
});

test("without any set tokens are not refused but unavailable, and the issuer is asked again after a second", async (t) => {
  const harness = await open(t, sends("down", 500));
  const unavailable = { code: "unavailable", retryable: true };
  await assert.rejects(harness.verify(OLD, "old"), unavailable);
  await assert.rejects(harness.verify(OLD, "old"), unavailable);
  assert.equal(harness.server.requests, 1);
  assert.match(String(harness.problems[0]?.message), /no token can be verified until it succeeds/);
  harness.server.respond = sends(keySet({ old: OLD }));
  harness.nowMs += JWKS_LIMITS.retryMs;
  await harness.verify(OLD, "old");
});

test("a response that stalls is given up", async (t) => {
  const harness = await open(t, stalls, { limits: { timeoutMs: 50 } });
  await assert.rejects(harness.verify(OLD, "old"), { code: "unavailable" });
  assert.match(String(harness.problems[0]?.message), /timeout|aborted/i);
});

test("closing ends a fetch that is under way", async (t) => {
  const { promise: asked, resolve } = Promise.withResolvers<ServerResponse>();
  const harness = await open(t, resolve);
  const fetching = harness.jwks.fetch();
  const response = await asked;
  harness.jwks.close();
  await Promise.all([fetching, once(response, "close")]);
  assert.deepEqual(harness.problems, []);
});

test("a response may have as many bytes and keys as the limits say, and no more", async (t) => {
  const fillers = (count: number): object[] =>
    Array.from({ length: count }, (_, i) => ({ kty: "oct", k: "AA", kid: `f${i}` }));
  const full = keySet({ old: OLD }, fillers(JWKS_LIMITS.keysMax - 1));
  const bytes = Buffer.byteLength(JSON.stringify(full));
  const harness = await open(t, sends(full), { limits: { bytesMax: bytes } });
  await harness.verify(OLD, "old");
  harness.server.respond = sends(`${JSON.stringify(full)} `);
  await harness.jwks.fetch();
  assert.match(String(harness.problems[0]?.message), /longer than/);
  const other = await open(t, sends(keySet({ old: OLD }, fillers(JWKS_LIMITS.keysMax))));
  await assert.rejects(other.verify(OLD, "old"), { code: "unavailable" });
  assert.match(String(other.problems[0]?.message), /the set has 101 keys, not 1 to 100/);
});

test("an endless response is cut off at the limit", async (t) => {
  const harness = await open(t, (response) => {
    const fill = (): void => {
      while (!response.destroyed && response.write(" ".repeat(65_536)));
      if (!response.destroyed) response.once("drain", fill);
    };
    response.writeHead(200);
    fill();
  });
  await assert.rejects(harness.verify(OLD, "old"), { code: "unavailable" });
  assert.match(String(harness.problems[0]?.message), /longer than 262144 bytes/);
});

test("keys of other uses in the set are not used", async (t) => {
  const jwk = OLD.publicKey?.export({ format: "jwk" });
  const cases: readonly object[] = [
    { ...jwk, use: "enc", kid: "a" },
    { ...jwk, alg: "RS512", kid: "a" },
    { ...jwk, key_ops: ["encrypt"], kid: "a" },
    { kty: "oct", k: "AAAA", kid: "a" },
  ];
  for (const key of cases) {
    const harness = await open(t, sends({ keys: [key] }));
    await assert.rejects(harness.verify(OLD, "a"), unauthorized(/not among/));
  }
  const harness = await open(
    t,
    sends({ keys: [{ ...(OLD.sign as import("node:crypto").KeyObject).export({ format: "jwk" }), kid: "a" }] }),
  );
  await assert.rejects(harness.verify(OLD, "a"), unauthorized(/cannot be verified/));
});

test("a token without a key's name needs a set with one fitting key", async (t) => {
  const harness = await open(t, sends(keySet({ old: OLD })));
  await harness.verify(OLD, undefined);
  harness.server.respond = sends(keySet({ old: OLD, new: NEW }));
  await harness.jwks.fetch();
  await assert.rejects(harness.verify(OLD, undefined), unauthorized(/does not say which key/));
});
