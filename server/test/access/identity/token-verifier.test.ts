import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { readPublicKey, TokenVerifier } from "../../../src/access/identity/token-verifier.ts";
import type { JwtAlgorithm, JwtConfig } from "../../../src/config/build/security.ts";
import { requires } from "../../support/requires.ts";
import { propertyOptions } from "../../support/seed.ts";
import { tempDir } from "../../support/tmp.ts";
import { claimsAt, SECRET, type SigningKey, signingKey, tokenOf } from "../../support/tokens.ts";

const NOW_MS = Date.UTC(2026, 10, 30, 12, 0, 0);
const NOW = NOW_MS / 1_000;
const LEEWAY = 30;
const ALGORITHMS: readonly JwtAlgorithm[] = ["HS256", "RS256", "ES256", "EdDSA"];
const KEYS = new Map(ALGORITHMS.map((algorithm) => [algorithm, signingKey(algorithm)]));
const keyFor = (algorithm: JwtAlgorithm): SigningKey => KEYS.get(algorithm) as SigningKey;

function verifier(
  algorithm: JwtAlgorithm,
  config: Partial<JwtConfig> = {},
  key?: KeyObject | Uint8Array,
): TokenVerifier {
  const settings: JwtConfig = {
    algorithm,
    key: { kind: "secret", secret: "" },
    ...{ audience: undefined, issuer: undefined, leewaySec: LEEWAY, privateKeyPath: undefined },
    ...config,
  };
  return new TokenVerifier(settings, key ?? keyFor(algorithm).publicKey ?? Buffer.from(SECRET), () => NOW_MS);
}

const refused = (verified: Promise<unknown>, message: RegExp): Promise<void> =>
  assert.rejects(verified, { code: "unauthorized", message });

for (const algorithm of ALGORITHMS) {
  test(`a token signed by ${algorithm} is accepted, and its claims become the identity`, async () => {
    const claims = claimsAt(NOW_MS, { sub: "alice", jti: "t1", scope: "openid ingest read" });
    assert.deepEqual(await verifier(algorithm).verify(tokenOf(keyFor(algorithm), claims)), {
      kind: "token",
      subject: "alice",
      scopes: new Set(["read", "ingest"]),
      expiresAtMs: NOW_MS + (3_600 + LEEWAY) * 1_000,
      credentialId: "t1",
    });
  });

  test(`with ${algorithm} configured every other algorithm is refused, whatever the token says`, async () => {
    const others = ALGORITHMS.filter((other) => other !== algorithm);
    for (const other of others) {
      await refused(verifier(algorithm).verify(tokenOf(keyFor(other), claimsAt(NOW_MS))), /is not signed by/);
      // The right header over another signature.
      const lie = tokenOf(keyFor(other), claimsAt(NOW_MS), { alg: algorithm });
      await refused(verifier(algorithm).verify(lie), /signature does not match/);
    }
  });

  test(`a changed byte in a token of ${algorithm} is noticed`, async () => {
    const [head, , signature] = tokenOf(keyFor(algorithm), claimsAt(NOW_MS)).split(".");
    const other = tokenOf(keyFor(algorithm), claimsAt(NOW_MS, { scope: "admin" })).split(".")[1];
    await refused(verifier(algorithm).verify(`${head}.${other}.${signature}`), /signature does not match/);
  });
}

test("a public RSA key does not serve as the secret of HS256", async () => {
  const pem = keyFor("RS256").publicKey?.export({ type: "spki", format: "pem" }) as string;
  const forged = tokenOf({ algorithm: "HS256", sign: pem, publicKey: undefined }, claimsAt(NOW_MS));
  await refused(verifier("RS256").verify(forged), /is not signed by RS256/);
  await refused(verifier("RS256").verify(tokenOf(keyFor("HS256"), claimsAt(NOW_MS), { alg: "RS256" })), /signature/);
});

test("an unsigned token is refused, with any spelling of none", async () => {
  for (const alg of ["none", "None", "NONE", "", undefined, null, 5]) {
    const [head, body] = tokenOf(keyFor("HS256"), claimsAt(NOW_MS), { alg }).split(".");
    for (const algorithm of ALGORITHMS) {
      await refused(verifier(algorithm).verify(`${head}.${body}.`), /is not signed by|is no JSON Web Token/);
    }
  }
});

test("a critical extension that is not known is refused, and so is an unencoded payload", async () => {
  const key = keyFor("HS256");
  await refused(verifier("HS256").verify(tokenOf(key, claimsAt(NOW_MS), { crit: ["x"], x: 1 })), /extension \(crit\)/);
  await refused(verifier("HS256").verify(tokenOf(key, claimsAt(NOW_MS), { crit: [] })), /is no JSON Web Token/);
  await refused(
    verifier("HS256").verify(tokenOf(key, claimsAt(NOW_MS), { crit: ["b64"], b64: false })),
    /is no JSON Web/,
  );
});

