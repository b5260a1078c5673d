/** Every request of every door passes the gate exactly once, and a gate that refuses leaves nothing answered. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, type TestContext, test } from "node:test";
import type { Identity, Sender } from "../../src/access/identity.ts";
import { createLogger } from "../../src/observability/logger.ts";
import { Metrics } from "../../src/observability/metrics.ts";
import { createMetricsServer } from "../../src/observability/metrics-server.ts";
import { type Admission, type Gate, metricsAdmission, OPEN_GATE } from "../../src/serving/gate.ts";
import { examplesOf } from "../../src/serving/http/examples.ts";
import type { Operation } from "../../src/serving/http/operation.ts";
import { operationsOf } from "../../src/serving/http/operations.ts";
import { ProblemError } from "../../src/serving/problems.ts";
import { type Answer, assertProblem, type Harness, startHarness, WINDOWS } from "./http/http-harness.ts";
import { WETH } from "./http/stand-in-bus.ts";
import { TestClient } from "./websocket/support/client.ts";
import { openDoor, tokenData } from "./websocket/support/door.ts";

class RecordingGate implements Gate {
  isClosed = false;
  /** Whether its answers are promises. */
  isSlow = false;
  identified: Sender[] = [];
  admitted: [operation: string, cost: number][] = [];
  readonly #identity: Identity = {
    ...{ kind: "token", subject: "ada", scopes: new Set(["read"]), expiresAtMs: undefined, address: "192.0.2.1" },
    credentialId: undefined,
  };

  readonly addressOf = OPEN_GATE.addressOf;

  identify(sender: Sender): Identity | Promise<Identity> {
    this.identified.push(sender);
    return this.isSlow ? Promise.resolve(this.#identity) : this.#identity;
  }

  renew(identity: Identity): Promise<Identity> {
    return Promise.resolve(identity);
  }

  hasEnded(): boolean {
    return false;
  }

  admit(identity: Identity, operation: string, cost: number): Admission | Promise<Admission> {
    assert.equal(identity, this.#identity);
    this.admitted.push([operation, cost]);
    const problem = this.isClosed ? new ProblemError("overloaded", "Nothing is left.") : undefined;
    const admission = { problem, limits: { policy: '"a";q=9', limit: '"a";r=3;t=1' } };
    return this.isSlow ? Promise.resolve(admission) : admission;
  }

  /** What was admitted since the last look. */
  look(): [operation: string, cost: number][] {
    return this.admitted.splice(0);
  }
}

// The stream has a door of its own, which is tested with it.
const OPERATIONS = operationsOf(WINDOWS).filter(({ id }) => id !== "stream");
/** More items than one unit pays for. */
const IDS = [WETH, "1:BTC", "10:usdc", ...Array.from({ length: 18 }, (_, i) => `1:t${i}`)];
/** Operations with a further cost for their items, in the requests of this suite. */
const FURTHER: Readonly<Record<string, number>> = { tokensStats: 2, overview: 5 };
/** Whether the gate answers with promises. */
const SPEEDS = [false, true];

/** A request for the operation that is answered, from the examples of the documents. */
function requestFor({ id, method, path }: Operation): { url: string; init: RequestInit } {
  const { parameters = {}, bodies = {} } = examplesOf(WINDOWS)[id];
  const query = new URLSearchParams();
  let url = path;
  for (const [name, value] of Object.entries(parameters)) {
    if (path.includes(`{${name}}`)) url = url.replace(`{${name}}`, encodeURIComponent(String(value)));
    else query.set(name, String(value));
  }
  if (id === "shortStats") query.set("token", WETH);
  if (id === "overview") query.set("limit", "300");
  const body = id === "tokensStats" ? { ids: IDS } : bodies["application/json"];
  const init =
    body === undefined
      ? { method }
      : { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  return { url: query.size === 0 ? url : `${url}?${query}`, init };
}

async function gatedHarness(t: TestContext, corsOrigins: string[] = []): Promise<Harness & { gate: RecordingGate }> {
  const gate = new RecordingGate();
  return { ...(await startHarness(t, { gate, corsOrigins })), gate };
}

function assertRefused(answer: Answer): void {
  assertProblem(answer, 503, "overloaded");
  assert.equal(answer.json.detail, "Nothing is left.");
  assert.equal(answer.headers.get("retry-after"), "1");
  assert.equal(answer.headers.get("etag"), null);
  assertLimits(answer.headers);
}

function assertLimits(headers: Headers): void {
  assert.equal(headers.get("ratelimit-policy"), '"a";q=9');
  assert.equal(headers.get("ratelimit"), '"a";r=3;t=1');
}

describe("HTTP", () => {
  test("every operation passes once, and once more for many items", async (t) => {
    for (const isSlow of SPEEDS) {
      const { gate, call } = await gatedHarness(t);
      gate.isSlow = isSlow;
      for (const operation of OPERATIONS) {
        const { url, init } = requestFor(operation);
        const { status, text, headers } = await call(url, init);
        // This service keeps no history.
        if (operation.id === "audit") assert.match(text, /"history_off"/);
        else assert.ok(status < 300, `${operation.id}: ${status} ${text}`);
        const further = FURTHER[operation.id];
        const more = further === undefined ? [] : [[operation.id, further]];
        assert.deepEqual(gate.look(), [[operation.id, 1], ...more], operation.id);
        assertLimits(headers);
      }
    }
  });

  test("a gate that refuses is the answer of every operation, and nothing is asked or taken", async (t) => {
    for (const isSlow of SPEEDS) {
      const { gate, call, bus, ingest } = await gatedHarness(t);
      gate.isSlow = isSlow;
      gate.isClosed = true;
      for (const operation of OPERATIONS) {
        const { url, init } = requestFor(operation);
        assertRefused(await call(url, init));
        assert.deepEqual(gate.look(), [[operation.id, 1]], operation.id);
      }
      assert.equal(bus.asked, 0);
      assert.equal(ingest.bodies.length, 0);
    }
  });

  test("the fast lane passes it, and refuses with the bytes and fields of the ordinary way", async (t) => {
    for (const [corsOrigins, isSlow] of [
      [[], false],
      [["*"], false],
      [[], true],
    ] as const) {
      const { gate, call, bus } = await gatedHarness(t, [...corsOrigins]);
      gate.isSlow = isSlow;
      const path = `/api/tokens/${WETH}/stats`;
      bus.cached = true;
      for (let i = 0; i < 3; i += 1) {
        assertLimits((await call(path)).headers);
        assert.deepEqual(gate.look(), [["tokenStats", 1]]);
      }
      gate.isClosed = true;
      const lane = await call(path);
      assertRefused(lane);
      assert.deepEqual(gate.look(), [["tokenStats", 1]]);
      bus.cached = false;
      const ordinary = await call(path);
      assert.equal(lane.text, ordinary.text);
      assert.deepEqual(fieldsOf(lane), fieldsOf(ordinary));
    }
  });

  test("so do HEAD, files of pages, preflights, and requests that match no operation", async (t) => {
    const { gate, call, port } = await gatedHarness(t, ["https://app.example.com"]);
    const page = await call("/docs");
    gate.look();
    const asset = /docs\/assets\/[^"]+/.exec(page.text)?.[0] as string;
    const preflight = {
      method: "OPTIONS",
      headers: { origin: "https://app.example.com", "access-control-request-method": "GET" },
    };
    const requests: [string, string, RequestInit][] = [
      ["healthz", "/healthz", { method: "HEAD" }],
      ["docsAsset", `/${asset}`, {}],
      ["unmatched", "/api/overview", preflight],
      ["unmatched", "/nothing", {}],
      ["unmatched", "/api/overview", { method: "DELETE" }],
    ];
    for (const [operation, path, init] of requests) {
      await (await fetch(`http://127.0.0.1:${port}${path}`, init)).text();
      assert.deepEqual(gate.look(), [[operation, 1]], path);
      gate.isClosed = true;
      assert.equal((await fetch(`http://127.0.0.1:${port}${path}`, init)).status, 503, path);
      assert.deepEqual(gate.look(), [[operation, 1]], path);
      gate.isClosed = false;
    }
  });

  test("the gate sees who is asking", async (t) => {
    const { gate, call } = await gatedHarness(t);
    await call("/healthz", { headers: { authorization: "Bearer x" } });
    const [sender] = gate.identified;
    assert.equal(sender?.headers.authorization, "Bearer x");
    assert.match(sender?.socket.remoteAddress ?? "", /127\.0\.0\.1/);
  });
});

/** Without the fields that differ by time. */
const fieldsOf = ({ headers }: Answer): string[] => [...headers].filter(([name]) => name !== "date").map(String);

describe("WebSocket", () => {
  test("the handshake and each kind of request pass once; a connection is identified once", async (t) => {
    for (const isSlow of SPEEDS) await passRequests(t, isSlow);
  });

  async function passRequests(t: TestContext, isSlow: boolean): Promise<void> {
    const gate = new RecordingGate();
    gate.isSlow = isSlow;
    const { bus, url } = await openDoor(t, { gate });
    bus.set("token:1:a", tokenData("1:a", 1));
    bus.set("token:1:b", tokenData("1:b", 1));
    const client = new TestClient(url);
    await once(client.ws, "open");
    assert.deepEqual(gate.look(), [["connect", 1]]);
    const requests: [string, number, string, object | string][] = [
      ["subscribe", 2, "subscribed", { subscribe: ["token:1:a", "token:1:b"], id: 1 }],
      ["unsubscribe", 1, "unsubscribed", { unsubscribe: "token:1:a", id: 2 }],
      ["refused", 1, "error", { subscribe: 7, id: 3 }],
      ["refused", 1, "error", "no JSON"],
    ];
    for (const [operation, cost, reply, request] of requests) {
      const next = client.next(reply as "subscribed");
      client.send(request);
      await next;
      assert.deepEqual(gate.look(), [[operation, cost]]);
    }
    assert.equal(gate.identified.length, 1);
    client.ws.close();
  }

  test("a gate that refuses answers each request with an error, and nothing is opened or closed", async (t) => {
    const gate = new RecordingGate();
    const { bus, hub, url } = await openDoor(t, { gate });
    bus.set("token:1:a", tokenData("1:a", 1));
    const client = new TestClient(url);
    await once(client.ws, "open");
    const subscribed = client.next("subscribed");
    client.send({ subscribe: "token:1:a", id: 0 });
    await subscribed;
    gate.isClosed = true;
    for (const [id, request] of [
      { subscribe: "token:1:b" },
      { unsubscribe: "token:1:a" },
      { subscribe: 7 },
    ].entries()) {
      const error = client.next("error");
      client.send({ ...request, id });
      const { code, message, id: repeated } = await error;
      assert.deepEqual([code, message, repeated], ["overloaded", "Nothing is left.", id]);
    }
    assert.deepEqual([bus.opened, hub.feeds], [1, 1]);
    client.ws.close();
  });

  test("a gate that refuses the handshake answers it with a problem document", async (t) => {
    const gate = new RecordingGate();
    gate.isClosed = true;
    const { door, url } = await openDoor(t, { gate });
    const client = new TestClient(url);
    const [, response] = await once(client.ws, "unexpected-response");
    assert.equal(response.statusCode, 503);
    assert.equal(response.headers["content-type"], "application/problem+json");
    assert.equal(response.headers.ratelimit, '"a";r=3;t=1');
    assert.equal(door.clients, 0);
    assert.deepEqual(gate.look(), [["connect", 1]]);
    response.destroy();
  });
});

test("the listener of metrics passes it too", async (t) => {
  const gate = new RecordingGate();
  const logger = createLogger({ level: "silent", format: "json" });
  const server = createMetricsServer({ metrics: new Metrics(), logger, admit: metricsAdmission(gate) });
  t.after(() => server.close());
  const port = await server.listen({ host: "127.0.0.1", port: 0 });
  assert.equal((await fetch(`http://127.0.0.1:${port}/metrics`)).status, 200);
  assert.deepEqual(gate.look(), [["metrics", 1]]);
  gate.isClosed = true;
  const refused = await fetch(`http://127.0.0.1:${port}/metrics`);
  assert.deepEqual([refused.status, await refused.text()], [503, "Nothing is left.\n"]);
});
