import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromEnv, problemsOf } from "../loading.ts";

const SECRET = "a secret of the tests, with more than 32 bytes";
const on = (more: Record<string, string>): Record<string, string> => ({
  SWAPSTATS_SECURITY_JWT_ENABLED: "on",
  ...Object.fromEntries(Object.entries(more).map(([key, value]) => [`SWAPSTATS_SECURITY_${key}`, value])),
});

/** Asserts that the first problem of this environment is of this key and says this. */
function refused(env: Record<string, string>, path: string, message: RegExp): void {
  const problems = problemsOf({ env });
  assert.ok(problems[0]?.startsWith(path), problems[0]);
  assert.match(String(problems[0]), message);
}

describe("security.mode", () => {
  test("it is open on loopback addresses, unless it is written out", () => {
    for (const host of ["127.0.0.1", "127.9.9.9", "[::1]", "localhost"]) {
      assert.equal(fromEnv({ SWAPSTATS_API_HTTP_ADDR: `${host}:8080` }).security.mode, "open", host);
    }
    const required = on({ MODE: "required", JWT_ALG: "HS256", JWT_SECRET: SECRET });
    assert.equal(fromEnv(required).security.mode, "required");
  });

  test("a listener that other machines can reach needs a mode that is written out", () => {
    for (const host of ["0.0.0.0", "[::]", "10.0.0.7", "stats.example.com"]) {
      const env = { SWAPSTATS_API_HTTP_ADDR: `${host}:8080` };
      refused(env, "security.mode", /is not set, and api\.http\.addr is .*:8080, which other machines can reach/);
      assert.equal(fromEnv({ ...env, SWAPSTATS_SECURITY_MODE: "open" }).security.mode, "open");
    }
    refused(
      { SWAPSTATS_METRICS_PROMETHEUS: "0.0.0.0:9091" },
      "security.mode",
      /metrics\.prometheus is 0\.0\.0\.0:9091/,
    );
    refused({ SWAPSTATS_API_GRPC_ADDR: "0.0.0.0:9090" }, "security.mode", /api\.grpc\.addr is 0\.0\.0\.0:9090/);
    // A listener that is off is no listener.
    fromEnv({ SWAPSTATS_API_HTTP_ADDR: "", SWAPSTATS_METRICS_PROMETHEUS: "" });
  });

  test("required needs something by which somebody can get in", () => {
    refused({ SWAPSTATS_SECURITY_MODE: "required" }, "security.mode", /nobody could get in/);
    const keys = { SWAPSTATS_SECURITY_MODE: "required", SWAPSTATS_SECURITY_API_KEYS_PATH: "/keys" };
    assert.equal(fromEnv(keys).security.apiKeysPath, "/keys");
  });
});

