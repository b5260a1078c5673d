/** Every call over HTTP, against the real service. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { TestApps } from "../../server/test/support/app-harness.ts";
import { claimsAt, SECRET, signingKey, tokenOf } from "../../server/test/support/tokens.ts";
import type { ClientError } from "../src/client-error.ts";
import { createHttpCalls } from "../src/http.ts";
import { type HttpCalls, operations } from "../src/wire/operations.ts";

const REQUIRED = {
  "security.mode": "required",
  "security.dev_tokens": "on",
  "security.jwt.enabled": "on",
  "security.jwt.alg": "HS256",
  "security.jwt.secret": SECRET,
};
const ALL_SCOPES = { scope: "read ingest admin" };
const tokenNow = (more: object = ALL_SCOPES): string => tokenOf(signingKey("HS256"), claimsAt(Date.now(), { ...more }));

const swap = {
  chain_id: 1,
  tx_hash: "0x01",
  log_index: 0,
  token: "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
  token_symbol: "WETH",
  who: "0xab",
  side: "buy",
  amount_token: "1.5",
  amount_usd: "3000",
} as const;
const ID = `1:${swap.token}`;

/** A service with one swap. */
async function serviceWithSwap(t: TestContext) {
  const app = await new TestApps(t).start();
  await app.post([{ ...swap, event_time: Date.now() }]);
  await app.caughtUp();
  return { ...app, http: createHttpCalls({ url: app.base }) };
}

