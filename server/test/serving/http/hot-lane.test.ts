import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, test } from "node:test";
import { OPEN_GATE } from "../../../src/serving/gate.ts";
import { HOT_ADDRESSES_MAX, HotLane } from "../../../src/serving/http/hot-lane.ts";
import type { Replies } from "../../../src/serving/http/replies.ts";
import type { QueryExecutor } from "../../../src/serving/query-executor.ts";
import { Selections } from "../../../src/serving/selections.ts";
import { assertProblem, type Harness, startHarness } from "./http-harness.ts";
import { WETH } from "./stand-in-bus.ts";

const PATH = `/api/tokens/${WETH}/stats?windows=5m,1h`;

/** A whole response on a bare socket, header fields sorted. */
async function rawResponse({ raw }: Harness, fields: string[]): Promise<{ head: string[]; body: string }> {
  const client = await raw();
  client.send([`GET ${PATH} HTTP/1.1`, "Host: x", "Connection: close", ...fields, "", ""].join("\r\n"));
  const [head, body] = (await client.closed).split("\r\n\r\n");
  const lines = (head ?? "").split("\r\n").filter((line) => !line.startsWith("Date:"));
  return { head: lines.map((line) => line.toLowerCase()).sort(), body: body ?? "" };
}

describe("the fast lane", () => {
  test("responds with the bytes and header fields of the framework", async (t) => {
    const harness = await startHarness(t);
    harness.bus.cached = true;
    const etag = (await harness.call(PATH)).headers.get("etag") as string;
    for (const fields of [[], [`If-None-Match: ${etag}`], ['If-None-Match: "other"']]) {
      const lane = await rawResponse(harness, fields);
      // A request of another origin goes through the framework, where CORS is.
      const framework = await rawResponse(harness, [...fields, "Origin: https://other.example"]);
      assert.deepEqual(lane, framework);
    }
  });

  test("other methods, other addresses and figures that are not cached go the ordinary way", async (t) => {
    const { bus, call } = await startHarness(t);
    bus.cached = true;
    assert.equal((await call(PATH)).status, 200);
    assert.equal((await call(PATH, { method: "HEAD" })).text, "");
    assertProblem(await call(PATH, { method: "DELETE" }), 405, "method_not_allowed");
    assertProblem(await call(`${PATH}&x=1`), 400, "invalid_parameters");
    bus.cached = false;
    const asked = bus.asked;
    assert.equal((await call(PATH)).status, 200);
    assert.equal(bus.asked, asked + 1);
    bus.tokens = [];
    for (const cached of [true, false]) {
      bus.cached = cached;
      assertProblem(await call(PATH), 404, "unknown_token");
    }
  });

  test("an address in use is not pushed out by many that were requested once", async () => {
    const looked: string[] = [];
    const executor = { hotTokenStats: (token: string) => void looked.push(token) } as unknown as QueryExecutor;
    const lane = new HotLane({ executor, gate: OPEN_GATE, corsOrigins: [] }, {} as Replies, () => "");
    const selection = new Selections(["5m"]).of([], []);
    const ask = (url: string): boolean =>
      lane.serve({ url, method: "GET", headers: {} } as IncomingMessage, {} as ServerResponse);
    lane.learn("/hot", "hot", selection);
    lane.learn("/cold", "cold", selection);
    for (let i = 0; i < HOT_ADDRESSES_MAX - 1; i += 1) {
      lane.learn(`/${i}`, String(i), selection);
      ask("/hot");
    }
    looked.length = 0;
    for (const url of ["/hot", "/cold", "/0"]) ask(url);
    assert.deepEqual(looked, ["hot", "0"]);
  });

  test("CORS holds for addresses that the lane knows", async (t) => {
    const origin = "https://app.example.com";
    const { bus, call } = await startHarness(t, { corsOrigins: [origin] });
    bus.cached = true;
    await call(PATH);
    const answer = await call(PATH, { headers: { origin } });
    assert.equal(answer.headers.get("access-control-allow-origin"), origin);
    const vary = (await call(PATH)).headers.get("vary") ?? "";
    assert.match(vary, /origin/i, "a cache must not give an answer to a request without origin to one with");
  });

  test("its requests are in the metrics", async (t) => {
    const { bus, call, metrics } = await startHarness(t);
    bus.cached = true;
    for (let i = 0; i < 5; i += 1) await call(PATH);
    const labels = 'method="GET",route="/api/tokens/{id}/stats",status="200"';
    assert.ok((await metrics.text()).includes(`swapstats_http_request_duration_seconds_count{${labels}} 5`));
  });
});
