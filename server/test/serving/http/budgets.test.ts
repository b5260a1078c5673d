/** However requests end, and in any order, everything that they held is given back. Real sockets, real HTTP. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { addressReader } from "../../../src/access/limits/client-address.ts";
import { OPEN_GATE } from "../../../src/serving/gate.ts";
import { Budget, FULL_PROBLEM_MS } from "../../../src/shared/budget.ts";
import { clientOf } from "../../../src/shared/client-address.ts";
import { type Random, randomFrom, seedOf } from "../../support/seed.ts";
import { type Answer, assertProblem, type Harness, type RawClient, startHarness } from "./http-harness.ts";

const JSON_HEAD = "Host: x\r\nContent-Type: application/json\r\n";
const post = (path: string, body: string, head = JSON_HEAD): string =>
  `POST ${path} HTTP/1.1\r\n${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const BODY = `{"ids":["BTC"],"pad":"${"x".repeat(20_000)}"}`;
const GOOD = '{"ids":["BTC"]}';

/** Ways in which a request can end. The test closes connections that are left open. */
const ways: Readonly<Record<string, (client: RawClient, random: Random) => void>> = {
  taken: (client) => client.send(post("/api/swaps", BODY)),
  asked: (client) => client.send(post("/api/tokens/stats", GOOD)),
  "unknown path": (client) => client.send(post("/nope", BODY)),
  "wrong method": (client) => client.send(`PUT /api/swaps HTTP/1.1\r\n${JSON_HEAD}Content-Length: 5\r\n\r\n12345`),
  "wrong method with a body": (client) => client.send(post("/api/status", BODY)),
  "absent call": (client) => client.send(post("/api/screener", BODY)),
  "unknown parameter": (client) => client.send(post("/api/tokens/stats?x=1", GOOD)),
  "not JSON": (client) => client.send(post("/api/tokens/stats", "x".repeat(9_000))),
  "breaks the schema": (client) => client.send(post("/api/tokens/stats", BODY)),
  "too deep": (client) => client.send(post("/api/tokens/stats", "[".repeat(5_000))),
  "media type": (client) => client.send(post("/api/swaps", BODY, "Host: x\r\nContent-Type: text/plain\r\n")),
  "no media type": (client) => client.send(post("/api/swaps", BODY, "Host: x\r\n")),
  "content coding": (client) => client.send(post("/api/swaps", BODY, `${JSON_HEAD}Content-Encoding: br\r\n`)),
  "no gzip": (client) => client.send(post("/api/swaps", BODY, `${JSON_HEAD}Content-Encoding: gzip\r\n`)),
  gzip: (client) => {
    const body = gzipSync(BODY);
    client.send(
      `POST /api/swaps HTTP/1.1\r\n${JSON_HEAD}Content-Encoding: gzip\r\nContent-Length: ${body.byteLength}\r\n\r\n`,
    );
    client.socket.write(body);
  },
  bomb: (client) => {
    const body = gzipSync("x".repeat(1_000_000));
    client.send(
      `POST /api/swaps HTTP/1.1\r\n${JSON_HEAD}Content-Encoding: gzip\r\nContent-Length: ${body.byteLength}\r\n\r\n`,
    );
    client.socket.write(body);
  },
  "too large by its length": (client) =>
    client.send(`POST /api/swaps HTTP/1.1\r\n${JSON_HEAD}Content-Length: 9999999\r\n\r\n${BODY}`),
  "too large by its bytes": (client) =>
    client.send(
      `POST /api/swaps HTTP/1.1\r\n${JSON_HEAD}Transfer-Encoding: chunked\r\n\r\n18000\r\n${"x".repeat(99_000)}`,
    ),
  "broken chunk": (client) =>
    client.send(`POST /api/swaps HTTP/1.1\r\n${JSON_HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\nzz\r\n`),
  unfinished: (client) => client.send(`POST /api/swaps HTTP/1.1\r\n${JSON_HEAD}Content-Length: 30000\r\n\r\n${BODY}`),
  "unfinished elsewhere": (client) =>
    client.send(`POST /nope HTTP/1.1\r\n${JSON_HEAD}Content-Length: 30000\r\n\r\n${BODY}`),
  pipelined: (client, random) => {
    const parts = [
      post("/api/swaps", BODY),
      post("/nope", BODY),
      post("/api/tokens/stats", GOOD),
      "GET / HTTP/1.1\r\n\r\n",
    ];
    client.send(random.shuffled(parts).join(""));
  },
  "an upgrade behind": (client) =>
    client.send(
      `${post("/api/swaps", BODY)}GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n`,
    ),
  "garbage behind": (client) => client.send(`${post("/api/swaps", BODY)}\x00\x01garbage\r\n\r\n`),
  "expects to go on": (client) =>
    client.send(`POST /api/swaps HTTP/1.1\r\n${JSON_HEAD}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`),
  "expects something else": (client) => client.send(post("/api/swaps", BODY, `${JSON_HEAD}Expect: tea\r\n`)),
  "HTTP/1.0": (client) => client.send(`POST /nope HTTP/1.0\r\nContent-Length: 3\r\n\r\n123`),
};

