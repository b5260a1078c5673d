/** Frames that no library sends. Each is refused or ignored at a bounded cost, and other clients are not affected. */
import assert from "node:assert/strict";
import { connect as connectTcp, type Socket } from "node:net";
import { describe, test } from "node:test";
import { connect } from "./support/client.ts";
import { openDoor, type TestDoor, tokenData } from "./support/door.ts";
import { CLOSE, PING, PONG, RawClient, TEXT } from "./support/raw-client.ts";

const FIN = 0x80;
const RSV1 = 0x40;
const MASKED = 0x80;
const CHANNEL = "token:1:a";

/** A frame with the mask 0 and a header chosen by the test. */
function frame(firstByte: number, payload: Buffer, length = payload.length): Buffer {
  const header =
    length < 126
      ? Buffer.from([firstByte, MASKED | length])
      : length < 65_536
        ? Buffer.from([firstByte, MASKED | 126, length >> 8, length & 0xff])
        : Buffer.concat([Buffer.from([firstByte, MASKED | 127]), bigEndian(length)]);
  return Buffer.concat([header, Buffer.alloc(4), payload]);
}
function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
const closeCodeOf = (client: RawClient): number | undefined =>
  client.frames.find(({ opcode }) => opcode === CLOSE)?.payload.readUInt16BE(0);

async function isFine(t: { after(run: () => void): void }, { url, bus }: TestDoor): Promise<void> {
  bus.set(CHANNEL, tokenData("1:a", 1));
  const client = await connect(t, url);
  const snapshot = client.next("snapshot");
  client.send({ subscribe: CHANNEL });
  await snapshot;
}

describe("one frame too many", () => {
  const cases: [string, Buffer[], number | undefined][] = [
    ["a length of 2^62 bytes", [Buffer.concat([Buffer.from([FIN | TEXT, MASKED | 127]), bigEndian(2 ** 62)])], 1009],
    ["a message longer than allowed, by its header alone", [frame(FIN | TEXT, Buffer.alloc(0), 70_000)], 1009],
    [
      "fragments that are too long together",
      [frame(TEXT, Buffer.alloc(60_000, 0x20)), frame(FIN | 0, Buffer.alloc(60_000, 0x20))],
      1009,
    ],
    ["a compressed frame that nobody offered", [frame(FIN | RSV1 | TEXT, Buffer.from("{}"))], 1002],
    ["a frame without a mask", [Buffer.from([FIN | TEXT, 2, 0x7b, 0x7d])], 1002],
    ["a continuation of nothing", [frame(FIN | 0, Buffer.from("x"))], 1002],
    ["a message within a message", [frame(TEXT, Buffer.from("x")), frame(FIN | TEXT, Buffer.from("y"))], 1002],
    ["a ping of several frames", [frame(PING, Buffer.from("x"))], 1002],
    ["a ping that is too long", [frame(FIN | PING, Buffer.alloc(126))], 1002],
    ["text that is not UTF-8", [frame(FIN | TEXT, Buffer.from([0x22, 0xc3, 0x28, 0x22]))], 1007],
    [
      "a character cut by the end of the message",
      [frame(TEXT, Buffer.from([0x22, 0xe2])), frame(FIN | 0, Buffer.from([0x82]))],
      1007,
    ],
    ["a close frame with half a code", [frame(FIN | CLOSE, Buffer.from([3]))], 1002],
    ["a close code that may not be sent", [frame(FIN | CLOSE, Buffer.from([3, 0xed]))], 1002],
  ];
  for (const [name, frames, code] of cases) {
    test(name, async (t) => {
      const door = await openDoor(t);
      const client = new RawClient(door.port);
      t.after(() => client.socket.destroy());
      for (const bytes of frames) client.socket.write(bytes);
      await client.closed;
      assert.equal(closeCodeOf(client), code);
      await door.metrics.until(({ count }) => count === 0);
      await isFine(t, door);
    });
  }
});

