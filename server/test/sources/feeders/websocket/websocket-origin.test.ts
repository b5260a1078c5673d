import { strict as assert } from "node:assert";
import { after, before, beforeEach, describe, test } from "node:test";
import type { Origin, OriginBatch, Position } from "../../../../src/sources/feeders/origin.ts";
import type { WebSocketSettings } from "../../../../src/sources/feeders/websocket/feed-connection.ts";
import { WebSocketOrigin } from "../../../../src/sources/feeders/websocket/websocket-origin.ts";
import { randomFrom, seedOf } from "../../../support/seed.ts";
import { originContract } from "../origin-contract.ts";
import { FeedServer } from "./feed-server.ts";

const PAUSES = { firstMs: 1, longestMs: 1 };
const WITH_CURSOR = {
  subscribe: ['{"op":"subscribe","after":null}'],
  cursor: { path: ["id"], subscribeWith: ['{"op":"subscribe","after":"{cursor}"}'] },
};
const WITHOUT_CURSOR = { subscribe: ['{"op":"subscribe"}'], cursor: { path: undefined, subscribeWith: undefined } };

describe("a feed over WebSocket", () => {
  let server: FeedServer;
  before(async () => {
    server = new FeedServer();
    await server.start();
  });
  after(() => server.close());
  beforeEach(() => {
    server.records.length = 0;
    server.received.length = 0;
    server.headers.length = 0;
    server.breaks = () => false;
    server.answersPings = true;
  });

  const open = (more: Partial<WebSocketSettings> = {}, endsAtEnd = false): WebSocketOrigin => {
    const settings: WebSocketSettings = {
      ...{ type: "websocket", name: "feed", mapping: undefined, url: server.url, headers: undefined, ...WITH_CURSOR },
      ...{ ping: { kind: "frame", text: "ping", everyMs: 10_000 }, silenceMs: 30_000, queueMax: 10_000 },
      ...{ messageBytesMax: 1024 * 1024, timeoutMs: 60_000, ...more },
    };
    return new WebSocketOrigin(settings, endsAtEnd, PAUSES);
  };

  originContract("websocket with a cursor", async () => {
    server.records.length = 0;
    let made = 0;
    return {
      open: (endsAtEnd) => open({}, endsAtEnd),
      append: async (count) => {
        const ids = Array.from({ length: count }, () => String(made++));
        for (const id of ids) server.push(recordOf(id));
        return ids;
      },
      idOf: ({ bytes, start, end }) => JSON.parse(Buffer.from(bytes.subarray(start, end)).toString()).id,
    };
  });

  test("with breaks and kills at random moments every message comes, and only messages that were not kept come again", async (t) => {
    const random = randomFrom(seedOf(t));
    server.breaks = () => random.chance(0.05);
    let origin = open({ queueMax: 3 }, true);
    let position: Position | undefined;
    const kept: string[] = [];
    for (let step = 0; step < 400; step++) {
      if (random.chance(0.4)) server.push(recordOf(String(server.records.length)));
      if (random.chance(0.03)) server.breakWithinMessage();
      if (random.chance(0.05)) {
        await origin.close();
        origin = open({ queueMax: 3 }, true);
      }
      const batch = await origin.read(position, signal());
      if (batch === undefined || random.chance(0.2)) continue;
      position = JSON.parse(JSON.stringify(batch.position)) as Position;
      kept.push(...textsOf(batch));
    }
    server.breaks = () => false;
    for (;;) {
      const batch = await origin.read(position, signal());
      if (batch === undefined) break;
      position = batch.position;
      kept.push(...textsOf(batch));
    }
    await origin.close();
    assert.deepEqual(kept, server.records);
  });

  test("what the feed sends after an earlier read asked for the end comes before the end", async () => {
    const origin = open({}, true);
    server.push(recordOf("0"));
    const first = await origin.read(undefined, signal());
    assert.deepEqual(textsOf(first!), [recordOf("0")]);
    // Now the answer to the first read's question has arrived, too.
    await server.delivered();
    server.push(recordOf("1"));
    const second = await origin.read(first!.position, signal());
    assert.deepEqual(second && textsOf(second), [recordOf("1")]);
    await server.delivered();
    assert.equal(await origin.read(second!.position, signal()), undefined);
    server.push(recordOf("2"));
    const third = await origin.read(second!.position, signal());
    assert.deepEqual(third && textsOf(third), [recordOf("2")], "also after an end");
    await origin.close();
  });

  test("without a cursor each time without a connection is counted once, and shown", async () => {
    const origin = open(WITHOUT_CURSOR);
    const reader = new Reader(origin);
    const first = reader.next();
    await until(() => server.received.length === 1);
    server.push(recordOf("0"));
    assert.deepEqual(textsOf(await first), [recordOf("0")]);
    server.disconnectAll();
    const gap = await reader.next();
    assert.deepEqual(textsOf(gap), []);
    assert.match(origin.positionText(gap.position), /^1 messages, 1 times not connected$/);
    const second = reader.next();
    await until(() => server.received.length === 2);
    server.push(recordOf("1"));
    assert.deepEqual(textsOf(await second), [recordOf("1")]);
    await origin.close();
    // A start anew is a time without a connection, too.
    const again = open(WITHOUT_CURSOR);
    const restarted = await again.read(reader.position, signal());
    assert.match(again.positionText(restarted!.position), /2 times not connected$/);
    await again.close();
  });

  test("a feed that is not read holds no more than its queue in memory, and loses nothing", async () => {
    const count = 3_000;
    const origin = open({ queueMax: 10 });
    const reader = new Reader(origin);
    const fill = "x".repeat(10_000);
    for (let id = 0; id < count; id++) server.push(JSON.stringify({ id: String(id), fill }));
    let seen = 0;
    while (seen < count) {
      const batch = await reader.next();
      // What one chunk of the network holds comes beyond the limit.
      assert.ok(batch.records.length <= 10 + 100, `${batch.records.length} messages at once`);
      seen += batch.records.length;
    }
    await origin.close();
    assert.equal(seen, count);
  });

  test("messages are records as they are, also those that are no JSON", async () => {
    const texts = [recordOf("0"), "not json", '{"id":"1","amount":0.1000000000000000000001}', "[1,2]"];
    const origin = open(WITHOUT_CURSOR);
    const reader = new Reader(origin);
    const first = reader.next();
    await until(() => server.received.length === 1);
    for (const text of texts) server.push(text);
    const found = textsOf(await first);
    while (found.length < texts.length) found.push(...textsOf(await reader.next()));
    assert.deepEqual(found, texts);
    await origin.close();
  });

  test("a message that is too large closes the connection", async () => {
    const origin = open({ ...WITHOUT_CURSOR, messageBytesMax: 1024 });
    const reader = new Reader(origin);
    const first = reader.next();
    await until(() => server.received.length === 1);
    const fits = `"${"x".repeat(1022)}"`;
    server.push(fits);
    assert.deepEqual(textsOf(await first), [fits]);
    server.push(`"${"x".repeat(1023)}"`);
    assert.deepEqual(textsOf(await reader.next()), [], "a gap");
    await origin.close();
  });

  test("a connection on which nothing arrives is opened again, and pings of text are answered", async () => {
    server.answersPings = false;
    const ping = { kind: "text", text: "ping", everyMs: 100 } as const;
    const connections = server.connections;
    const silent = open({ ...WITHOUT_CURSOR, silenceMs: 100, ping: { ...ping, everyMs: 10_000 } });
    const waiting = silent.read(
      undefined,
      AbortSignal.any([signal(), stopAfter(() => server.connections > connections + 2)]),
    );
    await assert.rejects(waiting, /stop/);
    assert.match(silent.problem ?? "not connected", /not connected/);
    await silent.close();

    const origin = open({ ...WITHOUT_CURSOR, ping });
    const batch = await origin.read(undefined, signal());
    assert.deepEqual(textsOf(batch!), ['"pong"']);
    await origin.close();
  });

  test("headers are sent, and the problem names the host alone", async () => {
    const origin = open({ headers: { authorization: "Bearer x" }, url: `${server.url}?token=secret` }, true);
    assert.equal(await origin.read(undefined, signal()), undefined);
    assert.equal(server.headers[0]?.authorization, "Bearer x");
    await origin.close();
    const nobody = open({ url: "ws://127.0.0.1:1/feed?token=secret" });
    const waiting = nobody.read(undefined, AbortSignal.any([signal(), stopAfter(() => nobody.problem !== undefined)]));
    await assert.rejects(waiting, /stop/);
    assert.match(nobody.problem ?? "", /^The feeder is not connected to 127\.0\.0\.1:1: /);
    assert.doesNotMatch(nobody.problem ?? "", /secret/);
    await nobody.close();
  });
});

class Reader {
  readonly #origin: Origin;
  position: Position | undefined;

  constructor(origin: Origin) {
    this.#origin = origin;
  }

  async next(): Promise<OriginBatch> {
    const batch = await this.#origin.read(this.position, signal());
    assert.ok(batch !== undefined);
    this.position = batch.position;
    return batch;
  }
}

function recordOf(id: string): string {
  return `{"id":"${id}","n":${id}.50}`;
}

function textsOf({ records }: OriginBatch): string[] {
  return records.map(({ bytes, start, end }) => Buffer.from(bytes.subarray(start, end)).toString());
}

function signal(): AbortSignal {
  return AbortSignal.timeout(60_000);
}

/** Waits for other parts of this process. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

function stopAfter(holds: () => boolean): AbortSignal {
  const stop = new AbortController();
  void until(holds).then(() => stop.abort(new Error("stop")));
  return stop.signal;
}
