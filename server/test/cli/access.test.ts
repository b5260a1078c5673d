/** Commands with credentials: keys and tokens, and commands that show them to a service over TLS. */
import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { makeCertificates } from "../../../scripts/servers/certificates.ts";
import { findApiKey, readApiKeys } from "../../src/access/identity/api-keys.ts";
import { startApp } from "../../src/app.ts";
import { runCli } from "../../src/cli/run.ts";
import { loadConfig } from "../../src/config/load.ts";
import { createLogger } from "../../src/observability/logger.ts";
import { memoryOutput } from "../support/memory-output.ts";
import { requires } from "../support/requires.ts";
import { tempDir } from "../support/tmp.ts";
import { claimsAt, SECRET, signingKey, tokenOf } from "../support/tokens.ts";

const ID = "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
const SWAP = {
  ...{ chain_id: 1, tx_hash: `0x${"5e".repeat(32)}`, log_index: 1, token: ID.slice(2), token_symbol: "WETH" },
  ...{ who: `0x${"11".repeat(20)}`, side: "buy", amount_token: "1.5", amount_usd: "2775.3", event_time: Date.now() },
};

type Said = { code: number; out: string; err: string };

async function cli(...args: string[]): Promise<Said> {
  const output = memoryOutput();
  const code = await runCli(args, output, new AbortController().signal);
  return { code, out: output.outText(), err: output.errText() };
}

test("key create adds a key that its file accepts, and shows it once; key list shows no key", async (t) => {
  const file = join(tempDir(t), "api-keys");
  const first = await cli("key", "create", "desk", "--file", file);
  assert.deepEqual([first.code, first.err.includes("desk (read)")], [0, true], first.err);
  // A file that somebody edited may lack its last line feed.
  writeFileSync(file, readFileSync(file, "utf8").trimEnd());
  const second = await cli("key", "create", "collector", "--scope", "ingest,admin", "--file", file);
  const keys = readApiKeys(file);
  assert.equal(findApiKey(keys, first.out.trim())?.name, "desk");
  assert.deepEqual(findApiKey(keys, second.out.trim())?.scopes, new Set(["ingest", "admin"]));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const { out } = await cli("key", "list", "--file", file);
  assert.match(out, /^NAME +SCOPE +SHA256\ndesk +read +[0-9a-f]{12}\ncollector +ingest,admin +[0-9a-f]{12}\n$/);
  const again = await cli("key", "create", "desk", "--file", file);
  assert.deepEqual([again.code, /has a key named desk/.test(again.err)], [2, true], again.err);
  assert.equal(readApiKeys(file).length, 2);
});

test("a file that is no file of keys is not written to", async (t) => {
  const file = join(tempDir(t), "notes");
  writeFileSync(file, "my notes\n");
  const { code, err } = await cli("key", "create", "desk", "--file", file);
  assert.deepEqual([code, /line 1/.test(err)], [1, true], err);
  assert.equal(readFileSync(file, "utf8"), "my notes\n");
});

test("token mint signs a token with the configured claims", async (t) => {
  const config = join(tempDir(t), "config.yaml");
  const secret = join(tempDir(t), "secret");
  writeFileSync(secret, SECRET);
  const jwt = `{enabled: on, alg: HS256, secret: "file:${secret}", audience: here, issuer: me}`;
  writeFileSync(config, `security: {dev_tokens: on, jwt: ${jwt}}\n`);
  const { code, out, err } = await cli(
    ...["token", "mint", "--sub", "alice", "--scope", "read,admin", "--ttl", "5m", "--config", config],
  );
  assert.equal(code, 0, err);
  const [, body = ""] = out.trim().split(".");
  const claims = JSON.parse(Buffer.from(body, "base64url").toString());
  assert.deepEqual([claims.sub, claims.scope, claims.aud, claims.iss], ["alice", "read admin", "here", "me"]);
  assert.equal(claims.exp - claims.nbf, 300);
});

