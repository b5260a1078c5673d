/** The whole program with credentials: both modes, every place where credentials stand, and what its log says of them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { WebSocket } from "ws";
import { hashOfKey, keyLine, newApiKey } from "../../src/access/identity/api-keys.ts";
import type { Scope } from "../../src/access/identity.ts";
import { startApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config/load.ts";
import { createLogger } from "../../src/observability/logger.ts";
import { type Json, type RunningApp, TestApps } from "../support/app-harness.ts";
import { tempDir } from "../support/tmp.ts";
import { claimsAt, SECRET, signingKey, tokenOf } from "../support/tokens.ts";

const KEY = signingKey("HS256");
const JWT = { "security.jwt.enabled": "on", "security.jwt.alg": "HS256", "security.jwt.secret": SECRET };
const REQUIRED = { ...JWT, "security.mode": "required" };
const ID = "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
const STATS = `/api/tokens/${ID}/stats`;

const token = (scope?: string, more: object = {}): string => tokenOf(KEY, claimsAt(Date.now(), { scope, ...more }));
const bearer = (text: string) => ({ headers: { authorization: `Bearer ${text}` } });
const swap = (i: number) => ({
  ...{ chain_id: 1, tx_hash: `0x${"5e".repeat(31)}${String(i).padStart(2, "0")}`, log_index: 1, token: ID.slice(2) },
  ...{ token_symbol: "WETH", who: `0x${"11".repeat(20)}`, side: "buy", amount_token: "1.5", amount_usd: "2775.3" },
  event_time: Date.now(),
});
const post = (body: unknown, more: { headers: object } = { headers: {} }): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", ...more.headers },
  body: JSON.stringify(body),
});

/** A file of one key for each scope. */
function keysFile(t: TestContext): { path: string; keys: Readonly<Record<Scope, string>> } {
  const path = join(tempDir(t, "keys"), "api-keys");
  const keys = { read: newApiKey(), ingest: newApiKey(), admin: newApiKey() };
  const lines = Object.entries(keys).map(([scope, text]) =>
    keyLine({ name: `of-${scope}`, scopes: new Set([scope as Scope]), hash: hashOfKey(text) }),
  );
  writeFileSync(path, `${lines.join("\n")}\n`);
  return { path, keys };
}

/** Sends swaps with a token that permits it, and waits until they are applied. */
async function filled({ base, call }: Pick<RunningApp, "base" | "call">): Promise<void> {
  const { status, text } = await call("/api/swaps", post([swap(1)], bearer(token("ingest"))));
  assert.equal(status, 202, text);
  for (;;) {
    const { partitions } = (await (await fetch(`${base}/api/status`, bearer(token("admin")))).json()) as Json;
    if (partitions.every(({ lag }: Json) => lag === 0)) return;
  }
}

/** Resolves to the status of the handshake (101: open), and the sub-protocol. */
async function handshake(url: string, protocols: string[] = [], headers: Record<string, string> = {}) {
  const socket = new WebSocket(url, protocols, { headers });
  socket.on("error", () => {});
  const opened = once(socket, "open").then(() => ({ status: 101, protocol: socket.protocol }));
  const refused = once(socket, "unexpected-response").then(([, { statusCode }]) => ({
    status: statusCode,
    protocol: "",
  }));
  const outcome = await Promise.race([opened, refused]);
  socket.terminate();
  return outcome;
}

