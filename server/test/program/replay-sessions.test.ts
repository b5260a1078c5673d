/** The whole program with replay sessions: WebSockets whose market is that of the past, from the embedded history. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { applyMergePatch } from "@swapstats/protocol/merge-patch.ts";
import { WebSocket } from "ws";
import { type Json, type RunningApp, TestApps } from "../support/app-harness.ts";
import { ProtobufClient } from "../support/protobuf-client.ts";
import { STEP_MS, settledApp } from "../support/settled-app.ts";
import { within } from "../support/within.ts";

const MINUTE_MS = 60_000;

/** A client that collects its messages. */
class Client {
  readonly ws: WebSocket;
  readonly messages: Json[] = [];
  #wake: () => void = () => {};

  private constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on("message", (data) => {
      this.messages.push(JSON.parse(String(data)));
      this.#wake();
    });
  }

  /** Connects, when a place is free. The thread of an earlier session takes a moment to end. */
  static async open(app: RunningApp, query: string, protocol = "swapstats.v1.json"): Promise<Client> {
    const open = async (): Promise<Client> => {
      for (;;) {
        const ws = new WebSocket(`${app.base.replace("http", "ws")}/ws${query}`, protocol);
        const client = new Client(ws);
        const status = await new Promise<number>((resolve, reject) => {
          ws.once("open", () => resolve(101));
          ws.once("unexpected-response", (_request, { statusCode }) => resolve(statusCode ?? 0));
          ws.once("error", reject);
        });
        if (status === 101) return client;
        assert.equal(status, 503);
      }
    };
    return within(open(), () => `${query} finds no place`);
  }

  /** Resolves with the first message from this place on that is wanted. */
  async find(wanted: (message: Json) => boolean, from = 0): Promise<Json> {
    const look = async (): Promise<Json> => {
      for (let at = from; ; at++) {
        while (at >= this.messages.length) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
        if (wanted(this.messages[at])) return this.messages[at];
      }
    };
    return within(look(), () => `no such message among ${JSON.stringify(this.messages).slice(0, 2_000)}`);
  }

  async close(): Promise<void> {
    if (this.ws.readyState === WebSocket.CLOSED) return;
    this.ws.close();
    await once(this.ws, "close");
  }

  send(message: object): void {
    this.ws.send(JSON.stringify(message));
  }
}

/** Resolves with the problem document of a handshake that is refused. */
async function refusal(
  { base }: RunningApp,
  query: string,
): Promise<{ status: number; retryAfter: string | undefined; json: Json }> {
  const ws = new WebSocket(`${base.replace("http", "ws")}/ws${query}`);
  ws.on("error", () => {});
  const [, response] = await within(once(ws, "unexpected-response"), () => `${query} is not refused`);
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode, retryAfter: response.headers["retry-after"], json: JSON.parse(text) };
}

