/** The client against the whole program: every kind of store, and credentials, over both transports. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { SwapMaker } from "../../server/test/serving/websocket/support/swap-maker.ts";
import { TestApps } from "../../server/test/support/app-harness.ts";
import { randomFrom, seedOf } from "../../server/test/support/seed.ts";
import { claimsAt, SECRET, signingKey, tokenOf } from "../../server/test/support/tokens.ts";
import { type ClientError, type ClientStatus, createClient } from "../src/index.ts";

const TOKENS = [
  "1:0x00000000000000000000000000000000000000a1",
  "1:0x00000000000000000000000000000000000000b2",
] as const;

describe("stores of a client", () => {
  test("hold what HTTP answers, and change with swaps", async (t) => {
    const app = await new TestApps(t).start({ "windows.list": "1m,5m" });
    const maker = new SwapMaker(TOKENS, randomFrom(seedOf(t)));
    await app.post(TOKENS.map((id) => maker.swap(id, 5_000)));
    await app.caughtUp();
    const client = createClient({ url: app.base, checksum: true });
    t.after(() => client.close());
    const token = client.token(TOKENS[0], { windows: ["5m"] });
    const overview = client.overview({ window: "5m", sort: "volume_usd" });
    const wide = client.overview({ window: "5m", sort: "trades", windows: ["1m"], fields: ["trades"] });
    const screener = client.screener({ sort: [{ field: "trades", window: "5m" }] });
    const candles = client.candles(TOKENS[0], "1m");
    const swaps = client.swaps(TOKENS[0]);
    const market = client.market();
    const unknown = client.token("NOSUCHSYMBOL");
    const pending = client.token("1:0x00000000000000000000000000000000000000c3");
    await Promise.all([token, overview, wide, screener, candles, swaps, market].map((store) => store.ready));
    assert.equal(client.status, "live");
    assert.equal(token.stale, false);
    assert.equal(overview.current?.order.length, 2);
    assert.ok(wide.current?.rows[TOKENS[0]]?.windows["1m"]);
    assert.equal(swaps.current?.items.length, 1);
    assert.equal(market.current?.tokens_active, 2);
    await assert.rejects(unknown.ready, (error: ClientError) => error.code === "unknown_token");
    assert.equal(pending.pending, true);
    const before = token.current;
    const trades = before?.windows["5m"]?.trades ?? 0;
    await app.post([maker.swap(TOKENS[0], 0)]);
    for await (const data of token) if (data.windows["5m"]?.trades === trades + 1) break;
    for await (const data of swaps) if (data.items.length === 2) break;
    assert.equal(before?.windows["5m"]?.trades, trades);
  });
});

/** The service warns a minute before a token expires, so it warns of these at once. */
const TOKEN_SECONDS = 50;

describe("credentials of a client", () => {
  for (const transport of ["websocket", "sse"] as const) {
    test(`are renewed before they expire, and stores never notice, over ${transport}`, async (t) => {
      const apps = new TestApps(t);
      const secret = `${apps.dataDir}-secret`;
      writeFileSync(secret, SECRET);
      const jwt = { "security.jwt.enabled": "on", "security.jwt.alg": "HS256", "security.jwt.leeway_sec": "0" };
      const app = await apps.start({ "security.mode": "required", ...jwt, "security.jwt.secret": `file:${secret}` });
      let calls = 0;
      const sockets: WebSocket[] = [];
      const client = createClient({
        url: app.base,
        transport,
        token: async () => {
          calls += 1;
          const exp = Math.floor(Date.now() / 1_000) + TOKEN_SECONDS;
          return tokenOf(signingKey("HS256"), claimsAt(Date.now(), { exp, jti: String(calls) }));
        },
        webSocket: class extends WebSocket {
          constructor(url: string, protocols: string) {
            super(url, protocols);
            sockets.push(this);
          }
        } as typeof WebSocket,
      });
      t.after(() => client.close());
      const statuses: ClientStatus[] = [];
      client.onStatus((status) => statuses.push(status));
      const market = client.market();
      await market.ready;
      let wasStale = false;
      market.subscribe(() => {
        wasStale ||= market.stale;
      });
      let renewals = 0;
      await new Promise<void>((resolve) => {
        client.inspect(({ kind }) => {
          // The response to new credentials, or a stream that was opened with them.
          if (kind === (transport === "sse" ? "subscribed" : "authenticated")) renewals += 1;
          if (renewals === 3) resolve();
        });
      });
      assert.equal(wasStale, false);
      assert.deepEqual(statuses, ["live"]);
      assert.ok(calls >= 4, `${calls} tokens were asked for`);
      assert.equal(sockets.length, transport === "websocket" ? 1 : 0);
    });
  }

  test("that are wrong are a problem that stays", async (t) => {
    const apps = new TestApps(t);
    const secret = `${apps.dataDir}-secret`;
    writeFileSync(secret, SECRET);
    const jwt = { "security.jwt.enabled": "on", "security.jwt.alg": "HS256", "security.jwt.secret": `file:${secret}` };
    const app = await apps.start({ "security.mode": "required", ...jwt });
    for (const options of [{ token: "wrong" }, { transport: "sse" as const }]) {
      const client = createClient({ url: app.base, ...options });
      t.after(() => client.close());
      await assert.rejects(client.market().ready, (error: ClientError) => error.code === "unauthorized");
      assert.equal(client.status, "offline");
    }
  });
});