describe("security.jwt", () => {
  test("the key follows from the algorithm", () => {
    const secret = fromEnv(on({ JWT_ALG: "HS256", JWT_SECRET: SECRET })).security.jwt;
    assert.deepEqual(secret?.key, { kind: "secret", secret: SECRET });
    const file = fromEnv(on({ JWT_ALG: "EdDSA", JWT_PUBLIC_KEY_PATH: "/key.pem" })).security.jwt;
    assert.deepEqual([file?.key, file?.leewaySec], [{ kind: "file", path: "/key.pem" }, 30]);
    for (const url of [
      "https://login.example.com/jwks",
      "http://127.0.0.1:1/",
      "http://localhost/k",
      "http://[::1]:8/k",
    ]) {
      const jwks = fromEnv(on({ JWT_ALG: "RS256", JWT_JWKS_URL: url })).security.jwt;
      assert.deepEqual(jwks?.key, { kind: "jwks", url });
    }
    assert.equal(fromEnv({}).security.jwt, undefined);
  });

  test("keys that do not fit the algorithm are refused", () => {
    refused(on({}), "security.jwt.alg", /is not set; give the algorithm/);
    refused(on({ JWT_ALG: "HS256" }), "security.jwt.secret", /is not set, and security\.jwt\.alg is HS256/);
    const both = { JWT_ALG: "HS256", JWT_SECRET: SECRET };
    refused(on({ ...both, JWT_PUBLIC_KEY_PATH: "/k" }), "security.jwt.public_key_path", /HS256 has a secret alone/);
    refused(on({ ...both, JWT_JWKS_URL: "https://a/" }), "security.jwt.jwks_url", /HS256 has a secret alone/);
    const rsa = { JWT_ALG: "RS256", JWT_PUBLIC_KEY_PATH: "/k" };
    refused(on({ ...rsa, JWT_SECRET: SECRET }), "security.jwt.secret", /RS256 has no secret/);
    refused(on({ ...rsa, JWT_JWKS_URL: "https://a/" }), "security.jwt.jwks_url", /keep one of them/);
    refused(on({ JWT_ALG: "ES256" }), "security.jwt.public_key_path", /ES256 needs one of them/);
    refused(on({ JWT_ALG: "none" }), "security.jwt.alg", /is none of HS256, RS256, ES256, EdDSA/);
  });

  test("a secret that can be guessed is refused, and is not repeated", () => {
    const short = "x".repeat(31);
    refused(on({ JWT_ALG: "HS256", JWT_SECRET: short }), "security.jwt.secret", /has 31 bytes/);
    fromEnv(on({ JWT_ALG: "HS256", JWT_SECRET: "x".repeat(32) }));
    refused({ ...on({ JWT_ALG: "HS256", JWT_SECRET: SECRET, TICKET_SECRET: short }) }, "security.ticket_secret", /31/);
    assert.ok(
      !problemsOf({ env: on({ JWT_ALG: "HS256", JWT_SECRET: short }) })
        .join()
        .includes(short),
    );
  });

  test("keys of an issuer come over https alone, but for loopback", () => {
    for (const url of [
      "http://login.example.com/jwks",
      "http://127.0.0.1.evil.example/",
      "http://localhost.evil/",
      "ftp://a/",
    ]) {
      refused(on({ JWT_ALG: "RS256", JWT_JWKS_URL: url }), "security.jwt.jwks_url", /https:\/\//);
    }
  });

  test("development tokens need a key that signs", () => {
    const message = /without a key that signs/;
    refused(on({ DEV_TOKENS: "on", JWT_ALG: "RS256", JWT_PUBLIC_KEY_PATH: "/k" }), "security.dev_tokens", message);
    refused({ SWAPSTATS_SECURITY_DEV_TOKENS: "on" }, "security.dev_tokens", /tokens are not accepted/);
    const pair = { JWT_ALG: "RS256", JWT_PUBLIC_KEY_PATH: "/k", JWT_PRIVATE_KEY_PATH: "/p" };
    assert.equal(fromEnv(on({ DEV_TOKENS: "on", ...pair })).security.jwt?.privateKeyPath, "/p");
  });
});

describe("api.http.tls", () => {
  test("certificate and key go together", () => {
    const [cert, key, ca] = ["CERT", "KEY", "CLIENT_CA"].map((name) => `SWAPSTATS_API_HTTP_TLS_${name}`) as [
      string,
      string,
      string,
    ];
    assert.equal(fromEnv({}).api.http.tls, undefined);
    assert.deepEqual(fromEnv({ [cert]: "/c", [key]: "/k", [ca]: "/a" }).api.http.tls, {
      ...{ certPath: "/c", keyPath: "/k", clientCaPath: "/a" },
    });
    refused({ [cert]: "/c" }, "api.http.tls.key", /is not set, and api\.http\.tls\.cert is/);
    refused({ [key]: "/k" }, "api.http.tls.cert", /is not set, and api\.http\.tls\.key is/);
    refused({ [ca]: "/a" }, "api.http.tls.client_ca", /is set without api\.http\.tls\.cert/);
  });
});