describe("floods", () => {
  test("endless fragments are bounded by the length of a message, even if they are empty", async (t) => {
    const door = await openDoor(t);
    for (const payload of [Buffer.alloc(0), Buffer.from(" ")]) {
      const client = new RawClient(door.port);
      t.after(() => client.socket.destroy());
      client.socket.write(frame(TEXT, payload));
      const flood = Buffer.concat(Array.from({ length: 1_000 }, () => frame(0, payload)));
      const isOver = Symbol("closed");
      const closed = client.closed.then(() => isOver);
      let rounds = 0;
      while (rounds < 2_000) {
        rounds += 1;
        client.socket.write(flood);
        const next = new Promise((resolve) => setImmediate(resolve));
        if ((await Promise.race([closed, next])) === isOver) break;
      }
      assert.ok(rounds < 2_000, "the connection was closed");
    }
    await isFine(t, door);
  });

  test("pings and pongs: only the newest gets a pong, and then the client is cut off", async (t) => {
    const door = await openDoor(t, { ws: { maxMessagesPerSec: 5, messageBurst: 10, maxSubscriptions: 10 } });
    for (const opcode of [PING, PONG]) {
      const client = new RawClient(door.port);
      t.after(() => client.socket.destroy());
      const flood = Buffer.concat(Array.from({ length: 100 }, () => frame(FIN | opcode, Buffer.from("0123456789"))));
      client.socket.write(flood);
      await client.closed;
      assert.equal(closeCodeOf(client), 1008);
      assert.ok(client.bytesReceived < 2_000);
    }
    await isFine(t, door);
  });

  test("bad frames are counted by reason and write no line above debug", async (t) => {
    const lines: string[] = [];
    const note = (level: string) => () => void lines.push(level);
    const logger = { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error") };
    const { port, metrics } = await openDoor(t, { logger });
    for (let i = 0; i < 50; i++) {
      const client = new RawClient(port);
      client.socket.write(frame(FIN | 3, Buffer.from("x")));
      await client.closed;
    }
    await metrics.until(({ closedReasons }) => closedReasons.length === 50);
    assert.deepEqual(new Set(metrics.closedReasons), new Set(["bad_frame"]));
    assert.deepEqual(new Set(lines), new Set(["debug"]));
  });
});

describe("handshakes", () => {
  const answerTo = (port: number, head: string): Promise<string> =>
    new Promise((resolve) => {
      const socket: Socket = connectTcp(port, "127.0.0.1", () => socket.write(head));
      let text = "";
      socket.on("data", (data) => {
        text += data;
        if (text.startsWith("HTTP/1.1 101")) socket.destroy();
      });
      socket.on("error", () => {});
      socket.on("close", () => resolve(text));
    });
  const head = (path: string, more = ""): string =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n${more}\r\n`;

  test("an address of 8,192 characters is accepted; one more is refused with 414", async (t) => {
    const { port } = await openDoor(t);
    const path = (chars: number): string => `/ws?${"a".repeat(chars - "/ws?".length)}`;
    assert.match(await answerTo(port, head(path(8_192))), /^HTTP\/1\.1 101 /);
    assert.match(await answerTo(port, head(path(8_193))), /^HTTP\/1\.1 414 [\s\S]*"code":"uri_too_long"/);
  });

  test("that break RFC 6455 are refused with a problem document", async (t) => {
    const { port } = await openDoor(t);
    const broken = (what: string | RegExp, by: string): Promise<string> =>
      answerTo(port, head("/ws").replace(what, by));
    const isProblem = (answer: string, status: number, code: string): void => {
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*content-type: application/problem\\+json`));
      assert.match(answer, new RegExp(`"code":"${code}"`));
    };
    isProblem(await broken(/Sec-WebSocket-Key: .*\r\n/, ""), 400, "bad_request");
    isProblem(await broken("MDEyMzQ1Njc4OWFiY2RlZg==", "short"), 400, "bad_request");
    isProblem(await broken("Version: 13", "Version: 99"), 400, "bad_request");
    isProblem(await broken("GET", "POST"), 405, "method_not_allowed");
  });

  test("compression that the client offers is not used", async (t) => {
    const { port } = await openDoor(t);
    const offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    const answer = await answerTo(port, head("/ws", offer));
    assert.match(answer, /^HTTP\/1\.1 101 /);
    assert.doesNotMatch(answer, /extensions/i);
  });
});

describe("clients that read nothing", () => {
  test("cost the frames of one revision, whatever their number", async (t) => {
    const { bus, port, door, metrics, url, hub } = await openDoor(t);
    const channels = Array.from({ length: 5 }, (_, i) => `token:1:s${i}`);
    for (const channel of channels) bus.set(channel, tokenData(channel, 1, { volume_token: "7".repeat(2_000) }));
    const deaf = Array.from({ length: 60 }, () => new RawClient(port));
    t.after(() => {
      for (const client of deaf) client.socket.destroy();
    });
    for (const client of deaf) {
      client.sendText({ subscribe: channels });
      await client.until((raw) => raw.frames.length > 0);
      client.socket.pause();
    }
    const healthy = await connect(t, url);
    healthy.send({ subscribe: channels });
    await healthy.next("subscribed");
    for (let trades = 2; trades < 100; trades++) {
      for (const channel of channels) bus.set(channel, tokenData(channel, trades, { volume_token: "7".repeat(2_000) }));
      if (trades % 10 === 0) await healthy.atRev(channelOf(4), bus.revOf(channelOf(4)));
    }
    assert.equal(hub.feeds, 5);
    assert.ok(hub.held.cachedBytes < 5 * 20_000, `${hub.held.cachedBytes} bytes`);
    assert.equal(door.begunBytes, 0);
    assert.equal(metrics.count, 61);
  });

  test("hold a bounded number of bytes in the middle of long snapshots: those that began first are closed", async (t) => {
    const { bus, port, door, metrics } = await openDoor(t, { limits: { begunBytesMax: 1_000_000 } });
    const set = (round: number): void =>
      bus.set("overview:5m:trades", { order: [], rows: { a: { stats: { note: `${round}`.repeat(400_000) } } } });
    const deaf: RawClient[] = [];
    t.after(() => {
      for (const client of deaf) client.socket.destroy();
    });
    for (let round = 1; round <= 6; round++) {
      set(round);
      const client = new RawClient(port);
      deaf.push(client);
      client.sendText({ subscribe: "overview:5m:trades" });
      await client.until((raw) => raw.pings().length === 2);
      assert.ok(door.begunBytes <= 1_000_000);
    }
    await metrics.until(({ closedReasons }) => closedReasons.length >= 4);
    assert.deepEqual(metrics.closedReasons, ["too_slow", "too_slow", "too_slow", "too_slow"]);
    assert.equal(metrics.count, 2);
  });

  test("delay a stop by the time of one close, all together", async (t) => {
    const { port, door, metrics } = await openDoor(t, { limits: { closeTimeoutMs: 20 } });
    const deaf = Array.from({ length: 50 }, () => new RawClient(port));
    for (const client of deaf) client.socket.pause();
    await metrics.until(({ count }) => count === 50);
    await door.close();
    assert.equal(metrics.count, 0);
    assert.deepEqual(new Set(metrics.closedReasons), new Set(["shutting_down"]));
    for (const client of deaf) client.socket.destroy();
  });
});

function channelOf(index: number): string {
  return `token:1:s${index}`;
}