async function settled(harness: Harness): Promise<void> {
  while (harness.server.budgets.some(({ used, leases }) => used > 0 || leases > 0)) {
    await new Promise((next) => setImmediate(next));
  }
}

describe("budgets", () => {
  test("a body sent to a path that does not exist is not held", async (t) => {
    const harness = await startHarness(t, { limits: { bodyBytesInFlightMax: 100_000 } });
    for (let i = 0; i < 20; i += 1) {
      const init = { method: "POST", headers: { "content-type": "application/json" }, body: BODY };
      assert.equal((await harness.call("/nope", init)).status, 404);
    }
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: GOOD };
    assert.equal((await harness.call("/api/tokens/stats", init)).status, 200);
    await settled(harness);
  });

  test("everything that requests hold is given back, however they end", async (t) => {
    const random = randomFrom(seedOf(t));
    const limits = { lingerMs: 200, timeoutCheckMs: 20, requestTimeoutMs: 500, headersTimeoutMs: 300 };
    const harness = await startHarness(t, { limits, upgrade: (_request, socket) => socket.end("took") });
    const names = Object.keys(ways);
    for (let round = 0; round < 6; round += 1) {
      const clients: RawClient[] = [];
      for (let i = 0; i < 40; i += 1) {
        const client = await harness.raw();
        clients.push(client);
        const times = 1 + random.below(3);
        for (let k = 0; k < times && client.socket.writable; k += 1) ways[random.pick(names)]?.(client, random);
        const ending = random.below(3);
        if (ending === 0) client.socket.resetAndDestroy();
        else if (ending === 1) client.socket.end();
      }
      harness.ingest.failure = random.chance(0.3) ? new Error("no disk") : undefined;
      harness.bus.failure = random.chance(0.3) ? new Error("no bus") : undefined;
      await new Promise((next) => setImmediate(next));
      for (const client of clients) client.socket.end();
      // Requests whose client neither continues nor disconnects end by their time limits.
      await settled(harness);
      for (const client of clients) client.socket.destroy();
    }
    for (const budget of harness.server.budgets) {
      assert.deepEqual([budget.name, budget.used, budget.leases], [budget.name, 0, 0]);
      assert.equal(budget.usedBy("127.0.0.1"), 0);
    }
  });

  test("each way alone leaves nothing held", async (t) => {
    const random = randomFrom(seedOf(t));
    const limits = { lingerMs: 200, timeoutCheckMs: 20, requestTimeoutMs: 300, headersTimeoutMs: 200 };
    const harness = await startHarness(t, { limits, upgrade: (_request, socket) => socket.end("took") });
    for (const way of Object.values(ways)) {
      const client = await harness.raw();
      way(client, random);
      const data = new Promise((resolve) => client.socket.once("data", resolve));
      await Promise.race([data, client.closed]);
      client.socket.end();
      await settled(harness);
      client.socket.destroy();
    }
  });

  test("a request after the last response of its connection holds nothing", async (t) => {
    const harness = await startHarness(t);
    for (let i = 0; i < 20; i += 1) {
      const client = await harness.raw();
      const refused = post("/api/swaps", BODY, `${JSON_HEAD}Content-Encoding: br\r\n`);
      client.send(refused + post("/api/tokens/stats", GOOD) + post("/api/swaps", BODY));
      await client.until("415");
      client.socket.end();
      await client.closed;
      await settled(harness);
    }
  });

  test("a body whose client disconnected is held until the log has finished with it", async (t) => {
    const harness = await startHarness(t);
    const { promise, resolve } = Promise.withResolvers<void>();
    harness.ingest.gate = promise;
    const client = await harness.raw();
    client.send(post("/api/swaps", "{}"));
    while (harness.ingest.bodies.length === 0) await new Promise((next) => setImmediate(next));
    client.socket.resetAndDestroy();
    const [bodies] = harness.server.budgets;
    while ((harness.server.budgets[2]?.used ?? 0) > 0) await new Promise((next) => setImmediate(next));
    assert.equal(bodies?.used, 2);
    resolve();
    await settled(harness);
  });

  test("the expanded size of a gzip body counts while it grows", async (t) => {
    // One at a time, so that some that fit find room in any order.
    const limits = { bodyBytesInFlightMax: 500_000, bodyBytesPerClientMax: 500_000, expandingMax: 1 };
    const harness = await startHarness(t, { limits, maxBodyBytes: 10_000_000 });
    const bodies = harness.server.budgets[0];
    const send = (path: string, bytes: number) => {
      const headers = { "content-type": "application/json", "content-encoding": "gzip" };
      return harness.call(path, { method: "POST", headers, body: gzipSync(Buffer.alloc(bytes, " ")) });
    };
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, bodies?.used ?? 0);
    });
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) => send("/api/swaps", i % 2 ? 400_000 : 5_000_000)),
    );
    clearInterval(watch);
    assert.ok(answers.some(({ status }) => status === 202));
    assert.ok(answers.every(({ status }) => status === 202 || status === 503));
    assert.ok(most <= 500_000, `${most}`);
    assert.equal((await send("/api/tokens/stats", 5_000_000)).status, 413);
    assert.equal((await send("/api/tokens/stats", 200_000)).status, 400);
    await settled(harness);
  });

  test("every budget is a metric with its limit", async (t) => {
    const { metrics } = await startHarness(t, { limits: { bodyBytesInFlightMax: 12_345 } });
    const text = await metrics.text();
    for (const name of ["http_body_bytes", "http_answer_bytes", "http_requests", "http_connections", "queries"]) {
      for (const metric of ["budget_used", "budget_limit", "budget_refused_total"]) {
        assert.match(text, new RegExp(`^swapstats_${metric}\\{budget="${name}"\\} \\d+$`, "m"));
      }
    }
    assert.match(text, /swapstats_budget_limit\{budget="http_body_bytes"\} 12345/);
  });

  test("a budget that is full for a minute is a problem of readiness, and probes still get responses", async (t) => {
    let now = 0;
    const limits = { bodyBytesInFlightMax: 1_000, pendingQueriesMax: 1, requestsMax: 2 };
    const harness = await startHarness(t, { limits, steadyMs: () => now });
    const { promise, resolve } = Promise.withResolvers<void>();
    harness.ingest.gate = promise;
    const client = await harness.raw();
    client.send(post("/api/swaps", "x".repeat(950)));
    while (harness.ingest.bodies.length === 0) await new Promise((next) => setImmediate(next));
    harness.bus.gate = promise;
    const asking = harness.call("/api/tokens/BTC/stats");
    while (harness.bus.asked === 0) await new Promise((next) => setImmediate(next));
    assert.equal((await harness.call("/api/overview")).status, 503);
    harness.bus.gate = undefined;
    assert.equal((await harness.call("/healthz")).status, 200);
    assert.deepEqual((await harness.call("/readyz")).json.problems, []);
    now = FULL_PROBLEM_MS - 1;
    assert.deepEqual((await harness.call("/readyz")).json.problems, []);
    now = FULL_PROBLEM_MS;
    const { problems } = (await harness.call("/readyz")).json;
    assert.match(String(problems), /http_body_bytes has been full for 60 s \(950 of 1000\)/);
    resolve();
    await client.until("202");
    await asking;
    assert.deepEqual((await harness.call("/readyz")).json.problems, []);
  });
});