test("the calls are those of the OpenAPI document", async (t) => {
  const { base } = await new TestApps(t).start();
  const document = (await (await fetch(`${base}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { operationId: string; requestBody?: object; parameters?: { in: string }[] }>>;
  };
  const served = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, requestBody, parameters }]) => ({
      ...{ id: operationId, method: method.toUpperCase(), path, body: requestBody !== undefined },
      query: parameters?.some((parameter) => parameter.in === "query") === true,
    })),
  );
  const known = Object.entries(operations).map(([id, { method, path, body, query }]) => ({
    ...{ id, method, path, body: body === true, query: query === true },
  }));
  const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);
  assert.deepEqual(known.sort(byId), served.sort(byId));
});

test("every call responds with its data", async (t) => {
  const { base } = await new TestApps(t).start(REQUIRED);
  const http = createHttpCalls({ url: `${base}/`, token: async () => tokenNow() });
  /** Calls that a test was made for; all of them are made below. */
  const made: { [Call in keyof HttpCalls]: () => Promise<unknown> } = {
    ingest: async () => assert.equal((await http.ingest({ ...swap, event_time: Date.now() })).accepted, 1),
    tokenStats: async () => {
      for (;;) {
        const { partitions } = await http.status();
        if (partitions.every(({ lag }) => lag === 0)) break;
      }
      const stats = await http.tokenStats(ID, { windows: ["5m", "1h"], fields: ["volume_usd", "close"] });
      assert.deepEqual(Object.keys(stats.windows), ["5m", "1h"]);
      assert.equal(stats.windows["5m"]?.volume_usd, "3000");
      assert.equal(stats.windows["5m"]?.traders, undefined);
    },
    tokensStats: async () => {
      const { items } = await http.tokensStats({ ids: [ID, "NOPE"], windows: ["5m"] });
      assert.equal("windows" in items[0]! && items[0].windows["5m"]?.trades, 1);
      assert.equal("error" in items[1]! && items[1].error.code, "unknown_token");
    },
    shortStats: async () => assert.equal((await http.shortStats({ token: "WETH", windows: ["5m"] })).token, ID),
    candles: async () => {
      const { items } = await http.candles("WETH", { interval: "1h", limit: 3, from: Date.now() - 7_200_000 });
      assert.equal(items.at(-1)?.close, "2000");
    },
    // This service keeps no history; program/history-queries.test.ts of the server audits one that does.
    audit: () => assert.rejects(http.audit(ID, { window: "1h" }), { code: "history_off" }),
    swaps: async () => assert.equal((await http.swaps(ID, { limit: 5 })).items[0]?.amount_usd, "3000"),
    overview: async () => assert.equal((await http.overview({ window: "1h", sort: "trades" })).items[0]?.id, ID),
    screener: async () => {
      const filter = { and: [{ field: "volume_usd", window: "5m", gte: "1000" } as const] };
      assert.equal((await http.screener({ filter, limit: 5 })).items[0]?.windows["5m"]?.volume_usd, "3000");
    },
    search: async () => assert.equal((await http.search({ query: "we" })).items[0]?.symbol, "WETH"),
    market: async () => assert.equal((await http.market({ windows: ["5m"] })).chains["1"]?.tokens_active, 1),
    stream: async () => {
      const ends = new AbortController();
      const stream = await http.stream({ channels: `token:${ID}` }, { signal: ends.signal, timeoutMs: 30_000 });
      let text = "";
      await assert.rejects(async () => {
        for await (const bytes of stream.pipeThrough(new TextDecoderStream() as never)) {
          text += bytes;
          if (text.includes("event: snapshot")) ends.abort();
        }
      });
      assert.ok(text.includes("event: subscribed"));
    },
    deadLetters: async () => assert.deepEqual((await http.deadLetters({ limit: 1 })).items, []),
    authTicket: async () => assert.ok((await http.authTicket()).ticket.length > 20),
    authToken: async () => assert.match((await http.authToken({ sub: "dev", ttl_sec: 60 })).token, /^ey/),
    status: async () => assert.equal((await http.status()).counters.applied, 1),
    healthz: async () => assert.equal((await http.healthz()).status, "ok"),
    readyz: async () => assert.equal((await http.readyz()).status, "ready"),
    openapi: async () => assert.equal((await http.openapi())["openapi"], "3.1.0"),
    asyncapi: async () => assert.equal((await http.asyncapi())["asyncapi"], "3.0.0"),
    docs: async () => assert.match(await http.docs(), /<html/),
    index: async () => assert.equal((await http.index()).name, "swapstats"),
  };
  assert.deepEqual(Object.keys(made).sort(), Object.keys(http).sort());
  for (const [name, call] of Object.entries(made)) await t.test(name, async () => void (await call()));
});

describe("a problem of the service", () => {
  test("is an error with its document", async (t) => {
    const { http } = await serviceWithSwap(t);
    await assert.rejects(http.tokenStats("NOPE"), ({ name, code, status, problem, message }: ClientError) => {
      assert.deepEqual([name, code, status], ["ClientError", "unknown_token", 404]);
      assert.equal(message, problem?.detail);
      return true;
    });
    await assert.rejects(http.overview({ window: "5y" }), ({ code, problem }: ClientError) => {
      assert.equal(code, "invalid_parameters");
      return problem?.errors?.[0]?.name === "window";
    });
  });

  test("names the scope that a token lacks", async (t) => {
    const { base } = await new TestApps(t).start(REQUIRED);
    const http = createHttpCalls({ url: base, token: tokenNow({ scope: "read" }) });
    await assert.rejects(http.status(), { code: "forbidden", status: 403, message: /admin/ });
    await assert.rejects(createHttpCalls({ url: base }).market(), { code: "unauthorized", status: 401 });
  });
});

test("a refused token is replaced once", async (t) => {
  const { base } = await new TestApps(t).start(REQUIRED);
  const given: string[] = ["not a token", tokenNow(), "not a token", "neither"];
  let at = 0;
  const http = createHttpCalls({ url: base, token: async () => given[at++]! });
  assert.equal((await http.market()).tokens_active, 0);
  assert.equal((await http.status()).tokens, 0, "the second token is used again");
  assert.equal(at, 2);
  const refused = createHttpCalls({ url: base, token: async () => given[at++]! });
  await assert.rejects(refused.market(), { code: "unauthorized" });
  assert.equal(at, 4);
});

test("swaps are sent as an object, a list, or lines", async (t) => {
  const { http } = await serviceWithSwap(t);
  const another = (index: number) => ({ ...swap, event_time: Date.now(), log_index: index });
  assert.equal((await http.ingest([another(1), another(2)])).accepted, 2);
  const lines = [3, 4, 5].map((index) => `${JSON.stringify(another(index))}\n`).join("");
  assert.equal((await http.ingest(lines)).accepted, 3);
  await assert.rejects(http.ingest({ ...another(6), side: "hold" as "buy" }), ({ code, problem }: ClientError) => {
    return code === "no_event_accepted" && problem?.rejected?.[0]?.code === "bad_side";
  });
});
