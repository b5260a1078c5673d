import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, test } from "node:test";
import type { JsonObject } from "@swapstats/protocol/merge-patch.ts";
import { type ChannelData, LiveConnection, type LiveHandlers } from "../../../src/cli/live/connection.ts";
import { SwapstatsError } from "../../../src/shared/errors.ts";
import { openDoor, tokenData } from "../../serving/websocket/support/door.ts";

const ID = "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
const CHANNEL = `token:${ID}`;

/** Records the data, subscriptions and states of a connection, and waits for them. */
class Listener implements LiveHandlers {
  readonly states: string[] = [];
  readonly subscribed: string[][] = [];
  data: ChannelData | undefined;
  error: Error | undefined;
  #waiting: { condition: () => boolean; resolve: () => void }[] = [];

  readonly onData = (data: ChannelData): void => {
    this.data = data;
    this.#changed();
  };
  readonly onSubscribed = (channels: readonly string[]): void => {
    this.subscribed.push([...channels]);
    this.#changed();
  };
  readonly onRefused = (error: Error): void => {
    this.error = error;
    this.#changed();
  };
  readonly onUnreachable = this.onRefused;
  readonly onConnection = (state: string): void => {
    this.states.push(state);
    this.#changed();
  };

  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ condition, resolve }));
  }

  #changed(): void {
    for (const entry of this.#waiting.filter(({ condition }) => condition())) {
      this.#waiting = this.#waiting.filter((other) => other !== entry);
      entry.resolve();
    }
  }
}

const channelOf = (listener: Listener): string | undefined => listener.data?.channel;

describe("a live connection", () => {
  test("the connection holds the data of the service after patches, a new epoch and a lost connection", async (t) => {
    const { bus, port, server } = await openDoor(t);
    const sockets: Socket[] = [];
    server.on("connection", (socket: Socket) => sockets.push(socket));
    bus.symbol("TKN", [ID]);
    bus.set(CHANNEL, tokenData(ID, 1, { close: "2.5" }));
    const listener = new Listener();
    const connection = new LiveConnection(`http://127.0.0.1:${port}`, { channels: ["token:TKN"] }, listener);
    t.after(() => connection.close());
    await listener.until(() => listener.data !== undefined);
    assert.deepEqual(listener.subscribed, [[CHANNEL]]);
    for (let trades = 2; trades < 20; trades++) bus.set(CHANNEL, tokenData(ID, trades));
    await listener.until(() => listener.data?.rev === bus.revOf(CHANNEL));
    assert.deepEqual(listener.data?.data, bus.dataOf(CHANNEL));
    bus.takeOver("8");
    await listener.until(() => listener.data?.epoch === "8");
    assert.deepEqual(listener.data?.data, bus.dataOf(CHANNEL));

    assert.deepEqual(listener.states.splice(0), ["open"]);
    // The server does not close upgraded connections.
    for (const socket of sockets) socket.destroy();
    await listener.until(() => listener.states.includes("lost"));
    bus.set(CHANNEL, tokenData(ID, 99));
    await listener.until(() => listener.data?.rev === bus.revOf(CHANNEL));
    assert.deepEqual(listener.data?.data, bus.dataOf(CHANNEL));
    assert.deepEqual(listener.states, ["lost", "open"]);
  });

  test("the connection keeps its token after a lost connection, even if another token has the symbol then", async (t) => {
    const { bus, port, server } = await openDoor(t);
    const sockets: Socket[] = [];
    server.on("connection", (socket: Socket) => sockets.push(socket));
    const other = "1:0xdeadbeef39b223fe8d0a0e5c4f27ead9083c756c";
    bus.set(CHANNEL, tokenData(ID, 1));
    bus.set(`token:${other}`, tokenData(other, 1));
    for (const taken of [[ID, other], [other]]) {
      bus.symbol("TKN", [ID]);
      const listener = new Listener();
      const connection = new LiveConnection(`http://127.0.0.1:${port}`, { channels: ["token:TKN"] }, listener);
      t.after(() => connection.close());
      await listener.until(() => listener.data !== undefined);
      bus.symbol("TKN", taken);
      // Twice: a channel with a canonical name is subscribed to by it again.
      for (const losses of [1, 2]) {
        listener.data = undefined;
        for (const socket of sockets.splice(0)) socket.destroy();
        await listener.until(() => listener.data !== undefined);
        assert.equal(channelOf(listener), CHANNEL);
        assert.deepEqual([listener.error, listener.subscribed.length], [undefined, 1 + losses]);
      }
      connection.close();
    }
  });

  test("requests to a restarting service are repeated, and its messages are made printable", async (t) => {
    const { bus, port, server } = await openDoor(t);
    const sockets: Socket[] = [];
    server.on("connection", (socket: Socket) => sockets.push(socket));
    bus.set(CHANNEL, tokenData(ID, 1));
    const listener = new Listener();
    const connection = new LiveConnection(`http://127.0.0.1:${port}`, { channels: [CHANNEL] }, listener, {
      retryMs: 5,
    });
    t.after(() => connection.close());
    await listener.until(() => listener.data !== undefined);
    let failures = 2;
    bus.beforeOpen = async () => {
      if (failures-- > 0) throw new SwapstatsError("unavailable", "the state is being restored");
    };
    listener.data = undefined;
    for (const socket of sockets.splice(0)) socket.destroy();
    await listener.until(() => listener.data !== undefined);
    assert.equal(listener.error, undefined);

    const bad = new Listener();
    const refused = new LiveConnection(`http://127.0.0.1:${port}`, { channels: ["token:\u001b[31mX\nY"] }, bad);
    t.after(() => refused.close());
    await bad.until(() => bad.error !== undefined);
    assert.doesNotMatch(bad.error?.message ?? "", /\p{Cc}/u);
  });

  test("the connection changes to another channel and leaves the former one", async (t) => {
    const { bus, port } = await openDoor(t);
    const overview = (window: string): JsonObject => ({
      order: [ID],
      rows: { [ID]: { symbol: window, stats: { complete: true, trades: 1 } } },
    });
    for (const window of ["5m", "1h"]) bus.set(`overview:${window}:trades`, overview(window));
    const listener = new Listener();
    const connection = new LiveConnection(
      `http://127.0.0.1:${port}`,
      { channels: ["overview:5m:trades"], limit: 10 },
      listener,
    );
    t.after(() => connection.close());
    await listener.until(() => listener.data !== undefined);
    connection.subscribe({ channels: ["overview:1h:trades"], limit: 10 });
    await listener.until(() => listener.data?.channel === "overview:1h:trades");
    assert.deepEqual(listener.data?.data, overview("1h"));
    assert.equal([...bus.subscribers].length, 1);
  });
});