describe("shares behind a trusted proxy", () => {
  const as = (address: string) => ({ headers: { "x-forwarded-for": address } });
  /** The tests are the proxy. */
  const behindProxy = { ...OPEN_GATE, addressOf: addressReader(["127.0.0.0/8"]) };

  test("requests in progress count for the client that the proxy names: one that is busy keeps no other out", async (t) => {
    const harness = await startHarness(t, { gate: behindProxy, limits: { requestsMax: 10, requestsPerClientMax: 1 } });
    const { promise, resolve } = Promise.withResolvers<void>();
    harness.bus.gate = promise;
    const running: Promise<Answer>[] = [];
    /** Begins a request that gets to the bus. */
    const begin = async (address: string): Promise<void> => {
      const { asked } = harness.bus;
      running.push(harness.call("/api/overview", as(address)));
      while (harness.bus.asked === asked) await new Promise((next) => setImmediate(next));
    };
    const refused = async (address: string): Promise<void> =>
      assertProblem(await harness.call("/api/overview", as(address)), 503, "overloaded");
    await begin("203.0.113.1");
    await refused("203.0.113.1");
    await refused("198.51.100.9, 203.0.113.1");
    await refused("127.0.0.1, 203.0.113.1:4711");
    await begin("203.0.113.2");
    await begin("2001:db8:1:2::1");
    await refused("[2001:db8:1:2:ffff::7]:80");
    await begin("2001:db8:1:3::1");
    resolve();
    for (const answer of await Promise.all(running)) assert.equal(answer.status, 200);
  });

  test("bodies count for it too", async (t) => {
    const limits = { bodyBytesInFlightMax: 100_000, bodyBytesPerClientMax: 1_000 };
    const harness = await startHarness(t, { gate: behindProxy, limits });
    const { promise, resolve } = Promise.withResolvers<void>();
    harness.ingest.gate = promise;
    const headOf = (address: string): string => `${JSON_HEAD}X-Forwarded-For: ${address}\r\n`;
    const [one, forger, other] = [await harness.raw(), await harness.raw(), await harness.raw()];
    one.send(post("/api/swaps", "x".repeat(900), headOf("203.0.113.1")));
    while (harness.ingest.bodies.length === 0) await new Promise((next) => setImmediate(next));
    forger.send(post("/api/swaps", "x".repeat(900), headOf("198.51.100.9, 203.0.113.1")));
    await forger.until("503");
    other.send(post("/api/swaps", "x".repeat(900), headOf("203.0.113.2")));
    while (harness.ingest.bodies.length === 1) await new Promise((next) => setImmediate(next));
    resolve();
    await one.until("202");
    await other.until("202");
  });

  test("from a connection that is no trusted proxy the field is ignored", async (t) => {
    const harness = await startHarness(t, { limits: { requestsMax: 10, requestsPerClientMax: 1 } });
    const { promise, resolve } = Promise.withResolvers<void>();
    harness.bus.gate = promise;
    const running = harness.call("/api/overview", as("203.0.113.1"));
    while (harness.bus.asked === 0) await new Promise((next) => setImmediate(next));
    assertProblem(await harness.call("/api/overview", as("203.0.113.2")), 503, "overloaded");
    resolve();
    assert.equal((await running).status, 200);
  });
});

