/** The connection of a client, with a stand-in for the WebSocket and a clock that stands still. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { type Client, type ClientError, type ClientOptions, createClient, type Frame } from "../../src/index.ts";
import { checksumOf } from "../../src/live/checksum.ts";
import { canonicalJson } from "../../src/wire/canonical-json.ts";
import { StandInSocket, settled, snapshot, stopClock } from "../support/stand-in-socket.ts";

const WETH = "token:1:0xa";
type Socket = typeof StandInSocket;

function clientOf(t: TestContext, options: Partial<ClientOptions> = {}): Client {
  const webSocket = StandInSocket as unknown as typeof WebSocket;
  const client = createClient({ url: "http://service/prefix/", webSocket, ...options });
  t.after(() => client.close());
  return client;
}

const count = ({ made }: Socket): number => made.length;

describe("a connection", () => {
  test("is one for all stores; equal channels are asked for once, and unsubscribed from when the last store is closed", async (t) => {
    const pass = stopClock(t);
    const client = clientOf(t);
    assert.equal(client.status, "connecting");
    const first = client.token("WETH", { windows: ["5m", "1h"] });
    const second = client.token("WETH", { windows: ["1h", "5m"] });
    const market = client.market();
    await pass(100);
    assert.equal(StandInSocket.last.url, "ws://service/prefix/ws");
    StandInSocket.last.accept();
    const [request] = StandInSocket.last.sent;
    assert.deepEqual(request?.subscribe, [{ channel: "token:WETH", windows: ["1h", "5m"] }, { channel: "market" }]);
    StandInSocket.last.answer();
    assert.deepEqual(await first.ready, { n: 1 });
    assert.equal(second.current, first.current);
    assert.equal(first.meta?.channel, WETH);
    assert.equal(client.status, "live");
    first.close();
    await pass(1_000);
    assert.equal(StandInSocket.last.sent.length, 1);
    second.close();
    await pass(1_000);
    assert.deepEqual(StandInSocket.last.sent[1], { unsubscribe: [WETH] });
    market.close();
    await pass(9_000);
    assert.equal(StandInSocket.last.closedWith, undefined);
    await pass(2_000);
    assert.equal(StandInSocket.last.closedWith, 1000);
    assert.equal(count(StandInSocket), 1);
  });

  test("is opened again after a cut, and resumes every channel by its canonical name", async (t) => {
    const pass = stopClock(t);
    const client = clientOf(t);
    const seen: string[] = [];
    t.mock.method(console, "error", () => {});
    client.onStatus(() => {
      throw new Error("the error of a listener disturbs nothing");
    });
    client.onStatus((status) => seen.push(status));
    const token = client.token("WETH");
    await pass(100);
    StandInSocket.last.accept();
    StandInSocket.last.answer(41);
    await pass(10_000);
    StandInSocket.last.end();
    assert.equal(token.stale, true);
    assert.deepEqual(token.current, { n: 41 });
    await pass(500);
    assert.equal(count(StandInSocket), 2);
    StandInSocket.last.end();
    await pass(1_000);
    StandInSocket.last.accept();
    assert.deepEqual(StandInSocket.last.sent[0]?.resume, [{ channel: WETH, epoch: "e", rev: 41 }]);
    const { id } = StandInSocket.last.sent[0] as { id: string };
    StandInSocket.last.receive({ type: "subscribed", id, channels: [WETH], names: { [WETH]: WETH }, windows: {} });
    assert.equal(token.stale, true);
    StandInSocket.last.receive({
      ...{ type: "patch", channel: WETH, epoch: "e", rev: 43, prev_rev: 41, as_of: 1, lag_ms: 0 },
      patch: { n: 43 },
    });
    assert.equal(token.stale, false);
    assert.deepEqual(token.current, { n: 43 });
    assert.deepEqual(seen, ["live", "stale", "offline", "live"]);
  });

  test("waits as long as the service asks for at a shutdown", async (t) => {
    const pass = stopClock(t);
    clientOf(t).market();
    await pass(100);
    StandInSocket.last.accept();
    StandInSocket.last.receive({ type: "shutdown", reconnect_after_ms: 7_000 });
    StandInSocket.last.end(1001);
    await pass(6_900);
    assert.equal(count(StandInSocket), 1);
    await pass(200);
    assert.equal(count(StandInSocket), 2);
  });

  test("is replaced after 35 seconds of silence, after ten without opening, and after a message that is no JSON", async (t) => {
    const pass = stopClock(t);
    clientOf(t).market();
    await pass(9_900);
    assert.equal(count(StandInSocket), 1);
    await pass(700);
    assert.equal(count(StandInSocket), 2);
    StandInSocket.last.accept();
    StandInSocket.last.answer();
    await pass(34_000);
    StandInSocket.last.receive({ type: "heartbeat", time: 1 });
    await pass(35_000);
    assert.equal(count(StandInSocket), 2);
    await pass(2_000);
    assert.equal(count(StandInSocket), 3);
    StandInSocket.last.accept();
    StandInSocket.last.receive("{");
    assert.equal(StandInSocket.last.closedWith, 1000);
  });

  test("asks again for a channel whose response or first message does not come", async (t) => {
    const pass = stopClock(t);
    clientOf(t).market();
    await pass(100);
    const socket = StandInSocket.last;
    socket.accept();
    await pass(10_000);
    assert.equal(socket.sent.length, 1);
    await pass(1_000);
    assert.equal(socket.sent.length, 2);
    const { id } = socket.sent[1] as { id: string };
    socket.receive({ type: "subscribed", id, channels: ["market"], names: { market: "market" }, windows: {} });
    await pass(12_000);
    assert.equal(socket.sent.length, 3);
    socket.receive({ type: "heartbeat", time: 1 });
    socket.answer();
    await pass(20_000);
    assert.equal(socket.sent.length, 3);
  });

  test("a patch that does not fit, and a checksum that differs, lead to a snapshot; what is shown stays, marked stale", async (t) => {
    const pass = stopClock(t);
    const market = clientOf(t, { checksum: true }).market();
    await pass(100);
    const socket = StandInSocket.last;
    socket.accept();
    assert.deepEqual(socket.sent[0]?.subscribe, [{ channel: "market", checksum: true }]);
    socket.answer(1);
    const patch = { type: "patch", channel: "market", epoch: "e", rev: 4, prev_rev: 3, as_of: 1, lag_ms: 0 };
    socket.receive({ ...patch, patch: { n: 4 } });
    assert.deepEqual(market.current, { n: 1 });
    assert.equal(market.stale, true);
    await pass(2_000);
    assert.deepEqual(socket.sent[1]?.subscribe, [{ channel: "market", checksum: true }]);
    socket.answer(5);
    assert.equal(market.stale, false);
    await pass(2_000);
    const right = checksumOf(JSON.parse(canonicalJson({ n: 5 })));
    socket.receive({ type: "heartbeat", channel: "market", epoch: "e", rev: 5, crc32: right });
    assert.equal(market.stale, false);
    socket.receive({ type: "heartbeat", channel: "market", epoch: "e", rev: 5, crc32: right + 1 });
    assert.equal(market.stale, true);
    await pass(1_000);
    assert.equal(socket.sent.length, 3);
  });

  test("a long verification is done in slices; patches meanwhile do not end it, a snapshot does", async (t) => {
    const pass = stopClock(t);
    let nowMs = 0;
    // Each step takes 3 ms, so that a slice has three.
    t.mock.method(performance, "now", () => {
      nowMs += 3;
      return nowMs;
    });
    const client = clientOf(t, { checksum: true });
    const market = client.market();
    await pass(100);
    const socket = StandInSocket.last;
    socket.accept();
    const data = { rows: Array.from({ length: 40 }, (_, n) => ({ n })) };
    const begin = (rev: number, crc: number): void => {
      socket.receive(snapshot("market", rev, data));
      assert.equal(market.stale, false);
      socket.receive({ type: "heartbeat", channel: "market", epoch: "e", rev, crc32: crc });
    };
    const patch = { type: "patch", channel: "market", epoch: "e", as_of: 1, lag_ms: 0, patch: { n: 4 } };
    socket.answer(1);

    begin(2, checksumOf(data));
    socket.receive({ ...patch, rev: 3, prev_rev: 2 });
    await pass(1_000);
    assert.equal(market.stale, false, "the data is right");

    begin(4, checksumOf(data) + 1);
    socket.receive({ ...patch, rev: 5, prev_rev: 4 });
    assert.equal(market.stale, false, "the first slice does not know yet");
    await pass(1_000);
    assert.equal(market.stale, true, "the data is wrong, with the patch too");
    await pass(2_000);
    socket.answer(6);

    begin(7, checksumOf(data) + 1);
    begin(8, checksumOf(data));
    await pass(1_000);
    assert.equal(market.stale, false, "the snapshot replaced the wrong data");

    begin(9, checksumOf(data) + 1);
    socket.receive({ type: "heartbeat", channel: "market", epoch: "e", rev: 9, crc32: checksumOf(data) });
    await pass(1_000);
    assert.equal(market.stale, false, "the newer sum counts");

    begin(10, checksumOf(data));
    const callsBefore = nowMs;
    market.close();
    await pass(1_000);
    assert.equal(nowMs, callsBefore, "a closed store verifies nothing");
  });

  test("a refused channel names its problem, and is asked for again where that can help; the others of its request are opened", async (t) => {
    const pass = stopClock(t);
    const client = clientOf(t);
    const unknown = client.token("NOPE");
    const busy = client.token("1:0xb");
    await pass(100);
    const socket = StandInSocket.last;
    socket.accept();
    const { id } = socket.sent[0] as { id: string };
    socket.receive({ type: "error", id, code: "unknown_token", message: "no", channel: "token:NOPE" });
    socket.receive({ type: "error", id, code: "unavailable", message: "away", channel: "token:1:0xb" });
    await assert.rejects(unknown.ready, (error: ClientError) => error.code === "unknown_token");
    assert.equal(busy.error?.code, "unavailable");
    await pass(2_000);
    assert.deepEqual(socket.sent[1]?.subscribe, [{ channel: "token:NOPE" }, { channel: "token:1:0xb" }]);
    const again = { type: "error", id: socket.sent[1]?.id, code: "invalid_parameters", message: "bad" };
    socket.receive({ ...again, channels: ["token:NOPE", "token:1:0xb"] });
    await pass(2_000);
    assert.deepEqual(
      socket.sent.slice(2).map(({ subscribe }) => subscribe),
      [[{ channel: "token:NOPE" }], [{ channel: "token:1:0xb" }]],
    );
    socket.answer();
    assert.deepEqual(await busy.ready, { n: 1 });
    assert.equal(busy.error, undefined);
  });

  test("a channel whose problem passes is asked for again every five seconds at most, one with another problem every 30", async (t) => {
    const pass = stopClock(t);
    const client = clientOf(t);
    const asked = async (code: string, channel: string): Promise<number> => {
      StandInSocket.last.sent.length = 0;
      for (let second = 0; second < 120; second++) {
        const request = StandInSocket.last.sent.at(-1) as { id: string };
        StandInSocket.last.receive({ type: "error", id: request?.id, code, message: "no", channel });
        await pass(1_000);
      }
      return StandInSocket.last.sent.length;
    };
    const away = client.token("1:0xb");
    await pass(100);
    StandInSocket.last.accept();
    const passing = await asked("unavailable", "token:1:0xb");
    assert.ok(passing > 17 && passing < 28, `${passing} requests in two minutes`);
    away.close();
    client.token("NOPE");
    await pass(100);
    const staying = await asked("unknown_token", "token:NOPE");
    assert.ok(staying > 2 && staying < 12, `${staying} requests in two minutes`);
  });

  test("a channel with other options gets a connection of its own, also when only the service knows that it is the same", async (t) => {
    const pass = stopClock(t);
    const client = clientOf(t);
    const first = client.token("1:0xa", { windows: ["5m"] });
    const second = client.token("1:0xa", { windows: ["1h"] });
    const third = client.token("WETH", { windows: ["24h"] });
    await pass(100);
    const [one, two] = StandInSocket.made as [StandInSocket, StandInSocket];
    assert.equal(count(StandInSocket), 2);
    one.accept();
    two.accept();
    two.answer(1, { window: "1h" });
    const { id } = one.sent[0] as { id: string };
    const names = { [WETH]: WETH, "token:WETH": WETH };
    one.receive({ type: "subscribed", id, channels: [WETH], names, windows: {} });
    // The service has opened the channel with the options of the last.
    one.receive(snapshot(WETH, 1, { window: "24h" }));
    assert.equal(first.current, undefined);
    await pass(1_000);
    assert.equal(count(StandInSocket), 3);
    StandInSocket.last.accept();
    StandInSocket.last.answer(1, { window: "24h" });
    await pass(1_000);
    one.answer(1, { window: "5m" });
    assert.deepEqual(
      [first, second, third].map(({ current }) => current),
      [{ window: "5m" }, { window: "1h" }, { window: "24h" }],
    );
    assert.equal(client.status, "live");
  });

  test("what is inspected are the messages of both directions", async (t) => {
    const pass = stopClock(t);
    const client = clientOf(t);
    const frames: Frame[] = [];
    const stop = client.inspect((frame) => frames.push(frame));
    client.market();
    await pass(100);
    StandInSocket.last.accept();
    StandInSocket.last.answer(1, { text: "€" });
    assert.deepEqual(
      frames.map(({ direction, kind, channel, rev }) => [direction, kind, channel, rev]),
      [
        ["out", "subscribe", undefined, undefined],
        ["in", "subscribed", undefined, undefined],
        ["in", "snapshot", "market", 1],
      ],
    );
    const last = frames[2] as Frame;
    assert.equal(last.bytes, Buffer.byteLength(last.text));
    stop();
    StandInSocket.last.receive({ type: "heartbeat", time: 1 });
    assert.equal(frames.length, 3);
    await settled();
  });

  test("offers lists of messages and single messages, and takes both; each of a list is inspected by itself", async (t) => {
    const pass = stopClock(t);
    const client = clientOf(t);
    const [market, token] = [client.market(), client.token(WETH)];
    await pass(100);
    assert.deepEqual(StandInSocket.last.protocols, ["swapstats.v1.json.batch", "swapstats.v1.json"]);
    StandInSocket.last.accept();
    StandInSocket.last.answer();
    const frames: Frame[] = [];
    client.inspect((frame) => frames.push(frame));
    const patch = (channel: string, rev: number, n: number): object => ({
      ...{ type: "patch", channel, epoch: "e", rev, prev_rev: rev - 1, as_of: rev, lag_ms: 0 },
      patch: { n },
    });
    const list = [patch("market", 2, 20), patch(WETH, 2, 30), patch("market", 3, 40)];
    StandInSocket.last.receive(list);
    StandInSocket.last.receive(patch(WETH, 3, 50));
    assert.deepEqual([market.current, token.current], [{ n: 40 }, { n: 50 }]);
    assert.deepEqual(
      frames.map(({ text }) => text),
      [...list, patch(WETH, 3, 50)].map((message) => JSON.stringify(message)),
    );
    await settled();
  });

  test("a message of a list that ends the connection is the last that is taken", async (t) => {
    const pass = stopClock(t);
    const client = clientOf(t, { replay: { at: 1_700_000_000_000 } });
    const market = client.market();
    await pass(100);
    StandInSocket.last.accept();
    StandInSocket.last.answer();
    StandInSocket.last.receive([
      snapshot("market", 2, { n: 2 }),
      { type: "replay", state: "ended", as_of: 1, reason: "idle", message: "over" },
      snapshot("market", 3, { n: 3 }),
    ]);
    assert.deepEqual([market.current, market.error?.message], [{ n: 2 }, "over"]);
  });
});