test("token mint signs nothing unless security.dev_tokens is on", async (t) => {
  const config = join(tempDir(t), "config.yaml");
  const secret = join(tempDir(t), "secret");
  writeFileSync(secret, SECRET);
  writeFileSync(config, `security: {jwt: {enabled: on, alg: HS256, secret: "file:${secret}"}}\n`);
  const { code, out, err } = await cli("token", "mint", "--sub", "alice", "--config", config);
  assert.deepEqual([code, out], [2, ""]);
  assert.match(err, /security\.dev_tokens is off/);
});

/** Starts a service over TLS that needs credentials. What commands trust is put back after the test. */
async function startService(t: TestContext): Promise<{ url: string; ca: string }> {
  const { cert, key, ca } = makeCertificates(tempDir(t, "tls"));
  const trusted = getCACertificates("default");
  t.after(() => setDefaultCACertificates(trusted));
  const { config } = loadConfig({
    env: {},
    overrides: {
      ...{ data_dir: tempDir(t, "tls-data"), "api.http.addr": "127.0.0.1:0", "metrics.prometheus": "" },
      ...{ "api.http.tls.cert": cert, "api.http.tls.key": key, "security.mode": "required" },
      ...{ "security.jwt.enabled": "on", "security.jwt.alg": "HS256", "security.jwt.secret": SECRET },
    },
  });
  const app = await startApp(config, { logger: createLogger({ level: "silent", format: "json" }) });
  t.after(() => app.stop());
  return { url: `https://127.0.0.1:${app.addresses.http?.port}`, ca };
}

const token = (scope: string): string => tokenOf(signingKey("HS256"), claimsAt(Date.now(), { scope }));

requires("commands over TLS", { programs: ["openssl"] }, () => {
  test("replay, generate and watch show a token to a service over TLS", async (t) => {
    const { url, ca } = await startService(t);
    const file = join(tempDir(t), "swaps.ndjson");
    writeFileSync(file, `${JSON.stringify(SWAP)}\n`);
    const untrusted = await cli("replay", file, "--to", url, "--token", token("ingest admin"));
    assert.deepEqual([untrusted.code, /cannot be reached/.test(untrusted.err)], [1, true], untrusted.err);
    const anonymous = await cli("replay", file, "--to", url, "--ca", ca);
    assert.deepEqual([anonymous.code, /give a token or an API key with --token/.test(anonymous.err)], [1, true]);
    const narrow = await cli("replay", file, "--to", url, "--token", token("read"));
    assert.deepEqual([narrow.code, /does not permit this/.test(narrow.err)], [1, true], narrow.err);
    const full = await cli("replay", file, "--to", url, "--token", token("ingest admin"));
    assert.deepEqual([full.code, /1 sent, 1 accepted/.test(full.out)], [0, true], full.out + full.err);
    // Without the scope admin the counters cannot be seen, and the swaps are sent all the same.
    const blind = await cli("replay", file, "--to", url, "--token", token("ingest"));
    assert.match(blind.out + blind.err, /1 sent, 1 accepted[\s\S]*scope admin/);
    const generated = await cli(
      ...["generate", "--to", "http", "--url", url, "--count", "5", "--token", token("ingest")],
    );
    assert.deepEqual([generated.code, /5 sent/.test(generated.out)], [0, true], generated.err);
    const stop = new AbortController();
    const output = memoryOutput();
    const watching = runCli(["watch", ID, "--url", url, "--token", token("read")], output, stop.signal);
    const refused = await cli("watch", "WETH", "--url", url);
    assert.deepEqual([refused.code, /needs credentials/.test(refused.err)], [1, true], refused.err);
    while (output.outText() === "") await new Promise((resolve) => setTimeout(resolve, 20));
    stop.abort();
    assert.equal(await watching, 0, output.errText());
    assert.match(output.outText(), /WETH/);
  });
});