describe("a budget", () => {
  test("gives each client only its share, and all together no more than the limit", () => {
    const budget = new Budget({ name: "b", limit: 10, shareMax: 6, nowMs: () => 0 });
    const [a, b] = [budget.lease("a"), budget.lease("b")];
    assert.ok(a.take(6));
    assert.ok(!a.take(1));
    assert.ok(b.take(4));
    assert.ok(!b.take(1));
    a.giveBack(2);
    assert.ok(b.take(2));
    assert.equal(budget.refused, 2);
    a.end();
    a.end();
    b.end();
    assert.ok(!a.take(1));
    assert.deepEqual([budget.used, budget.leases, budget.usedBy("a"), budget.usedBy("b")], [0, 0, 0, 0]);
  });

  test("cuts stalled leases, the longest first, of the client that has used up its share", () => {
    let now = 0;
    const cut: string[] = [];
    const budget = new Budget({ name: "b", limit: 10, shareMax: 5, nowMs: () => now });
    const lease = (client: string, name: string) => budget.lease(client, () => void cut.push(name));
    lease("b", "other").take(3);
    const slow = lease("a", "slow");
    slow.take(3);
    now = 10;
    const slower = lease("a", "moves");
    slower.take(2);
    now = 1_005;
    slower.progress();
    assert.ok(lease("a", "new").take(2));
    assert.deepEqual(cut, ["slow"]);
    assert.ok(!lease("a", "more").take(2), "what moves is not cut");
    const kept = lease("c", "kept");
    kept.take(3);
    kept.keep();
    now = 9_000;
    assert.ok(lease("d", "big").take(5));
    assert.deepEqual(cut, ["slow", "other", "moves"]);
  });

  test("counts an IPv6 client by its /64, and an IPv4 client equally in both forms", () => {
    assert.equal(clientOf("2001:db8:1:2:3:4:5:6"), clientOf("2001:db8:1:2::9"));
    assert.notEqual(clientOf("2001:db8:1:2::9"), clientOf("2001:db8:1:3::9"));
    assert.equal(clientOf("::ffff:10.0.0.1"), clientOf("10.0.0.1"));
    assert.equal(clientOf("fe80::1%eth0"), clientOf("fe80::2%eth1"));
    assert.equal(clientOf("::1"), "0:0:0:0::/64");
    assert.equal(clientOf(undefined), "unknown");
  });
});