describe("security.mode: required", () => {
  test("probes and documents are open, and everything else needs credentials", async (t) => {
    const { base, call, metricsBase } = await new TestApps(t).start(REQUIRED);
    for (const path of ["/healthz", "/readyz", "/docs", "/openapi.json", "/"]) {
      assert.equal((await fetch(base + path)).status, 200, path);
      // Credentials that are not valid do not matter to a probe.
      if (path.endsWith("z")) assert.equal((await fetch(base + path, bearer("x.y.z"))).status, 200, path);
    }
    for (const path of [STATS, "/api/status", "/api/dead-letters", "/api/overview", "/stats?token=WETH"]) {
      const { status, headers, json } = await call(path);
      assert.deepEqual([status, json.code], [401, "unauthorized"], path);
      assert.equal(headers.get("www-authenticate"), 'Bearer realm="swapstats"');
    }
    assert.equal((await call("/api/swaps", post([swap(1)]))).status, 401);
    assert.equal((await fetch(`${metricsBase}/metrics`)).status, 401);
    assert.equal((await fetch(`${base}/nothing`)).status, 404);
    assert.equal((await call("/api/auth/ticket", { method: "POST" })).status, 401);
  });

  test("documents need credentials where the configuration says so", async (t) => {
    const { config } = loadConfig({
      env: {},
      overrides: {
        ...REQUIRED,
        ...{ "security.docs": "required", data_dir: tempDir(t, "docs"), "api.http.addr": "127.0.0.1:0" },
        "metrics.prometheus": "",
      },
    });
    const app = await startApp(config, { logger: createLogger({ level: "silent", format: "json" }) });
    t.after(() => app.stop());
    const base = `http://127.0.0.1:${app.addresses.http?.port}`;
    for (const path of ["/docs", "/openapi.json", "/"]) {
      assert.equal((await fetch(base + path)).status, 401, path);
      assert.equal((await fetch(base + path, bearer(token()))).status, 200, path);
    }
    // The dashboard asks for a token by itself; a browser cannot show one when it opens a page.
    const opened = await fetch(base, { headers: { accept: "text/html,*/*;q=0.8" } });
    assert.equal(opened.status, 200);
    const [, file] = /src="\.\/(assets\/[^"]+)"/.exec(await opened.text()) as RegExpExecArray;
    assert.equal((await fetch(`${base}/${file}`)).status, 200);
    assert.equal((await fetch(`${base}/healthz`)).status, 200);
  });

  test("a scope permits its calls and no others, for tokens and keys alike", async (t) => {
    const { path, keys } = keysFile(t);
    const app = await new TestApps(t).start({ ...REQUIRED, "security.api_keys_path": path });
    await filled(app);
    const calls: readonly (readonly [path: string, scope: Scope, init?: RequestInit])[] = [
      [STATS, "read"],
      ["/api/overview", "read"],
      ["/api/status", "admin"],
      ["/api/dead-letters", "admin"],
      ["/api/swaps", "ingest", post([swap(2)])],
    ];
    for (const [url, needed, init = {}] of calls) {
      for (const scope of ["read", "ingest", "admin"] as const) {
        for (const shown of [{ authorization: `Bearer ${token(scope)}` }, { "x-api-key": keys[scope] }]) {
          const response = await app.call(url, { ...init, headers: { ...init.headers, ...shown } });
          assert.equal(response.status < 300, scope === needed, `${url} with ${scope}: ${response.text}`);
          if (scope === needed) continue;
          assert.deepEqual([response.status, response.json.code], [403, "forbidden"]);
          const challenge = `Bearer realm="swapstats", error="insufficient_scope", scope="${needed}"`;
          assert.equal(response.headers.get("www-authenticate"), challenge);
        }
      }
    }
    const metrics = (text: string) => fetch(`${app.metricsBase}/metrics`, bearer(text));
    assert.deepEqual([(await metrics(token("admin"))).status, (await metrics(token())).status], [200, 403]);
  });

  test("the fast lane responds to nobody without credentials", async (t) => {
    const app = await new TestApps(t).start(REQUIRED);
    await filled(app);
    const good = token();
    for (let i = 0; i < 5; i++) {
      assert.equal((await app.call(STATS, bearer(good))).status, 200);
      assert.equal((await app.call(STATS)).status, 401);
      assert.equal((await app.call(STATS, bearer(`${good}x`))).status, 401);
      assert.equal((await app.call(STATS, bearer(token("ingest")))).status, 403);
    }
    const { headers, json } = await app.call(STATS, bearer(token("read", { exp: 1 })));
    assert.equal(headers.get("www-authenticate"), 'Bearer realm="swapstats", error="invalid_token"');
    assert.equal(json.detail, "The token has expired; get a new one.");
  });

  test("a WebSocket takes a token as header, as sub-protocol or as ticket, and a ticket once", async (t) => {
    const app = await new TestApps(t).start(REQUIRED);
    const url = `${app.base.replace("http", "ws")}/ws`;
    assert.equal((await handshake(url)).status, 401);
    assert.equal((await handshake(url, [], { authorization: `Bearer ${token()}` })).status, 101);
    assert.equal((await handshake(url, [], { authorization: `Bearer ${token("ingest")}` })).status, 403);
    const chosen = await handshake(url, ["swapstats.v1.json", `bearer.${token()}`]);
    assert.deepEqual(chosen, { status: 101, protocol: "swapstats.v1.json" });
    assert.equal((await handshake(url, ["swapstats.v1.json", "bearer.x.y.z"])).status, 401);
    // Without a sub-protocol that is spoken here a browser would give up.
    assert.equal((await handshake(url, [`bearer.${token()}`])).status, 400);
    const { json } = await app.call("/api/auth/ticket", { method: "POST", ...bearer(token()) });
    const withTicket = `${url}?ticket=${encodeURIComponent(json.ticket)}`;
    assert.equal((await handshake(withTicket)).status, 101);
    assert.equal((await handshake(withTicket)).status, 401);
    assert.equal((await fetch(`${app.base}${STATS}?ticket=${json.ticket}`)).status, 401);
  });

  test("an event stream takes a ticket, and ends with its token", async (t) => {
    const app = await new TestApps(t).start(REQUIRED);
    await filled(app);
    const stream = `${app.base}/api/stream?channels=token:${ID}`;
    assert.equal((await fetch(stream)).status, 401);
    const soon = { exp: Math.floor(Date.now() / 1_000) - 28 };
    const { json } = await app.call("/api/auth/ticket", { method: "POST", ...bearer(token("read", soon)) });
    const response = await fetch(`${stream}&ticket=${encodeURIComponent(json.ticket)}`);
    assert.equal(response.status, 200);
    const text = await response.text();
    assert.match(text, /event: auth_expiring\n/);
    assert.equal((await fetch(`${stream}&ticket=${encodeURIComponent(json.ticket)}`)).status, 401);
  });

  test("a WebSocket renews its token, and a foreign one is refused", async (t) => {
    const app = await new TestApps(t).start(REQUIRED);
    const socket = new WebSocket(`${app.base.replace("http", "ws")}/ws`, {
      headers: { authorization: `Bearer ${token("read", { exp: Math.floor(Date.now() / 1_000) + 20 })}` },
    });
    const answers: Json[] = [];
    socket.on("message", (data) => answers.push(JSON.parse(String(data))));
    const until = async (test: (message: Json) => boolean): Promise<Json> => {
      for (;;) {
        const found = answers.find(test);
        if (found !== undefined) return found;
        await once(socket, "message");
      }
    };
    await until(({ type }) => type === "auth_expiring");
    socket.send(JSON.stringify({ id: 1, auth: token("read", { sub: "bob" }) }));
    const refused = await until(({ id }) => id === 1);
    assert.deepEqual([refused.type, refused.code], ["error", "unauthorized"]);
    assert.match(refused.message, /another subject/);
    socket.send(JSON.stringify({ id: 2, auth: token("ingest") }));
    assert.equal((await until(({ id }) => id === 2)).type, "authenticated");
    // The new token has fewer scopes, and they hold.
    socket.send(JSON.stringify({ id: 3, subscribe: `token:${ID}` }));
    assert.equal((await until(({ id }) => id === 3)).code, "forbidden");
    socket.terminate();
  });

  test("revoking a subject closes its connections", async (t) => {
    const path = join(tempDir(t, "revoked"), "revoked");
    writeFileSync(path, "");
    const app = await new TestApps(t).start({ ...REQUIRED, "security.revoked_path": path });
    const socket = new WebSocket(`${app.base.replace("http", "ws")}/ws`, {
      headers: { authorization: `Bearer ${token()}` },
    });
    await once(socket, "open");
    writeFileSync(path, "sub alice\n");
    const [code] = await once(socket, "close");
    assert.equal(code, 4401);
    assert.equal((await app.call(STATS, bearer(token()))).status, 401);
  });
});

