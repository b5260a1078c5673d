/** A client of the past, with a stand-in for the WebSocket, and against the whole program. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { STEP_MS, settledApp } from "../../../server/test/support/settled-app.ts";
import { type ClientError, createClient, type ReplayOptions } from "../../src/index.ts";
import { StandInSocket, stopClock } from "../support/stand-in-socket.ts";

const AT = "2026-01-31T12:00:00Z";
const AT_MS = Date.parse(AT);
const webSocket = StandInSocket as unknown as typeof WebSocket;

const queryOf = (url: string): Record<string, string> => Object.fromEntries(new URL(url).searchParams);

describe("a client of the past", () => {
  test("asks for the time and the speed in the address", async (t) => {
    const pass = stopClock(t);
    const cases: [ReplayOptions, string, string][] = [
      [{ at: AT, speed: 60 }, AT, "60"],
      [{ at: AT_MS }, String(AT_MS), "1"],
      [{ at: new Date(AT_MS), speed: 0.5 }, String(AT_MS), "0.5"],
    ];
    for (const [replay, at, speed] of cases) {
      const client = createClient({ url: "http://service/", webSocket, replay });
      client.market();
      await pass(100);
      assert.deepEqual(queryOf(StandInSocket.last.url), { at, speed });
      client.close();
    }
    for (const at of ["", Number.NaN, new Date("x")]) {
      assert.throws(() => createClient({ url: "http://service/", replay: { at } }), TypeError);
    }
    assert.throws(() => createClient({ url: "http://service/", transport: "sse", replay: { at: AT } }), TypeError);
  });

  test("continues in another session where the last one was, and has one at a time", async (t) => {
    const pass = stopClock(t);
    const client = createClient({ url: "http://service/", webSocket, replay: { at: AT_MS, speed: 60 } });
    t.after(() => client.close());
    const made = StandInSocket.made.length;
    client.token("WETH", { windows: ["5m"] });
    // The same channel with other options would need a second connection.
    const other = client.token("WETH", { windows: ["1h"] });
    assert.equal(other.error?.code, "too_many_subscriptions");
    await pass(100);
    StandInSocket.last.accept();
    StandInSocket.last.receive({ type: "replay", state: "playing", as_of: AT_MS, speed: 60 });
    StandInSocket.last.answer();
    StandInSocket.last.receive({ type: "heartbeat", time: 1, as_of: AT_MS + 90_000 });
    StandInSocket.last.end();
    await pass(1_000);
    assert.equal(StandInSocket.made.length, made + 2);
    assert.deepEqual(queryOf(StandInSocket.last.url), { at: String(AT_MS + 90_000), speed: "60" });
  });

  test("ends with the session: nothing is opened again, and stores say why", async (t) => {
    const pass = stopClock(t);
    const client = createClient({ url: "http://service/", webSocket, replay: { at: AT_MS } });
    t.after(() => client.close());
    const market = client.market();
    await pass(100);
    StandInSocket.last.accept();
    StandInSocket.last.answer();
    const made = StandInSocket.made.length;
    const end = { state: "ended", as_of: AT_MS + 1, reason: "end_of_history", message: "It is over." };
    StandInSocket.last.receive({ type: "replay", ...end });
    StandInSocket.last.end(4410);
    await pass(600_000);
    assert.equal(StandInSocket.made.length, made);
    assert.equal(client.status, "offline");
    assert.deepEqual([market.error?.code, market.error?.message], ["replay_ended", "It is over."]);
    assert.notEqual(market.current, undefined);
    await assert.rejects(client.token("WETH").ready, (error: ClientError) => error.code === "replay_ended");
  });

  test("shows the figures of then, from a real service", async (t) => {
    const app = await settledApp(t);
    const at = app.swaps[120]!.event_time + 3_000;
    const client = createClient({ url: app.base, replay: { at, speed: 60 } });
    t.after(() => client.close());
    const token = client.token("1:0xaa", { windows: ["5m"] });
    const first = (await token.ready).windows["5m"]!;
    let asOf = 0;
    for await (const _ of token) {
      ({ asOf } = token.meta!);
      // No swap lies in the rest of the step, which ?at= counts, too.
      if (token.current!.windows["5m"]!.trades !== first.trades && asOf % STEP_MS >= 1_000) break;
    }
    const now = token.current!.windows["5m"]!;
    assert.ok(asOf > at && asOf < at + 600_000, String(asOf - at));
    assert.equal(client.status, "live");
    const past = (await client.http.tokenStats("1:0xaa", { windows: ["5m"], at: String(asOf) })).windows["5m"]!;
    assert.deepEqual([now.trades, now.volume_usd, now.close], [past.trades, past.volume_usd, past.close]);
  });
});