test("a key in the header of a token is not used", async () => {
  const foreign = signingKey("RS256");
  const jwk = foreign.publicKey?.export({ format: "jwk" });
  const token = tokenOf(foreign, claimsAt(NOW_MS), { jwk, jku: "http://127.0.0.1:1/keys", x5u: "http://127.0.0.1:1/" });
  await refused(verifier("RS256").verify(token), /signature does not match/);
});

test("exp, nbf and sub are required, and must have their types", async () => {
  const check = (more: Record<string, unknown>): Promise<unknown> =>
    verifier("HS256").verify(tokenOf(keyFor("HS256"), claimsAt(NOW_MS, more)));
  for (const claim of ["exp", "nbf", "sub"])
    await refused(check({ [claim]: undefined }), new RegExp(`no \`${claim}\``));
  for (const claim of ["exp", "nbf"]) await refused(check({ [claim]: String(NOW + 60) }), new RegExp(`\`${claim}\``));
  for (const sub of ["", 7, null, "x".repeat(257)]) await refused(check({ sub }), /`sub` is not a text/);
  for (const jti of ["", 7, null, "x".repeat(257)]) await refused(check({ jti }), /`jti` is not a text/);
  for (const scope of [7, null, [1], { read: true }]) await refused(check({ scope }), /`scope`/);
  await refused(check({ exp: NOW_MS }), /year 9999/);
  await check({ sub: "x".repeat(256), jti: "x".repeat(256) });
});

test("expiry and beginning hold to the second, with the leeway and without", async () => {
  for (const leewaySec of [0, LEEWAY]) {
    const check = (more: Record<string, unknown>): Promise<unknown> =>
      verifier("HS256", { leewaySec }).verify(tokenOf(keyFor("HS256"), claimsAt(NOW_MS, more)));
    await check({ exp: NOW - leewaySec + 1 });
    await refused(check({ exp: NOW - leewaySec }), /has expired/);
    await check({ nbf: NOW + leewaySec });
    await refused(check({ nbf: NOW + leewaySec + 1 }), /not valid yet/);
  }
});

test("audience and issuer are compared where they are configured", async () => {
  const check = (more: Record<string, unknown>, config: Partial<JwtConfig>): Promise<unknown> =>
    verifier("HS256", config).verify(tokenOf(keyFor("HS256"), claimsAt(NOW_MS, more)));
  await check({ aud: "swapstats" }, { audience: "swapstats" });
  await check({ aud: ["other", "swapstats"] }, { audience: "swapstats" });
  await refused(check({ aud: "swapstats2" }, { audience: "swapstats" }), /another audience/);
  await refused(check({ aud: ["swap", "stats"] }, { audience: "swapstats" }), /another audience/);
  await refused(check({}, { audience: "swapstats" }), /no `aud`/);
  await check({ iss: "https://issuer" }, { issuer: "https://issuer" });
  await refused(check({ iss: "https://issuer/" }, { issuer: "https://issuer" }), /another issuer/);
  await refused(check({}, { issuer: "https://issuer" }), /no `iss`/);
  await check({ aud: "anyone", iss: "anyone" }, {});
});

test("the scope is read without a claim, and nothing with a claim of other words", async () => {
  const scopesOf = async (scope: unknown): Promise<string[]> => {
    const token = tokenOf(keyFor("HS256"), claimsAt(NOW_MS, { scope }));
    return [...(await verifier("HS256").verify(token)).scopes];
  };
  assert.deepEqual(await scopesOf(undefined), ["read"]);
  assert.deepEqual(await scopesOf("admin ingest"), ["ingest", "admin"]);
  assert.deepEqual(await scopesOf(["read", "profile"]), ["read"]);
  assert.deepEqual(await scopesOf("openid"), []);
  assert.deepEqual(await scopesOf("READ read,ingest"), []);
  assert.deepEqual(await scopesOf(""), []);
});

test("texts that are no tokens are refused, and repeated nowhere", async () => {
  const good = tokenOf(keyFor("HS256"), claimsAt(NOW_MS));
  const texts = ["", ".", "..", "a.b.c", `${good}.x`, good.replaceAll(".", ""), `${good}=`, "\0.\0.\0", "ä.ö.ü"];
  for (const text of texts) {
    await assert.rejects(verifier("HS256").verify(text), (error: Error & { code: string }) => {
      assert.equal(error.code, "unauthorized");
      assert.ok(text.length < 3 || !error.message.includes(text));
      return true;
    });
  }
});