describe("security.mode: open", () => {
  test("everyone may ask, and bad credentials are refused all the same", async (t) => {
    const { call } = await new TestApps(t).start(JWT);
    assert.equal((await call("/api/status")).status, 200);
    assert.equal((await call("/api/status", bearer(token("admin")))).status, 200);
    assert.equal((await call("/api/status", bearer(token()))).status, 403);
    assert.equal((await call("/api/status", bearer("x.y.z"))).status, 401);
  });

  test("without any configuration credentials are ignored", async (t) => {
    const { call } = await new TestApps(t).start();
    assert.equal((await call("/api/status", bearer("x.y.z"))).status, 200);
  });
});

describe("tokens for development", () => {
  const body = { sub: "dev", scope: "read admin", ttl_sec: 60 };

  test("they are signed for everyone, and accepted", async (t) => {
    const overrides = { ...REQUIRED, "security.dev_tokens": "on", "security.jwt.audience": "here" };
    const { call } = await new TestApps(t).start({ ...overrides, "security.jwt.issuer": "me" });
    const { status, json, headers } = await call("/api/auth/token", post(body));
    assert.equal(status, 200);
    assert.equal(headers.get("cache-control"), "no-store");
    assert.ok(Math.abs(json.expires_at - Date.now() - 60_000) < 5_000);
    assert.equal((await call("/api/status", bearer(json.token))).status, 200);
    const plain = (await call("/api/auth/token", post({ sub: "dev" }))).json;
    assert.equal((await call("/api/status", bearer(plain.token))).status, 403);
    for (const bad of [{}, { sub: "" }, { ...body, scope: "root" }, { ...body, ttl_sec: 0 }, { ...body, more: 1 }]) {
      assert.equal((await call("/api/auth/token", post(bad))).status, 400);
    }
    // A page of another site must not fetch one.
    const foreign = post(body, { headers: { origin: "https://evil.example" } });
    assert.equal((await call("/api/auth/token", foreign)).status, 403);
  });

  test("they do not exist unless the configuration says so", async (t) => {
    const { call } = await new TestApps(t).start(REQUIRED);
    const { status, json } = await call("/api/auth/token", post(body));
    assert.deepEqual([status, json.code], [404, "not_found"]);
  });
});