test("replay sessions", async (t) => {
  const app = await settledApp(t);
  const beginMs = app.swaps[120]!.event_time + 3_000;

  await t.test("show the figures as of then, and go on as fast as asked", async () => {
    const client = await Client.open(app, `?at=${beginMs}&speed=60`);
    client.send({
      id: 1,
      subscribe: ["token:1:0xaa", "overview:5m:volume_usd", "swaps:1:0xaa", "candles:1:0xaa:1m", "market"],
    });
    const playing = await client.find(({ type }) => type === "replay");
    assert.deepEqual([playing.state, playing.as_of, playing.speed], ["playing", beginMs, 60]);
    const first = await client.find(({ type, channel }) => type === "snapshot" && channel === "token:1:0xaa");
    assert.ok(first.as_of >= beginMs && first.as_of < beginMs + MINUTE_MS, String(first.as_of - beginMs));
    const { json } = await app.call(`/api/tokens/1:0xaa/stats?at=${first.as_of}`);
    for (const [name, figures] of Object.entries(first.data.windows) as [string, Json][]) {
      const { open_time: _o, close_time: _c, ...past } = json.windows[name];
      assert.deepEqual(figures, past, name);
    }
    const swaps = await client.find(({ type, channel }) => type === "snapshot" && channel === "swaps:1:0xaa");
    const past = app.swaps.filter(({ token, event_time: ms }) => token === "0xaa" && ms <= swaps.as_of).reverse();
    assert.deepEqual(
      swaps.data.items.map((swap: Json) => swap.event_time),
      past.slice(0, swaps.data.items.length).map(({ event_time: ms }) => ms),
    );
    // Each further swap comes after its time, in its order.
    const { items } = await client.find(({ type }) => type === "swaps");
    assert.equal(
      items[0].event_time,
      app.swaps.find(({ token, event_time: ms }) => token === "0xaa" && ms > swaps.as_of)?.event_time,
    );
    const later = await client.find(({ type, as_of: ms }) => type === "patch" && ms > beginMs + 2 * MINUTE_MS);
    assert.ok(later.as_of < beginMs + 10 * MINUTE_MS);
    await client.close();
  });

  await t.test("hold what a client makes of snapshot and patches equal to ?at=", async () => {
    const client = await Client.open(app, `?at=${encodeURIComponent(new Date(beginMs).toISOString())}&speed=60`);
    client.send({ subscribe: "token:1:0xaa", windows: ["5m"] });
    await client.find(({ type, as_of: ms }) => type === "patch" && ms > beginMs + 5 * MINUTE_MS);
    await client.close();
    let data: Json;
    let compared = 0;
    for (const message of client.messages) {
      if (message.type === "snapshot") data = message.data;
      else if (message.type === "patch") data = applyMergePatch(data, message.patch);
      else continue;
      // No swap lies in the rest of its step.
      if (message.as_of % STEP_MS < 1_000 || compared > 7) continue;
      const { json } = await app.call(`/api/tokens/1:0xaa/stats?windows=5m&at=${message.as_of}`);
      const { open_time: _o, close_time: _c, ...past } = json.windows["5m"];
      assert.deepEqual(data.windows["5m"], past, String(message.as_of));
      compared += 1;
    }
    assert.ok(compared > 3, String(compared));
  });

  await t.test("end where the history is settled, say so, and close the connection", async () => {
    const { latest_at: latestMs } = (await refusal(app, `?at=${Date.now()}`)).json;
    const client = await Client.open(app, `?at=${latestMs - 2 * MINUTE_MS}&speed=240`);
    const closed = once(client.ws, "close");
    const end = await client.find(({ state }) => state === "ended");
    assert.equal(end.reason, "end_of_history");
    assert.match(end.message, /settled up to/);
    assert.ok(end.as_of >= latestMs);
    const [code, reason] = await closed;
    assert.deepEqual([code, String(reason)], [4410, "the session ended: end_of_history"]);
  });

  await t.test("cannot be resumed: a position is unknown to another session and to the live service", async () => {
    const client = await Client.open(app, `?at=${beginMs}`);
    client.send({ subscribe: "token:1:0xaa" });
    const { channel, epoch, rev } = await client.find(({ type }) => type === "snapshot");
    await client.close();
    for (const query of [`?at=${beginMs}`, ""]) {
      const next = await Client.open(app, query);
      next.send({ resume: [{ channel, epoch, rev }] });
      assert.deepEqual((await next.find(({ type }) => type === "subscribed")).recovered, [false]);
      const snapshot = await next.find(({ type }) => type === "snapshot");
      assert.notEqual(snapshot.epoch, epoch);
      // The live market has the present.
      assert.equal(snapshot.as_of > app.swaps.at(-1)!.event_time, query === "");
      await next.close();
    }
  });

  await t.test("are as many as are allowed, and free their places", async () => {
    const clients = [await Client.open(app, `?at=${beginMs}`), await Client.open(app, `?at=${beginMs}&speed=0.5`)];
    for (const client of clients) await client.find(({ state }) => state === "playing");
    const { status, retryAfter, json } = await refusal(app, `?at=${beginMs}`);
    assert.deepEqual([status, json.code, retryAfter], [503, "overloaded", "1"]);
    const metrics = await (await fetch(`${app.metricsBase}/metrics`)).text();
    assert.match(metrics, /^swapstats_history_replay_sessions 2$/m);
    assert.match(metrics, /^swapstats_history_replay_refused_total [1-9]/m);
    for (const client of clients) await client.close();
    const running = async (): Promise<boolean> =>
      !/^swapstats_history_replay_sessions 0$/m.test(await (await fetch(`${app.metricsBase}/metrics`)).text());
    const ended = async (): Promise<void> => {
      while (await running());
    };
    await within(ended(), () => "a session does not end");
    const again = await Client.open(app, `?at=${beginMs}`);
    await again.find(({ state }) => state === "playing");
    await again.close();
  });

  await t.test("speak every encoding", async () => {
    const patched = await Client.open(app, `?at=${beginMs}&speed=60`, "swapstats.v1.json-patch");
    patched.send({ subscribe: "token:1:0xaa" });
    assert.ok(Array.isArray((await patched.find(({ type }) => type === "patch")).patch));
    await patched.close();
    const { ws } = await Client.open(app, `?at=${beginMs}&speed=2`, "swapstats.v1.protobuf");
    ws.removeAllListeners("message");
    const [bytes] = (await within(once(ws, "message"), () => "no message")) as [Buffer];
    const { message } = new ProtobufClient().take(bytes);
    assert.deepEqual(message, { type: "replay", state: "playing", as_of: beginMs, speed: 2 });
    ws.close();
    await once(ws, "close");
  });

  await t.test("refuse what they cannot show", async () => {
    const codeOf = async (query: string): Promise<string> => (await refusal(app, query)).json.code;
    for (const speed of ["0", "-1", "3600.1", "x", "", "1e3", "Infinity"]) {
      assert.equal(await codeOf(`?at=${beginMs}&speed=${speed}`), "invalid_parameters", speed);
    }
    assert.equal(await codeOf("?at=yesterday"), "invalid_parameters");
    assert.equal(await codeOf("?speed=60"), "invalid_parameters");
    assert.equal(await codeOf(`?at=${Date.now() + MINUTE_MS}`), "invalid_parameters");
    const { json } = await refusal(app, `?at=${Date.now()}`);
    assert.equal(json.code, "history_unsettled");
    for (const query of [`?at=${beginMs}&speed=3600`, `?at=${json.latest_at}&speed=.5`]) {
      const client = await Client.open(app, query);
      await client.find(({ type }) => type === "replay");
      await client.close();
    }
  });

  await t.test("are off unless configured", async (t) => {
    const none = await refusal(await new TestApps(t).start(), `?at=${beginMs}`);
    assert.deepEqual([none.status, none.json.code], [404, "history_off"]);
    assert.match(none.json.detail, /stores\.history/);
    const off = await refusal(await new TestApps(t).start({ "stores.history": "embedded" }), `?at=${beginMs}`);
    assert.deepEqual([off.status, off.json.code], [404, "history_off"]);
    assert.match(off.json.detail, /history\.replay_sessions/);
  });
});
