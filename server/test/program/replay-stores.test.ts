/** Replay sessions whose history is on a server, in a service that wants credentials. The sessions themselves are in replay-sessions.test.ts. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { WebSocket } from "ws";
import { CLICKHOUSE_PASSWORD, startClickHouse } from "../../../scripts/servers/clickhouse.ts";
import { POSTGRES_PASSWORD, startPostgres } from "../../../scripts/servers/postgres.ts";
import { allSwaps, createHttpCalls } from "../../../sdk/src/index.ts";
import type { Json } from "../support/app-harness.ts";
import { requires } from "../support/requires.ts";
import { settledApp } from "../support/settled-app.ts";
import { tempDir } from "../support/tmp.ts";
import { claimsAt, SECRET, signingKey, tokenOf } from "../support/tokens.ts";
import { within } from "../support/within.ts";

const MINUTE_MS = 60_000;
const SECURITY = {
  ...{ "security.mode": "required", "security.jwt.enabled": "on", "security.jwt.alg": "HS256" },
  "security.jwt.secret": SECRET,
};
const bearer = (scope: string): Record<string, string> => ({
  authorization: `Bearer ${tokenOf(signingKey("HS256"), claimsAt(Date.now(), { scope }))}`,
});

/** Resolves with the status of a handshake that is refused. */
async function refused(url: string, headers: Record<string, string>): Promise<number> {
  const ws = new WebSocket(url, { headers });
  ws.on("error", () => {});
  const [, { statusCode }] = await within(once(ws, "unexpected-response"), () => "it is not refused");
  return statusCode;
}

/** A session needs credentials that may read, and shows the figures of the store. */
async function replays(t: TestContext, store: Record<string, string>): Promise<void> {
  const headers = bearer("read ingest admin");
  const app = await settledApp(t, { ...SECURITY, ...store }, headers);
  const atMs = app.swaps[120]!.event_time + 3_000;
  const url = `${app.base.replace("http", "ws")}/ws?at=${atMs}&speed=60`;
  assert.equal(await refused(url, {}), 401);
  assert.equal(await refused(url, bearer("ingest")), 403);
  const ws = new WebSocket(url, "swapstats.v1.json", { headers: bearer("read") });
  const found = Promise.withResolvers<Json>();
  ws.on("message", (data) => {
    const message = JSON.parse(String(data));
    if (message.type === "snapshot") found.resolve(message);
  });
  await within(once(ws, "open"), () => "the session does not open");
  ws.send(JSON.stringify({ subscribe: "token:1:0xaa" }));
  const { as_of, data } = await within(found.promise, () => "no snapshot comes");
  assert.ok(as_of >= atMs && as_of < atMs + MINUTE_MS);
  const { json } = await app.call(`/api/tokens/1:0xaa/stats?at=${as_of}`);
  for (const [name, figures] of Object.entries(data.windows) as [string, Json][]) {
    const { open_time: _o, close_time: _c, ...past } = json.windows[name];
    assert.deepEqual(figures, past, name);
  }
  ws.close();
  await once(ws, "close");

  // The client reads the same history page by page.
  const http = createHttpCalls({ url: app.base, token: headers.authorization!.slice("Bearer ".length) });
  const times: number[] = [];
  for await (const swap of allSwaps(http, "1:0xaa", { order: "asc", limit: 50 })) times.push(swap.event_time);
  const own = app.swaps.filter(({ token }) => token === "0xaa");
  assert.deepEqual(
    times,
    own.map(({ event_time: ms }) => ms),
  );
}

requires("replay sessions from ClickHouse", { servers: ["clickhouse"] }, () => {
  test("replay sessions from ClickHouse need credentials, and show its figures", async (t) => {
    const server = await startClickHouse({ folder: tempDir(t, "clickhouse") });
    t.after(() => server.stop());
    await replays(t, {
      "stores.history": "clickhouse",
      "stores.clickhouse.url": server.url,
      "stores.clickhouse.user": server.user,
      "stores.clickhouse.password": CLICKHOUSE_PASSWORD,
    });
  });
});

requires("replay sessions from PostgreSQL", { servers: ["postgres"] }, () => {
  test("replay sessions from PostgreSQL need credentials, and show its figures", async (t) => {
    const server = await startPostgres({ folder: tempDir(t, "postgres") });
    t.after(() => server.stop());
    await replays(t, {
      "stores.history": "postgres",
      "stores.postgres.hosts": `${server.host}:${server.port}`,
      "stores.postgres.database": server.database,
      "stores.postgres.user": server.user,
      "stores.postgres.password": POSTGRES_PASSWORD,
    });
  });
});