test("no log holds a secret, a token, a key or a ticket, at any level", async (t) => {
  const { path, keys } = keysFile(t);
  const lines: string[] = [];
  const logger = createLogger({ level: "trace", format: "json" }, { write: (line) => void lines.push(line) });
  const fixed = { data_dir: tempDir(t, "log"), "api.http.addr": "127.0.0.1:0", "metrics.prometheus": "127.0.0.1:0" };
  const ticketSecret = "another secret of the tests, with more than 32 bytes";
  const overrides = { ...REQUIRED, ...fixed, "security.api_keys_path": path, "security.ticket_secret": ticketSecret };
  const { config } = loadConfig({ env: {}, overrides: { ...overrides, "security.dev_tokens": "on" } });
  const app = await startApp(config, { logger });
  t.after(() => app.stop());
  const base = `http://127.0.0.1:${app.addresses.http?.port}`;
  const secrets = [SECRET, ticketSecret, token("read ingest admin"), `${token()}x`, token("read", { exp: 1 })];
  secrets.push(...Object.values(keys), `${newApiKey()}x`);
  for (const text of secrets.slice(2)) {
    for (const target of [STATS, "/api/status", "/nothing", "/api/swaps"]) {
      await fetch(base + target, bearer(text));
      await fetch(base + target, { headers: { "x-api-key": text } });
    }
    await handshake(`${base.replace("http", "ws")}/ws`, ["swapstats.v1.json", `bearer.${text}`]);
    await fetch(`${base}/api/auth/ticket`, { method: "POST", ...bearer(text) });
  }
  const minted = (await (await fetch(`${base}/api/auth/token`, post({ sub: "dev" }))).json()) as Json;
  const ticketOf = async () =>
    ((await (await fetch(`${base}/api/auth/ticket`, { method: "POST", ...bearer(minted.token) })).json()) as Json)
      .ticket;
  const tickets = [await ticketOf(), await ticketOf(), await ticketOf()];
  await handshake(`${base.replace("http", "ws")}/ws?ticket=${tickets[0]}`);
  await fetch(`${base}/api/stream?channels=token:x&ticket=${tickets[1]}`);
  await fetch(`${base}/nothing?a=b&ticket=${tickets[2]}`);
  writeFileSync(path, `broken read ${keys.read}\n`);
  while (!lines.some((line) => line.includes("api_keys_path"))) await new Promise((resolve) => setTimeout(resolve, 20));
  const log = lines.join("\n");
  assert.ok(log.includes(STATS) && log.includes("/nothing?a=b&ticket=***"), log.slice(0, 2_000));
  for (const secret of [...secrets, minted.token, ...tickets]) assert.ok(!log.includes(secret), secret);
});