test("a public key must fit the algorithm, and may be a certificate or PKCS#1", (t) => {
  const dir = tempDir(t);
  const write = (pem: string | Buffer): string => {
    const path = join(dir, "key.pem");
    writeFileSync(path, pem);
    return path;
  };
  const spki = (key: KeyObject): string => key.export({ type: "spki", format: "pem" }) as string;
  for (const algorithm of ["RS256", "ES256", "EdDSA"] as const) {
    assert.ok(readPublicKey(write(spki(keyFor(algorithm).publicKey as KeyObject)), algorithm).type === "public");
  }
  readPublicKey(write(keyFor("RS256").publicKey?.export({ type: "pkcs1", format: "pem" }) as string), "RS256");
  const wrong: readonly (readonly [KeyObject, JwtAlgorithm, RegExp])[] = [
    [keyFor("ES256").publicKey as KeyObject, "RS256", /does not fit RS256: it needs an RSA key of at least 2048/],
    [generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey, "RS256", /at least 2048 bits/],
    [generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey, "ES256", /the curve P-256/],
    [generateKeyPairSync("ed448").publicKey, "EdDSA", /an Ed25519 key/],
  ];
  for (const [key, algorithm, message] of wrong) {
    assert.throws(() => readPublicKey(write(spki(key)), algorithm), { code: "bad_config", message });
  }
  assert.throws(() => readPublicKey(write("nothing"), "RS256"), { code: "bad_config", message: /cannot be read/ });
  assert.throws(() => readPublicKey(join(dir, "absent"), "RS256"), { code: "bad_config", message: /ENOENT/ });
});

requires("tokens of OpenSSL", { programs: ["openssl"] }, () => {
  test("tokens and keys that OpenSSL made are accepted, with each algorithm", async (t) => {
    const dir = tempDir(t);
    const openssl = (args: readonly string[], input = ""): Buffer => {
      const { status, stdout, stderr } = spawnSync("openssl", args, { input, cwd: dir });
      assert.equal(status, 0, stderr.toString());
      return stdout;
    };
    const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const contentOf = (alg: string): string => `${encoded({ alg })}.${encoded(claimsAt(NOW_MS))}`;
    const hmac = openssl(["dgst", "-sha256", "-hmac", SECRET, "-binary"], contentOf("HS256"));
    await verifier("HS256").verify(`${contentOf("HS256")}.${hmac.toString("base64url")}`);
    const kinds: readonly (readonly [JwtAlgorithm, readonly string[], readonly string[]])[] = [
      ["RS256", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], ["-rawin", "-digest", "sha256"]],
      ["ES256", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], ["-rawin", "-digest", "sha256"]],
      ["EdDSA", ["-algorithm", "ED25519"], ["-rawin"]],
    ];
    for (const [algorithm, generate, signing] of kinds) {
      openssl(["genpkey", ...generate, "-out", "key.pem"]);
      openssl(["pkey", "-in", "key.pem", "-pubout", "-out", "public.pem"]);
      const content = contentOf(algorithm);
      writeFileSync(join(dir, "content"), content);
      const signed = openssl(["pkeyutl", "-sign", "-inkey", "key.pem", "-in", "content", ...signing]);
      const signature = algorithm === "ES256" ? fromDer(signed) : signed;
      const key = readPublicKey(join(dir, "public.pem"), algorithm);
      await verifier(algorithm, {}, key).verify(`${content}.${signature.toString("base64url")}`);
      assert.equal(createPublicKey(key.export({ type: "spki", format: "pem" })).type, "public");
    }
  });
});

/** OpenSSL writes the two numbers of an elliptic signature in DER; a token has them side by side, 32 bytes each. */
function fromDer(der: Buffer): Buffer {
  const rLength = der[3] as number;
  const r = der.subarray(4, 4 + rLength);
  const s = der.subarray(6 + rLength);
  const fixed = (number: Buffer): Buffer => Buffer.concat([Buffer.alloc(32), number]).subarray(-32);
  return Buffer.concat([fixed(r), fixed(s)]);
}

test("no token with another character anywhere is accepted", async (t) => {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \u0000";
  for (const algorithm of ALGORITHMS) {
    const token = tokenOf(keyFor(algorithm), claimsAt(NOW_MS));
    const [, , signature = ""] = token.split(".");
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 1), fc.constantFrom(...alphabet), async (at, character) => {
        if (token[at] === character) return;
        const changed = `${token.slice(0, at)}${character}${token.slice(at + 1)}`;
        // The last character of a signature has bits that encode nothing.
        const same = Buffer.from(changed.split(".")[2] ?? "", "base64url").equals(Buffer.from(signature, "base64url"));
        if (at === token.length - 1 && same) return;
        await refused(verifier(algorithm).verify(changed), /./);
      }),
      propertyOptions(t, 150),
    );
  }
});
