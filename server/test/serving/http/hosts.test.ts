/** Access by foreign names that resolve to this machine, and by pages of other sites. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { requestLimits } from "@swapstats/protocol/limits.ts";
import fc from "fast-check";
import { decodeCursor, encodeCursor } from "../../../src/bus/rank-order.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { type HostRule, hostRuleOf } from "../../../src/shared/host-rules.ts";
import { propertyOptions } from "../../support/seed.ts";
import { type Harness, startHarness } from "./http-harness.ts";

const LOOPBACK = hostRuleOf("127.0.0.1", []);

async function ask(harness: Harness, lines: string, body = ""): Promise<string> {
  const client = await harness.raw();
  client.send(`${lines}\r\nConnection: close\r\n\r\n${body}`);
  return client.closed;
}

const get = (host: string, path = "/api/status"): string => `GET ${path} HTTP/1.1\r\nHost: ${host}`;
const post = (host: string, more: string): string =>
  `POST /api/swaps HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n${more}`;
const upgrade = (host: string, origin: string): string =>
  `GET /ws HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nOrigin: ${origin}`;

async function open(t: Parameters<typeof startHarness>[0], hostRule: HostRule, corsOrigins: string[] = []) {
  return startHarness(t, {
    hostRule,
    corsOrigins,
    upgrade: (_request, socket) => socket.end("HTTP/1.1 101 taken\r\n\r\n"),
  });
}

describe("hosts", () => {
  test("a loopback listener serves the loopback names only", async (t) => {
    const harness = await open(t, LOOPBACK);
    for (const host of ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "127.8.8.8", "[::1]", "[::1]:9", "a.localhost"]) {
      assert.match(await ask(harness, get(host)), /^HTTP\/1\.1 200 /, host);
    }
    for (const host of [
      "evil.example:8080",
      "localhost.evil.example",
      "127.0.0.1.evil.example",
      "10.0.0.1",
      "0.0.0.0",
      "[::2]",
    ]) {
      const got = await ask(harness, get(host));
      assert.match(got, /^HTTP\/1\.1 421 [\s\S]*application\/problem\+json[\s\S]*"misdirected_request"/, host);
    }
    const rebound = "evil.example:8080";
    assert.match(await ask(harness, post(rebound, `Origin: http://${rebound}`), "{}"), /^HTTP\/1\.1 421 /);
    const handshake = `${upgrade(rebound, `http://${rebound}`)}\r\nConnection: upgrade`;
    const client = await harness.raw();
    client.send(`${handshake}\r\n\r\n`);
    assert.match(await client.closed, /^HTTP\/1\.1 421 /);
    assert.match(
      await ask(harness, `GET http://${rebound}/api/status HTTP/1.1\r\nHost: localhost`),
      /^HTTP\/1\.1 421 /,
    );
    assert.deepEqual(harness.ingest.bodies, []);
  });

  test("a cached response is not served for another host", async (t) => {
    const harness = await open(t, LOOPBACK);
    harness.bus.cached = true;
    const path = "/api/tokens/BTC/stats";
    for (let i = 0; i < 3; i += 1) assert.match(await ask(harness, get("localhost", path)), /^HTTP\/1\.1 200 /);
    assert.match(await ask(harness, get("evil.example", path)), /^HTTP\/1\.1 421 /);
  });

  test("listed hosts are served besides the loopback names, with any port unless one is listed", async (t) => {
    const harness = await open(t, hostRuleOf("0.0.0.0", ["swaps.example.com", "[fd00::7]:80"]));
    for (const host of ["swaps.example.com", "SWAPS.example.com.:9", "[fd00::7]:80", "localhost:1"]) {
      assert.match(await ask(harness, get(host)), /^HTTP\/1\.1 200 /, host);
    }
    for (const host of ["other.example.com", "[fd00::7]:81", "10.1.2.3"]) {
      assert.match(await ask(harness, get(host)), /^HTTP\/1\.1 421 /, host);
    }
    for (const path of ["/healthz", "/readyz"]) {
      assert.match(await ask(harness, get("10.1.2.3:8080", path)), /^HTTP\/1\.1 200 /, "a probe by address");
      assert.match(await ask(harness, get("evil.example", path)), /^HTTP\/1\.1 421 /);
      const client = await harness.raw();
      client.send(`GET ${path} HTTP/1.0\r\n\r\n`);
      assert.match(await client.closed, /^HTTP\/1\.1 200 /, "a probe of a load balancer without Host");
    }
  });

  test("a listener on another address serves all hosts, until some are listed", () => {
    assert.deepEqual(hostRuleOf("0.0.0.0", []), { kind: "any" });
    assert.deepEqual(hostRuleOf("127.0.0.1", ["*"]), { kind: "any" });
    assert.deepEqual(hostRuleOf("::1", []), { kind: "listed", hosts: [] });
    assert.deepEqual(hostRuleOf("localhost", []), { kind: "listed", hosts: [] });
  });

  test("api.hosts accepts hosts with an optional port, and names invalid ones", () => {
    const hosts = (value: string) => loadConfig({ env: {}, overrides: { "api.hosts": value } }).config.api.hosts;
    assert.deepEqual(hosts("A.example,10.0.0.1:80,[::1]"), ["a.example", "10.0.0.1:80", "[::1]"]);
    for (const bad of ["http://a.example", "a b", "a:99999", "a/b", "*,a"]) {
      assert.throws(() => hosts(bad), /api\.hosts/);
    }
  });
});

describe("writing requests of pages", () => {
  test("are accepted only from the service's own origin or a listed one", async (t) => {
    const harness = await open(t, { kind: "any" }, ["https://app.example.com"]);
    const cases: readonly (readonly [host: string, more: string, status: number])[] = [
      ["localhost:8080", "X-A: program", 202],
      ["localhost:8080", "Origin: http://localhost:8080", 202],
      ["10.0.0.7:8080", "Origin: http://10.0.0.7:8080", 202],
      ["localhost:8080", "Origin: https://app.example.com", 202],
      ["localhost:8080", "Origin: https://evil.example", 403],
      ["localhost:8080", "Origin: http://localhost:9999", 403],
      ["localhost:8080", "Origin: null", 403],
      ["evil.example:8080", "Origin: http://evil.example:8080", 403],
      ["localhost:8080", "Sec-Fetch-Site: cross-site", 403],
    ];
    for (const [host, more, status] of cases) {
      const got = await ask(harness, post(host, more), "{}");
      assert.match(got, new RegExp(`^HTTP/1\\.1 ${status} `), `${host} ${more}`);
      if (status === 403) assert.match(got, /"origin_not_allowed"/);
    }
    assert.equal(harness.ingest.bodies.length, 4);
    for (const [origin, status] of [
      ["http://evil.example:8080", 403],
      ["http://10.0.0.7:8080", 403],
    ] as const) {
      const client = await harness.raw();
      client.send(`${upgrade("evil.example:8080", origin)}\r\nConnection: upgrade\r\n\r\n`);
      assert.match(await client.closed, new RegExp(`^HTTP/1\\.1 ${status} `));
    }
  });

  test("no form of another site can write, with any media type", async (t) => {
    const harness = await open(t, LOOPBACK);
    const form =
      "POST /api/swaps HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nOrigin: https://evil.example";
    assert.match(await ask(harness, form, "{}"), /^HTTP\/1\.1 403 /);
  });
});

test("if swaps come from another source, they are refused before their body is read", async (t) => {
  const harness = await startHarness(t, { ingest: { port: undefined, reason: "Swaps come from a topic." } });
  const client = await harness.raw();
  client.send("POST /api/swaps HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n");
  assert.match(await client.until('"code"'), /^HTTP\/1\.1 404 [\s\S]*"ingest_disabled"/);
  client.socket.destroy();
});

test("every cursor that the service can give is accepted", (t) => {
  const units = fc.oneof(
    fc.constant("\u0001"),
    fc.constant('"'),
    fc.constant("\u2028"),
    fc.string({ minLength: 1, maxLength: 1 }),
  );
  const id = fc.tuple(fc.integer({ min: 0, max: 4_294_967_295 }), fc.array(units, { minLength: 1, maxLength: 128 }));
  const value = fc.option(fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 60n }), fc.integer({ min: 0, max: 30 })));
  const property = fc.property(id, value, ([chain, token], figure) => {
    const request = { window: "86400000ms", sort: "buy_volume_token", order: "desc" } as const;
    const text = figure === null ? undefined : `-${figure[0]}.${"1".repeat(figure[1] + 1)}`;
    const key = { value: text, id: `${chain}:${token.join("")}` };
    const cursor = encodeCursor(request, key);
    assert.ok(cursor.length <= requestLimits.cursorMax, `${cursor.length}`);
    assert.match(cursor, /^[\w-]+$/);
    assert.deepEqual(decodeCursor(request, cursor), key);
  });
  fc.assert(property, propertyOptions(t, 200));
  const longest = { value: `-${"9".repeat(60)}.${"9".repeat(31)}`, id: `4294967295:${"\u0001".repeat(128)}` };
  const cursor = encodeCursor({ window: "86400000ms", sort: "sell_volume_token", order: "desc" }, longest);
  assert.ok(cursor.length > 1_024 && cursor.length <= requestLimits.cursorMax);
});

test("a cursor at the limit is accepted over HTTP; one more character is not", async (t) => {
  const { call, bus } = await startHarness(t);
  bus.tokens = [];
  const url = (length: number) => `/api/overview?cursor=${"1".padStart(length, "0")}`;
  assert.equal((await call(url(requestLimits.cursorMax))).status, 200);
  assert.equal((await call(url(requestLimits.cursorMax + 1))).status, 400);
});
